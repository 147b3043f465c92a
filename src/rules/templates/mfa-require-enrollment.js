/**
 * @title Everybody enrolls
 * @category multifactor
 * @description Whoever has no second factor yet is asked to enroll at the next login.
 */
function (user, context, callback) {
  if (!user.multifactor || user.multifactor.length === 0) {
    context.multifactor = { provider: 'any', allowRememberBrowser: false };
  }
  callback(null, user, context);
}
