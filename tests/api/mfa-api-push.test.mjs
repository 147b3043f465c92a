// Push by the MFA API, and logins that an application begins by itself (CIBA), with a phone that speaks Guardian's protocol.

import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { AuthClient } from '@auth0/auth0-auth-js';
import { Device, signJwt } from '../harness/device.mjs';
import { askFlaggedUsers, flaggedUser } from '../harness/mfa.mjs';
import {
  addPhone,
  answerPush,
  claimsOf,
  GRANT,
  logEntry,
  MfaApi,
  passwordClient,
} from '../harness/mfa_api.mjs';
import { startServer } from '../harness/server.mjs';

const CIBA = 'urn:openid:params:grant-type:ciba';
let server, client, api;

before(async () => {
  server = await startServer();
  client = await passwordClient(server, { grant_types: ['password', ...Object.values(GRANT), CIBA] });
  api = new MfaApi(server, client);
  await askFlaggedUsers(server);
  for (const name of ['push-notification', 'recovery-code'])
    await server.apiOk('PUT', `guardian/factors/${name}`, { enabled: true });
});

after(() => server?.stop());

const PENDING = {
  error: 'authorization_pending',
  error_description: 'Authorization pending: please repeat the request in a few seconds.',
};

const associatePush = (token) => api.associate(token, { authenticator_types: ['oob'], oob_channels: ['auth0'] });

/** A user who has a phone, enrolled as an application does; `make` is Device.of, or ownOf for our own app. */
async function userWithPhone(make = Device.of) {
  const user = await flaggedUser(server);
  const mfaToken = await api.mfaToken(user);
  const { body } = await associatePush(mfaToken);
  const phone = await make(body.barcode_uri).enroll();
  assert.equal((await api.oob(mfaToken, body.oob_code)).status, 200);
  return { user, phone, id: phone.account.id };
}

const allow = async (phone) => phone.answer(await phone.push(server), true, { now: server.now() });
const deny = async (phone) => phone.answer(await phone.push(server), false, { now: server.now() });

test('a phone is enrolled by its QR code; who polls gets the tokens, once', async () => {
  const user = await flaggedUser(server);
  const { body: required } = await api.password(user);
  assert.deepEqual(required.mfa_requirements, { enroll: [{ type: 'push-notification' }] });
  const mfaToken = required.mfa_token;
  const { status, body } = await associatePush(mfaToken);
  assert.equal(status, 200, JSON.stringify(body));
  assert.deepEqual(Object.keys(body), [
    'authenticator_type',
    'barcode_uri',
    'oob_channel',
    'oob_code',
    'recovery_codes',
    'id',
  ]);
  assert.deepEqual([body.authenticator_type, body.oob_channel], ['oob', 'auth0']);
  const uri = new URL(body.barcode_uri);
  assert.match(uri.searchParams.get('enrollment_tx_id'), /^\w{32}$/);
  assert.equal(uri.searchParams.get('base_url'), `${server.issuer}appliance-mfa`);

  const early = await api.oob(mfaToken, body.oob_code);
  assert.deepEqual([early.status, early.body], [400, PENDING]);
  const phone = await Device.of(body.barcode_uri).enroll();
  assert.equal(phone.account.recovery_code, undefined, 'the application shows it');
  const answers = await Promise.all(Array.from({ length: 4 }, () => api.oob(mfaToken, body.oob_code)));
  const winners = answers.filter((answer) => answer.status === 200);
  assert.equal(winners.length, 1);
  assert.deepEqual(claimsOf(winners[0].body.id_token).amr, ['mfa']);
  const next = await api.mfaToken(user);
  assert.equal((await api.recovery(next, body.recovery_codes[0])).status, 200, 'the code that was shown counts');
});

