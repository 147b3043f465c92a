// HTTP for rules: fetch, and `request` as its callers used it. The server does the call and holds it to its limits.

const STATUS = {200: 'OK', 201: 'Created', 202: 'Accepted', 204: 'No Content', 301: 'Moved Permanently', 302: 'Found',
    304: 'Not Modified', 400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden', 404: 'Not Found', 409: 'Conflict',
    429: 'Too Many Requests', 500: 'Internal Server Error', 502: 'Bad Gateway', 503: 'Service Unavailable'};

class Headers {
    constructor(init) {
        this.values = new Map();
        const pairs = init instanceof Headers ? [...init] : Array.isArray(init) ? init : Object.entries(init || {});
        for (const [name, value] of pairs)
            this.append(name, value);
    }

    append(name, value) {
        const key = String(name).toLowerCase();
        this.values.set(key, this.values.has(key) ? `${this.values.get(key)}, ${value}` : String(value));
    }

    set(name, value) {
        this.values.set(String(name).toLowerCase(), String(value));
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

    forEach(run) {
        this.values.forEach((value, name) => run(value, name, this));
    }

    raw() {
        return Object.fromEntries([...this.values].map(([name, value]) => [name, [value]]));
    }

    keys() {
        return this.values.keys();
    }

    entries() {
        return this.values.entries();
    }

    [Symbol.iterator]() {
        return this.values.entries();
    }
}

export function makeHttp(world) {
    const {host, guarded} = world;

    // {method, url, headers, body, timeout, redirects} to {status, headers: [[name, value]], body: Buffer}
    function call({method, url, headers, body, timeout, redirects}) {
        const bytes = body === undefined || body === null ? undefined : world.Buffer.from(body);
        const message = JSON.stringify({
            method,
            url,
            headers: [...headers],
            body: bytes && bytes.toString('base64'),
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
                    reject(error);
                    return;
                }
                resolve({...answer, body: world.Buffer.from(answer.body, 'base64')});
            });
        });
    }

    class Response {
        constructor(answer, url) {
            this.status = answer.status;
            this.statusText = STATUS[answer.status] || '';
            this.ok = answer.status >= 200 && answer.status < 300;
            this.headers = new Headers(answer.headers);
            this.url = answer.url || url;
            this.redirected = this.url !== url;
            this.bytes = answer.body;
            this.bodyUsed = false;
        }

        async take() {
            if (this.bodyUsed)
                throw new TypeError('Body is unusable');
            this.bodyUsed = true;
            return this.bytes;
        }

        async text() {
            return (await this.take()).toString('utf8');
        }

        async json() {
            return JSON.parse(await this.text());
        }

        async buffer() {
            return this.take();
        }

        async arrayBuffer() {
            return Uint8Array.from(await this.take()).buffer;
        }
    }

    async function fetch(resource, options = {}) {
        const headers = new Headers(options.headers);
        let {body} = options;
        if (body instanceof world.URLSearchParams) {
            body = body.toString();
            if (!headers.has('content-type'))
                headers.set('content-type', 'application/x-www-form-urlencoded;charset=UTF-8');
        } else if (typeof body === 'string' && !headers.has('content-type')) {
            headers.set('content-type', 'text/plain;charset=UTF-8');
        }
        const url = new world.URL(String(resource.url || resource)).href;
        const answer = await call({
            method: String(options.method || 'GET').toUpperCase(),
            url,
            headers,
            body,
            timeout: options.timeout,
            redirects: options.redirect === 'manual' || options.redirect === 'error' ? 0 : 20,
        });
        return new Response(answer, url);
    }

    // --- request ---

    function form(values, prefix = '') {
        return Object.entries(values).filter(([, value]) => value !== undefined).map(([name, value]) => {
            const key = prefix ? `${prefix}[${name}]` : name;
            return typeof value === 'object' && value !== null ? form(value, key)
                : `${encodeURIComponent(key)}=${encodeURIComponent(value === null ? '' : value)}`;
        }).join('&');
    }

    function prepare(options) {
        const headers = new Headers(options.headers);
        let url = options.uri || options.url;
        if (!url)
            throw new Error('options.uri is a required argument');
        url = String(url.href || url);
        if (options.baseUrl)
            url = options.baseUrl.replace(/\/$/, '') + '/' + url.replace(/^\//, '');
        if (options.qs && Object.keys(options.qs).length > 0)
            url += (url.includes('?') ? '&' : '?') + form(options.qs);
        const auth = options.auth;
        if (auth && auth.bearer !== undefined)
            headers.set('authorization', 'Bearer ' + (typeof auth.bearer === 'function' ? auth.bearer() : auth.bearer));
        else if (auth)
            headers.set('authorization', 'Basic ' + world.Buffer.from(
                `${auth.user || auth.username || ''}:${auth.pass || auth.password || ''}`).toString('base64'));
        let {body} = options;
        if (options.form !== undefined) {
            body = typeof options.form === 'string' ? options.form : form(options.form);
            headers.set('content-type', 'application/x-www-form-urlencoded');
        } else if (options.json !== undefined && options.json !== false) {
            const value = options.json === true ? body : options.json;
            if (!headers.has('accept'))
                headers.set('accept', 'application/json');
            if (value !== undefined) {
                body = JSON.stringify(value);
                if (!headers.has('content-type'))
                    headers.set('content-type', 'application/json');
            }
        }
        const method = String(options.method || 'GET').toUpperCase();
        const follows = options.followAllRedirects || (options.followRedirect !== false && (method === 'GET' || method === 'HEAD'));
        return {method, url, headers, body, timeout: options.timeout,
            redirects: follows ? options.maxRedirects || 10 : 0};
    }

    function bodyOf(options, bytes) {
        if (options.encoding === null)
            return bytes;
        const text = bytes.toString(options.encoding || 'utf8');
        if (options.json === undefined || options.json === false)
            return text;
        try {
            return JSON.parse(text);
        } catch (ignored) {
            return text;
        }
    }

    function normalize(first, second, third) {
        const options = typeof first === 'string' || (first && first.href) ? {uri: first} : {...first};
        const done = typeof second === 'function' ? second : third;
        if (typeof second === 'object')
            Object.assign(options, second);
        return {options, done: typeof done === 'function' ? done : options.callback};
    }

    function makeRequest(defaults) {
        const withDefaults = (options) => ({...defaults, ...options, headers: {...defaults.headers, ...options.headers}});

        function run(options, done) {
            const full = withDefaults(options);
            const prepared = prepare(full);
            const listeners = {};
            const emit = (name, ...values) => (listeners[name] || []).forEach((listener) => listener(...values));
            call(prepared).then(guarded((answer) => {
                const response = {
                    statusCode: answer.status,
                    statusMessage: STATUS[answer.status] || '',
                    headers: Object.fromEntries(new Headers(answer.headers)),
                    body: bodyOf(full, answer.body),
                    request: {method: prepared.method, href: prepared.url},
                };
                response.toJSON = () => ({statusCode: response.statusCode, body: response.body, headers: response.headers});
                emit('response', response);
                if (done)
                    done(null, response, response.body);
                emit('complete', response, response.body);
            }), guarded((fault) => {
                if (done)
                    done(fault);
                else
                    emit('error', fault);
            }));
            const handle = {
                on(name, listener) {
                    (listeners[name] = listeners[name] || []).push(listener);
                    return handle;
                },
                abort() {
                    done = undefined;
                },
            };
            return handle;
        }

        const request = (...values) => {
            const {options, done} = normalize(...values);
            return run(options, done);
        };
        for (const method of ['get', 'post', 'put', 'patch', 'head', 'delete', 'options'])
            request[method] = (...values) => {
                const {options, done} = normalize(...values);
                return run({...options, method}, done);
            };
        request.del = request.delete;
        request.defaults = (more) => makeRequest(withDefaults(more));
        request.jar = () => ({});
        return request;
    }

    return {fetch, Headers, Response, request: makeRequest({})};
}
