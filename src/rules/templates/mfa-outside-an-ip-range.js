/**
 * @title MFA outside the office network
 * @category multifactor
 * @description Asks for a second factor where the IPv4 address is in none of the networks that are listed.
 */
function (user, context, callback) {
  // networks in CIDR notation
  var OFFICE_NETWORKS = ['192.0.2.0/24', '198.51.100.0/24'];

  function toNumber(address) {
    var parts = String(address).split('.').map(Number);
    var isAddress = parts.length === 4 && parts.every(function (part) { return part >= 0 && part <= 255; });
    return isAddress ? ((parts[0] * 256 + parts[1]) * 256 + parts[2]) * 256 + parts[3] : NaN;
  }

  function isWithin(address, network) {
    var halves = network.split('/');
    var size = Math.pow(2, 32 - Number(halves[1]));
    return Math.floor(toNumber(address) / size) === Math.floor(toNumber(halves[0]) / size);
  }

  // an address that cannot be read, such as one of IPv6, is outside
  var ip = context.request && context.request.ip;
  var inside = OFFICE_NETWORKS.some(function (network) { return isWithin(ip, network); });
  if (!inside) {
    context.multifactor = { provider: 'any', allowRememberBrowser: false };
  }
  callback(null, user, context);
}
