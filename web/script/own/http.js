// HTTP for rules: the one way out, and `fetch` over it. The server does the call and holds it to its limits.

const STATUS = {200: 'OK', 201: 'Created', 202: 'Accepted', 203: 'Non-Authoritative Information', 204: 'No Content',
    206: 'Partial Content', 301: 'Moved Permanently', 302: 'Found', 303: 'See Other', 304: 'Not Modified',
    307: 'Temporary Redirect', 308: 'Permanent Redirect', 400: 'Bad Request', 401: 'Unauthorized', 402: 'Payment Required',
    403: 'Forbidden', 404: 'Not Found', 405: 'Method Not Allowed', 406: 'Not Acceptable', 408: 'Request Timeout',
    409: 'Conflict', 410: 'Gone', 412: 'Precondition Failed', 413: 'Payload Too Large', 415: 'Unsupported Media Type',
    422: 'Unprocessable Entity', 429: 'Too Many Requests', 500: 'Internal Server Error', 501: 'Not Implemented',
    502: 'Bad Gateway', 503: 'Service Unavailable', 504: 'Gateway Timeout'};

class Headers {
    constructor(init) {
        this.values = new Map();
        const isIterable = init && typeof init[Symbol.iterator] === 'function';
        const pairs = isIterable ? [...init] : Object.entries(init || {});
        for (const [name, value] of pairs)
            for (const one of Array.isArray(value) ? value : [value])
                if (one !== undefined && one !== null)
                    this.append(name, one);
    }

    append(name, value) {
        const key = String(name).toLowerCase();
        if (!/^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(key))
            throw new TypeError(`Header name must be a valid HTTP token ["${name}"]`);
        if (/[\r\n\0]/.test(value))
            throw new TypeError(`Invalid character in header content ["${name}"]`);
        this.values.set(key, this.values.has(key) ? `${this.values.get(key)}, ${value}` : String(value));
    }

    set(name, value) {
        this.delete(name);
        this.append(name, value);
    }

    get(name) {
        const value = this.values.get(String(name).toLowerCase());
        return value === undefined ? null : value;
    }

    has(name) {
        return this.values.has(String(name).toLowerCase());
    }

    delete(name) {
        this.values.delete(String(name).toLowerCase());
    }

    forEach(run, self) {
        this.values.forEach((value, name) => run.call(self, value, name, this));
    }

    raw() {
        return Object.fromEntries([...this.values].map(([name, value]) => [name, [value]]));
    }

    keys() {
        return this.values.keys();
    }

    [Symbol.iterator]() {
        return this.values.entries();
    }
}
Headers.prototype.entries = Headers.prototype[Symbol.iterator];

// As Node gives them: a list for set-cookie, one text for each other.
function headersObject(pairs) {
    const object = {};
    for (const [name, value] of pairs) {
        if (name === 'set-cookie')
            (object[name] = object[name] || []).push(value);
        else
            object[name] = name in object ? `${object[name]}, ${value}` : value;
    }
    return object;
}

// An address by a name whose last label is no number, or by four of them.
const PLAIN = new RegExp('^https?:\\/\\/(?:[a-z][a-z0-9-]*(?:\\.[a-z0-9-]*[a-z][a-z0-9-]*)*'
    + '|(?:(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)(?:\\.(?!\\/|:)|(?=[:/]))){4})(?::[1-9]\\d{3,4})?\\/[\\w\\-.~%/?=&+,:;@!$*]*$');

const isTimeout = (fault) => fault.code === 'ETIMEDOUT';

