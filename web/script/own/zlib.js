// Node's `zlib`: what works on whole buffers.

export default function (world) {
    const {guarded, Buffer} = world;
    const natives = world.host.natives();
    const take = (data) => (typeof data === 'string' ? Buffer.from(data) : data);

    const compress = (form) => (data, {level = -1} = {}) => Buffer.from(natives.compress(take(data), form, level));
    function expand(form) {
        return (data) => {
            try {
                return Buffer.from(natives.expand(take(data), form));
            } catch (fault) {
                const code = fault.message === 'unexpected end of file' ? 'Z_BUF_ERROR' : 'Z_DATA_ERROR';
                throw fault instanceof RangeError ? fault : Object.assign(new Error(fault.message), {code});
            }
        };
    }
    const later = (run) => (data, options, done = options) => {
        let outcome;
        try {
            outcome = [null, run(data, typeof options === 'function' ? undefined : options)];
        } catch (fault) {
            outcome = [fault];
        }
        Promise.resolve().then(guarded(() => done(...outcome)));
    };

    const functions = {
        gzip: compress('gzip'),
        deflate: compress('zlib'),
        deflateRaw: compress('raw'),
        gunzip: expand('gzip'),
        inflate: expand('zlib'),
        inflateRaw: expand('raw'),
        unzip: expand('any'),
    };
    const zlib = {constants: {Z_NO_COMPRESSION: 0, Z_BEST_SPEED: 1, Z_BEST_COMPRESSION: 9, Z_DEFAULT_COMPRESSION: -1}};
    for (const [name, run] of Object.entries(functions)) {
        zlib[name + 'Sync'] = run;
        zlib[name] = later(run);
    }
    return Object.assign(zlib, zlib.constants);
}
