// `process`, as far as a rule has any business with it, and queueMicrotask.

export function makeProcess({host, guarded, note}) {
    const stream = {isTTY: false, write: (text) => note(String(text).trimEnd())};
    const started = host.now();

    function hrtime(since) {
        const now = host.now();
        let seconds = Math.floor(now / 1000);
        let rest = Math.floor((now % 1000) * 1e6);
        if (since) {
            seconds -= since[0];
            rest -= since[1];
            if (rest < 0) {
                seconds--;
                rest += 1e9;
            }
        }
        return [seconds, rest];
    }
    hrtime.bigint = () => BigInt(Math.floor(host.now() * 1e6));

    const later = (run, ...values) => {
        Promise.resolve().then(guarded(() => run(...values)));
    };
    return {
        queueMicrotask: (run) => later(run),
        performance: {now: () => host.now() - started, timeOrigin: Date.now(), mark: () => undefined, measure: () => undefined},
        process: {
            version: 'v18.20.4',
            versions: {node: '18.20.4'},
            platform: 'linux',
            arch: 'x64',
            env: {},
            argv: [],
            pid: 1,
            hrtime,
            nextTick: later,
            uptime: () => (host.now() - started) / 1000,
            cwd: () => '/',
            memoryUsage: () => ({rss: 0, heapTotal: 0, heapUsed: 0, external: 0}),
            on: () => undefined,
            once: () => undefined,
            emitWarning: () => undefined,
            execArgv: [],
            stdout: stream,
            stderr: stream,
            release: {name: 'node'},
            binding: () => ({errname: String}),
            [Symbol.toStringTag]: 'process',
        },
    };
}
