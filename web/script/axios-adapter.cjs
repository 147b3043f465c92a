// axios' way out, in place of its own adapters for Node: the server does the call. What differs between axios' versions is
// handed in by bundle.mjs.

const {call, isStream, Headers, STATUS, isTimeout} = require('countersign:http');

module.exports = ({settle, buildURL, buildFullPath, makeError, version}) => function httpAdapter(config) {
    return new Promise((resolve, reject) => {
        const headers = new Headers(typeof config.headers.toJSON === 'function' ? config.headers.toJSON() : config.headers);
        let {data} = config;
        if (data instanceof ArrayBuffer)
            data = Buffer.from(data);
        if (data !== undefined && data !== null && typeof data !== 'string' && !ArrayBuffer.isView(data) && !isStream(data)) {
            reject(makeError('Data after transformation must be a string, an ArrayBuffer, a Buffer, or a Stream', config));
            return;
        }
        if (config.auth) {
            const {username = '', password = ''} = config.auth;
            headers.set('authorization', 'Basic ' + Buffer.from(`${username}:${password}`).toString('base64'));
        }
        if (!headers.has('user-agent'))
            headers.set('user-agent', 'axios/' + version);
        const method = String(config.method || 'get').toUpperCase();
        const url = buildURL(buildFullPath(config.baseURL, config.url, config.allowAbsoluteUrls), config.params, config.paramsSerializer);
        const request = {method, url, path: url, headers: Object.fromEntries(headers)};
        const timeout = +config.timeout || undefined;
        let isCancelled = false;
        const cancel = (reason) => {
            isCancelled = true;
            reject(reason && reason.type ? makeError('canceled', config, 'ERR_CANCELED', request) : reason);
        };
        if (config.cancelToken)
            config.cancelToken.promise.then(cancel);
        if (config.signal && config.signal.addEventListener)
            config.signal.addEventListener('abort', cancel);
        call({
            method,
            url,
            headers,
            body: method === 'GET' || method === 'HEAD' ? data || undefined : data === null ? undefined : data,
            timeout,
            redirects: config.maxRedirects === undefined ? 5 : config.maxRedirects,
        }).then((answer) => {
            if (isCancelled)
                return;
            let body = answer.body;
            if (config.responseType === 'stream')
                body = require('stream').Readable.from([body]);
            else if (config.responseType !== 'arraybuffer')
                body = body.toString(config.responseEncoding || 'utf8').replace(/^\ufeff/, '');
            settle(resolve, reject, {
                data: body,
                status: answer.status,
                statusText: STATUS[answer.status] || '',
                headers: answer.headersObject,
                config,
                request: answer.url ? {...request, res: {responseUrl: answer.url}} : request,
            });
        }, (fault) => {
            if (isTimeout(fault))
                reject(makeError(config.timeoutErrorMessage || `timeout of ${timeout}ms exceeded`, config, 'ECONNABORTED', request));
            else
                reject(makeError(fault.message, config, fault.code, request));
        });
    });
};
