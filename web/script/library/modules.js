// require: what Node itself offered and needs neither files nor sockets. Versions of these names are not told apart.

function promisify(run) {
    return (...values) => new Promise((resolve, reject) => {
        run(...values, (fault, value) => (fault ? reject(fault) : resolve(value)));
    });
}

function callbackify(run) {
    return (...values) => {
        const done = values.pop();
        run(...values).then((value) => done(null, value), (fault) => done(fault || new Error(String(fault))));
    };
}

function inherits(constructor, parent) {
    constructor.super_ = parent;
    Object.setPrototypeOf(constructor.prototype, parent.prototype);
}

export function makeModules(world) {
    const makers = {
        buffer: () => world.load('buffer'),
        crypto: () => world.crypto,
        events: () => world.load('events').default,
        process: () => world.process,
        querystring: () => world.load('querystring').default,
        request: () => world.request,
        'node-fetch': () => Object.assign((...values) => world.fetch(...values), {default: world.fetch}),
        timers: () => ({setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate}),
        url: () => ({...world.load('legacy-url'), URL: world.URL, URLSearchParams: world.URLSearchParams}),
        util: () => ({
            promisify,
            callbackify,
            inherits,
            inspect: world.inspect,
            format: world.format,
            isArray: Array.isArray,
            deprecate: (run) => run,
            TextEncoder: world.TextEncoder,
            TextDecoder: world.TextDecoder,
        }),
    };
    const made = {};

    function require(specifier) {
        const text = String(specifier);
        const name = text.replace(/^node:/, '').replace(/(.)@[^/@]*$/, '$1');
        if (!Object.hasOwn(makers, name)) {
            const fault = new Error(`Cannot find module '${text}'`);
            fault.code = 'MODULE_NOT_FOUND';
            throw fault;
        }
        made[name] = made[name] || makers[name]();
        return made[name];
    }

    class ValidationError extends Error {
        constructor(code, message) {
            super(message);
            this.name = 'ValidationError';
            this.code = code;
        }
    }
    return {require, ValidationError};
}
