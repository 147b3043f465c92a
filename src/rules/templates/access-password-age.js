/**
 * @title Passwords do not live for ever
 * @category access
 * @description Refuses people whose password is older than the days that are set; they reset it to log in again.
 */
function (user, context, callback) {
  var DAYS = 365;

  // set when a password was changed or reset; before that the account's own age counts
  var since = Date.parse(user.last_password_reset || user.created_at);
  if (context.connectionStrategy === 'auth0' && Date.now() - since > DAYS * 24 * 3600 * 1000) {
    return callback(new UnauthorizedError('Your password is too old. Please reset it.'));
  }
  callback(null, user, context);
}
