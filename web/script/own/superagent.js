// superagent, as its callers in Node used it.
import {formOf, multipartOf} from '../form.js';

const TYPES = {json: 'application/json', form: 'application/x-www-form-urlencoded', urlencoded: 'application/x-www-form-urlencoded',
    'form-data': 'application/x-www-form-urlencoded', html: 'text/html', text: 'text/plain', xml: 'application/xml'};

export default function (world) {
    const {call, Headers, STATUS, isTimeout} = world.own('http');
    const {guarded, Buffer} = world;
    const EventEmitter = world.load('events').default;

    function parse(type, bytes) {
        const text = bytes.toString('utf8');
        if (/[/+]json$/.test(type))
            return [text, text.trim() === '' ? {} : JSON.parse(text)];
        if (type === TYPES.form)
            return [text, {...world.require('qs').parse(text)}];
        if (/^text\/|\/xml$/.test(type))
            return [text, {}];
        return [undefined, bytes];
    }

    class Response {
        constructor(request, answer) {
            const status = answer.status;
            this.request = this.req = request;
            this.headers = this.header = answer.headersObject;
            this.status = this.statusCode = status;
            this.statusText = STATUS[status] || '';
            this.statusType = Math.floor(status / 100);
            this.type = (this.headers['content-type'] || '').split(';')[0].trim();
            const charset = /charset=([^;\s]+)/i.exec(this.headers['content-type'] || '');
            this.charset = charset ? charset[1] : undefined;
            this.info = this.statusType === 1;
            this.ok = this.statusType === 2;
            this.redirect = this.statusType === 3;
            this.clientError = this.statusType === 4;
            this.serverError = this.statusType === 5;
            this.created = status === 201;
            this.accepted = status === 202;
            this.noContent = status === 204;
            this.badRequest = status === 400;
            this.unauthorized = status === 401;
            this.forbidden = status === 403;
            this.notFound = status === 404;
            this.unprocessableEntity = status === 422;
            this.links = {};
            this.redirects = answer.url ? [answer.url] : [];
            const parser = request.settings.parser;
            [this.text, this.body] = parser ? [answer.body.toString('utf8'), undefined] : parse(this.type, answer.body);
            if (parser)
                this.body = parser(this.text);
            this.error = this.clientError || this.serverError ? this.toError() : false;
        }

        get(name) {
            return this.headers[String(name).toLowerCase()];
        }

        toError() {
            const {method, url} = this.request;
            return Object.assign(new Error(`cannot ${method} ${url} (${this.status})`), {status: this.status, text: this.text, method, path: url});
        }
    }

    class Request extends EventEmitter {
        constructor(method, url, defaults) {
            super();
            this.method = method.toUpperCase();
            this.url = url;
            this.settings = {headers: new Headers(defaults.headers), query: [], redirects: 5, retries: 0, isOk: (response) => response.ok, ...defaults.more};
        }

        set(name, value) {
            if (typeof name === 'object')
                Object.entries(name).forEach(([key, item]) => this.settings.headers.set(key, item));
            else
                this.settings.headers.set(name, value);
            return this;
        }

        unset(name) {
            this.settings.headers.delete(name);
            return this;
        }

        get(name) {
            return this.settings.headers.get(name);
        }

        type(type) {
            return this.set('content-type', type.includes('/') ? type : TYPES[type] || type);
        }

        accept(type) {
            return this.set('accept', type.includes('/') ? type : TYPES[type] || type);
        }

        query(values) {
            this.settings.query.push(typeof values === 'string' ? values : formOf(values));
            return this;
        }

        auth(user, pass, options = {}) {
            const {type} = typeof pass === 'object' && pass !== null ? pass : options;
            if (type === 'bearer')
                return this.set('authorization', 'Bearer ' + user);
            const [name, secret] = pass === undefined && user.includes(':') ? user.split(/:(.*)/) : [user, typeof pass === 'string' ? pass : ''];
            return this.set('authorization', 'Basic ' + Buffer.from(`${name}:${secret}`).toString('base64'));
        }

        send(data) {
            const {settings} = this;
            if (typeof data === 'string' && !settings.headers.has('content-type'))
                this.type('form');
            if (typeof data === 'string' && typeof settings.data === 'string')
                settings.data += (settings.headers.get('content-type') === TYPES.form ? '&' : '') + data;
            else if (data && data.constructor === Object && settings.data && settings.data.constructor === Object)
                Object.assign(settings.data, data);
            else
                settings.data = data && data.constructor === Object ? {...data} : data;
            return this;
        }

        field(name, value) {
            this.settings.fields = this.settings.fields || {};
            Object.assign(this.settings.fields, typeof name === 'object' ? name : {[name]: value});
            return this;
        }

        attach(name, value, options) {
            const {filename = String(options)} = typeof options === 'object' && options !== null ? options : {};
            return this.field(name, {value, options: {filename, contentType: options && options.contentType}});
        }

        timeout(ms) {
            this.settings.timeout = typeof ms === 'object' ? ms.deadline || ms.response : ms;
            return this;
        }

        redirects(count) {
            this.settings.redirects = count;
            return this;
        }

        retry(count = 1) {
            this.settings.retries = +count;
            return this;
        }

        ok(isOk) {
            this.settings.isOk = isOk;
            return this;
        }

        parse(parser) {
            this.settings.parser = typeof parser === 'function' && parser.length === 1 ? parser : undefined;
            return this;
        }

        use(plugin) {
            plugin(this);
            return this;
        }

        abort() {
            this.isAborted = true;
            this.emit('abort');
            return this;
        }

        body() {
            const {data, headers, fields} = this.settings;
            if (fields) {
                const {type, body} = multipartOf(fields, Buffer, world.require('crypto').randomBytes(12).toString('hex'));
                headers.set('content-type', type);
                return body;
            }
            if (data === undefined || data === null || typeof data === 'string' || ArrayBuffer.isView(data))
                return data;
            if (!headers.has('content-type'))
                this.type('json');
            return headers.get('content-type').startsWith(TYPES.form) ? formOf(data) : JSON.stringify(data);
        }

        async attempt() {
            const {settings} = this;
            const query = settings.query.filter(Boolean).join('&');
            const url = query ? this.url + (this.url.includes('?') ? '&' : '?') + query : this.url;
            if (!settings.headers.has('accept-encoding'))
                settings.headers.set('accept-encoding', 'gzip, deflate');
            const answer = await call({
                method: this.method,
                url: /^https?:\/\//i.test(url) ? url : 'http://' + url,
                headers: settings.headers,
                body: this.body(),
                timeout: settings.timeout,
                redirects: settings.redirects,
            });
            const response = new Response(this, answer);
            this.emit('response', response);
            if (settings.isOk(response))
                return response;
            const fault = new Error(response.error ? response.statusText || String(response.status) : 'Unsuccessful HTTP response');
            throw Object.assign(fault, {original: undefined, response, status: response.status});
        }

        async run() {
            for (let tries = 0; ; tries++) {
                try {
                    return await this.attempt();
                } catch (fault) {
                    const isRetried = tries < this.settings.retries && (!fault.status || fault.status >= 500);
                    if (isRetried)
                        continue;
                    if (isTimeout(fault))
                        Object.assign(fault, {message: `Timeout of ${this.settings.timeout}ms exceeded`, timeout: this.settings.timeout, code: 'ECONNABORTED'});
                    throw fault;
                }
            }
        }

        end(done = () => undefined) {
            this.run().then(guarded((response) => this.isAborted || done(null, response)), guarded((fault) => {
                if (this.listenerCount('error') > 0)
                    this.emit('error', fault);
                if (!this.isAborted)
                    done(fault, fault.response);
            }));
            return this;
        }

        then(fine, failed) {
            this.promise = this.promise || this.run();
            return this.promise.then(fine, failed);
        }

        catch(failed) {
            return this.then(undefined, failed);
        }
    }

    function make(defaults) {
        const begin = (method, url) => new Request(method, url, defaults);
        // agent(url), agent(url, done), agent(method, url)
        const agent = (method, url) => {
            if (typeof url === 'string')
                return begin(method, url);
            return typeof url === 'function' ? begin('GET', method).end(url) : begin('GET', method);
        };
        for (const method of ['get', 'head', 'post', 'put', 'patch', 'delete', 'options']) {
            const name = method.toUpperCase();
            agent[method] = (url, data, done) => {
                const request = begin(name, url);
                const last = typeof data === 'function' ? data : done;
                if (data !== undefined && typeof data !== 'function')
                    (name === 'GET' || name === 'HEAD' ? request.query(data) : request.send(data));
                return typeof last === 'function' ? request.end(last) : request;
            };
        }
        agent.del = agent.delete;
        return agent;
    }
    const superagent = make({});
    superagent.agent = () => {
        const defaults = {headers: {}};
        const agent = make(defaults);
        agent.set = (name, value) => {
            defaults.headers[name] = value;
            return agent;
        };
        return agent;
    };
    superagent.Request = Request;
    superagent.Response = Response;
    return superagent;
}
