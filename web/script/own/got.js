// got: the forms of versions 9 to 11 that need no streams.
import {formOf} from '../form.js';

const RETRIED = [408, 413, 429, 500, 502, 503, 504, 521, 522, 524];

export default function (world) {
    const {call, Headers, STATUS, isTimeout} = world.own('http');
    const {Buffer} = world;

    class RequestError extends Error {
        constructor(message, options, more) {
            super(message);
            this.name = 'RequestError';
            Object.assign(this, more);
            Object.defineProperty(this, 'options', {value: options, configurable: true});
        }
    }

    class HTTPError extends RequestError {
        constructor(response, options) {
            super(`Response code ${response.statusCode} (${response.statusMessage})`, options, {response, code: 'ERR_NON_2XX_3XX_RESPONSE'});
            this.name = 'HTTPError';
            this.statusCode = response.statusCode;
            this.body = response.body;
        }
    }

    class TimeoutError extends RequestError {
        constructor(ms, options) {
            super(`Timeout awaiting 'request' for ${ms}ms`, options, {event: 'request', code: 'ETIMEDOUT'});
            this.name = 'TimeoutError';
        }
    }

    class ParseError extends RequestError {
        constructor(fault, response, options) {
            super(`${fault.message} in "${options.href}"`, options, {response, code: 'ERR_BODY_PARSE_FAILURE'});
            this.name = 'ParseError';
        }
    }

    function addressOf(url, options) {
        let text = String((url && (url.href || url.url)) || url || options.url);
        const prefix = options.prefixUrl || options.baseUrl;
        if (prefix)
            text = String(prefix).replace(/\/?$/, '/') + text.replace(/^\//, options.baseUrl ? '' : '/');
        const address = new world.URL(text);
        const query = options.searchParams || options.query;
        if (query !== undefined)
            address.search = typeof query === 'string' || query instanceof world.URLSearchParams ? String(query) : formOf(query, true);
        return address.href;
    }

    // got 9 had `json: true` and `form: true` beside `body`; later versions have the values themselves.
    function bodyOf(options, headers) {
        if (options.json !== undefined && options.json !== true && options.json !== false) {
            if (!headers.has('content-type'))
                headers.set('content-type', 'application/json');
            return JSON.stringify(options.json);
        }
        const form = options.form === true ? options.body : options.form;
        if (form) {
            headers.set('content-type', 'application/x-www-form-urlencoded');
            return typeof form === 'string' ? form : formOf(form, true);
        }
        if (options.json === true && options.body !== undefined) {
            if (!headers.has('content-type'))
                headers.set('content-type', 'application/json');
            return JSON.stringify(options.body);
        }
        return options.body;
    }

    const limitOf = (timeout) => (typeof timeout === 'object' && timeout !== null ? timeout.request || timeout.response : timeout);

    async function attempt(href, options) {
        const headers = new Headers(options.headers);
        if (options.username !== undefined || options.password !== undefined)
            headers.set('authorization', 'Basic ' + Buffer.from(`${options.username || ''}:${options.password || ''}`).toString('base64'));
        const body = bodyOf(options, headers);
        if ((options.responseType === 'json' || options.json === true) && !headers.has('accept'))
            headers.set('accept', 'application/json');
        const method = String(options.method || 'GET').toUpperCase();
        const answer = await call({
            method,
            url: href,
            headers,
            body,
            timeout: limitOf(options.timeout),
            redirects: options.followRedirect === false ? 0 : 10,
        }).catch((fault) => {
            throw isTimeout(fault) ? new TimeoutError(limitOf(options.timeout), options) : new RequestError(fault.message, options, {code: fault.code});
        });
        return {
            statusCode: answer.status,
            statusMessage: STATUS[answer.status] || '',
            headers: answer.headersObject,
            rawBody: answer.body,
            url: answer.url || href,
            requestUrl: href,
            method,
            get ok() {
                return answer.status >= 200 && answer.status < 300;
            },
        };
    }

    function parseBody(response, kind, options) {
        if (kind === 'buffer' || options.encoding === null)
            return response.rawBody;
        const text = response.rawBody.toString(options.encoding || 'utf8');
        if (kind !== 'json')
            return text;
        try {
            return text === '' ? '' : JSON.parse(text);
        } catch (fault) {
            throw new ParseError(fault, response, options);
        }
    }

    async function run(url, options) {
        const href = addressOf(url, options);
        const settings = {...options, href};
        const {retry} = options;
        const limit = typeof retry === 'object' && retry !== null ? (retry.limit === undefined ? 2 : retry.limit) : retry === undefined ? 2 : retry;
        const isSafe = /^(GET|PUT|HEAD|DELETE|OPTIONS)$/i.test(options.method || 'GET');
        for (let tries = 1; ; tries++) {
            const isLast = !isSafe || tries > limit;
            let response;
            try {
                response = await attempt(href, settings);
            } catch (fault) {
                if (isLast || fault instanceof TimeoutError)
                    throw fault;
            }
            if (response && (isLast || !RETRIED.includes(response.statusCode)))
                return {response, settings};
            await new Promise((resume) => setTimeout(resume, Math.min(1000 * 2 ** (tries - 1), 4000)));
        }
    }

    function checked({response, settings}) {
        const kind = settings.responseType || (settings.json === true ? 'json' : 'text');
        const mayThrow = settings.throwHttpErrors !== false;
        try {
            response.body = parseBody(response, kind, settings);
        } catch (fault) {
            if (response.ok)
                throw fault;
            response.body = response.rawBody.toString('utf8');
        }
        if (mayThrow && response.statusCode >= 300 && response.statusCode !== 304)
            throw new HTTPError(response, settings);
        return response;
    }

    function make(defaults) {
        const merge = (options) => ({...defaults, ...options, headers: {...defaults.headers, ...options.headers}});
        function got(url, options = {}) {
            const isOptions = typeof url === 'object' && url !== null && !(url instanceof world.URL) && !url.href;
            const settings = merge(isOptions ? url : options);
            const promise = run(isOptions ? url.url || '' : url, settings).then(checked).then((response) =>
                (settings.resolveBodyOnly ? response.body : response));
            const whole = (response) => (settings.resolveBodyOnly ? {rawBody: Buffer.from(response)} : response);
            const shortened = (kind) => () => promise.then((response) => parseBody(whole(response), kind, settings));
            return Object.assign(promise, {json: shortened('json'), text: shortened('text'), buffer: shortened('buffer'), cancel: () => undefined});
        }
        for (const method of ['get', 'post', 'put', 'patch', 'head', 'delete'])
            got[method] = (url, options = {}) => got(url, {...options, method: method.toUpperCase()});
        got.extend = (more = {}) => make(merge(more));
        return Object.assign(got, {default: got, got, RequestError, HTTPError, TimeoutError, ParseError, defaults: {options: defaults}});
    }
    return make({});
}
