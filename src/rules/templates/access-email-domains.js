/**
 * @title Only some e-mail domains
 * @category access
 * @description Refuses people whose verified e-mail address is in none of the domains that are listed.
 */
function (user, context, callback) {
  var DOMAINS = ['example.com'];

  var domain = String(user.email || '').split('@').pop().toLowerCase();
  if (!user.email_verified || DOMAINS.indexOf(domain) === -1) {
    return callback(new UnauthorizedError('Your e-mail address may not use this application.'));
  }
  callback(null, user, context);
}
