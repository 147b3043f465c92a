// The MFA API: factors enrolled, challenged, passed, listed and removed by an application itself.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { askFlaggedUsers, enableFactors, flaggedUser, logIn, newNumber, wrongCode } from '../harness/mfa.mjs';
import { claimsOf, GRANT, logEntry, MfaApi, passwordClient } from '../harness/mfa_api.mjs';
import { totp } from '../harness/otp.mjs';
import { startServer } from '../harness/server.mjs';

let server, client, api;

before(async () => {
  server = await startServer();
  client = await passwordClient(server);
  api = new MfaApi(server, client);
  await askFlaggedUsers(server);
  await enableFactors(server, 'otp', 'sms', 'recovery-code');
});

after(() => server?.stop());

const mfaAudience = () => `${server.issuer}mfa/`;
const ALL_SCOPES = 'enroll read:authenticators remove:authenticators';

/** An access token for the MFA API, with a fresh second factor where the user has one. */
async function mfaAccessToken(user, seed, scope = ALL_SCOPES) {
  const { status, body } = await api.password(user, { audience: mfaAudience(), scope });
  if (status === 200) return body.access_token;
  const { body: tokens } = await api.otp(body.mfa_token, totp(seed, server.now()));
  await server.advanceClock(30_000);
  return tokens.access_token;
}

test('one-time codes: associate, confirm, and pass the next login with them', async () => {
  const user = await flaggedUser(server);
  const mfaToken = await api.mfaToken(user, { scope: 'openid email' });
  const { status, body } = await api.associateOtp(mfaToken);
  assert.equal(status, 200);
  assert.deepEqual(Object.keys(body), ['authenticator_type', 'secret', 'barcode_uri', 'recovery_codes', 'id']);
  assert.match(body.secret, /^[A-Z2-7]{32}$/);
  const uri = new URL(body.barcode_uri);
  assert.equal(uri.searchParams.get('secret'), body.secret);
  assert.equal(uri.searchParams.get('algorithm'), 'SHA1');
  assert.match(body.recovery_codes[0], /^[A-Z0-9]{24}$/);
  assert.deepEqual((await api.list(mfaToken)).body, [
    { id: body.id, authenticator_type: 'otp', active: false, type: 'otp' },
  ]);

  const confirmed = await api.otp(mfaToken, totp(body.secret, server.now()));
  assert.equal(confirmed.status, 200, JSON.stringify(confirmed.body));
  assert.equal(confirmed.body.recovery_code, undefined);
  assert.equal(confirmed.body.scope, 'openid email');
  const identity = claimsOf(confirmed.body.id_token);
  assert.deepEqual(identity.amr, ['mfa']);
  assert.equal(identity.email, user.email);
  assert.equal((await server.apiOk('GET', `users/${user.user_id}`)).logins_count, 1);
  await logEntry(server, user, 'gd_enrollment_complete');
  await logEntry(server, user, 'seotpft');

  await server.advanceClock(30_000);
  const next = await api.mfaToken(user);
  const challenge = await api.challenge(next, { challenge_type: 'otp' });
  assert.deepEqual([challenge.status, challenge.body], [200, { challenge_type: 'otp' }]);
  assert.equal((await api.otp(next, totp(body.secret, server.now()))).status, 200);
});

