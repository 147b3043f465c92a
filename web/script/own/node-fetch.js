// node-fetch 2: the standard's fetch with its own options (timeout, follow) and errors.

export default function (world) {
    const {fetchWith, Headers, Request, Response, AbortController, isTimeout} = world.own('http');

    class FetchError extends Error {
        constructor(message, type, cause) {
            super(message);
            this.name = 'FetchError';
            this.type = type;
            if (cause)
                this.code = this.errno = cause.code;
        }
    }

    async function fetch(resource, options = {}) {
        const {timeout, follow, size} = options || {};
        try {
            return await fetchWith(resource, options, {timeout, follow, size});
        } catch (fault) {
            if (fault.name === 'AbortError' || fault instanceof TypeError)
                throw fault;
            const url = String((resource && resource.url) || resource);
            if (isTimeout(fault))
                throw new FetchError(`network timeout at: ${url}`, 'request-timeout');
            throw new FetchError(`request to ${url} failed, reason: ${fault.message}`, 'system', fault);
        }
    }
    return Object.assign(fetch, {default: fetch, Headers, Request, Response, FetchError, AbortController,
        isRedirect: (code) => [301, 302, 303, 307, 308].includes(code)});
}
