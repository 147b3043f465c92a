/**
 * @title Consent to terms
 * @category redirect
 * @description Sends people who have not agreed to the current terms to a page of yours, and refuses them where they do not.
 */
function (user, context, callback) {
  var TERMS = '2026-01';
  var PAGE = 'https://example.com/terms';

  var agreed = (user.app_metadata || {}).terms === TERMS;
  if (agreed || (context.request.query || {}).prompt === 'none') {
    return callback(null, user, context);
  }
  if (context.protocol !== 'redirect-callback') {
    context.redirect = { url: PAGE };
    return callback(null, user, context);
  }
  // the page sends the browser back to /continue with agree=yes
  if ((context.request.query || {}).agree !== 'yes') {
    return callback(new UnauthorizedError('You have to agree to the terms to go on.'));
  }
  auth0.users.updateAppMetadata(user.user_id, { terms: TERMS })
    .then(function () { callback(null, user, context); })
    .catch(callback);
}
