/**
 * @title Ask for more, little by little
 * @category redirect
 * @description Sends people whose profile lacks a member to a page of yours that asks for it, from the third login on.
 */
function (user, context, callback) {
  var MEMBER = 'birthday';
  var PAGE = 'https://example.com/profile';

  var known = (user.user_metadata || {})[MEMBER] !== undefined;
  var logins = (context.stats && context.stats.loginsCount) || 0;
  var silent = (context.request.query || {}).prompt === 'none';
  if (!known && logins >= 3 && !silent && context.protocol !== 'redirect-callback') {
    context.redirect = { url: PAGE };
  }
  callback(null, user, context);
}
