/**
 * @title MFA for those who enrolled
 * @category multifactor
 * @description Asks people who have a second factor for it; nobody is asked to enroll.
 */
function (user, context, callback) {
  if (user.multifactor && user.multifactor.length > 0) {
    context.multifactor = { provider: 'any', allowRememberBrowser: true };
  }
  callback(null, user, context);
}
