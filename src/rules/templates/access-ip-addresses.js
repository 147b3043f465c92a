/**
 * @title Only some addresses
 * @category access
 * @description Refuses logins from addresses that are not listed.
 */
function (user, context, callback) {
  var ADDRESSES = ['192.0.2.17', '2001:db8::17'];

  var ip = context.request && context.request.ip;
  if (ADDRESSES.indexOf(ip) === -1) {
    return callback(new UnauthorizedError('Logins from this network are not allowed.'));
  }
  callback(null, user, context);
}
