/**
 * @title MFA by role
 * @category multifactor
 * @description Asks people with one of the roles that are listed for a second factor.
 */
function (user, context, callback) {
  var ROLES_WITH_MFA = ['admin'];

  var roles = (context.authorization && context.authorization.roles) || [];
  var asked = roles.some(function (role) {
    return ROLES_WITH_MFA.indexOf(role) !== -1;
  });
  if (asked) {
    context.multifactor = { provider: 'any', allowRememberBrowser: false };
  }
  callback(null, user, context);
}
