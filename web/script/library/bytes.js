// Bytes: Buffer, TextEncoder and TextDecoder, atob and btoa, structuredClone, URL.

function clone(value, seen) {
    if (typeof value === 'function' || typeof value === 'symbol')
        throw new Error(`${typeof value === 'symbol' ? 'A symbol' : 'A function'} could not be cloned.`);
    if (typeof value !== 'object' || value === null)
        return value;
    if (seen.has(value))
        return seen.get(value);
    if (value instanceof Date)
        return new Date(value.getTime());
    if (value instanceof RegExp)
        return new RegExp(value.source, value.flags);
    if (value instanceof ArrayBuffer)
        return value.slice(0);
    if (ArrayBuffer.isView(value))
        return new value.constructor(value);
    const copy = Array.isArray(value) ? [] : value instanceof Map ? new Map() : value instanceof Set ? new Set() : {};
    seen.set(value, copy);
    if (value instanceof Map)
        value.forEach((item, name) => copy.set(clone(name, seen), clone(item, seen)));
    else if (value instanceof Set)
        value.forEach((item) => copy.add(clone(item, seen)));
    else if (value instanceof Error)
        return Object.assign(Object.create(Object.getPrototypeOf(value)), {message: value.message, stack: value.stack});
    else
        Object.keys(value).forEach((name) => {
            copy[name] = clone(value[name], seen);
        });
    return copy;
}

export function makeBytes({host, load}) {
    class TextEncoder {
        get encoding() {
            return 'utf-8';
        }

        encode(text = '') {
            return new Uint8Array(host.fromText(String(text), 'utf8'));
        }
    }

    class TextDecoder {
        constructor(label = 'utf-8', {fatal = false, ignoreBOM = false} = {}) {
            if (!/^(utf-?8|unicode-1-1-utf-8)$/i.test(String(label).trim()))
                throw new RangeError(`The "${label}" encoding is not supported`);
            this.encoding = 'utf-8';
            this.fatal = !!fatal;
            this.ignoreBOM = !!ignoreBOM;
        }

        decode(input = new Uint8Array(0)) {
            const view = ArrayBuffer.isView(input) ? input : new Uint8Array(input);
            const text = host.toText(view, 0, view.byteLength, 'utf8');
            if (this.fatal && text.includes('\ufffd') && host.fromText(text, 'utf8').byteLength !== view.byteLength)
                throw new TypeError('The encoded data was not valid for encoding utf-8');
            return !this.ignoreBOM && text[0] === '\ufeff' ? text.slice(1) : text;
        }
    }

    // The WHATWG's forgiving decode.
    function atob(given) {
        let text = String(given).replace(/[\t\n\f\r ]/g, '');
        if (text.length % 4 === 0)
            text = text.replace(/==?$/, '');
        if (text.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(text))
            throw new Error('The string to be decoded is not correctly encoded.');
        const bytes = host.fromText(text, 'base64');
        return host.toText(bytes, 0, bytes.byteLength, 'latin1');
    }

    function btoa(given) {
        const text = String(given);
        if (/[^\0-\xff]/.test(text))
            throw new Error('Invalid character');
        const bytes = host.fromText(text, 'latin1');
        return host.toText(bytes, 0, bytes.byteLength, 'base64');
    }

    return {
        TextEncoder,
        TextDecoder,
        atob,
        btoa,
        structuredClone: (value) => clone(value, new Map()),
        get Buffer() {
            return load('buffer').Buffer;
        },
        get URL() {
            return load('url').URL;
        },
        get URLSearchParams() {
            return load('url').URLSearchParams;
        },
    };
}