test('text messages: associate, confirm, challenge, pass', async () => {
  const user = await flaggedUser(server);
  const number = newNumber();
  const mfaToken = await api.mfaToken(user);
  const { status, body } = await api.associateSms(mfaToken, number);
  assert.equal(status, 200, JSON.stringify(body));
  assert.deepEqual(Object.keys(body), [
    'authenticator_type',
    'binding_method',
    'oob_channel',
    'oob_code',
    'recovery_codes',
    'id',
  ]);
  assert.deepEqual([body.authenticator_type, body.binding_method, body.oob_channel], ['oob', 'prompt', 'sms']);
  const missing = await api.oob(mfaToken, body.oob_code);
  assert.deepEqual(missing.body, {
    error: 'invalid_request',
    error_description: 'Missing required parameter: binding_code',
  });
  const wrong = await api.oob(mfaToken, body.oob_code, '0000');
  assert.deepEqual([wrong.status, wrong.body.error_description], [403, 'Invalid binding_code.']);
  assert.equal((await api.oob(mfaToken, body.oob_code, await server.smsCode(number))).status, 200);
  await logEntry(server, user, 'feoobft');
  await logEntry(server, user, 'seoobft');

  const next = await api.mfaToken(user);
  const [entry] = (await api.list(next)).body;
  assert.deepEqual(entry, {
    id: body.id,
    authenticator_type: 'oob',
    active: true,
    oob_channel: 'sms',
    name: `XXXXXXXXX${number.slice(-4)}`,
    type: 'phone',
  });
  const challenge = await api.challenge(next, { authenticator_id: entry.id });
  assert.deepEqual(Object.keys(challenge.body), ['challenge_type', 'oob_code', 'binding_method']);
  const code = await server.smsCode(number);
  assert.equal((await api.oob(next, challenge.body.oob_code, code)).status, 200);
});

test('the recovery code that the enrolment showed works once, and its successor comes with the tokens', async () => {
  const user = await flaggedUser(server);
  const { recoveryCode } = await api.enrollOtp(user);
  const mfaToken = await api.mfaToken(user);
  const wrong = await api.recovery(mfaToken, 'AAAAAAAAAAAAAAAAAAAAAAAA');
  assert.deepEqual([wrong.status, wrong.body.error], [403, 'invalid_grant']);
  const { status, body } = await api.recovery(mfaToken, recoveryCode.toLowerCase());
  assert.equal(status, 200, JSON.stringify(body));
  assert.match(body.recovery_code, /^[A-Z0-9]{24}$/);
  const next = await api.mfaToken(user);
  assert.equal((await api.recovery(next, recoveryCode)).status, 403);
  assert.equal((await api.recovery(next, body.recovery_code)).status, 200);
  await logEntry(server, user, 'sercft');
});

test('a user without a recovery code, or without any factor, is told what to do', async () => {
  const user = await flaggedUser(server);
  const mfaToken = await api.mfaToken(user);
  const recovery = await api.recovery(mfaToken, 'AAAAAAAAAAAAAAAAAAAAAAAA');
  assert.deepEqual([recovery.status, recovery.body], [
    403,
    { error: 'unsupported_challenge_type', error_description: 'User does not have a recovery-code.' },
  ]);
  for (const { status, body } of [await api.challenge(mfaToken), await api.otp(mfaToken, '123456')]) {
    assert.equal(status, 401);
    assert.equal(body.error, 'unsupported_challenge_type');
    assert.match(body.error_description, /You can use \/mfa\/associate endpoint to enroll the first authenticator\.$/);
  }
});

// known-faults: an mfa_token is good for one success.
test('an mfa_token and a code are spent by their success, also when both are sent twice at once', async () => {
  const user = await flaggedUser(server);
  const { seed } = await api.enrollOtp(user);
  const mfaToken = await api.mfaToken(user);
  const code = totp(seed, server.now());
  const answers = await Promise.all(Array.from({ length: 8 }, () => api.otp(mfaToken, code)));
  assert.equal(answers.filter(({ status }) => status === 200).length, 1);
  for (const { status, body } of answers)
    if (status !== 200) assert.ok(['invalid_grant', 'expired_token'].includes(body.error), JSON.stringify(body));
  const again = await api.otp(await api.mfaToken(user), code);
  assert.deepEqual([again.status, again.body.error_description], [403, 'Invalid otp_code.']);
  await server.advanceClock(30_000);
  const spent = await api.otp(mfaToken, totp(seed, server.now()));
  assert.deepEqual([spent.status, spent.body], [
    401,
    { error: 'expired_token', error_description: 'mfa_token is expired' },
  ]);
});

