// bcrypt, over the real one of the system: promises, callbacks, and the functions that wait.

const ALPHABET = './ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const ROUNDS_MOST = 15;

export default function (world) {
    const {host, guarded} = world;
    const natives = host.natives();

    // bcrypt's own order of base64: 16 bytes to 22 letters.
    function encode(bytes) {
        let text = '';
        let held = 0;
        let bits = 0;
        for (const byte of bytes) {
            held = (held << 8 | byte) & 0xffff;
            bits += 8;
            while (bits >= 6) {
                bits -= 6;
                text += ALPHABET[held >> bits & 63];
            }
        }
        return text + ALPHABET[held << 6 - bits & 63];
    }

    function genSaltSync(rounds = 10, minor = 'b') {
        const wished = +rounds || 10;
        const count = wished < 4 ? 4 : wished;
        if (count > ROUNDS_MOST)
            throw new Error(`bcrypt: at most ${ROUNDS_MOST} rounds in rules`);
        return `$2${minor === 'a' ? 'a' : 'b'}$${String(count).padStart(2, '0')}$${encode(new Uint8Array(host.random(16)))}`;
    }

    function hashSync(data, salt) {
        if (data === undefined || data === null || salt === undefined || salt === null)
            throw new Error('data and salt arguments required');
        const setting = typeof salt === 'number' ? genSaltSync(salt) : String(salt);
        if (+setting.slice(4, 6) > ROUNDS_MOST)
            throw new Error(`bcrypt: at most ${ROUNDS_MOST} rounds in rules`);
        const hash = natives.bcrypt(String(data), setting);
        if (hash === undefined)
            throw new Error('Invalid salt. Salt must be in the form of: $Vers$log2(NumRounds)$saltvalue');
        return hash;
    }

    function compareSync(data, hash) {
        if (data === undefined || data === null || hash === undefined || hash === null)
            throw new Error('data and hash arguments required');
        const known = String(hash);
        if (known.length !== 60)
            return false;
        const made = natives.bcrypt(String(data), known.replace(/^\$2y/, '$2b'));
        if (made === undefined)
            return false;
        let difference = 0;
        for (let i = 4; i < 60; i++)
            difference |= made.charCodeAt(i) ^ known.charCodeAt(i);
        return difference === 0;
    }

    const both = (run) => (...values) => {
        const done = typeof values[values.length - 1] === 'function' ? values.pop() : undefined;
        const promise = new Promise((resolve) => resolve(run(...values)));
        if (!done)
            return promise;
        promise.then(guarded((value) => done(null, value)), guarded((fault) => done(fault)));
        return undefined;
    };
    return {
        genSaltSync,
        hashSync,
        compareSync,
        getRounds: (hash) => Number(String(hash).split('$')[2]),
        genSalt: both(genSaltSync),
        // bcrypt-nodejs and old versions took a function of progress before the callback.
        hash: (data, salt, ...rest) => both(hashSync)(data, salt, ...rest.filter((one) => typeof one === 'function').slice(-1)),
        compare: both(compareSync),
    };
}
