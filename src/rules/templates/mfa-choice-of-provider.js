/**
 * @title MFA with a provider for each application
 * @category multifactor
 * @description Asks for a second factor of the provider that is set for the application, and of any for the others.
 */
function (user, context, callback) {
  // guardian: push, SMS and one-time codes; google-authenticator: one-time codes; any: what the tenant has on
  var PROVIDERS = {
    REPLACE_WITH_YOUR_CLIENT_ID: 'google-authenticator'
  };

  var provider = Object.prototype.hasOwnProperty.call(PROVIDERS, context.clientID) ? PROVIDERS[context.clientID] : 'any';
  context.multifactor = { provider: provider, allowRememberBrowser: false };
  callback(null, user, context);
}
