// `crypto` as rules knew it: Node's module, over the worker's OpenSSL, and the browser's random numbers.
import {coded, makeTake} from '../crypto/bytes.js';
import {makeCiphers} from '../crypto/ciphers.js';
import {makeDigests} from '../crypto/digests.js';
import {makeKeys} from '../crypto/keys.js';
import {makeSignatures} from '../crypto/signatures.js';

export default function (world) {
    const {host, guarded, Buffer} = world;
    const natives = host.natives();
    natives.random = (count) => host.random(count);
    const take = makeTake(Buffer);
    const keys = makeKeys({natives, take, Buffer});
    const {keyBytes} = keys;
    const Decoder = () => world.require('string_decoder').StringDecoder;
    const shared = {natives, take, Buffer, keys, keyBytes, Decoder};

    // Node's functions with a callback at the end do their work at once here, and call back later.
    const later = (run) => (...values) => {
        const done = values.pop();
        if (typeof done !== 'function')
            throw coded('ERR_INVALID_ARG_TYPE', new TypeError('The "callback" argument must be of type function.'));
        let outcome;
        try {
            outcome = [null, run(...values)];
        } catch (fault) {
            outcome = [fault];
        }
        Promise.resolve().then(guarded(() => done(...outcome)));
    };

    function randomBytes(count, done) {
        if (!Number.isInteger(count) || count < 0)
            throw coded('ERR_OUT_OF_RANGE', new RangeError(`The value of "size" is out of range. Received ${count}`));
        const bytes = Buffer.from(host.random(count));
        if (done === undefined)
            return bytes;
        Promise.resolve().then(guarded(() => done(null, bytes)));
        return undefined;
    }

    function fill(view, offset = 0, size = view.byteLength - offset) {
        new Uint8Array(view.buffer || view, (view.byteOffset || 0) + offset, size).set(new Uint8Array(host.random(size)));
        return view;
    }

    function randomInt(least, most) {
        const [low, high] = most === undefined || typeof most === 'function' ? [0, least] : [least, most];
        const range = high - low;
        if (!Number.isSafeInteger(low) || !Number.isSafeInteger(high) || range <= 0 || range > 2 ** 48)
            throw coded('ERR_OUT_OF_RANGE', new RangeError('The value of "max" is out of range.'));
        // Numbers past the last whole multiple of the range are thrown away: what is left is even.
        const limit = 2 ** 48 - 2 ** 48 % range;
        let number;
        do
            number = Buffer.from(host.random(6)).readUIntBE(0, 6);
        while (number >= limit);
        return low + number % range;
    }

    function randomUUID() {
        const bytes = Buffer.from(host.random(16));
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
    }

    function timingSafeEqual(a, b) {
        const [left, right] = [take(a), take(b)];
        if (left.length !== right.length)
            throw coded('ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH', new RangeError('Input buffers must have the same byte length'));
        let difference = 0;
        for (let i = 0; i < left.length; i++)
            difference |= left[i] ^ right[i];
        return difference === 0;
    }

    const pbkdf2Sync = (password, salt, rounds, size, digest = 'sha1') =>
        Buffer.from(natives.pbkdf2(take(password, 'utf8', 'password'), take(salt, 'utf8', 'salt'), rounds, size, digest));

    function scryptSync(password, salt, size, options = {}) {
        const {N = options.cost || 16384, r = options.blockSize || 8, p = options.parallelization || 1} = options;
        return Buffer.from(natives.scrypt(take(password), take(salt), N, r, p, size));
    }

    // As in Node, an ArrayBuffer.
    const hkdfSync = (digest, key, salt, info, size) => natives.hkdf(digest, keyBytes(key), take(salt), take(info), size);

    const scryptLater = later(scryptSync);
    const intLater = later(randomInt);
    const crypto = {
        ...makeDigests(shared),
        ...makeCiphers(shared),
        ...keys.exported,
        ...makeSignatures(shared),
        randomBytes,
        pseudoRandomBytes: randomBytes,
        randomFillSync: fill,
        randomFill: (view, ...values) => later((offset, size) => fill(view, offset, size))(...values),
        randomInt: (...values) => (typeof values[values.length - 1] === 'function' ? intLater(...values) : randomInt(...values)),
        randomUUID,
        getRandomValues: (view) => fill(view),
        timingSafeEqual,
        pbkdf2Sync,
        pbkdf2: (password, salt, rounds, size, ...rest) => later(pbkdf2Sync)(password, salt, rounds, size, ...rest),
        scryptSync,
        scrypt: scryptLater,
        hkdfSync,
        hkdf: later(hkdfSync),
        generateKeyPair: (type, options, done) => later(() => keys.exported.generateKeyPairSync(type, options))((fault, pair) =>
            (fault ? done(fault) : done(null, pair.publicKey, pair.privateKey))),
    };
    crypto.subtle = {
        digest: async (algorithm, data) => natives.digest(String(algorithm.name || algorithm).toLowerCase().replace('-', ''), take(data)),
    };
    crypto.webcrypto = crypto;
    return crypto;
}
