import {coded} from './bytes.js';

const CIPHERS = ['aes-128-cbc', 'aes-128-cfb', 'aes-128-ctr', 'aes-128-ecb', 'aes-128-gcm', 'aes-128-ofb', 'aes-192-cbc', 'aes-192-ctr', 'aes-192-ecb',
    'aes-192-gcm', 'aes-256-cbc', 'aes-256-cfb', 'aes-256-ctr', 'aes-256-ecb', 'aes-256-gcm', 'aes-256-ofb', 'aes128', 'aes192', 'aes256',
    'chacha20-poly1305', 'des-ede3-cbc', 'des3'];

export function makeCiphers({natives, take, Buffer, keyBytes, Decoder}) {
    class Cipherer {
        constructor(name, key, iv, encrypts, {authTagLength} = {}) {
            const algorithm = String(name).toLowerCase();
            const info = natives.cipherInfo(algorithm);
            if (!info)
                throw coded('ERR_CRYPTO_UNKNOWN_CIPHER', new Error('Unknown cipher'));
            const vector = iv === null || iv === undefined ? new Uint8Array(0) : take(iv, 'utf8', 'iv');
            const opaque = natives.cipher(algorithm, encrypts, keyBytes(key), vector);
            Object.defineProperty(this, 'state', {
                value: {opaque, info, encrypts, tagLength: authTagLength || 16, tag: undefined, isDone: false, decoder: undefined},
            });
        }

        out(bytes, encoding, isLast) {
            const buffer = Buffer.from(bytes);
            if (!encoding || encoding === 'buffer')
                return buffer;
            this.state.decoder = this.state.decoder || new (Decoder())(encoding);
            return isLast ? this.state.decoder.end(buffer) : this.state.decoder.write(buffer);
        }

        update(data, inputEncoding, outputEncoding) {
            if (this.state.isDone)
                throw coded('ERR_CRYPTO_INVALID_STATE', new Error('Unsupported state'));
            return this.out(natives.cipherUpdate(this.state.opaque, take(data, inputEncoding), false), outputEncoding, false);
        }

        final(encoding) {
            const {state} = this;
            if (state.isDone)
                throw coded('ERR_CRYPTO_INVALID_STATE', new Error('Unsupported state'));
            if (state.info.isAead && !state.encrypts && !state.tag)
                throw new Error('Unsupported state or unable to authenticate data');
            let rest;
            try {
                rest = natives.cipherFinal(state.opaque);
            } catch (fault) {
                throw coded('ERR_OSSL_' + fault.message.toUpperCase().replace(/ /g, '_'), new Error(fault.message));
            }
            state.isDone = true;
            if (state.info.isAead && state.encrypts)
                state.tag = natives.cipherTag(state.opaque, state.tagLength);
            return this.out(rest, encoding, true);
        }

        setAAD(data, {encoding} = {}) {
            natives.cipherUpdate(this.state.opaque, take(data, encoding), true);
            return this;
        }

        setAutoPadding(pads = true) {
            natives.cipherPadding(this.state.opaque, !!pads);
            return this;
        }
    }

    class Cipheriv extends Cipherer {
        constructor(name, key, iv, options) {
            super(name, key, iv, true, options);
        }

        getAuthTag() {
            if (!this.state.tag)
                throw coded('ERR_CRYPTO_INVALID_STATE', new Error('Invalid state for operation getAuthTag'));
            return Buffer.from(this.state.tag);
        }
    }

    class Decipheriv extends Cipherer {
        constructor(name, key, iv, options) {
            super(name, key, iv, false, options);
        }

        setAuthTag(tag, encoding) {
            const bytes = take(tag, encoding);
            natives.cipherTag(this.state.opaque, bytes);
            this.state.tag = bytes;
            return this;
        }
    }

    // The key and vector that createCipher made of a password, before Node dropped it: OpenSSL's old way, one round of MD5.
    function fromPassword(name, password) {
        const info = natives.cipherInfo(String(name).toLowerCase());
        if (!info)
            throw coded('ERR_CRYPTO_UNKNOWN_CIPHER', new Error('Unknown cipher'));
        const secret = take(password, 'latin1');
        let derived = Buffer.alloc(0);
        let last = Buffer.alloc(0);
        while (derived.length < info.keyLength + info.ivLength) {
            last = Buffer.from(natives.digest('md5', Buffer.concat([last, secret])));
            derived = Buffer.concat([derived, last]);
        }
        return [derived.subarray(0, info.keyLength), derived.subarray(info.keyLength, info.keyLength + info.ivLength)];
    }

    return {
        Cipheriv,
        Decipheriv,
        createCipheriv: (name, key, iv, options) => new Cipheriv(name, key, iv, options),
        createDecipheriv: (name, key, iv, options) => new Decipheriv(name, key, iv, options),
        createCipher: (name, password, options) => new Cipheriv(name, ...fromPassword(name, password), options),
        createDecipher: (name, password, options) => new Decipheriv(name, ...fromPassword(name, password), options),
        getCiphers: () => [...CIPHERS],
        getCipherInfo(name) {
            const info = natives.cipherInfo(String(name).toLowerCase());
            return info && {name: String(name).toLowerCase(), keyLength: info.keyLength, ivLength: info.ivLength || undefined,
                blockSize: info.blockSize > 1 ? info.blockSize : undefined};
        },
    };
}
