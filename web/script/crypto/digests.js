import {coded} from './bytes.js';

const HASHES = ['blake2b512', 'blake2s256', 'md5', 'md5-sha1', 'ripemd160', 'sha1', 'sha224', 'sha256', 'sha3-224', 'sha3-256', 'sha3-384', 'sha3-512',
    'sha384', 'sha512', 'sha512-224', 'sha512-256', 'shake128', 'shake256', 'sm3'];

export const plainName = (algorithm) => String(algorithm).toLowerCase().replace(/^(rsa|ecdsa)-(with-)?/, '').replace(/^rmd160$/, 'ripemd160');

export function makeDigests({natives, take, Buffer, keyBytes}) {
    // A digest, or a code of authentication where there is a key.
    class Digest {
        constructor(algorithm, key, length) {
            if (typeof algorithm !== 'string')
                throw coded('ERR_INVALID_ARG_TYPE', new TypeError('The "algorithm" argument must be of type string.'));
            Object.defineProperty(this, 'state', {value: {algorithm: plainName(algorithm), key, length, parts: [], isDone: false}});
            natives.digest(this.state.algorithm, undefined, key, key ? undefined : length);
        }

        update(data, encoding) {
            if (this.state.isDone)
                throw coded('ERR_CRYPTO_HASH_FINALIZED', new Error('Digest already called'));
            // A copy: the caller may change its bytes afterwards.
            this.state.parts.push(Buffer.from(take(data, encoding)));
            return this;
        }

        digest(encoding) {
            const {state} = this;
            if (state.isDone)
                throw coded('ERR_CRYPTO_HASH_FINALIZED', new Error('Digest already called'));
            state.isDone = true;
            const whole = state.parts.length === 1 ? state.parts[0] : Buffer.concat(state.parts);
            const digest = Buffer.from(natives.digest(state.algorithm, whole, state.key, state.key ? undefined : state.length));
            state.parts = [];
            return encoding && encoding !== 'buffer' ? digest.toString(encoding) : digest;
        }

        copy() {
            if (this.state.isDone)
                throw coded('ERR_CRYPTO_HASH_FINALIZED', new Error('Digest already called'));
            const copy = new this.constructor(this.state.algorithm, this.state.key, this.state.length);
            copy.state.parts.push(...this.state.parts);
            return copy;
        }

        // As the end of a stream.
        write(data, encoding) {
            this.update(data, encoding);
            return true;
        }

        end(data, encoding) {
            if (data !== undefined)
                this.update(data, encoding);
            return this;
        }

        read() {
            return this.digest();
        }
    }
    class Hash extends Digest {}
    class Hmac extends Digest {}

    return {
        Hash,
        Hmac,
        createHash: (algorithm, {outputLength} = {}) => new Hash(algorithm, undefined, outputLength),
        createHmac: (algorithm, key) => new Hmac(algorithm, keyBytes(key)),
        hash(algorithm, data, encoding = 'hex') {
            return new Hash(algorithm).update(data).digest(encoding);
        },
        getHashes: () => [...HASHES.filter((name) => /^sha(1|2|384|512$)/.test(name)).map((name) => 'RSA-' + name.toUpperCase()), ...HASHES],
    };
}
