// What guessing and messages may cost by the password grants and the MFA API, with the limits on.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { askFlaggedUsers, enableFactors, flaggedUser, newNumber } from '../harness/mfa.mjs';
import { logEntry, MfaApi, passwordClient } from '../harness/mfa_api.mjs';
import { startServer } from '../harness/server.mjs';

let server, api;

before(async () => {
  server = await startServer({ rateLimits: true, flags: ['--trusted-proxies=127.0.0.1'] });
  api = new MfaApi(server, await passwordClient(server));
  await askFlaggedUsers(server);
  await enableFactors(server, 'otp', 'sms');
});

after(() => server?.stop());

const failFrom = async (who, user, headers) => {
  let last;
  for (let i = 0; i < 10; i++) last = await who.password({ ...user, password: `not it ${i}` }, {}, headers);
  return last;
};

test('ten failures lock the account for the address, also for the right password', async () => {
  const user = await server.user();
  const headers = { 'x-forwarded-for': '192.0.2.1' };
  for (const { status, body } of [await failFrom(api, user, headers), await api.password(user, {}, headers)]) {
    assert.equal(status, 429);
    assert.equal(body.error, 'too_many_attempts');
    assert.match(body.error_description, /^Your account has been blocked after multiple consecutive login attempts/);
  }
  assert.ok(await server.message({ to: user.email }));
  assert.equal((await api.password(user, {}, { 'x-forwarded-for': '192.0.2.2' })).status, 200);
});

test('a name that nobody has is locked like one that somebody has', async () => {
  const nobody = { email: 'nobody-at-all@example.test', password: 'x' };
  const { status, body } = await failFrom(api, nobody, { 'x-forwarded-for': '192.0.2.3' });
  assert.deepEqual([status, body.error], [429, 'too_many_attempts']);
});

test('auth0-forwarded-for counts from a confidential application that is trusted to send it, and from no other', async () => {
  const trusted = new MfaApi(server, await passwordClient(server, { is_token_endpoint_ip_header_trusted: true }));
  const user = await server.user();
  const headers = (ip) => ({ 'x-forwarded-for': '192.0.2.4', 'auth0-forwarded-for': ip });
  await failFrom(trusted, user, headers('203.0.113.7'));
  assert.equal((await trusted.password(user, {}, headers('203.0.113.7'))).status, 429);
  assert.equal((await trusted.password(user, {}, headers('203.0.113.8'))).status, 200);
  assert.equal((await api.password(user, {}, headers('203.0.113.7'))).status, 200, 'an untrusted word is not taken');
  assert.equal((await logEntry(server, user, 'fp')).ip, '203.0.113.7');
});

test('messages by the MFA API are counted with all others of the user', async () => {
  const user = await flaggedUser(server);
  const number = newNumber();
  const mfaToken = await api.mfaToken(user);
  const { body } = await api.associateSms(mfaToken, number);
  assert.equal((await api.oob(mfaToken, body.oob_code, await server.smsCode(number))).status, 200);
  const next = await api.mfaToken(user);
  for (let i = 2; i <= 10; i++) assert.equal((await api.challenge(next)).status, 200, `message ${i}`);
  const limited = await api.challenge(next);
  assert.deepEqual([limited.status, limited.body.error], [429, 'too_many_attempts']);
  assert.ok(Number(limited.headers.get('retry-after')) > 0);
  assert.equal((await server.outbox({ to: number })).length, 10);
});
