// The package `buffer` with what it does byte by byte done by the host.

const ENCODINGS = {'utf8': 'utf8', 'utf-8': 'utf8', 'hex': 'hex', 'base64': 'base64', 'base64url': 'base64url', 'latin1': 'latin1', 'binary': 'latin1'};

function quick(encoding) {
    if (encoding === undefined || encoding === null || encoding === '')
        return 'utf8';
    const name = typeof encoding === 'string' ? ENCODINGS[encoding] || ENCODINGS[encoding.toLowerCase()] : undefined;
    return name;
}

export function quicken(exported, host) {
    const Slow = exported.Buffer;
    const {from, byteLength, isEncoding} = Slow;
    const {toString, fill} = Slow.prototype;

    // Also without `new`, and with it, as long ago.
    function Buffer(value, encoding, length) {
        return typeof value === 'number' ? Slow.alloc(value) : Buffer.from(value, encoding, length);
    }
    Object.setPrototypeOf(Buffer, Slow);
    Object.defineProperties(Buffer, Object.getOwnPropertyDescriptors(Slow));
    Buffer.prototype = Slow.prototype;
    Object.defineProperty(Slow.prototype, 'constructor', {value: Buffer, writable: true, configurable: true});

    Buffer.from = (value, encoding, length) => {
        const name = typeof value === 'string' ? quick(encoding) : undefined;
        return name ? from(host.fromText(value, name)) : from(value, encoding, length);
    };
    Buffer.byteLength = (value, encoding) => {
        const name = typeof value === 'string' ? quick(encoding) : undefined;
        if (name === 'utf8')
            return host.fromText(value, name).byteLength;
        // An estimate by the length, as in Node.
        if (name === 'base64' || name === 'base64url')
            return (value.length - (value.endsWith('==') && value.length > 2 ? 2 : value.endsWith('=') ? 1 : 0)) * 3 >>> 2;
        return byteLength(value, encoding);
    };
    Buffer.isEncoding = (encoding) => (typeof encoding === 'string' && encoding.toLowerCase() === 'base64url') || isEncoding(encoding);

    const clamp = (value, least, most, usual) => (value === undefined ? usual : Math.min(Math.max(Math.trunc(+value) || 0, least), most));
    Slow.prototype.toString = function (encoding, start, end) {
        const name = quick(encoding);
        if (!name)
            return toString.call(this, encoding, start, end);
        const first = clamp(start, 0, this.length, 0);
        const last = clamp(end, 0, this.length, this.length);
        return last <= first ? '' : host.toText(this, first, last - first, name);
    };
    Slow.prototype.toLocaleString = Slow.prototype.toString;
    Slow.prototype.fill = function (value, ...rest) {
        if (typeof value !== 'number')
            return fill.call(this, value, ...rest);
        return Uint8Array.prototype.fill.call(this, value & 255, ...rest.filter((one) => typeof one === 'number'));
    };
    return {...exported, Buffer, SlowBuffer: Buffer};
}
