/**
 * @title MFA for an application
 * @category multifactor
 * @description Asks for a second factor at every login to the applications that are listed.
 */
function (user, context, callback) {
  // put in the client ids of your applications
  var CLIENTS_WITH_MFA = ['REPLACE_WITH_YOUR_CLIENT_ID'];

  if (CLIENTS_WITH_MFA.indexOf(context.clientID) !== -1) {
    context.multifactor = { provider: 'any', allowRememberBrowser: false };
  }
  callback(null, user, context);
}
