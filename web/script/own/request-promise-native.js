// `request` with promises: request-promise and request-promise-native.

export default function (world) {
    const plain = world.require('request');

    class RequestError extends Error {
        constructor(cause, options, response) {
            super(String(cause));
            Object.assign(this, {name: 'RequestError', cause, error: cause, options, response});
        }
    }

    class StatusCodeError extends Error {
        constructor(statusCode, body, options, response) {
            super(`${statusCode} - ${JSON.stringify(body)}`);
            Object.assign(this, {name: 'StatusCodeError', statusCode, error: body, options, response});
        }
    }

    class TransformError extends RequestError {
        constructor(cause, options, response) {
            super(cause, options, response);
            this.name = 'TransformError';
        }
    }

    function settle(options, resolve, reject, fault, response, body) {
        if (fault) {
            reject(new RequestError(fault, options, response));
            return;
        }
        const {simple = true, resolveWithFullResponse = false, transform, transform2xxOnly = false} = options;
        const is2xx = response.statusCode >= 200 && response.statusCode < 300;
        const give = () => {
            if (typeof transform !== 'function' || (transform2xxOnly && !is2xx))
                return resolveWithFullResponse ? response : body;
            return transform(body, response, resolveWithFullResponse);
        };
        if (simple && !is2xx) {
            Promise.resolve().then(() => (typeof transform === 'function' && !transform2xxOnly ? give() : response)).then((shown) =>
                reject(new StatusCodeError(response.statusCode, body, options, shown)),
            (failed) => reject(new TransformError(failed, options, response)));
            return;
        }
        Promise.resolve().then(give).then(resolve, (failed) => reject(new TransformError(failed, options, response)));
    }

    // A request that is also a promise. Nobody has to listen to it where a callback was given.
    function promised(options, done, Request) {
        let settled;
        const promise = new Promise((resolve, reject) => {
            settled = (...outcome) => settle(options, resolve, reject, ...outcome);
        });
        const request = new Request(options, (...outcome) => {
            settled(...outcome);
            if (done)
                done(...outcome);
        });
        if (done)
            promise.catch(() => undefined);
        request.then = (fine, failed) => promise.then(fine, failed);
        request.catch = (failed) => promise.catch(failed);
        request.finally = (run) => promise.finally(run);
        request.promise = () => promise;
        request.cancel = () => request.abort();
        return request;
    }

    const request = plain.variant(promised);
    request.errors = {RequestError, StatusCodeError, TransformError};
    return request;
}
