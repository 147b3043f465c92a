// The package knows no base64url, which Node's Buffer has had since 15.7.
import {Buffer} from 'buffer/';

const from = Buffer.from;
const {isEncoding} = Buffer;
const {toString} = Buffer.prototype;
const isBase64url = (encoding) => typeof encoding === 'string' && encoding.toLowerCase() === 'base64url';

Buffer.from = (value, encoding, length) => from(value, isBase64url(encoding) ? 'base64' : encoding, length);
Buffer.isEncoding = (encoding) => isBase64url(encoding) || isEncoding(encoding);
Buffer.prototype.toString = function (encoding, start, end) {
    if (!isBase64url(encoding))
        return toString.call(this, encoding, start, end);
    return toString.call(this, 'base64', start, end).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
};

export * from 'buffer/';
