// Node's `http` and `https`, as clients.

export default function (world) {
    const {call, Headers, STATUS, isTimeout} = world.own('http');
    const {guarded, Buffer} = world;
    const EventEmitter = world.load('events').default;

    class Agent {}

    function addressOf(options, usual) {
        if (options.href)
            return options.href;
        const protocol = options.protocol || usual;
        const host = options.hostname || String(options.host || 'localhost').replace(/:\d+$/, '');
        const port = options.port || (/:(\d+)$/.exec(options.host || '') || [])[1];
        return `${protocol}//${host}${port ? ':' + port : ''}${options.path || '/'}`;
    }

    // The answer comes whole: its listeners hear of it as one piece.
    function makeResponse(answer) {
        const {Readable} = world.require('stream');
        const response = Readable.from(answer.body.length > 0 ? [answer.body] : [], {objectMode: false});
        return Object.assign(response, {
            statusCode: answer.status,
            statusMessage: STATUS[answer.status] || '',
            headers: answer.headersObject,
            rawHeaders: answer.headers.flat(),
            httpVersion: '1.1',
            complete: true,
        });
    }

    class ClientRequest extends EventEmitter {
        constructor(url, options, done) {
            super();
            Object.assign(this, {url, options, parts: [], headers: new Headers(options.headers), timeout: options.timeout});
            this.method = String(options.method || 'GET').toUpperCase();
            if (options.auth)
                this.headers.set('authorization', 'Basic ' + Buffer.from(options.auth).toString('base64'));
            if (done)
                this.once('response', done);
            // Some clients write when they hear of the connection.
            this.socket = this.connection = Object.assign(new EventEmitter(), {connecting: false, encrypted: true, authorized: true,
                setKeepAlive: () => undefined, setTimeout: () => undefined, setNoDelay: () => undefined, ref: () => undefined, unref: () => undefined,
                destroy: (fault) => this.destroy(fault)});
            Promise.resolve().then(guarded(() => this.emit('socket', this.socket)));
        }

        setHeader(name, value) {
            this.headers.set(name, Array.isArray(value) ? value.join(', ') : value);
        }

        getHeader(name) {
            const value = this.headers.get(name);
            return value === null ? undefined : value;
        }

        removeHeader(name) {
            this.headers.delete(name);
        }

        setTimeout(ms, done) {
            this.timeout = ms;
            if (done)
                this.once('timeout', done);
            return this;
        }

        write(chunk, encoding, done = encoding) {
            this.parts.push(typeof chunk === 'string' ? Buffer.from(chunk, typeof encoding === 'string' ? encoding : 'utf8') : Buffer.from(chunk));
            if (typeof done === 'function')
                Promise.resolve().then(guarded(done));
            return true;
        }

        end(chunk, encoding) {
            if (chunk !== undefined && chunk !== null && typeof chunk !== 'function')
                this.write(chunk, encoding);
            if (this.isSent || this.destroyed)
                return this;
            this.isSent = true;
            const body = this.parts.length > 0 ? Buffer.concat(this.parts) : undefined;
            call({method: this.method, url: this.url, headers: this.headers, body, timeout: this.timeout, redirects: 0}).then(guarded((answer) => {
                if (this.destroyed)
                    return;
                this.emit('response', makeResponse(answer));
                this.emit('close');
            }), guarded((fault) => {
                if (this.destroyed)
                    return;
                if (isTimeout(fault) && this.listenerCount('timeout') > 0)
                    this.emit('timeout');
                if (!this.destroyed)
                    this.emit('error', fault);
            }));
            return this;
        }

        destroy(fault) {
            if (this.destroyed)
                return this;
            this.destroyed = true;
            Promise.resolve().then(guarded(() => this.emit('error', fault || Object.assign(new Error('socket hang up'), {code: 'ECONNRESET'}))));
            return this;
        }

        abort() {
            this.destroy();
        }

        flushHeaders() {}

        setNoDelay() {}

        setSocketKeepAlive() {}
    }

    function make(protocol) {
        const request = (first, second, third) => {
            const isAddress = typeof first === 'string' || first instanceof world.URL;
            const options = isAddress && typeof second === 'object' && second !== null ? second : isAddress ? {} : first;
            const done = typeof second === 'function' ? second : third;
            const url = isAddress ? new world.URL(String(first)).href : addressOf(options, protocol);
            return new ClientRequest(url, options, done);
        };
        return {
            request,
            get: (...values) => request(...values).end(),
            Agent,
            ClientRequest,
            globalAgent: new Agent(),
            METHODS: ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'],
            STATUS_CODES: {...STATUS},
            createServer() {
                throw new Error('rules can not listen');
            },
        };
    }
    return {...make('https:'), plain: make('http:')};
}
