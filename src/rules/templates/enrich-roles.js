/**
 * @title Roles in tokens
 * @category enrich
 * @description Puts the user's roles into both tokens.
 */
function (user, context, callback) {
  var NAMESPACE = 'https://example.com/';

  var roles = (context.authorization && context.authorization.roles) || [];
  context.idToken[NAMESPACE + 'roles'] = roles;
  context.accessToken[NAMESPACE + 'roles'] = roles;
  callback(null, user, context);
}
