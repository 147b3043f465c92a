// jwks-rsa: the keys of an issuer, kept for the time that the rule's worker keeps its module, and the callback that
// jsonwebtoken takes.

export default function (world) {
    const {call, Headers} = world.own('http');
    const {guarded} = world;

    class JwksError extends Error {
        constructor(message) {
            super(message);
            this.name = 'JwksError';
        }
    }

    class SigningKeyNotFoundError extends Error {
        constructor(message) {
            super(message);
            this.name = 'SigningKeyNotFoundError';
        }
    }

    function toSigningKey(jwk) {
        const pem = world.require('crypto').createPublicKey({key: jwk, format: 'jwk'}).export({type: 'spki', format: 'pem'});
        return {
            kid: jwk.kid,
            alg: jwk.alg,
            nbf: jwk.nbf,
            publicKey: pem,
            rsaPublicKey: jwk.kty === 'RSA' ? pem : undefined,
            getPublicKey: () => pem,
        };
    }

    // With a callback, or a promise where there is none.
    const both = (promise, done) => {
        if (typeof done !== 'function')
            return promise;
        promise.then(guarded((value) => done(null, value)), guarded((fault) => done(fault)));
        return undefined;
    };

    class JwksClient {
        constructor(options) {
            this.options = options;
            this.keys = undefined;
        }

        async fetchKeys() {
            const {jwksUri, requestHeaders, timeout = 30000, fetcher} = this.options;
            if (fetcher)
                return (await fetcher(jwksUri)).keys;
            const answer = await call({method: 'GET', url: jwksUri, headers: new Headers(requestHeaders), timeout, redirects: 5});
            if (answer.status < 200 || answer.status >= 300)
                throw new JwksError(`Http Error ${answer.status}`);
            return JSON.parse(answer.body.toString('utf8')).keys;
        }

        getKeys(done) {
            return both(this.fetchKeys(), done);
        }

        async findAll() {
            const keys = (await this.fetchKeys()) || [];
            const usable = keys.filter(({kty, use}) => (use === undefined || use === 'sig') && ['RSA', 'EC', 'OKP'].includes(kty));
            if (usable.length === 0)
                throw new JwksError('The JWKS endpoint did not contain any signing keys');
            return usable.map(toSigningKey);
        }

        getSigningKeys(done) {
            return both(this.findAll(), done);
        }

        async find(kid) {
            const isKnown = () => this.keys && this.keys.some((key) => key.kid === kid);
            if (!isKnown() || this.options.cache === false)
                this.keys = await this.findAll();
            const found = kid === undefined || kid === null ? (this.keys.length === 1 ? this.keys[0] : undefined) : this.keys.find((key) => key.kid === kid);
            if (!found)
                throw new SigningKeyNotFoundError(`Unable to find a signing key that matches '${kid}'`);
            return found;
        }

        getSigningKey(kid, done) {
            return typeof kid === 'function' ? both(this.find(undefined), kid) : both(this.find(kid), done);
        }

        getSigningKeyAsync(kid) {
            return this.find(kid);
        }
    }

    const jwksClient = (options) => new JwksClient(options);
    return Object.assign(jwksClient, {JwksClient, JwksError, SigningKeyNotFoundError, default: jwksClient});
}
