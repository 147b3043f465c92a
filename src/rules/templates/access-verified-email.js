/**
 * @title Only verified addresses
 * @category access
 * @description Refuses people who have not verified their e-mail address yet.
 */
function (user, context, callback) {
  if (!user.email_verified) {
    return callback(new UnauthorizedError('Please verify your e-mail address, then log in again.'));
  }
  callback(null, user, context);
}
