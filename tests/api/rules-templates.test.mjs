// Our library of rule templates: each does what its description says, told by a try, which changes nothing.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startServer } from '../harness/server.mjs';

let server, templates;

before(async () => {
  server = await startServer();
  templates = Object.fromEntries((await server.apiOk('GET', 'rules/templates')).map((template) => [template.id, template]));
});

after(() => server?.stop());

/** What a template says of a login. `replace` fills in what its author left open. */
function attempt(id, { user = {}, context = {}, replace = {} } = {}) {
  let { script } = templates[id];
  for (const [from, to] of Object.entries(replace)) script = script.replace(from, to);
  return server.apiOk('POST', 'rules/try', { script, user, context });
}

const asks = (result) => result.multifactor?.provider;
const refuses = (result) => result.error === 'unauthorized';
const roles = (...names) => ({ authorization: { roles: names } });
const methods = (...list) => ({ authentication: { methods: list } });
const HOUR_MS = 3600 * 1000;

// Per template: cases of [what is tried, what it must say].
const cases = {
  'mfa-for-flagged-users': [
    [{ user: { app_metadata: { use_mfa: true } } }, (r) => asks(r) === 'any' && r.multifactor.allowRememberBrowser === false],
    [{ user: { app_metadata: { use_mfa: false } } }, (r) => !asks(r)],
    [{ user: {} }, (r) => !asks(r)],
  ],
  'mfa-for-an-app': [
    [{ context: { clientID: 'app1' }, replace: { REPLACE_WITH_YOUR_CLIENT_ID: 'app1' } }, asks],
    [{ context: { clientID: 'app2' }, replace: { REPLACE_WITH_YOUR_CLIENT_ID: 'app1' } }, (r) => !asks(r)],
  ],
  'mfa-by-role': [
    [{ context: roles('admin') }, asks],
    [{ context: roles('reader') }, (r) => !asks(r)],
    [{}, (r) => !asks(r)],
  ],
  'mfa-outside-an-ip-range': [
    [{ context: { request: { ip: '192.0.2.200' } } }, (r) => !asks(r)],
    [{ context: { request: { ip: '192.0.3.1' } } }, asks],
    [{ context: { request: { ip: '2001:db8::1' } } }, asks],
    [{ context: { request: {} } }, asks],
  ],
  'mfa-outside-a-country': [
    [{ context: { request: { geoip: { country_code: 'AT' } } } }, (r) => !asks(r)],
    [{ context: { request: { geoip: { country_code: 'US' } } } }, asks],
    [{ context: { request: { geoip: {} } } }, asks],
  ],
  'mfa-once-per-session': [
    [{ context: methods({ name: 'pwd', timestamp: 1 }) }, asks],
    [{ context: methods({ name: 'pwd', timestamp: 1 }, { name: 'mfa', timestamp: 2 }) }, (r) => !asks(r)],
  ],
  'mfa-by-time-since-the-last': [
    [{ context: methods({ name: 'mfa', timestamp: Date.now() - HOUR_MS }) }, (r) => !asks(r)],
    [{ context: methods({ name: 'mfa', timestamp: Date.now() - 13 * HOUR_MS }) }, asks],
    [{}, asks],
  ],
  'mfa-step-up': [
    [{ context: { request: { query: { acr_values: 'http://schemas.openid.net/pape/policies/2007/06/multi-factor' } } } }, asks],
    [{ context: { request: { query: {} } } }, (r) => !asks(r)],
  ],
  'mfa-only-when-enrolled': [
    [{ user: { multifactor: ['guardian'] } }, asks],
    [{ user: { multifactor: [] } }, (r) => !asks(r)],
    [{ user: {} }, (r) => !asks(r)],
  ],
  'mfa-require-enrollment': [
    [{ user: {} }, asks],
    [{ user: { multifactor: ['guardian'] } }, (r) => !asks(r)],
  ],
  'mfa-remember-browser': [[{}, (r) => asks(r) && r.multifactor.allowRememberBrowser === true]],
  'mfa-choice-of-provider': [
    [{ context: { clientID: 'app1' }, replace: { REPLACE_WITH_YOUR_CLIENT_ID: 'app1' } }, (r) => asks(r) === 'google-authenticator'],
    [{ context: { clientID: 'constructor' } }, (r) => asks(r) === 'any'],
  ],
  'access-email-domains': [
    [{ user: { email: 'a@Example.com', email_verified: true } }, (r) => !r.error],
    [{ user: { email: 'a@example.com', email_verified: false } }, refuses],
    [{ user: { email: 'a@example.com.evil.test', email_verified: true } }, refuses],
    [{ user: {} }, refuses],
  ],
  'access-ip-addresses': [
    [{ context: { request: { ip: '192.0.2.17' } } }, (r) => !r.error],
    [{ context: { request: { ip: '192.0.2.18' } } }, refuses],
  ],
  'access-weekdays': [], // below, with the clock moved
  'access-roles': [
    [{ context: { clientID: 'app1', ...roles('admin') }, replace: { REPLACE_WITH_YOUR_CLIENT_ID: 'app1' } }, (r) => !r.error],
    [{ context: { clientID: 'app1', ...roles('reader') }, replace: { REPLACE_WITH_YOUR_CLIENT_ID: 'app1' } }, refuses],
    [{ context: { clientID: 'app2', ...roles() }, replace: { REPLACE_WITH_YOUR_CLIENT_ID: 'app1' } }, (r) => !r.error],
  ],
  'access-verified-email': [
    [{ user: { email_verified: true } }, (r) => !r.error],
    [{ user: { email_verified: false } }, refuses],
  ],
  'access-password-age': [
    [{ user: { created_at: '2020-01-01T00:00:00.000Z' }, context: { connectionStrategy: 'auth0' } }, refuses],
    [{ user: { created_at: '2020-01-01T00:00:00.000Z', last_password_reset: new Date().toISOString() }, context: { connectionStrategy: 'auth0' } }, (r) => !r.error],
    [{ user: { created_at: '2020-01-01T00:00:00.000Z' }, context: { connectionStrategy: 'google-oauth2' } }, (r) => !r.error],
  ],
  'enrich-claims-from-metadata': [
    [
      { user: { user_metadata: { language: 'de' }, app_metadata: { plan: 'gold' } } },
      (r) => r.id_token['https://example.com/language'] === 'de' && r.access_token['https://example.com/plan'] === 'gold',
    ],
    [{ user: {} }, (r) => !r.error && Object.keys(r.id_token).length === 0],
  ],
  'enrich-roles': [
    [{ context: roles('a', 'b') }, (r) => r.id_token['https://example.com/roles'].join() === 'a,b' && r.access_token['https://example.com/roles'].length === 2],
  ],
  'enrich-place': [
    [
      { context: { request: { geoip: { country_code: 'FR', time_zone: 'Europe/Paris' } } } },
      (r) => r.id_token['https://example.com/country'] === 'FR' && r.id_token['https://example.com/timezone'] === 'Europe/Paris',
    ],
  ],
  // The configuration of a try is empty: there is no address to reach, and the login goes on all the same.
  'call-webhook': [[{ user: { user_id: 'auth0|1' } }, (r) => !r.error && r.run[0].console[0].level === 'error']],
  'redirect-consent': [
    [{ user: { app_metadata: { terms: '2026-01' } } }, (r) => !r.redirect_url],
    [{ user: {} }, (r) => r.redirect_url === 'https://example.com/terms'],
    [{ user: {}, context: { protocol: 'redirect-callback', request: { query: { agree: 'no' } } } }, refuses],
    [
      { user: { user_id: 'auth0|1' }, context: { protocol: 'redirect-callback', request: { query: { agree: 'yes' } } } },
      (r) => !r.error && r.updates[0].user_id === 'auth0|1' && r.updates[0].app_metadata.terms === '2026-01',
    ],
  ],
  'redirect-progressive-profile': [
    [{ context: { stats: { loginsCount: 3 } } }, (r) => r.redirect_url === 'https://example.com/profile'],
    [{ context: { stats: { loginsCount: 2 } } }, (r) => !r.redirect_url],
    [{ user: { user_metadata: { birthday: '1815-12-10' } }, context: { stats: { loginsCount: 9 } } }, (r) => !r.redirect_url],
  ],
};

