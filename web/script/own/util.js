// Node's `util`, as far as rules and packages use it.

export default function (world) {
    const kind = (value) => Object.prototype.toString.call(value).slice(8, -1);
    const custom = Symbol.for('nodejs.util.promisify.custom');

    function promisify(run) {
        if (typeof run !== 'function')
            throw new TypeError('The "original" argument must be of type function');
        if (run === setTimeout || run === setImmediate)
            return world.require('timers').promises[run === setTimeout ? 'setTimeout' : 'setImmediate'];
        if (run[custom])
            return run[custom];
        return function (...values) {
            return new Promise((resolve, reject) => {
                run.call(this, ...values, (fault, value) => (fault ? reject(fault) : resolve(value)));
            });
        };
    }
    promisify.custom = custom;

    function callbackify(run) {
        return function (...values) {
            const done = values.pop();
            run.apply(this, values).then(world.guarded((value) => done(null, value)),
                world.guarded((fault) => done(fault || new Error(String(fault)))));
        };
    }

    function inherits(constructor, parent) {
        constructor.super_ = parent;
        Object.setPrototypeOf(constructor.prototype, parent.prototype);
    }

    function sameMembers(a, b, isStrict, seen) {
        const [left, right] = [Object.keys(a), Object.keys(b)];
        return left.length === right.length && left.every((name) => Object.hasOwn(b, name) && equal(a[name], b[name], isStrict, seen));
    }

    function sameSets(a, b, isStrict, seen) {
        return a.size === b.size && [...a].every((item) => b.has(item) || [...b].some((other) => equal(item, other, isStrict, seen)));
    }

    function sameMaps(a, b, isStrict, seen) {
        return a.size === b.size && [...a].every(([name, item]) => b.has(name) && equal(item, b.get(name), isStrict, seen));
    }

    function equal(a, b, isStrict, seen) {
        if (Object.is(a, b) || (!isStrict && a === b))
            return true;
        if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null)
            // eslint-disable-next-line eqeqeq
            return !isStrict && (typeof a !== 'object' || a === null) && (typeof b !== 'object' || b === null) && a == b;
        if (seen.some(([left, right]) => left === a && right === b))
            return true;
        if (kind(a) !== kind(b) || (isStrict && Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)))
            return false;
        const within = [...seen, [a, b]];
        if (a instanceof Date && b.getTime() !== a.getTime())
            return false;
        if (a instanceof RegExp && String(a) !== String(b))
            return false;
        if (a instanceof Error && (a.message !== b.message || a.name !== b.name))
            return false;
        if ((a instanceof Number || a instanceof String || a instanceof Boolean) && !Object.is(a.valueOf(), b.valueOf()))
            return false;
        if (a instanceof Set)
            return sameSets(a, b, isStrict, within);
        if (a instanceof Map)
            return sameMaps(a, b, isStrict, within);
        return sameMembers(a, b, isStrict, within);
    }

    function deprecate(run, message) {
        let isTold = false;
        return function (...values) {
            if (!isTold)
                world.note('DeprecationWarning: ' + message);
            isTold = true;
            return run.apply(this, values);
        };
    }

    const types = {
        isDate: (value) => value instanceof Date,
        isRegExp: (value) => value instanceof RegExp,
        isPromise: (value) => value instanceof Promise,
        isMap: (value) => value instanceof Map,
        isSet: (value) => value instanceof Set,
        isNativeError: (value) => value instanceof Error,
        isTypedArray: (value) => ArrayBuffer.isView(value) && !(value instanceof DataView),
        isUint8Array: (value) => value instanceof Uint8Array,
        isArrayBuffer: (value) => value instanceof ArrayBuffer,
        isAnyArrayBuffer: (value) => value instanceof ArrayBuffer || kind(value) === 'SharedArrayBuffer',
        isArrayBufferView: (value) => ArrayBuffer.isView(value),
        isAsyncFunction: (value) => kind(value) === 'AsyncFunction',
        isGeneratorFunction: (value) => kind(value) === 'GeneratorFunction',
        isProxy: () => false,
        isKeyObject: (value) => value instanceof world.require('crypto').KeyObject,
    };
    const inspect = Object.assign((value) => world.inspect(value), {custom: Symbol.for('nodejs.util.inspect.custom'), defaultOptions: {}});
    return {
        promisify,
        callbackify,
        inherits,
        deprecate,
        types,
        inspect,
        format: world.format,
        isDeepStrictEqual: (a, b) => equal(a, b, true, []),
        isDeepEqual: (a, b) => equal(a, b, false, []),
        debuglog: () => Object.assign(() => undefined, {enabled: false}),
        debug: () => () => undefined,
        log: (...values) => world.note(world.format(...values)),
        stripVTControlCharacters: (text) => String(text).replace(/\u001b\[[\d;]*[A-Za-z]/g, ''),
        toUSVString: (text) => String(text).toWellFormed(),
        TextEncoder: world.TextEncoder,
        TextDecoder: world.TextDecoder,
        _extend: (target, source) => Object.assign(target, source),
        isArray: Array.isArray,
        isBoolean: (value) => typeof value === 'boolean',
        isBuffer: (value) => world.Buffer.isBuffer(value),
        isDate: types.isDate,
        isError: types.isNativeError,
        isFunction: (value) => typeof value === 'function',
        isNull: (value) => value === null,
        isNullOrUndefined: (value) => value === null || value === undefined,
        isNumber: (value) => typeof value === 'number',
        isObject: (value) => value !== null && typeof value === 'object',
        isPrimitive: (value) => value === null || (typeof value !== 'object' && typeof value !== 'function'),
        isRegExp: types.isRegExp,
        isString: (value) => typeof value === 'string',
        isSymbol: (value) => typeof value === 'symbol',
        isUndefined: (value) => value === undefined,
    };
}
