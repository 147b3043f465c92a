/**
 * @title MFA again after some hours
 * @category multifactor
 * @description Asks for a second factor where the last one of this session is older than the hours that are set.
 */
function (user, context, callback) {
  var HOURS = 12;

  var methods = (context.authentication && context.authentication.methods) || [];
  var last = methods.reduce(function (latest, method) {
    return method.name === 'mfa' ? Math.max(latest, method.timestamp) : latest;
  }, 0);
  if (Date.now() - last > HOURS * 3600 * 1000) {
    context.multifactor = { provider: 'any', allowRememberBrowser: false };
  }
  callback(null, user, context);
}