export default function (world) {
    const {host} = world;

    // Bytes are plain ones: a Buffer is made where somebody asks for one.
    function bytesOf(body) {
        if (body === undefined || body === null)
            return undefined;
        return typeof body === 'string' ? new Uint8Array(host.fromText(body, 'utf8'))
            : new Uint8Array(body.buffer || body, body.byteOffset, body.byteLength);
    }

    const bufferOf = (bytes) => world.Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

    const isStream = (body) => typeof body === 'object' && body !== null && typeof body.pipe === 'function';

    // The bytes of a stream, or of a form that knows them itself.
    function gather(stream) {
        if (typeof stream.getBuffer === 'function')
            return Promise.resolve(stream.getBuffer());
        return new Promise((resolve, reject) => {
            const parts = [];
            stream.on('data', (part) => parts.push(world.Buffer.from(part)));
            stream.on('end', () => resolve(world.Buffer.concat(parts)));
            stream.on('error', reject);
            if (typeof stream.resume === 'function')
                stream.resume();
        });
    }

    // {method, url, headers: Headers, body, timeout, redirects} to {status, headers: [[name, value]], headersObject, bytes,
    // body: the same as a Buffer, url: where redirects led to}
    function call({method, url, headers, body, timeout, redirects}) {
        if (isStream(body))
            return gather(body).then((whole) => call({method, url, headers, body: whole, timeout, redirects}));
        const bytes = bytesOf(body);
        const message = JSON.stringify({
            method,
            url,
            headers: [...headers],
            body: bytes && host.toText(bytes, 0, bytes.byteLength, 'base64'),
            timeout_ms: timeout,
            redirects,
        });
        return new Promise((resolve, reject) => {
            host.call('http', message, (json, fault) => {
                if (fault !== undefined) {
                    reject(new Error(fault));
                    return;
                }
                const answer = JSON.parse(json);
                if (answer.error) {
                    const error = new Error(answer.error);
                    error.code = answer.code || 'ECONNREFUSED';
                    error.errno = error.code;
                    reject(error);
                    return;
                }
                const {status, headers, url: finalUrl} = answer;
                const received = new Uint8Array(host.fromText(answer.body, 'base64'));
                resolve({
                    status,
                    headers,
                    url: finalUrl,
                    headersObject: headersObject(headers),
                    bytes: received,
                    get body() {
                        return bufferOf(received);
                    },
                });
            });
        });
    }

    class Body {
        constructor(bytes) {
            this.bytes = bytes;
            this.bodyUsed = false;
        }

        async take() {
            if (this.bodyUsed)
                throw new TypeError('Body is unusable');
            this.bodyUsed = true;
            return this.bytes || new Uint8Array(0);
        }

        async text() {
            const bytes = await this.take();
            return host.toText(bytes, 0, bytes.byteLength, 'utf8').replace(/^\ufeff/, '');
        }

        async json() {
            return JSON.parse(await this.text());
        }

        async buffer() {
            return bufferOf(await this.take());
        }

        async arrayBuffer() {
            const {buffer, byteOffset, byteLength} = await this.take();
            return buffer.slice(byteOffset, byteOffset + byteLength);
        }

        get body() {
            return world.require('stream').Readable.from([bufferOf(this.bytes || new Uint8Array(0))]);
        }
    }

    class Response extends Body {
        constructor(body, {status = 200, statusText = STATUS[status] || '', headers, url = '', redirected = false} = {}) {
            super(bytesOf(body));
            this.status = status;
            this.statusText = statusText;
            this.headers = new Headers(headers);
            this.url = url;
            this.redirected = redirected;
            this.type = 'default';
        }

        get ok() {
            return this.status >= 200 && this.status < 300;
        }

        clone() {
            return new Response(this.bytes, this);
        }
    }

    // A body and the content type that goes with it.
    function prepareBody(body, headers) {
        let type;
        let sent = body;
        if (body === undefined || body === null)
            return undefined;
        if (Object.prototype.toString.call(body) === '[object URLSearchParams]') {
            sent = body.toString();
            type = 'application/x-www-form-urlencoded;charset=UTF-8';
        } else if (isStream(body)) {
            // form-data says what its bytes are.
            if (typeof body.getHeaders === 'function')
                type = new Headers(body.getHeaders()).get('content-type');
        } else if (typeof body !== 'string' && !ArrayBuffer.isView(body) && !(body instanceof ArrayBuffer)) {
            sent = String(body);
            type = 'text/plain;charset=UTF-8';
        } else if (typeof body === 'string') {
            type = 'text/plain;charset=UTF-8';
        }
        if (type && !headers.has('content-type'))
            headers.set('content-type', type);
        return sent;
    }

    class Request extends Body {
        constructor(resource, options = {}) {
            const base = resource instanceof Request ? resource : {};
            const headers = new Headers(options.headers || base.headers);
            const body = prepareBody(options.body === undefined ? base.bytes : options.body, headers);
            super(isStream(body) ? body : bytesOf(body));
            this.url = canonical(resource.url || resource);
            this.method = String(options.method || base.method || 'GET').toUpperCase();
            this.headers = headers;
            this.redirect = options.redirect || base.redirect || 'follow';
            this.signal = options.signal || base.signal || null;
            if (body !== undefined && (this.method === 'GET' || this.method === 'HEAD'))
                throw new TypeError('Request with GET/HEAD method cannot have body');
        }
    }

    // A plain address is what the WHATWG's parser would make of it: that takes a millisecond to load.
    function canonical(address) {
        const text = String(address);
        if (PLAIN.test(text) && !/\/(\.|%2e)/i.test(text))
            return text;
        return new world.URL(text).href;
    }

    function abortError() {
        const fault = new Error('The operation was aborted.');
        fault.name = 'AbortError';
        return fault;
    }

    // `extra` is what node-fetch takes beside the standard's options: timeout, follow, size.
    async function fetch(resource, options = {}, extra = {}) {
        const request = new Request(resource, options || {});
        const {signal, url} = request;
        if (signal && signal.aborted)
            throw abortError();
        const redirects = request.redirect === 'follow' ? (extra.follow === undefined ? 20 : extra.follow) : 0;
        const sent = call({
            method: request.method,
            url,
            headers: request.headers,
            body: request.bytes,
            timeout: extra.timeout || undefined,
            redirects,
        });
        const aborted = new Promise((resolve, reject) => {
            if (signal && signal.addEventListener)
                signal.addEventListener('abort', () => reject(abortError()));
        });
        const answer = await (signal ? Promise.race([sent, aborted]) : sent);
        if (request.redirect === 'error' && answer.status >= 300 && answer.status < 400)
            throw new TypeError(`uri requested responds with a redirect, redirect mode is set to error: ${url}`);
        const finalUrl = answer.url || url;
        return new Response(answer.bytes, {status: answer.status, headers: answer.headers, url: finalUrl, redirected: finalUrl !== url});
    }

    class AbortSignal {
        constructor() {
            this.aborted = false;
            this.listeners = [];
        }

        addEventListener(name, listener) {
            if (name === 'abort')
                this.listeners.push(listener);
        }

        removeEventListener(name, listener) {
            this.listeners = this.listeners.filter((known) => known !== listener);
        }
    }

    class AbortController {
        constructor() {
            this.signal = new AbortSignal();
        }

        abort(reason) {
            const {signal} = this;
            if (signal.aborted)
                return;
            signal.aborted = true;
            signal.reason = reason || abortError();
            if (typeof signal.onabort === 'function')
                signal.onabort({type: 'abort', target: signal});
            signal.listeners.forEach((listener) => listener({type: 'abort', target: signal}));
        }
    }

    return {call, isStream, fetch: (resource, options) => fetch(resource, options), fetchWith: fetch, Headers, Request, Response,
        AbortController, AbortSignal, STATUS, headersObject, isTimeout};
}
