// `crypto` as rules knew it: Node's module with what needs no keys of the server, and the browser's random numbers.

export default function (world) {
    const {host} = world;

    function bytesOf(data, encoding) {
        return typeof data === 'string' ? world.Buffer.from(data, encoding) : world.Buffer.from(data.buffer || data, data.byteOffset, data.byteLength);
    }

    // A digest, or a code of authentication where there is a key.
    class Digest {
        constructor(algorithm, key) {
            this.algorithm = String(algorithm).toLowerCase().replace(/^rsa-/, '');
            this.key = key;
            this.parts = [];
            this.isDone = false;
            host.digest(this.algorithm, new ArrayBuffer(0));
        }

        update(data, encoding) {
            if (this.isDone)
                throw new Error('Digest already called');
            this.parts.push(bytesOf(data, encoding));
            return this;
        }

        digest(encoding) {
            if (this.isDone)
                throw new Error('Digest already called');
            this.isDone = true;
            const whole = Uint8Array.from(world.Buffer.concat(this.parts)).buffer;
            const digest = world.Buffer.from(host.digest(this.algorithm, whole, this.key));
            return encoding ? digest.toString(encoding) : digest;
        }
    }

    function randomUUID() {
        const bytes = new Uint8Array(host.random(16));
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
        return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
    }

    class KeyObject {
        constructor(type, bytes) {
            this.type = type;
            this.bytes = bytes;
            this.symmetricKeySize = bytes.length;
        }

        export() {
            return world.Buffer.from(this.bytes);
        }
    }
    const unavailable = () => {
        throw new Error('keys of this kind are not offered');
    };

    const crypto = {
        KeyObject,
        createSecretKey: (key, encoding) => new KeyObject('secret', bytesOf(key, encoding)),
        createPrivateKey: unavailable,
        createPublicKey: unavailable,
        createHash: (algorithm) => new Digest(algorithm),
        createHmac: (algorithm, key) => new Digest(algorithm, Uint8Array.from(bytesOf(key instanceof KeyObject ? key.bytes : key, 'utf8')).buffer),
        randomBytes(count, done) {
            const bytes = world.Buffer.from(host.random(count));
            if (done === undefined)
                return bytes;
            world.queueMicrotask(() => done(null, bytes));
            return undefined;
        },
        randomUUID,
        randomFillSync(view) {
            new Uint8Array(view.buffer || view, view.byteOffset, view.byteLength).set(new Uint8Array(host.random(view.byteLength)));
            return view;
        },
        getRandomValues(view) {
            new Uint8Array(view.buffer, view.byteOffset, view.byteLength).set(new Uint8Array(host.random(view.byteLength)));
            return view;
        },
        timingSafeEqual(a, b) {
            if (a.byteLength !== b.byteLength)
                throw new RangeError('Input buffers must have the same byte length');
            let difference = 0;
            for (let i = 0; i < a.byteLength; i++)
                difference |= a[i] ^ b[i];
            return difference === 0;
        },
        getHashes: () => ['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512'],
    };
    return crypto;
}
