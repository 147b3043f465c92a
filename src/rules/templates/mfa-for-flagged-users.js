/**
 * @title MFA for users who asked for it
 * @category multifactor
 * @description Asks for a second factor where app_metadata.use_mfa is true: user-initiated MFA.
 */
function (user, context, callback) {
  if (user.app_metadata && user.app_metadata.use_mfa) {
    context.multifactor = {
      provider: 'any',
      // true shows the box "remember this browser for 30 days"
      allowRememberBrowser: false
    };
  }
  callback(null, user, context);
}
