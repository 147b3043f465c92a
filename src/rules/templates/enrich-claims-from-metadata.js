/**
 * @title Claims from metadata
 * @category enrich
 * @description Puts members of user_metadata and app_metadata into the tokens.
 */
function (user, context, callback) {
  var NAMESPACE = 'https://example.com/';

  var app = user.app_metadata || {};
  var own = user.user_metadata || {};
  context.idToken[NAMESPACE + 'language'] = own.language;
  context.accessToken[NAMESPACE + 'plan'] = app.plan;
  callback(null, user, context);
}
