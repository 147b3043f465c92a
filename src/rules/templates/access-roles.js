/**
 * @title Only some roles
 * @category access
 * @description Refuses people who have none of the roles that the application needs.
 */
function (user, context, callback) {
  // client id: roles, one of which is needed
  var NEEDED = {
    REPLACE_WITH_YOUR_CLIENT_ID: ['editor', 'admin']
  };

  if (!Object.prototype.hasOwnProperty.call(NEEDED, context.clientID)) {
    return callback(null, user, context);
  }
  var roles = (context.authorization && context.authorization.roles) || [];
  var allowed = NEEDED[context.clientID].some(function (role) { return roles.indexOf(role) !== -1; });
  if (!allowed) {
    return callback(new UnauthorizedError('You do not have the role that this application needs.'));
  }
  callback(null, user, context);
}
