/**
 * @title Closed at weekends
 * @category access
 * @description Refuses logins on Saturdays and Sundays, told by UTC.
 */
function (user, context, callback) {
  var day = new Date().getUTCDay();
  if (day === 0 || day === 6) {
    return callback(new UnauthorizedError('This application is closed at weekends.'));
  }
  callback(null, user, context);
}
