/**
 * @title The place in the ID token
 * @category enrich
 * @description Puts country and time zone of the login into the ID token, where they are known.
 */
function (user, context, callback) {
  var NAMESPACE = 'https://example.com/';

  var geoip = (context.request && context.request.geoip) || {};
  context.idToken[NAMESPACE + 'country'] = geoip.country_code;
  context.idToken[NAMESPACE + 'timezone'] = geoip.time_zone;
  callback(null, user, context);
}
