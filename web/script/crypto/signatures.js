import {coded} from './bytes.js';
import {plainName} from './digests.js';

const PADDING = {RSA_PKCS1_PADDING: 1, RSA_NO_PADDING: 3, RSA_PKCS1_OAEP_PADDING: 4, RSA_PKCS1_PSS_PADDING: 6};

export const constants = {...PADDING, RSA_PSS_SALTLEN_DIGEST: -1, RSA_PSS_SALTLEN_MAX_SIGN: -2, RSA_PSS_SALTLEN_AUTO: -2};

export function makeSignatures({natives, take, Buffer, keys}) {
    const {privateOf, publicOf, opaqueOf} = keys;
    const optionsOf = (key) => (key && typeof key === 'object' && !ArrayBuffer.isView(key) ? key : {});

    // ECDSA signatures are DER with OpenSSL; IEEE P1363 puts r and s side by side.
    function toPlain(signature, size) {
        const part = (at) => signature.subarray(at + 2, at + 2 + signature[at + 1]);
        const begin = signature[1] & 128 ? 3 : 2;
        const r = part(begin);
        const s = part(begin + 2 + r.length);
        const fit = (number) => {
            const plain = number.length > size ? number.subarray(number.length - size) : number;
            return Buffer.concat([Buffer.alloc(size - plain.length), plain]);
        };
        return Buffer.concat([fit(r), fit(s)]);
    }

    function fromPlain(signature) {
        const number = (bytes) => {
            let from = 0;
            while (from < bytes.length - 1 && bytes[from] === 0)
                from++;
            const plain = bytes.subarray(from);
            return Buffer.concat([Buffer.from([2, plain.length + (plain[0] >> 7), ...plain[0] & 128 ? [0] : []]), plain]);
        };
        const half = signature.length / 2;
        const inner = Buffer.concat([number(signature.subarray(0, half)), number(signature.subarray(half))]);
        return Buffer.concat([Buffer.from(inner.length > 127 ? [0x30, 0x81, inner.length] : [0x30, inner.length]), inner]);
    }

    const isPlain = (key, opaque) => optionsOf(key).dsaEncoding === 'ieee-p1363' && natives.keyInfo(opaque).kind === 'ec';

    function sign(algorithm, data, key) {
        const opaque = privateOf(key);
        const {padding, saltLength} = optionsOf(key);
        const digest = algorithm === null || algorithm === undefined ? undefined : plainName(algorithm);
        const signature = Buffer.from(natives.keySign(opaque, digest, take(data), padding, saltLength));
        return isPlain(key, opaque) ? toPlain(signature, (natives.keyInfo(opaque).bits + 7) >> 3) : signature;
    }

    function verify(algorithm, data, key, signature) {
        const opaque = publicOf(key);
        const {padding, saltLength} = optionsOf(key);
        const digest = algorithm === null || algorithm === undefined ? undefined : plainName(algorithm);
        const given = isPlain(key, opaque) ? fromPlain(Buffer.from(take(signature))) : take(signature);
        return natives.keyVerify(opaque, digest, take(data), padding, saltLength, given);
    }

    class Collected {
        constructor(algorithm) {
            Object.defineProperty(this, 'state', {value: {algorithm, parts: []}});
            try {
                natives.digest(plainName(algorithm), undefined);
            } catch (ignored) {
                throw coded('ERR_CRYPTO_INVALID_DIGEST', new Error('Invalid digest: ' + algorithm));
            }
        }

        update(data, encoding) {
            this.state.parts.push(Buffer.from(take(data, encoding)));
            return this;
        }

        write(data, encoding) {
            this.update(data, encoding);
            return true;
        }

        end(data, encoding) {
            if (data !== undefined)
                this.update(data, encoding);
            return this;
        }
    }

    class Sign extends Collected {
        sign(key, encoding) {
            const signature = sign(this.state.algorithm, Buffer.concat(this.state.parts), key);
            return encoding && encoding !== 'buffer' ? signature.toString(encoding) : signature;
        }
    }

    class Verify extends Collected {
        verify(key, signature, encoding) {
            return verify(this.state.algorithm, Buffer.concat(this.state.parts), key, take(signature, encoding));
        }
    }

    const crypt = (opaqueFor, operation, usual) => (key, data) => {
        const {padding = usual, oaepHash = 'sha1', oaepLabel} = optionsOf(key);
        const label = oaepLabel === undefined ? undefined : take(oaepLabel);
        const digest = padding === PADDING.RSA_PKCS1_OAEP_PADDING ? plainName(oaepHash) : undefined;
        return Buffer.from(natives.keyCrypt(opaqueFor(key), operation, take(data), padding, digest, label));
    };

    return {
        Sign,
        Verify,
        constants,
        sign(algorithm, data, key, done) {
            const signature = sign(algorithm, data, key);
            return done ? done(null, signature) : signature;
        },
        verify(algorithm, data, key, signature, done) {
            const holds = verify(algorithm, data, key, signature);
            return done ? done(null, holds) : holds;
        },
        createSign: (algorithm) => new Sign(algorithm),
        createVerify: (algorithm) => new Verify(algorithm),
        publicEncrypt: crypt(publicOf, 'encrypt', PADDING.RSA_PKCS1_OAEP_PADDING),
        privateDecrypt: crypt(privateOf, 'decrypt', PADDING.RSA_PKCS1_OAEP_PADDING),
        privateEncrypt: crypt(privateOf, 'sign', PADDING.RSA_PKCS1_PADDING),
        publicDecrypt: crypt(publicOf, 'recover', PADDING.RSA_PKCS1_PADDING),
        diffieHellman: ({privateKey, publicKey}) => Buffer.from(natives.keyAgree(opaqueOf.get(privateKey), opaqueOf.get(publicKey))),
    };
}
