/**
 * @title MFA from other countries
 * @category multifactor
 * @description Asks for a second factor where the login comes from none of the countries that are listed, or from an unknown one.
 */
function (user, context, callback) {
  // ISO 3166 codes of two letters
  var USUAL_COUNTRIES = ['DE', 'AT', 'CH'];

  var geoip = (context.request && context.request.geoip) || {};
  if (USUAL_COUNTRIES.indexOf(geoip.country_code) === -1) {
    context.multifactor = { provider: 'any', allowRememberBrowser: false };
  }
  callback(null, user, context);
}
