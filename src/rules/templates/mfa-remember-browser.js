/**
 * @title MFA with remembered browsers
 * @category multifactor
 * @description Asks for a second factor, and lets people remember the browser for 30 days.
 */
function (user, context, callback) {
  context.multifactor = { provider: 'any', allowRememberBrowser: true };
  callback(null, user, context);
}