test('a phone is asked, approves, and the poll that sees it gets the tokens', async () => {
  const { user, phone, id } = await userWithPhone(Device.ownOf);
  const mfaToken = await api.mfaToken(user);
  assert.deepEqual((await api.list(mfaToken)).body[0], {
    id: `push|${id}`,
    authenticator_type: 'oob',
    active: true,
    oob_channel: 'auth0',
    name: "Ada's phone",
    type: 'push-notification',
  });
  const { status, body } = await api.challenge(mfaToken, { challenge_type: 'oob', authenticator_id: `push|${id}` });
  assert.equal(status, 200, JSON.stringify(body));
  assert.deepEqual(Object.keys(body), ['challenge_type', 'oob_code'], 'nothing is typed in');
  const [question] = await phone.pending();
  assert.equal(question.dai, id);
  assert.equal(question.nm, false, 'the application has no page to show a number on');
  assert.deepEqual((await api.oob(mfaToken, body.oob_code)).body, PENDING);
  await phone.answer(question, true);
  const answers = await Promise.all(Array.from({ length: 4 }, () => api.oob(mfaToken, body.oob_code)));
  assert.equal(answers.filter((answer) => answer.status === 200).length, 1);
  await logEntry(server, user, 'gd_auth_succeed');
  await logEntry(server, user, 'seoobft');
});

test('a phone that says no, and one that says nothing', async () => {
  const { user, phone } = await userWithPhone();
  const mfaToken = await api.mfaToken(user);
  const first = await api.challenge(mfaToken);
  await deny(phone);
  const rejected = await api.oob(mfaToken, first.body.oob_code);
  assert.deepEqual([rejected.status, rejected.body], [
    400,
    { error: 'access_denied', error_description: 'MFA Authorization rejected.' },
  ]);
  const second = await api.challenge(mfaToken);
  await server.advanceClock(301_000);
  const expired = await api.oob(mfaToken, second.body.oob_code);
  assert.deepEqual([expired.status, expired.body.error], [401, 'expired_token']);
});

test('one user’s approval opens nobody else’s login, nor another one of theirs', async () => {
  const { user, phone } = await userWithPhone();
  const mine = await api.mfaToken(user);
  const attackers = await api.mfaToken(user);
  const { body } = await api.challenge(mine);
  await allow(phone);
  const { body: other } = await api.challenge(attackers);
  assert.deepEqual((await api.oob(attackers, other.oob_code)).body, PENDING);
  assert.equal((await api.oob(attackers, body.oob_code)).body.error, 'invalid_request');
  assert.equal((await api.oob(mine, body.oob_code)).status, 200);
});

const ask = (user, form = {}) =>
  server.postForm('bc-authorize', {
    ...api.proof,
    login_hint: JSON.stringify({ format: 'iss_sub', iss: server.issuer, sub: user.user_id }),
    binding_message: 'Pay 5 EUR',
    scope: 'openid email',
    ...form,
  });
/** What the phone shows of it: a rich consent (guardian A7). */
async function consentOf(phone, push) {
  const url = `${server.issuer}rich-consents/${push.txlnkid}`;
  const proof = signJwt(
    phone.key,
    {
      htu: url,
      htm: 'GET',
      ath: createHash('sha256').update(push.txtkn).digest('base64url'),
      jti: randomUUID(),
      iat: Math.floor(server.now() / 1000),
    },
    { typ: 'dpop+jwt', jwk: phone.key.jwk },
  );
  const response = await fetch(url, { headers: { authorization: `MFA-DPoP ${push.txtkn}`, 'mfa-dpop': proof } });
  assert.equal(response.status, 200);
  return response.json();
}
const poll = (auth_req_id) => api.token({ grant_type: CIBA, auth_req_id });

