// `request` as its callers used it (2.88): callbacks, options and their short forms, over the server's HTTP.
import {formOf, multipartOf} from '../form.js';

export default function (world) {
    const {call, isStream, Headers, STATUS, isTimeout} = world.own('http');
    const {guarded, Buffer} = world;
    const EventEmitter = world.load('events').default;

    function addressOf(options) {
        let url = options.uri || options.url;
        if (!url)
            throw new Error('options.uri is a required argument');
        url = String(url.href || (typeof url === 'object' && url.host ? world.require('url').format(url) : url));
        if (options.baseUrl) {
            if (/^(https?:)?\/\//.test(url))
                throw new Error('options.uri must be a path when using options.baseUrl');
            url = url === '' ? options.baseUrl : options.baseUrl.replace(/\/$/, '') + '/' + url.replace(/^\//, '');
        }
        if (!/^https?:\/\//i.test(url))
            throw new Error(`Invalid URI "${url}"`);
        if (options.qs && Object.keys(options.qs).length > 0) {
            const [address, fragment] = url.split('#');
            const [path, query] = address.split('?');
            const known = query ? world.require('querystring').parse(query) : {};
            const text = formOf({...known, ...options.qs}, options.useQuerystring, options.qsStringifyOptions);
            url = path + '?' + text + (fragment === undefined ? '' : '#' + fragment);
        }
        return url;
    }

    function authorize(options, headers, url) {
        let {auth} = options;
        const inAddress = /^https?:\/\/([^/?#@]*)@/.exec(url);
        if (!auth && inAddress) {
            const [user, ...pass] = inAddress[1].split(':');
            auth = {user: decodeURIComponent(user), pass: decodeURIComponent(pass.join(':'))};
        }
        if (!auth || headers.has('authorization'))
            return;
        if (auth.bearer !== undefined) {
            headers.set('authorization', 'Bearer ' + (typeof auth.bearer === 'function' ? auth.bearer() : auth.bearer));
            return;
        }
        const user = auth.user || auth.username || '';
        const pass = auth.pass || auth.password || '';
        headers.set('authorization', 'Basic ' + Buffer.from(`${user}:${pass}`).toString('base64'));
    }

    const wantsJson = (options) => options.json !== undefined && options.json !== false && options.json !== null;

    function bodyToSend(options, headers) {
        if (options.formData) {
            const {type, body} = multipartOf(options.formData, Buffer, world.require('crypto').randomBytes(12).toString('hex'));
            headers.set('content-type', type);
            return body;
        }
        let {body} = options;
        if (options.form !== undefined && options.form !== null) {
            body = typeof options.form === 'string' ? options.form : formOf(options.form, options.useQuerystring, options.qsStringifyOptions);
            headers.set('content-type', 'application/x-www-form-urlencoded');
        }
        if (wantsJson(options)) {
            if (!headers.has('accept'))
                headers.set('accept', 'application/json');
            const value = options.json === true ? body : options.json;
            const isForm = headers.has('content-type') && /^application\/x-www-form-urlencoded\b/.test(headers.get('content-type'));
            if (value !== undefined && !isForm) {
                body = typeof value === 'string' && options.json === true && headers.has('content-type') ? value : JSON.stringify(value);
                if (!headers.has('content-type'))
                    headers.set('content-type', 'application/json');
            }
        }
        if (body !== undefined && body !== null && typeof body !== 'string' && !ArrayBuffer.isView(body) && !isStream(body)) {
            if (!Array.isArray(body))
                throw new Error('Argument error, options.body.');
            return Buffer.concat(body.map((part) => Buffer.from(part)));
        }
        return body;
    }

    function prepare(options) {
        const headers = new Headers(options.headers);
        const url = addressOf(options);
        authorize(options, headers, url);
        if (options.multipart || options.oauth || options.aws)
            throw new Error('request: multipart, oauth and aws are not offered in rules');
        const body = bodyToSend(options, headers);
        if (options.gzip && !headers.has('accept-encoding'))
            headers.set('accept-encoding', 'gzip, deflate');
        const method = String(options.method || 'GET').toUpperCase();
        const allows = typeof options.followRedirect === 'function' ? true : options.followRedirect !== false;
        const isSafe = !/^(POST|PUT|PATCH|DELETE)$/.test(method);
        const follows = options.followAllRedirects || (allows && isSafe);
        const redirects = options.maxRedirects === undefined ? 10 : options.maxRedirects;
        return {method, url, headers, body, timeout: options.timeout, redirects: follows ? redirects : 0};
    }

    function bodyReceived(options, bytes) {
        if (options.encoding === null)
            return bytes;
        const text = bytes.toString(options.encoding || 'utf8').replace(/^\ufeff/, '');
        if (!wantsJson(options))
            return text;
        try {
            return JSON.parse(text, options.jsonReviver);
        } catch (ignored) {
            return text;
        }
    }

    // What is waited for is sent in the next turn: until then .form(), .auth(), .json() … may still change it.
    class Request extends EventEmitter {
        constructor(options, done) {
            super();
            Object.assign(this, {options, done, isAborted: false});
            this.method = String(options.method || 'GET').toUpperCase();
            this.headers = options.headers || {};
            try {
                const url = addressOf(options);
                this.href = url;
                this.uri = this.url = world.require('url').parse(url);
                this.path = this.uri.path;
            } catch (fault) {
                this.isAborted = true;
                if (!done)
                    throw fault;
                done(fault);
                return;
            }
            Promise.resolve().then(guarded(() => this.send()));
        }

        send() {
            if (this.isAborted)
                return;
            let prepared;
            try {
                prepared = prepare(this.options);
            } catch (fault) {
                this.fail(fault);
                return;
            }
            call(prepared).then(guarded((answer) => this.receive(prepared, answer)), guarded((fault) => {
                if (isTimeout(fault)) {
                    fault.message = 'ETIMEDOUT';
                    fault.code = fault.errno = 'ETIMEDOUT';
                    fault.connect = false;
                }
                this.fail(fault);
            }));
        }

        fail(fault) {
            if (this.isAborted)
                return;
            if (this.done)
                this.done(fault);
            if (!this.done || this.listenerCount('error') > 0)
                this.emit('error', fault);
        }

        receive(prepared, answer) {
            if (this.isAborted)
                return;
            const response = new EventEmitter();
            Object.assign(response, {
                statusCode: answer.status,
                statusMessage: STATUS[answer.status] || '',
                headers: answer.headersObject,
                rawHeaders: answer.headers.flat(),
                httpVersion: '1.1',
                body: bodyReceived(this.options, answer.body),
                request: {
                    method: prepared.method,
                    href: answer.url || prepared.url,
                    uri: answer.url ? world.require('url').parse(answer.url) : this.uri,
                    headers: Object.fromEntries(prepared.headers),
                    body: prepared.body,
                },
            });
            response.toJSON = () => ({
                statusCode: response.statusCode,
                body: response.body,
                headers: response.headers,
                request: {uri: this.uri, method: prepared.method, headers: response.request.headers},
            });
            response.setEncoding = () => response;
            response.pipe = (target) => this.pipe(target);
            this.response = response;
            this.emit('response', response);
            const chunk = this.options.encoding === null || !this.options.encoding ? answer.body : answer.body.toString(this.options.encoding);
            for (const source of [this, response]) {
                if (answer.body.length > 0)
                    source.emit('data', chunk);
                source.emit('end');
            }
            if (this.done)
                this.done(null, response, response.body);
            this.emit('complete', response, response.body);
        }

        pipe(target) {
            this.on('data', (chunk) => target.write(chunk));
            this.on('end', () => target.end());
            return target;
        }

        change(values) {
            Object.assign(this.options, values);
            return this;
        }

        form(values) {
            return this.change({form: values});
        }

        json(value) {
            return this.change({json: value});
        }

        qs(values) {
            return this.change({qs: {...this.options.qs, ...values}});
        }

        auth(user, pass, sendImmediately, bearer) {
            return this.change({auth: bearer === undefined ? {user, pass} : {bearer}});
        }

        setHeader(name, value) {
            return this.change({headers: {...this.options.headers, [name]: value}});
        }

        write(chunk) {
            return this.change({body: (this.options.body || '') + chunk});
        }

        end(chunk) {
            return chunk === undefined ? this : this.write(chunk);
        }

        abort() {
            this.isAborted = true;
            this.emit('abort');
        }

        toJSON() {
            return {uri: this.uri, method: this.method, headers: this.headers};
        }
    }

    function normalize(first, second, third) {
        if (first === undefined)
            throw new Error('undefined is not a valid uri or options object.');
        const options = typeof first === 'string' || (first && first.href) ? {uri: first} : {...first};
        if (typeof second === 'object' && second !== null)
            Object.assign(options, second);
        const done = typeof second === 'function' ? second : third;
        return {options, done: typeof done === 'function' ? done : options.callback};
    }

    function make(defaults, wrap) {
        const merge = (options) => ({...defaults, ...options, headers: {...defaults.headers, ...options.headers},
            ...(defaults.qs || options.qs) && {qs: {...defaults.qs, ...options.qs}}});
        const begin = (options, done) => wrap(merge(options), done, Request);
        const request = (...values) => {
            const {options, done} = normalize(...values);
            return begin(options, done);
        };
        for (const method of ['get', 'post', 'put', 'patch', 'head', 'delete', 'options'])
            request[method] = (...values) => {
                const {options, done} = normalize(...values);
                return begin({...options, method: method.toUpperCase()}, done);
            };
        request.del = request.delete;
        request.defaults = (more, wrapper) => make(merge(more), wrapper
            ? (options, done) => wrapper(options, done) : wrap);
        request.forever = () => request;
        request.jar = () => ({setCookie: () => undefined, getCookieString: () => '', getCookies: () => []});
        request.cookie = (text) => text;
        request.Request = Request;
        return request;
    }

    const plain = make({}, (options, done) => new Request(options, done));
    // For the variants with promises: the same functions, each of whose requests `wrap` makes.
    Object.defineProperty(plain, 'variant', {value: (wrap) => make({}, wrap)});
    return plain;
}
