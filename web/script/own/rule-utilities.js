// @auth0/rule-utilities: session tokens of redirects, and metadata written at once.

const WITHOUT_REDIRECT = ['oauth2-resource-owner', 'oauth2-refresh-token', 'oauth2-password', 'redirect-callback'];

export default function (world) {
    const jwt = () => world.require('jsonwebtoken');

    class Auth0RedirectRuleUtilities {
        constructor(user, context, configuration) {
            const {SESSION_TOKEN_SECRET, SESSION_TOKEN_EXPIRES_IN} = configuration || {};
            this.user = user || {};
            this.context = context || {};
            this.noRedirectProtocols = WITHOUT_REDIRECT;
            this.tokenSecret = SESSION_TOKEN_SECRET;
            this.tokenExpiresIn = SESSION_TOKEN_EXPIRES_IN || '3d';
        }

        get redirectUrl() {
            return this.context.redirect && this.context.redirect.url;
        }

        get queryParams() {
            return (this.context.request && this.context.request.query) || {};
        }

        get protocolCanRedirect() {
            return !WITHOUT_REDIRECT.includes(this.context.protocol);
        }

        get isRedirectCallback() {
            return this.context.protocol === 'redirect-callback';
        }

        get canRedirect() {
            const isTaken = this.redirectUrl || this.context.multifactor;
            return !isTaken && this.queryParams.prompt !== 'none' && this.protocolCanRedirect;
        }

        get issuer() {
            return `https://${this.context.request.hostname}/`;
        }

        createSessionToken(claims = {}) {
            const payload = {ip: this.context.request.ip, iss: this.issuer, sub: this.user.user_id, ...claims};
            return jwt().sign(payload, this.tokenSecret, payload.exp === undefined ? {expiresIn: this.tokenExpiresIn} : {});
        }

        validateSessionToken(options = {}) {
            const payload = jwt().verify(this.queryParams.session_token, this.tokenSecret, {...options, subject: this.user.user_id, issuer: this.issuer});
            if (!payload.exp)
                throw new Error('Expired token');
            return payload;
        }

        doRedirect(url, options) {
            if (!url || !this.canRedirect)
                throw new Error('Cannot redirect');
            const {sessionToken, generateSessionToken = true} = options || {};
            const given = typeof sessionToken === 'string' && sessionToken;
            const token = given || (generateSessionToken === true ? this.createSessionToken() : undefined);
            this.context.redirect = {url: token ? `${url}${url.includes('?') ? '&' : '?'}session_token=${token}` : url};
        }
    }

    class Auth0UserUpdateUtilities {
        constructor(user, auth0, namespace) {
            const {ManagementClient} = world.require('auth0');
            this.apiClient = new ManagementClient({token: auth0.accessToken, domain: auth0.domain});
            this.user = user;
            this.userId = user.user_id;
            this.updatedUserData = {};
            this.isNamespaced = typeof namespace === 'string' && namespace !== '';
            this.namespace = namespace;
            for (const name of ['user_metadata', 'app_metadata']) {
                user[name] = user[name] || {};
                if (this.isNamespaced)
                    user[name][namespace] = user[name][namespace] || {};
            }
        }

        place(name) {
            return this.isNamespaced ? this.user[name][this.namespace] : this.user[name];
        }

        setUser(key, value) {
            this.user[key] = value;
            this.updatedUserData[key] = value;
        }

        setUserMeta(key, value) {
            this.place('user_metadata')[key] = value;
        }

        setAppMeta(key, value) {
            this.place('app_metadata')[key] = value;
        }

        getUserMeta(key) {
            return this.place('user_metadata')[key];
        }

        getAppMeta(key) {
            return this.place('app_metadata')[key];
        }

        updateUser() {
            return this.apiClient.updateUser({id: this.userId}, this.updatedUserData);
        }

        updateUserMetadata() {
            return this.apiClient.updateUserMetadata({id: this.userId}, this.user.user_metadata);
        }

        updateAppMetadata() {
            return this.apiClient.updateAppMetadata({id: this.userId}, this.user.app_metadata);
        }
    }
    Object.assign(Auth0UserUpdateUtilities.prototype, {
        updateUserMeta: Auth0UserUpdateUtilities.prototype.updateUserMetadata,
        updateAppMeta: Auth0UserUpdateUtilities.prototype.updateAppMetadata,
    });
    return {Auth0RedirectRuleUtilities, Auth0UserUpdateUtilities, noRedirectProtocols: WITHOUT_REDIRECT};
}
