// What few rules touch, made when one does: its value is called with what rules.js shares and gives the rest of a rule's
// world.
(function (shared) {
    'use strict';

    const {host, guarded, describe} = shared;

    // --- text of values, for console ---

    function inspect(value, depth, seen) {
        if (typeof value === 'string')
            return depth === 0 ? value : JSON.stringify(value);
        if (typeof value === 'function')
            return `[Function: ${value.name || 'anonymous'}]`;
        if (typeof value === 'bigint')
            return value + 'n';
        if (typeof value !== 'object' || value === null)
            return String(value);
        if (value instanceof Error)
            return value.stack ? `${value.name}: ${value.message}\n${value.stack}`.trimEnd() : String(value);
        if (value instanceof Date)
            return isNaN(value) ? 'Invalid Date' : value.toISOString();
        if (value instanceof RegExp)
            return String(value);
        if (seen.includes(value))
            return '[Circular]';
        if (depth > 4)
            return Array.isArray(value) ? '[Array]' : '[Object]';
        seen = [...seen, value];
        if (Array.isArray(value)) {
            const shown = value.slice(0, 100).map((item) => inspect(item, depth + 1, seen));
            return `[ ${shown.join(', ')}${value.length > 100 ? `, … ${value.length - 100} more` : ''} ]`;
        }
        const shown = Object.keys(value).slice(0, 100).map((name) =>
            `${/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name)}: ${inspect(value[name], depth + 1, seen)}`);
        return shown.length === 0 ? '{}' : `{ ${shown.join(', ')} }`;
    }

    function format(values) {
        try {
            values = [...values];
            let text = '';
            if (typeof values[0] === 'string' && values.length > 1) {
                text = values.shift().replace(/%([sdifjoO%])/g, (all, kind) => {
                    if (kind === '%')
                        return '%';
                    if (values.length === 0)
                        return all;
                    const value = values.shift();
                    if (kind === 's')
                        return inspect(value, 0, []);
                    if (kind === 'd' || kind === 'f')
                        return String(Number(value));
                    if (kind === 'i')
                        return String(parseInt(value, 10));
                    return kind === 'j' ? JSON.stringify(value) : inspect(value, 1, []);
                });
                if (values.length > 0)
                    text += ' ';
            }
            return text + values.map((value) => inspect(value, 0, [])).join(' ');
        } catch (fault) {
            return `(a value that can not be shown: ${describe(fault).message})`;
        }
    }

    // --- modules ---

    function require(specifier) {
        const text = String(specifier);
        const fault = new Error(`Cannot find module '${text}'`);
        fault.code = 'MODULE_NOT_FOUND';
        throw fault;
    }

    function moveClock(ms) {
        const Real = Date;
        const now = () => Real.now() + ms;
        globalThis.Date = new Proxy(Real, {
            construct: (target, values, newTarget) =>
                Reflect.construct(target, values.length === 0 ? [now()] : values, newTarget),
            apply: () => new Real(now()).toString(),
            get: (target, name) => (name === 'now' ? now : target[name]),
        });
    }

    return {format, require, moveClock};
})