// known-faults: recovery codes raced from different logins give one success and one new code.
test('a recovery code raced from many logins has one winner', async () => {
  const user = await flaggedUser(server);
  const { recoveryCode } = await api.enrollOtp(user);
  const tokens = [];
  for (let i = 0; i < 8; i++) tokens.push(await api.mfaToken(user));
  const answers = await Promise.all(tokens.map((token) => api.recovery(token, recoveryCode)));
  const winners = answers.filter(({ status }) => status === 200);
  assert.equal(winners.length, 1);
  assert.equal((await api.recovery(await api.mfaToken(user), winners[0].body.recovery_code)).status, 200);
});

test('an mfa_token lives for 600 seconds, an oob_code for 300', async () => {
  const user = await flaggedUser(server);
  const number = newNumber();
  const mfaToken = await api.mfaToken(user);
  const { body } = await api.associateSms(mfaToken, number);
  const code = await server.smsCode(number);
  await server.advanceClock(301_000);
  const late = await api.oob(mfaToken, body.oob_code, code);
  assert.deepEqual([late.status, late.body], [
    401,
    { error: 'expired_token', error_description: 'oob_code is expired' },
  ]);
  await server.advanceClock(300_000);
  for (const { status, body: error } of [
    await api.associateOtp(mfaToken),
    await api.challenge(mfaToken),
    await api.list(mfaToken),
    await api.otp(mfaToken, '123456'),
  ])
    assert.deepEqual([status, error], [
      401,
      { error: 'expired_token', error_description: 'mfa_token is expired' },
    ]);
});

test('tokens and codes of others, and such as never were, are refused', async () => {
  const user = await flaggedUser(server);
  const { seed } = await api.enrollOtp(user);
  const mfaToken = await api.mfaToken(user);
  const other = new MfaApi(server, await passwordClient(server));
  for (const { status, body } of [
    await other.otp(mfaToken, totp(seed, server.now())),
    await other.challenge(mfaToken),
  ])
    assert.deepEqual([status, body], [
      400,
      { error: 'invalid_request', error_description: 'mfa_token not issued to this client' },
    ]);
  for (const { status, body } of [
    await api.otp('nonsense', '123456'),
    await api.challenge('Fe26.2**nonsense'),
    await api.list('nonsense'),
    await api.associateOtp('e30.e30.e30'),
  ])
    assert.deepEqual([status, body], [
      403,
      { error: 'invalid_grant', error_description: 'Malformed mfa_token' },
    ]);
  const malformed = await api.oob(mfaToken, 'nonsense', '123456');
  assert.deepEqual([malformed.status, malformed.body.error_description], [403, 'Malformed oob_code']);

  const stranger = await flaggedUser(server);
  const strangerToken = await api.mfaToken(stranger);
  const { body: theirs } = await api.associateSms(strangerToken, newNumber());
  const foreign = await api.oob(mfaToken, theirs.oob_code, '123456');
  assert.deepEqual([foreign.status, foreign.body], [
    400,
    { error: 'invalid_request', error_description: "The oob_code doesn't match the mfa_token" },
  ]);
  const [{ id }] = (await api.list(mfaToken)).body;
  const known = await api.challenge(await api.mfaToken(stranger), { authenticator_id: id });
  const unknown = await api.challenge(await api.mfaToken(stranger), { authenticator_id: 'totp|dev_0000000000000000' });
  assert.deepEqual([known.status, known.body], [unknown.status, unknown.body]);

  const bare = await server.fetch('mfa/authenticators');
  assert.equal(bare.status, 401);
});

// known-faults C3: the lock ends the mfa_token.
test('ten wrong codes end the mfa_token; after the wait a new login is needed, and works', async () => {
  const user = await flaggedUser(server);
  const { seed } = await api.enrollOtp(user);
  const mfaToken = await api.mfaToken(user);
  let last;
  for (let i = 0; i < 10; i++) last = await api.otp(mfaToken, wrongCode(seed, server.now()));
  assert.equal(last.status, 429);
  assert.deepEqual(last.body, {
    error: 'too_many_attempts',
    error_description: 'Too many failed codes. Wait for some minutes before retrying.',
  });
  assert.ok(Number(last.headers.get('retry-after')) > 0);
  await logEntry(server, user, 'gd_otp_rate_limit_exceed');
  await server.advanceClock(361_000);
  assert.equal((await api.otp(mfaToken, totp(seed, server.now()))).body.error, 'expired_token');
  assert.equal((await api.otp(await api.mfaToken(user), totp(seed, server.now()))).status, 200);
});