test('CIBA: the phone shows what it is about, and the approval becomes tokens, once', async () => {
  const { user, phone } = await userWithPhone();
  const { status, body } = await ask(user, {
    requested_expiry: '120',
    authorization_details: JSON.stringify([{ type: 'payment', amount: 5 }]),
  });
  assert.equal(status, 200, JSON.stringify(body));
  assert.deepEqual(Object.keys(body), ['auth_req_id', 'expires_in', 'interval']);
  assert.deepEqual([body.expires_in, body.interval], [120, 5]);
  const push = await phone.push(server);
  const { requested_details: consent } = await consentOf(phone, push);
  assert.equal(consent.binding_message, 'Pay 5 EUR');
  assert.deepEqual(consent.scope, ['openid', 'email']);
  assert.deepEqual(consent.authorization_details, [{ type: 'payment', amount: 5 }]);

  const pending = await poll(body.auth_req_id);
  assert.deepEqual([pending.status, pending.body], [
    400,
    { error: 'authorization_pending', error_description: 'The end-user authorization is pending' },
  ]);
  const hasty = await poll(body.auth_req_id);
  assert.deepEqual([hasty.status, hasty.body], [
    400,
    {
      error: 'slow_down',
      error_description: 'You are polling faster than allowed. Try again in 10 seconds.',
      interval: 10,
    },
  ]);
  assert.equal(hasty.headers.get('retry-after'), '10');
  await phone.answer(push, true, { now: server.now() });
  await server.advanceClock(10_000);
  const { status: done, body: tokens } = await poll(body.auth_req_id);
  assert.equal(done, 200, JSON.stringify(tokens));
  assert.equal(claimsOf(tokens.id_token).sub, user.user_id);
  assert.equal(claimsOf(tokens.id_token).email, user.email);
  await server.advanceClock(10_000);
  assert.equal((await poll(body.auth_req_id)).body.error, 'invalid_grant');
  await logEntry(server, user, 'ciba_start_succeeded');
  await logEntry(server, user, 'ciba_exchange_succeeded');
});

test('CIBA: denied, expired, and another application’s', async () => {
  const denied = {
    error: 'access_denied',
    error_description: 'The end-user denied the authorization request or it has been expired',
  };
  const { user, phone } = await userWithPhone();
  const first = await ask(user);
  const other = new MfaApi(server, await passwordClient(server, { grant_types: [CIBA] }));
  const foreign = await other.token({ grant_type: CIBA, auth_req_id: first.body.auth_req_id });
  assert.equal(foreign.body.error, 'invalid_grant');
  await deny(phone);
  assert.deepEqual((await poll(first.body.auth_req_id)).body, denied);
  const second = await ask(user, { requested_expiry: '10' });
  await server.advanceClock(11_000);
  await allow(phone);
  assert.deepEqual((await poll(second.body.auth_req_id)).body, denied);
  assert.equal((await api.list(second.body.auth_req_id)).status, 403, 'it is no mfa_token');
});

test('CIBA: what cannot be asked', async () => {
  const { user, phone } = await userWithPhone();
  const hint = (value) => ({ login_hint: JSON.stringify(value) });
  const unknown = 'User ID is malformed or unknown';
  const cases = [
    [{ scope: 'email' }, 'invalid_request', 'openid scope must be requested'],
    [{ login_hint: 'ada@example.test' }, 'unknown_user_id', unknown],
    [hint({ format: 'iss_sub', iss: 'https://other.test/', sub: user.user_id }), 'unknown_user_id', unknown],
    [hint({ format: 'iss_sub', iss: server.issuer, sub: 'auth0|nobody' }), 'unknown_user_id', unknown],
    [{ binding_message: '' }, 'invalid_request', 'Missing required parameter: binding_message'],
    [{ binding_message: 'x'.repeat(65) }, 'invalid_binding_message'],
    [{ binding_message: '<b>pay</b>' }, 'invalid_binding_message'],
    [{ requested_expiry: '301' }, 'invalid_request'],
    [{ requested_expiry: '0' }, 'invalid_request'],
    [{ requested_expiry: 'soon' }, 'invalid_request'],
    [{ authorization_details: '[{"amount":5}]' }, 'invalid_authorization_details'],
    [{ authorization_details: 'no' }, 'invalid_authorization_details'],
  ];
  for (const [form, error, description] of cases) {
    const { status, body } = await ask(user, form);
    assert.deepEqual([status, body.error], [400, error], JSON.stringify(form));
    if (description) assert.equal(body.error_description, description);
  }
  const without = await ask(await server.user());
  assert.deepEqual([without.status, without.body.error], [400, 'invalid_request']);
  const refused = await ask(user, { client_secret: 'wrong' });
  assert.equal(refused.status, 401);
  const plain = new MfaApi(server, await passwordClient(server));
  const disallowed = await server.postForm('bc-authorize', { ...plain.proof, scope: 'openid' });
  assert.deepEqual([disallowed.status, disallowed.body.error], [403, 'unauthorized_client']);
  assert.deepEqual(await phone.pending(), [], 'no phone rang');
});