test('every template has a case here, and every case a template', () => {
  assert.deepEqual(Object.keys(templates).sort(), Object.keys(cases).sort());
});

describe('templates', () => {
  for (const [id, tried] of Object.entries(cases))
    test(id, async () => {
      for (const [wish, holds] of tried) {
        const result = await attempt(id, wish);
        assert.ok(holds(result), `${JSON.stringify(wish)}: ${JSON.stringify(result)}`);
      }
    });
});

test('a try changes nothing and needs update:rules', async () => {
  const user = await server.user();
  const script = `function (user, context, callback) {
    auth0.users.updateAppMetadata(user.user_id, { changed: true }).then(function () { callback(null, user, context); });
  }`;
  const result = await server.apiOk('POST', 'rules/try', { script, user: { user_id: user.user_id } });
  assert.deepEqual(result.updates, [{ user_id: user.user_id, app_metadata: { changed: true } }]);
  assert.equal((await server.apiOk('GET', `users/${encodeURIComponent(user.user_id)}`)).app_metadata, undefined);
  const { status } = await server.api('POST', 'rules/try', { script }, await server.managementToken(['read:rules']));
  assert.equal(status, 403);
});

test('the error of a try names line and column of the script', async () => {
  const result = await server.apiOk('POST', 'rules/try', { script: 'function (user, context, callback) {\n  nothing.here();\n}' });
  assert.equal(result.error, 'access_denied');
  assert.equal(result.run[0].error.line, 2);
});

test('the weekend is told by the clock', async () => {
  const DAY_MS = 24 * HOUR_MS;
  const noon = Math.floor(server.now() / DAY_MS) * DAY_MS + DAY_MS / 2;
  const saturday = noon + ((6 - new Date(noon).getUTCDay() + 7) % 7 || 7) * DAY_MS;
  await server.advanceClock(saturday - server.now());
  assert.ok(refuses(await attempt('access-weekdays')));
  await server.advanceClock(2 * DAY_MS);
  assert.equal((await attempt('access-weekdays')).error, undefined);
});