test('the tries are the user’s, over all tokens and factors', async () => {
  const user = await flaggedUser(server);
  const { seed } = await api.enrollOtp(user);
  const tokens = await Promise.all(Array.from({ length: 5 }, () => api.mfaToken(user)));
  for (const token of tokens) await api.otp(token, wrongCode(seed, server.now()));
  for (const token of tokens.slice(1)) await api.recovery(token, 'AAAAAAAAAAAAAAAAAAAAAAAA');
  const last = await api.otp(tokens[0], wrongCode(seed, server.now()));
  assert.equal(last.status, 429);
});

test('an enrolled user adds no factor by an mfa_token, and removes none', async () => {
  const user = await flaggedUser(server);
  await api.enrollOtp(user);
  const mfaToken = await api.mfaToken(user);
  const more = await api.associateSms(mfaToken, newNumber());
  assert.deepEqual([more.status, more.body], [
    403,
    { error: 'access_denied', error_description: 'User is already enrolled.' },
  ]);
  const [{ id }] = (await api.list(mfaToken)).body;
  assert.equal((await api.remove(mfaToken, id)).status, 403);
});

test('a token for the MFA API takes a fresh second factor, lives 600 seconds, and says what it may', async () => {
  const user = await server.user(); // no rule asks of them
  const direct = await api.password(user, { audience: mfaAudience(), scope: `${ALL_SCOPES} read:users` });
  assert.equal(direct.status, 200);
  assert.equal(direct.body.expires_in, 600);
  const claims = claimsOf(direct.body.access_token);
  assert.equal(claims.aud, mfaAudience());
  assert.equal(claims.scope, ALL_SCOPES);
  assert.equal(claims.exp - claims.iat, 600);

  const { body } = await api.associateOtp(direct.body.access_token);
  const confirmed = await api.otp(direct.body.access_token, totp(body.secret, server.now()));
  assert.equal(confirmed.status, 200, JSON.stringify(confirmed.body));
  assert.equal(claimsOf(confirmed.body.access_token).aud, mfaAudience());
  await server.advanceClock(30_000);

  const asked = await api.password(user, { audience: mfaAudience(), scope: ALL_SCOPES });
  assert.equal(asked.body.error, 'mfa_required');
  assert.equal((await api.password(user)).status, 200, 'other audiences do not');
  await server.advanceClock(600_000);
  const late = await api.list(direct.body.access_token);
  assert.deepEqual([late.status, late.body.error], [401, 'expired_token']);
});

test('a login by the pages for the MFA API asks for the factor too, where there is one', async () => {
  const parameters = { audience: mfaAudience(), scope: `openid ${ALL_SCOPES}` };
  const user = await server.user(); // no rule asks of them
  const before = await logIn(server, client, user, { parameters });
  const { access_token: token } = await before.login.tokens(before.page);
  assert.equal(claimsOf(token).scope, `openid ${ALL_SCOPES}`);
  const { body } = await api.associateOtp(token);
  assert.equal((await api.otp(token, totp(body.secret, server.now()))).status, 200);
  await server.advanceClock(30_000);

  const { login, page } = await logIn(server, client, user, { parameters });
  assert.equal(page.path, '/u/mfa-otp-challenge');
  assert.equal(page.html.querySelector('[name=rememberBrowser]'), null, 'no browser is remembered for it');
  const tokens = await login.tokens(await page.submit({ code: totp(body.secret, server.now()) }));
  assert.equal((await api.list(tokens.access_token)).status, 200);
  const other = await logIn(server, client, user);
  assert.ok((await other.login.tokens(other.page)).access_token, 'other audiences do not ask');
});