test('discovery says how CIBA is served', async () => {
  const discovery = await (await server.fetch('.well-known/openid-configuration')).json();
  assert.equal(discovery.backchannel_authentication_endpoint, `${server.issuer}bc-authorize`);
  assert.deepEqual(discovery.backchannel_token_delivery_modes_supported, ['poll']);
});

test('a phone’s one-time codes are a factor of their own name, and go with it', async () => {
  await server.apiOk('PUT', 'guardian/factors/otp', { enabled: true });
  const { user, phone, id } = await userWithPhone();
  const mfaToken = await api.mfaToken(user);
  const { body: list } = await api.list(mfaToken);
  assert.deepEqual(list.map((entry) => [entry.id.replace(id, ''), entry.type]).slice(0, 2), [
    ['push|', 'push-notification'],
    ['totp|', 'otp'],
  ]);
  for (const form of [{ challenge_type: 'otp' }, { authenticator_id: `totp|${id}` }])
    assert.deepEqual((await api.challenge(mfaToken, form)).body, { challenge_type: 'otp' });
  assert.deepEqual(await phone.pending(), [], 'who types a code is not asked');
  assert.equal((await api.otp(mfaToken, phone.code(server.now()))).status, 200);
  await server.apiOk('PUT', 'guardian/factors/otp', { enabled: false });
});

test('with the limits on, phones are asked five times a minute, and polls are slowed down', async () => {
  const limited = await startServer({ rateLimits: true });
  try {
    const app = new MfaApi(
      limited,
      await passwordClient(limited, { grant_types: ['password', ...Object.values(GRANT), CIBA] }),
    );
    await askFlaggedUsers(limited);
    await limited.apiOk('PUT', 'guardian/factors/push-notification', { enabled: true });
    const user = await flaggedUser(limited);
    await addPhone(limited, user);
    const mfaToken = await app.mfaToken(user);
    const { body } = await app.challenge(mfaToken);
    let last;
    for (let i = 0; i <= 12; i++) last = await app.oob(mfaToken, body.oob_code);
    assert.deepEqual([last.status, last.body.error], [429, 'slow_down']);
    assert.ok(Number(last.headers.get('retry-after')) > 0);
    for (let i = 2; i <= 5; i++) assert.equal((await app.challenge(mfaToken)).status, 200, `push ${i}`);
    assert.equal((await app.challenge(mfaToken)).status, 429);
    const form = {
      ...app.proof,
      login_hint: JSON.stringify({ format: 'iss_sub', iss: limited.issuer, sub: user.user_id }),
      binding_message: 'Pay',
      scope: 'openid',
    };
    assert.equal((await limited.postForm('bc-authorize', form)).status, 429, 'CIBA is no way around it');
  } finally {
    await limited.stop();
  }
});

test('Auth0’s own SDK begins a login and waits for it', async () => {
  const secure = await startServer({ dev: false });
  try {
    const listener = (url) => String(url).replace(secure.issuer, `http://${secure.listen}/`);
    secure.url = (path) => listener(new URL(path, secure.issuer));
    const app = await passwordClient(secure, { grant_types: [CIBA] });
    await secure.apiOk('PUT', 'guardian/factors/push-notification', { enabled: true });
    const user = await secure.user();
    await addPhone(secure, user);
    const auth = new AuthClient({
      domain: secure.host,
      clientId: app.client_id,
      clientSecret: app.client_secret,
      customFetch: (url, init) => fetch(listener(url), init),
    });
    const { authReqId } = await auth.initiateBackchannelAuthentication({
      loginHint: { sub: user.user_id },
      bindingMessage: 'Pay 5 EUR',
    });
    await answerPush(secure, user, 'accepted');
    const tokens = await auth.backchannelAuthenticationGrant({ authReqId });
    assert.equal(tokens.claims.sub, user.user_id);
  } finally {
    await secure.stop();
  }
});
