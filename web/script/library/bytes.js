// Bytes: Buffer, TextEncoder and TextDecoder, atob and btoa, structuredClone, URL.

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

function encodeBase64(text) {
    let result = '';
    for (let i = 0; i < text.length; i += 3) {
        const codes = [text.charCodeAt(i), text.charCodeAt(i + 1), text.charCodeAt(i + 2)];
        if (codes.some((code) => code > 255))
            throw new Error('Invalid character');
        const bits = codes[0] << 16 | (codes[1] || 0) << 8 | (codes[2] || 0);
        result += ALPHABET[bits >> 18] + ALPHABET[bits >> 12 & 63];
        result += i + 1 < text.length ? ALPHABET[bits >> 6 & 63] : '=';
        result += i + 2 < text.length ? ALPHABET[bits & 63] : '=';
    }
    return result;
}

// The WHATWG's forgiving decode.
function decodeBase64(text) {
    let compact = text.replace(/[\t\n\f\r ]/g, '');
    if (compact.length % 4 === 0)
        compact = compact.replace(/==?$/, '');
    if (compact.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(compact))
        throw new Error('The string to be decoded is not correctly encoded.');
    let result = '';
    let bits = 0;
    let held = 0;
    for (const c of compact) {
        bits = (bits << 6 | ALPHABET.indexOf(c)) & 0xffffff;
        held += 6;
        if (held >= 8) {
            held -= 8;
            result += String.fromCharCode(bits >> held & 255);
        }
    }
    return result;
}

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
            return new Uint8Array(host.encode(String(text)));
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
            const text = host.decode(view.buffer, view.byteOffset, view.byteLength);
            if (this.fatal && text.includes('\ufffd') && host.encode(text).byteLength !== view.byteLength)
                throw new TypeError('The encoded data was not valid for encoding utf-8');
            return !this.ignoreBOM && text[0] === '\ufeff' ? text.slice(1) : text;
        }
    }

    return {
        TextEncoder,
        TextDecoder,
        atob: (text) => decodeBase64(String(text)),
        btoa: (text) => encodeBase64(String(text)),
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