test('by a token for the MFA API a user adds a second factor, lists both, and removes one', async () => {
  const user = await flaggedUser(server);
  const { seed } = await api.enrollOtp(user);
  const token = await mfaAccessToken(user, seed);
  const number = newNumber();
  const { body: phone } = await api.associateSms(token, number);
  assert.equal(phone.recovery_codes, undefined, 'the recovery code came with the first');
  assert.equal((await api.oob(token, phone.oob_code, await server.smsCode(number))).status, 200);
  const { body: list } = await api.list(token);
  assert.deepEqual(
    list.map(({ type, active }) => [type, active]),
    [
      ['otp', true],
      ['recovery-code', true],
      ['phone', true],
    ],
  );
  assert.equal((await api.remove(token, list[0].id)).status, 204);
  assert.equal((await api.remove(token, list[0].id)).status, 404);
  await logEntry(server, user, 'gd_unenroll');
  assert.deepEqual((await api.list(token)).body.map(({ type }) => type), ['recovery-code', 'phone']);
  assert.equal((await api.remove(token, phone.id)).status, 204);
  assert.deepEqual((await api.list(token)).body, [], 'the last factor takes the recovery code along');
});

test('scopes of an MFA API token bind, and nobody removes what is another’s', async () => {
  const user = await flaggedUser(server);
  const { seed } = await api.enrollOtp(user);
  const reader = await mfaAccessToken(user, seed, 'read:authenticators');
  const { body: list } = await api.list(reader);
  assert.equal((await api.remove(reader, list[0].id)).status, 403);
  const enroll = await api.associateOtp(reader);
  assert.deepEqual([enroll.status, enroll.body.error], [403, 'insufficient_scope']);
  const stranger = await server.user();
  const theirs = await mfaAccessToken(stranger);
  assert.equal((await api.remove(theirs, list[0].id)).status, 404);
});

test('tokens for other audiences open nothing here', async () => {
  const user = await server.user();
  const { body } = await api.password(user, { scope: 'openid' });
  assert.equal((await api.list(body.access_token)).status, 403);
  const management = await server.managementToken();
  assert.deepEqual((await api.list(management)).body.error, 'invalid_grant');
  const machine = await server.postForm('oauth/token', {
    grant_type: 'client_credentials',
    client_id: server.management.client_id,
    client_secret: server.management.client_secret,
    audience: mfaAudience(),
  });
  assert.equal(machine.status, 403);
});

test('what cannot be associated is told apart', async () => {
  const user = await flaggedUser(server);
  const mfaToken = await api.mfaToken(user);
  const cases = [
    [{}, 'invalid_request', 'Missing required parameter: authenticator_types'],
    [{ authenticator_types: ['oob'] }, 'invalid_request', 'Missing required parameter: oob_channels'],
    [
      { authenticator_types: ['oob'], oob_channels: ['sms'] },
      'invalid_request',
      'Missing required parameter: phone_number',
    ],
    [{ authenticator_types: ['webauthn'] }, 'unsupported_challenge_type', null],
    [{ authenticator_types: ['oob'], oob_channels: ['email'] }, 'unsupported_challenge_type', null],
    [{ authenticator_types: ['otp'], client_id: 'another' }, 'invalid_request', 'mfa_token not issued to this client'],
  ];
  for (const [values, error, description] of cases) {
    const { status, body } = await api.associate(mfaToken, values);
    assert.deepEqual([status, body.error], [400, error]);
    if (description) assert.equal(body.error_description, description);
  }
  const number = await api.associateSms(mfaToken, '555-0100');
  assert.deepEqual([number.status, number.body.error], [400, 'invalid_request']);
  await enableFactors(server, 'otp', 'recovery-code');
  const disabled = await api.associateSms(mfaToken, newNumber());
  await enableFactors(server, 'otp', 'sms', 'recovery-code');
  assert.deepEqual([disabled.status, disabled.body.error], [400, 'unsupported_challenge_type']);
});

