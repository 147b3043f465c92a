/**
 * @title Step-up
 * @category multifactor
 * @description Asks for a second factor where the application wants one now, by acr_values, and this session has had none.
 */
function (user, context, callback) {
  var MULTIFACTOR = 'http://schemas.openid.net/pape/policies/2007/06/multi-factor';

  var query = (context.request && context.request.query) || {};
  var wanted = String(query.acr_values || '').split(' ').indexOf(MULTIFACTOR) !== -1;
  var methods = (context.authentication && context.authentication.methods) || [];
  var done = methods.some(function (method) { return method.name === 'mfa'; });
  if (wanted && !done) {
    context.multifactor = { provider: 'any', allowRememberBrowser: false };
  }
  callback(null, user, context);
}
