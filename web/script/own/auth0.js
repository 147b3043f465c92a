// `auth0` (node-auth0 2.x) as rules used it: the ManagementClient by token or by an application's own credentials, each
// method with a callback or a promise, and of the AuthenticationClient what needs no browser.
import {FLAT, MANAGERS} from '../auth0-methods.js';

export default function (world) {
    const {call, Headers} = world.own('http');
    const {guarded, place} = world;

    class APIError extends Error {
        constructor(answer, body, request) {
            super(body.message || body.error_description || body.error || `HTTP ${answer.status}`);
            this.name = body.error || 'APIError';
            this.statusCode = answer.status;
            this.errorCode = body.errorCode;
            this.requestInfo = request;
            const {status} = answer;
            this.originalError = Object.assign(new Error(this.message), {status, response: {status, body, text: JSON.stringify(body)}});
            this.headers = answer.headersObject;
        }
    }

    class ArgumentError extends Error {
        constructor(message) {
            super(message);
            this.name = 'ArgumentError';
        }
    }

    const settle = (promise, done) => {
        if (typeof done !== 'function')
            return promise;
        promise.then(guarded((value) => done(null, value)), guarded((fault) => done(fault)));
        return undefined;
    };

    async function send(method, url, {body, token, headers}) {
        const head = new Headers({accept: 'application/json', ...headers});
        if (token)
            head.set('authorization', 'Bearer ' + token);
        if (body !== undefined)
            head.set('content-type', 'application/json');
        const answer = await call({method, url, headers: head, body: body === undefined ? undefined : JSON.stringify(body), timeout: 15000, redirects: 0});
        const text = answer.body.toString('utf8');
        let value;
        try {
            value = text === '' ? undefined : JSON.parse(text);
        } catch (ignored) {
            value = text;
        }
        if (answer.status < 200 || answer.status >= 300)
            throw new APIError(answer, typeof value === 'object' && value !== null ? value : {message: text}, {method: method.toLowerCase(), url});
        return value;
    }

    // Where a domain's API is: that of this very server may be http, in development.
    const baseOf = (domain) => (domain === place.domain ? place.base_url : `https://${domain}/api/v2`);
    const originOf = (domain) => baseOf(domain).replace(/\/api\/v2\/?$/, '');

    function checkDomain(domain) {
        if (typeof domain !== 'string' || domain === '')
            throw new ArgumentError('Must provide a domain');
        if (/^https?:/.test(domain))
            throw new ArgumentError(`The domain must be the API domain without "https" (${domain})`);
    }

    const textOf = (value) => (Array.isArray(value) ? value.join(',') : String(value));

    // What a method's line means for the values that it was called with.
    function describeCall(line, values) {
        const [method, path, extra] = line.split(' ');
        const wanted = [...path.matchAll(/:(\w+)/g)].map(([, name]) => name);
        const given = [...values];
        const isQuery = method === 'GET' || method === 'DELETE';
        let named = {};
        if (wanted.length > 0 || isQuery) {
            const first = given.shift();
            // users.link(id, …), usersByEmail.get(email): the one name as a text.
            const onlyName = wanted[0] || (extra && extra.startsWith('?') ? extra.slice(1) : 'id');
            named = typeof first === 'string' ? {[onlyName]: first} : {...first};
        }
        for (const name of wanted)
            if (typeof named[name] !== 'string' || named[name] === '')
                throw new ArgumentError(`The ${name} passed in params cannot be undefined`);
        const address = path.replace(/:(\w+)/g, (all, name) => encodeURIComponent(named[name]));
        const query = isQuery ? Object.entries(named).filter(([name, value]) => !wanted.includes(name) && value !== undefined && value !== null) : [];
        const search = query.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(textOf(value))}`).join('&');
        let body;
        if (!isQuery || extra === '+body')
            body = given[0];
        if (extra === 'user_metadata' || extra === 'app_metadata')
            body = {[extra]: body};
        return {method, address: address + (search ? '?' + search : ''), body};
    }

    class ManagementClient {
        constructor(options) {
            if (!options || typeof options !== 'object')
                throw new ArgumentError('Management API SDK options must be an object');
            checkDomain(options.domain);
            const {token, clientId, clientSecret} = options;
            if (!token && !(clientId && clientSecret))
                throw new ArgumentError('Must provide a token, or a clientId and a clientSecret');
            Object.defineProperty(this, 'settings', {value: {...options, base: baseOf(options.domain)}});
            for (const [manager, methods] of Object.entries(MANAGERS)) {
                this[manager] = {};
                for (const [name, line] of Object.entries(methods))
                    this[manager][name] = (...values) => this.perform(line, values);
            }
        }

        async token() {
            const {settings} = this;
            if (typeof settings.token === 'function')
                return settings.token();
            if (settings.token)
                return settings.token;
            if (!settings.grant || settings.grant.until < Date.now()) {
                const {access_token: token, expires_in: seconds = 3600} = await send('POST', originOf(settings.domain) + '/oauth/token', {
                    body: {grant_type: 'client_credentials', client_id: settings.clientId, client_secret: settings.clientSecret,
                        audience: settings.audience || settings.base.replace(/\/?$/, '/'), ...settings.scope && {scope: settings.scope}},
                });
                settings.grant = {token, until: Date.now() + (seconds - 10) * 1000};
            }
            return settings.grant.token;
        }

        perform(line, values) {
            const given = [...values];
            const done = typeof given[given.length - 1] === 'function' ? given.pop() : undefined;
            const {method, address, body} = describeCall(line, given);
            const {base, headers} = this.settings;
            return settle(this.token().then((token) => send(method, `${base.replace(/\/$/, '')}/${address}`, {body, token, headers})), done);
        }

        getAccessToken(done) {
            return settle(this.token(), done);
        }
    }
    for (const [name, target] of Object.entries(FLAT)) {
        const [manager, method] = target.split('.');
        ManagementClient.prototype[name] = function (...values) {
            return this[manager][method](...values);
        };
    }

    class AuthenticationClient {
        constructor(options) {
            if (!options || typeof options !== 'object')
                throw new ArgumentError('Authentication Client SDK options must be an object');
            checkDomain(options.domain);
            Object.defineProperty(this, 'settings', {value: {...options, origin: originOf(options.domain)}});
            this.oauth = {
                passwordGrant: (data, done) => this.grant({grant_type: data.realm
                    ? 'http://auth0.com/oauth/grant-type/password-realm' : 'password', ...data}, done),
                refreshToken: (data, done) => this.refreshToken(data, done),
            };
            this.users = {getInfo: (token, done) => this.getProfile(token, done)};
            this.database = {requestChangePasswordEmail: (data, done) => this.requestChangePasswordEmail(data, done),
                signUp: (data, done) => this.post('/dbconnections/signup', data, done)};
        }

        post(path, data, done) {
            const {origin, clientId} = this.settings;
            return settle(send('POST', origin + path, {body: {client_id: clientId, ...data}}), done);
        }

        grant(data, done) {
            const {clientId, clientSecret} = this.settings;
            return this.post('/oauth/token', {client_id: clientId, client_secret: clientSecret, ...data}, done);
        }

        clientCredentialsGrant(data, done) {
            return this.grant({grant_type: 'client_credentials', ...data}, done);
        }

        passwordGrant(data, done) {
            return this.oauth.passwordGrant(data, done);
        }

        refreshToken(data, done) {
            return this.grant({grant_type: 'refresh_token', ...data}, done);
        }

        getProfile(token, done) {
            return settle(send('GET', this.settings.origin + '/userinfo', {token}), done);
        }

        requestChangePasswordEmail(data, done) {
            return this.post('/dbconnections/change_password', data, done);
        }
    }

    return {ManagementClient, AuthenticationClient, APIError, ArgumentError};
}