test('an association that was begun anew takes the place of the one before', async () => {
  const user = await flaggedUser(server);
  const mfaToken = await api.mfaToken(user);
  const first = await api.associateOtp(mfaToken);
  const second = await api.associateOtp(mfaToken);
  assert.deepEqual(second.body.recovery_codes, first.body.recovery_codes);
  assert.equal((await api.otp(mfaToken, totp(first.body.secret, server.now()))).status, 403);
  assert.equal((await api.otp(mfaToken, totp(second.body.secret, server.now()))).status, 200);
  const next = await api.mfaToken(user);
  assert.equal((await api.recovery(next, first.body.recovery_codes[0])).status, 200);
});

test('rules run before the challenge, not again after it; what they added is in the tokens', async () => {
  const rule = await server.apiOk('POST', 'rules', {
    name: 'counts its runs',
    script: `function (user, context, callback) {
      context.idToken['https://app.test/protocol'] = context.protocol;
      callback(null, user, context);
    }`,
  });
  const user = await flaggedUser(server);
  const { tokens } = await api.enrollOtp(user);
  await server.apiOk('DELETE', `rules/${rule.id}`);
  assert.equal(claimsOf(tokens.id_token)['https://app.test/protocol'], 'oauth2-password');
});

test('a user who is blocked between the factors goes no further', async () => {
  const user = await flaggedUser(server);
  const { seed } = await api.enrollOtp(user);
  const mfaToken = await api.mfaToken(user);
  await server.apiOk('PATCH', `users/${user.user_id}`, { blocked: true });
  const { status, body } = await api.otp(mfaToken, totp(seed, server.now()));
  assert.deepEqual([status, body.error], [401, 'unauthorized']);
});

test('a deleted user’s mfa_token is gone with them', async () => {
  const user = await flaggedUser(server);
  const mfaToken = await api.mfaToken(user);
  await server.apiOk('DELETE', `users/${user.user_id}`);
  assert.equal((await api.list(mfaToken)).body.error_description, 'Malformed mfa_token');
});

test('what was enrolled and spent survives kill -9', async () => {
  const user = await flaggedUser(server);
  const mfaToken = await api.mfaToken(user);
  const { body } = await api.associateOtp(mfaToken);
  const code = totp(body.secret, server.now());
  assert.equal((await api.otp(mfaToken, code)).status, 200);
  const waiting = await api.mfaToken(user);
  const offset = server.clockOffset;
  await server.kill();
  await server.start();
  server.clockOffset = 0;
  if (offset > 0) await server.advanceClock(offset);
  assert.equal((await api.otp(mfaToken, code)).body.error, 'expired_token');
  assert.equal((await api.otp(waiting, code)).body.error, 'invalid_grant', 'the code was used');
  await server.advanceClock(30_000);
  assert.equal((await api.otp(waiting, totp(body.secret, server.now()))).status, 200);
});

test('an application that may not use a grant, or does not prove itself, gets nothing', async () => {
  const user = await flaggedUser(server);
  const { seed } = await api.enrollOtp(user);
  const only = new MfaApi(server, await passwordClient(server, { grant_types: ['password'] }));
  const token = await only.mfaToken(user);
  const refused = await only.otp(token, totp(seed, server.now()));
  assert.deepEqual([refused.status, refused.body], [
    403,
    { error: 'unauthorized_client', error_description: `Grant type '${GRANT.otp}' not allowed for the client.` },
  ]);
  const unproved = await server.postJson('mfa/challenge', { client_id: client.client_id, mfa_token: token });
  assert.equal(unproved.status, 401);
});

test('discovery names the challenge endpoint; browsers of the application may call it', async () => {
  const response = await server.fetch('.well-known/openid-configuration');
  const discovery = await response.json();
  assert.equal(discovery.mfa_challenge_endpoint, `${server.issuer}mfa/challenge`);
  const preflight = await server.fetch('mfa/authenticators/x', {
    method: 'OPTIONS',
    headers: { origin: 'https://app.test', 'access-control-request-method': 'DELETE' },
  });
  assert.match(preflight.headers.get('access-control-allow-methods'), /DELETE/);
});
