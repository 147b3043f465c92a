// Phones that speak the Guardian protocol, as apps built with Guardian.swift and Guardian.Android do, and as our own does.
// Logins begin by the MFA API here; what phones are told and may do is the same for pages and the widget.

import assert from 'node:assert/strict';
import { createHash, randomUUID, sign } from 'node:crypto';
import { after, before, test } from 'node:test';
import { Device, newKey, signJwt } from '../harness/device.mjs';
import { askFlaggedUsers, flaggedUser } from '../harness/mfa.mjs';
import { logEntry, MfaApi, passwordClient } from '../harness/mfa_api.mjs';
import { startServer } from '../harness/server.mjs';
import { sql } from '../harness/sql.mjs';

let server, api;

before(async () => {
  server = await startServer();
  api = new MfaApi(server, await passwordClient(server));
  await askFlaggedUsers(server);
  for (const name of ['push-notification', 'otp'])
    await server.apiOk('PUT', `guardian/factors/${name}`, { enabled: true });
});

after(() => server?.stop());

const seconds = () => Math.floor(server.now() / 1000);
const bearer = (device, claims = {}, key) =>
  device.selfSigned({ iat: seconds(), exp: seconds() + 7200, ...claims }, key);

async function association(user) {
  const mfaToken = await api.mfaToken(user);
  const { status, body } = await api.associate(mfaToken, { authenticator_types: ['oob'], oob_channels: ['auth0'] });
  assert.equal(status, 200, JSON.stringify(body));
  return { ...body, mfaToken };
}

/** A user with a confirmed phone. */
async function userWithPhone(options = {}) {
  const user = await flaggedUser(server);
  const { barcode_uri } = await association(user);
  const phone = await Device.of(barcode_uri, options).enroll();
  return { user, phone };
}

/** A login that waits for the phone: what polls, and the push. */
async function ask({ user, phone }) {
  const mfaToken = await api.mfaToken(user);
  const { status, body } = await api.challenge(mfaToken, { challenge_type: 'oob', oob_channel: 'auth0' });
  assert.equal(status, 200, JSON.stringify(body));
  return { push: await phone.push(server), poll: () => api.oob(mfaToken, body.oob_code) };
}

const respond = (device, push, accepted, options = {}) =>
  device.response(push, accepted, { now: server.now(), ...options });

async function refused(promise, status, errorCode) {
  const reply = await promise;
  assert.equal(reply.status, status, JSON.stringify(reply.body));
  assert.deepEqual(Object.keys(reply.body), ['statusCode', 'error', 'message', 'description', 'errorCode']);
  assert.equal(reply.body.statusCode, status);
  assert.equal(reply.body.errorCode, errorCode);
  assert.equal(reply.body.description, reply.body.message);
  return reply;
}

async function stillPending(poll) {
  await server.advanceClock(6000);
  const { status, body } = await poll();
  assert.equal(status, 400, JSON.stringify(body));
  assert.equal(body.error, 'authorization_pending');
}

/* --- enrolling --- */

test('a phone enrols by the QR code, with what both SDKs need in the answer', async () => {
  for (const type of ['rsa', 'ec']) {
    const user = await flaggedUser(server);
    const { barcode_uri, id } = await association(user);
    const uri = new URL(barcode_uri);
    assert.equal(uri.protocol, 'otpauth:');
    assert.equal(uri.hostname, 'totp');
    assert.match(uri.searchParams.get('enrollment_tx_id'), /^[A-Za-z0-9]{32}$/);
    assert.equal(uri.searchParams.get('base_url'), `${server.issuer}appliance-mfa`);

    const phone = Device.of(barcode_uri, { type });
    if (type === 'rsa') assert.equal(Buffer.from(phone.key.jwk.n, 'base64url').length, 257, 'the SDKs send a zero first');
    const { status, headers, body } = await phone.requestEnrollment();
    assert.equal(status, 200, JSON.stringify(body));
    assert.match(headers.get('content-type'), /^application\/json/);
    assert.equal(headers.get('cache-control'), 'no-store');
    assert.match(body.id, /^dev_[A-Za-z0-9]{16}$/);
    assert.equal(`push|${body.id}`, id);
    assert.equal(body.user_id, user.user_id);
    assert.equal(`${body.url}/`, server.issuer);
    assert.equal(typeof body.issuer, 'string');
    assert.match(body.token, /^[\w-]{43}$/);
    assert.deepEqual({ ...body.totp, secret: '' }, { secret: '', algorithm: 'sha1', digits: 6, period: 30 });
    assert.match(body.totp.secret, /^[A-Z2-7]{32}$/);
    await logEntry(server, user, 'gd_enrollment_complete');
  }
});

test('without the factor of one-time codes there is no totp, not even as null', async () => {
  await server.apiOk('PUT', 'guardian/factors/otp', { enabled: false });
  try {
    const { phone } = await userWithPhone();
    assert.ok(!('totp' in phone.account));
  } finally {
    await server.apiOk('PUT', 'guardian/factors/otp', { enabled: true });
  }
});

test('a ticket enrols one phone, also when many bring it at once, and for five minutes', async () => {
  const user = await flaggedUser(server);
  const { barcode_uri } = await association(user);
  const phones = Array.from({ length: 6 }, () => Device.of(barcode_uri, { type: 'ec' }));
  const replies = await Promise.all(phones.map((phone) => phone.requestEnrollment()));
  assert.equal(replies.filter(({ status }) => status === 200).length, 1);
  for (const { status, body } of replies)
    if (status !== 200) {
      assert.equal(status, 401);
      assert.equal(body.errorCode, 'enrollment_transaction_not_found');
    }

  const late = await association(await flaggedUser(server));
  await server.advanceClock(301_000);
  await refused(Device.of(late.barcode_uri).requestEnrollment(), 401, 'enrollment_transaction_not_found');
});

test('what is no ticket, and what is no phone, is told apart', async () => {
  const { barcode_uri } = await association(await flaggedUser(server));
  const phone = Device.of(barcode_uri, { type: 'ec' });
  await refused(phone.requestEnrollment({}, 'x'.repeat(32)), 401, 'enrollment_transaction_not_found');
  await refused(phone.call('POST', 'api/enroll', { body: phone.description }), 401, 'invalid_token');
  await refused(phone.call('POST', 'api/enroll', { authorization: `Ticket id=${phone.ticket}`, body: {} }), 401, 'invalid_token');
  const rsa = newKey().jwk;
  const bad = [
    { identifier: undefined },
    { identifier: 7 },
    { name: 'n'.repeat(257) },
    { push_credentials: undefined },
    { push_credentials: { service: 'ADM', token: 'x' } },
    { push_credentials: { service: 'GCM' } },
    { push_credentials: { service: 'GCM', token: 't'.repeat(4097) } },
    { public_key: undefined },
    { public_key: { kty: 'oct', k: 'c2VjcmV0' } },
    { public_key: { ...rsa, n: Buffer.alloc(128, 0xff).toString('base64url') } }, // 1024 bits
    { public_key: { ...rsa, e: 'AQ' } }, // 1
    { public_key: { ...rsa, e: 'Ag' } }, // even
    { public_key: { ...rsa, d: 'AQAB' } }, // a private key
    { public_key: { ...rsa, alg: 'HS256' } },
    { public_key: { ...phone.key.jwk, y: phone.key.jwk.x } }, // not on the curve
    { public_key: { ...phone.key.jwk, crv: 'P-384' } },
  ];
  for (const more of bad) await refused(phone.requestEnrollment(more), 400, 'invalid_body');
  for (const body of [[], 'text', 7, null])
    await refused(phone.call('POST', 'api/enroll', { authorization: `Ticket id="${phone.ticket}"`, body }), 400, 'invalid_body');
  assert.equal((await phone.requestEnrollment()).status, 200, 'refused bodies spend no ticket');
});

test('a ticket of the Management API enrols a phone that brings it by itself', async () => {
  const user = await flaggedUser(server);
  const { ticket_id } = await server.apiOk('POST', 'guardian/enrollments/ticket', { user_id: user.user_id });
  const phone = await new Device({ base: `${server.issuer}appliance-mfa`, ticket: ticket_id, type: 'ec' }).enroll();
  assert.equal(phone.account.user_id, user.user_id);
  await refused(new Device({ ...phone, account: null, type: 'ec' }).requestEnrollment(), 401, 'enrollment_transaction_not_found');
  const second = await server.apiOk('POST', 'guardian/enrollments/ticket', { user_id: user.user_id });
  await refused(phone.requestEnrollment({}, second.ticket_id), 409, 'enrollment_conflict');
});

test('the API is the same under all prefixes, and open to pages of any origin', async () => {
  for (const prefix of ['appliance-mfa', 'guardian', '']) {
    const { barcode_uri } = await association(await flaggedUser(server));
    const base = `${server.issuer}${prefix}`.replace(/\/$/, '');
    const phone = Device.of(barcode_uri, { type: 'ec' });
    phone.base = base;
    await phone.enroll();
    const preflight = await fetch(`${base}/api/device-accounts/${phone.account.id}`, {
      method: 'OPTIONS',
      headers: { origin: 'https://app.example', 'access-control-request-method': 'PATCH' },
    });
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers.get('access-control-allow-origin'), '*');
    assert.match(preflight.headers.get('access-control-allow-methods'), /PATCH/);
    assert.match(preflight.headers.get('access-control-allow-headers'), /authorization/);
    assert.equal((await phone.onAccount('DELETE', { bearer: bearer(phone) })).status, 204);
  }
});

/* --- device accounts --- */

test('a phone changes its own account, by both kinds of token, a member at a time', async () => {
  const { user, phone } = await userWithPhone({ service: 'APNS', token: 'ab12' });
  for (const credentials of [bearer(phone), phone.account.token]) {
    const { status, body } = await phone.onAccount('PATCH', { bearer: credentials, body: { name: 'Neu' } });
    assert.equal(status, 200, JSON.stringify(body));
    assert.deepEqual(body, {
      id: phone.account.id,
      identifier: phone.identifier,
      name: 'Neu',
      push_credentials: { service: 'APNS', token: 'ab12' },
    });
  }
  const changed = await phone.onAccount('PATCH', {
    bearer: bearer(phone),
    body: { push_credentials: { service: 'FCM', token: 'new:token_1-2' } },
  });
  assert.deepEqual(changed.body.push_credentials, { service: 'GCM', token: 'new:token_1-2' });
  assert.equal((await phone.onAccount('PATCH', { bearer: bearer(phone), body: {} })).status, 200);
  await logEntry(server, user, 'gd_update_device_account');
  await refused(phone.onAccount('PATCH', { bearer: bearer(phone), body: { name: 1 } }), 400, 'invalid_body');
});

test('a phone that removed itself is forgotten, and is told so', async () => {
  const { user, phone } = await userWithPhone({ type: 'ec' });
  assert.equal((await phone.onAccount('DELETE', { bearer: phone.account.token })).status, 204);
  await refused(phone.onAccount('DELETE', { bearer: phone.account.token }), 404, 'enrollment_not_found');
  await logEntry(server, user, 'gd_unenroll');
  assert.deepEqual(await server.apiOk('GET', `users/${encodeURIComponent(user.user_id)}/enrollments`), []);
});

test('nobody speaks for a phone but itself', async () => {
  const { phone } = await userWithPhone({ type: 'ec' });
  const { phone: other } = await userWithPhone({ type: 'ec' });
  const now = seconds();
  const forged = [
    bearer(phone, {}, newKey('ec')), // of another key
    bearer(phone, {}, other.key), // of another phone's key
    bearer(phone, { iss: other.account.id }, phone.key), // for another phone
    bearer(other), // another phone by itself
    other.account.token,
    bearer(phone, { sub: other.account.user_id }),
    bearer(phone, { aud: `${phone.base}/api/resolve-transaction` }),
    bearer(phone, { aud: 'https://elsewhere.example/appliance-mfa/api/device-accounts' }),
    bearer(phone, { iat: now - 7300, exp: now - 61 }),
    bearer(phone, { iat: now + 120, exp: now + 7200 }),
    signJwt({ ...newKey('ec'), type: 'ec' }, { iss: phone.account.id }, { alg: 'none' }),
    `${bearer(phone).split('.').slice(0, 2).join('.')}.`,
    'x'.repeat(43),
    'a.b.c',
  ];
  for (const [i, token] of forged.entries()) {
    const reply = await phone.onAccount('PATCH', { bearer: token, body: { name: 'taken' } });
    assert.equal(reply.status, 401, `forgery ${i}: ${reply.status} ${JSON.stringify(reply.body)}`);
    assert.equal(reply.body.errorCode, 'invalid_token');
  }
  const none = await phone.call('PATCH', `api/device-accounts/${phone.account.id}`, { body: {} });
  assert.equal(none.body.errorCode, 'invalid_bearer_format');
  assert.equal((await phone.onAccount('PATCH', { bearer: bearer(phone), body: {} })).body.name, phone.name);
});

/* --- questions and answers --- */

test('a push says who asks, and an allowed login goes on, once', async () => {
  const login = await userWithPhone();
  const { push, poll } = await ask(login);
  assert.equal(push.dai, login.phone.account.id);
  assert.match(push.d, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.equal(push.sh, server.issuer.replace(/\/$/, ''), 'a port that is not the default needs the whole address');
  assert.ok(push.txtkn.length < 1024);
  assert.equal(JSON.parse(Buffer.from(push.txtkn.split('.')[1], 'base64url')).sub, login.user.user_id);
  await stillPending(poll);
  const answer = respond(login.phone, push, true);
  assert.equal((await login.phone.resolve(push, answer)).status, 204);
  await refused(login.phone.resolve(push, answer), 404, 'login_transaction_not_found');
  await server.advanceClock(6000);
  const { status, body } = await poll();
  assert.equal(status, 200, JSON.stringify(body));
  await logEntry(server, login.user, 'gd_send_pn');
  await logEntry(server, login.user, 'gd_auth_succeed');
});

test('times may be fractions, and slashes escaped, as Guardian.swift writes them', async () => {
  const login = await userWithPhone();
  const { push } = await ask(login);
  const now = server.now() / 1000 + 0.25;
  const claims = { iat: now, exp: now + 30, aud: `${login.phone.base}/api/resolve-transaction` };
  const [header, body] = respond(login.phone, push, true, { claims }).split('.');
  const swift = JSON.stringify(JSON.parse(Buffer.from(body, 'base64url'))).replaceAll('/', '\\/');
  const text = `${header}.${Buffer.from(swift).toString('base64url')}`;
  const jwt = `${text}.${sign('sha256', Buffer.from(text), login.phone.key.secret).toString('base64url')}`;
  assert.equal((await login.phone.resolve(push, jwt)).status, 204);
});

test('a denied login is over, with the reason in the log, and no answer after it counts', async () => {
  const login = await userWithPhone();
  const { push, poll } = await ask(login);
  assert.equal((await login.phone.resolve(push, respond(login.phone, push, false, { reason: 'mistake' }))).status, 204);
  await refused(login.phone.resolve(push, respond(login.phone, push, true)), 404, 'login_transaction_not_found');
  await server.advanceClock(6000);
  const { status, body } = await poll();
  assert.equal(status, 400);
  assert.equal(body.error, 'access_denied');
  const entry = await logEntry(server, login.user, 'gd_auth_rejected');
  assert.match(JSON.stringify(entry), /mistake/);
});

test('reasons of any length and script are taken', async () => {
  const login = await userWithPhone({ type: 'ec' });
  for (const reason of [`${'a'.repeat(199)}é`, '\u{1F600}'.repeat(300), '', '"\\\u0001']) {
    const { push } = await ask(login);
    const { status, body } = await login.phone.resolve(push, respond(login.phone, push, false, { reason }));
    assert.equal(status, 204, JSON.stringify([reason, body]));
  }
});

test('only the asked phone’s own fresh signature answers its question', async () => {
  const login = await userWithPhone();
  const other = await userWithPhone();
  const { push, poll } = await ask(login);
  const { push: foreign } = await ask(other);
  const { phone } = login;
  const now = seconds();
  const own = respond(phone, push, true);
  const [header, claims, signature] = own.split('.');
  const b64url = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const bad = {
    'no JWT': 'yes',
    'no signature': `${header}.${claims}.`,
    'another answer under that signature': `${header}.${b64url({ ...JSON.parse(Buffer.from(claims, 'base64url')), exp: now + 40 })}.${signature}`,
    'alg none': `${b64url({ alg: 'none', typ: 'JWT' })}.${claims}.`,
    'another key': respond(phone, push, true, { key: newKey() }),
    'another phone’s key': respond(phone, push, true, { key: other.phone.key }),
    'another alg': respond(phone, push, true, { header: { alg: 'RS512' } }),
    'a key of the sender’s choice': respond(phone, push, true, { key: newKey('ec'), header: { jwk: newKey('ec').jwk } }),
    'another question': respond(phone, foreign, true),
    'no sub': respond(phone, push, true, { claims: { sub: undefined } }),
    'another aud': respond(phone, push, true, { claims: { aud: 'https://elsewhere.example/api/resolve-transaction' } }),
    'the aud of the account': respond(phone, push, true, { claims: { aud: `${phone.base}/api/device-accounts` } }),
    'no aud': respond(phone, push, true, { claims: { aud: undefined } }),
    'expired': respond(phone, push, true, { claims: { iat: now - 120, exp: now - 61 } }),
    'from the future': respond(phone, push, true, { claims: { iat: now + 90, exp: now + 120 } }),
    'no exp': respond(phone, push, true, { claims: { exp: undefined } }),
    'no iat': respond(phone, push, true, { claims: { iat: undefined } }),
    'another method': respond(phone, push, true, { claims: { auth0_guardian_method: 'sms' } }),
    'neither yes nor no': respond(phone, push, true, { claims: { auth0_guardian_accepted: 'true' } }),
    'nothing': undefined,
  };
  for (const [what, response] of Object.entries(bad)) {
    const { status, body } = await phone.resolve(push, response);
    assert.equal(`${what}: ${status} ${body?.errorCode}`, `${what}: 400 invalid_body`);
  }
  await refused(other.phone.resolve(push, respond(other.phone, push, true)), 400, 'invalid_body');
  for (const token of [phone.account.token, bearer(phone), push.txtkn.slice(0, -2), 'x'])
    await refused(phone.resolve(push, own, token), 401, 'invalid_token');
  await refused(phone.call('POST', 'api/resolve-transaction', { body: {} }), 401, 'invalid_bearer_format');
  await stillPending(poll);
  assert.equal((await phone.resolve(push, respond(phone, push, true))).status, 204, 'the true one still counts');
});

test('the audience is taken in every way that a phone writes this server', async () => {
  const login = await userWithPhone({ type: 'ec' });
  const issuer = server.issuer.replace(/\/$/, '');
  const upper = issuer.replace('http:', 'HTTP:');
  for (const aud of [issuer, `${issuer}/`, `${issuer}/appliance-mfa`, `${issuer}/guardian/api/resolve-transaction`,
    `${issuer}/api/resolve-transaction`, `${upper}/appliance-mfa/api/resolve-transaction`]) {
    const { push } = await ask(login);
    const number = await numberOf(push);
    const { status, body } = await login.phone.resolve(push, respond(login.phone, push, true, { number, claims: { aud } }));
    assert.equal(status, 204, `${aud}: ${JSON.stringify(body)}`);
  }
});

/** The number that the login page would show. */
async function numberOf(push) {
  const { txid } = JSON.parse(Buffer.from(push.txtkn.split('.')[1], 'base64url'));
  return JSON.parse(await sql(server, `SELECT doc FROM push_challenges WHERE id = '${txid}'`)).number;
}

test('of many answers at once the first counts', async () => {
  const login = await userWithPhone({ type: 'ec' });
  const { push, poll } = await ask(login);
  const replies = await Promise.all(
    Array.from({ length: 10 }, (_, i) => login.phone.resolve(push, respond(login.phone, push, i % 2 === 0))),
  );
  const taken = replies.flatMap(({ status }, i) => (status === 204 ? [i] : []));
  assert.equal(taken.length, 1);
  await server.advanceClock(6000);
  const { status } = await poll();
  assert.equal(status, taken[0] % 2 === 0 ? 200 : 400);
});

test('an answer after five minutes is too late', async () => {
  const login = await userWithPhone({ type: 'ec' });
  const { push, poll } = await ask(login);
  await server.advanceClock(301_000);
  await refused(login.phone.resolve(push, respond(login.phone, push, true)), 404, 'login_transaction_not_found');
  assert.equal((await poll()).status, 401);
});

test('a phone that was removed answers nothing', async () => {
  const login = await userWithPhone({ type: 'ec' });
  const { push } = await ask(login);
  await server.apiOk('DELETE', `guardian/enrollments/${login.phone.account.id}`);
  const reply = await login.phone.resolve(push, respond(login.phone, push, true));
  assert.equal(reply.status, 404, JSON.stringify(reply.body));
  assert.match(reply.body.errorCode, /not_found$/);
});

test('the codes of the same enrolment pass a login too, each once', async () => {
  const { user, phone } = await userWithPhone();
  const mfaToken = await api.mfaToken(user);
  const code = phone.code(server.now());
  const { status, body } = await api.otp(mfaToken, code);
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal((await api.otp(await api.mfaToken(user), code)).status, 403);
});

/* --- what a phone may ask --- */

test('a phone without pushes asks what waits, and hears of it', async () => {
  const user = await flaggedUser(server);
  const phone = await Device.ownOf((await association(user)).barcode_uri).enroll();
  const waiting = () => phone.onAccount('GET', { bearer: bearer(phone), more: '/pending' });
  assert.deepEqual((await waiting()).body, []);

  const controller = new AbortController();
  const stream = await fetch(`${phone.base}/api/device-accounts/${phone.account.id}/events`, {
    headers: { authorization: `Bearer ${bearer(phone)}` },
    signal: controller.signal,
  });
  assert.match(stream.headers.get('content-type'), /^text\/event-stream/);
  const mfaToken = await api.mfaToken(user);
  await api.challenge(mfaToken, { challenge_type: 'oob', oob_channel: 'auth0' });
  let heard = '';
  for await (const chunk of stream.body.pipeThrough(new TextDecoderStream())) {
    heard += chunk;
    if (heard.includes('"txtkn"')) break;
  }
  controller.abort();

  const { status, body } = await waiting();
  assert.equal(status, 200);
  assert.equal(body.length, 1);
  assert.ok(heard.includes(body[0].txtkn), 'the stream carries the same');
  assert.equal((await phone.resolve(body[0], respond(phone, body[0], true))).status, 204);
  assert.deepEqual((await waiting()).body, []);
  await refused(phone.onAccount('GET', { bearer: 'x', more: '/pending' }), 401, 'invalid_token');
  await refused(phone.onAccount('GET', { bearer: 'x', more: '/events' }), 401, 'invalid_token');
});

test('consents are for whoever holds the key, and only where there are any', async () => {
  const login = await userWithPhone();
  const { push } = await ask(login);
  assert.ok(!('txlnkid' in push), 'apps hide their buttons until a consent that is named is fetched');
  const id = `cns_${JSON.parse(Buffer.from(push.txtkn.split('.')[1], 'base64url')).txid.slice(4)}`;
  const proof = (claims = {}, key = login.phone.key, shown = key.jwk) =>
    signJwt(
      key,
      {
        htu: `${server.issuer}rich-consents/${id}`,
        htm: 'GET',
        ath: createHash('sha256').update(push.txtkn).digest('base64url'),
        jti: randomUUID(),
        iat: server.now() / 1000,
        ...claims,
      },
      { typ: 'dpop+jwt', jwk: shown },
    );
  const consent = async (text) => {
    const response = await server.fetch(`rich-consents/${id}`, {
      headers: { authorization: `MFA-DPoP ${push.txtkn}`, 'mfa-dpop': text },
    });
    return { status: response.status, body: await response.json() };
  };
  await refused(consent(proof()), 404, 'transaction_not_found');
  const stranger = newKey();
  for (const text of [
    'x',
    proof({}, stranger),
    proof({}, stranger, login.phone.key.jwk),
    proof({ htm: 'POST' }),
    proof({ htu: `${server.issuer}rich-consents/cns_other` }),
    proof({ ath: 'x' }),
    proof({ iat: seconds() - 120 }),
    proof({ jti: undefined }),
  ])
    await refused(consent(text), 401, 'invalid_token');
});

/* --- the Management API --- */

test('phones are enrollments of type pn, authentication methods of type push, and can be removed', async () => {
  const { user, phone } = await userWithPhone({ service: 'APNS' });
  const path = `users/${encodeURIComponent(user.user_id)}`;
  const { id } = phone.account;
  const [enrollment, ...others] = await server.apiOk('GET', `${path}/enrollments`);
  assert.deepEqual(others, []);
  const { enrolled_at, last_auth, ...shown } = enrollment;
  assert.equal(last_auth, enrolled_at);
  assert.deepEqual(shown, {
    id,
    status: 'confirmed',
    type: 'pn',
    name: phone.name,
    identifier: phone.identifier,
    phone_number: null,
    auth_method: 'guardian',
  });
  for (const name of [id, `push|${id}`])
    assert.deepEqual(await server.apiOk('GET', `guardian/enrollments/${encodeURIComponent(name)}`), {
      id,
      status: 'confirmed',
      name: phone.name,
      identifier: phone.identifier,
      enrolled_at,
      last_auth,
    });
  const methods = await server.apiOk('GET', `${path}/authentication-methods`);
  const push = methods.find(({ type }) => type === 'push');
  assert.equal(push.id, `push|${id}`);
  assert.equal(push.name, phone.name);
  assert.equal(push.confirmed, true);
  assert.equal(JSON.stringify(methods).includes(phone.token), false, 'no push token leaves by it');
  await server.apiOk('DELETE', `${path}/authentication-methods/${encodeURIComponent(push.id)}`);
  assert.deepEqual(await server.apiOk('GET', `${path}/enrollments`), []);
  await refused(phone.onAccount('PATCH', { bearer: bearer(phone), body: {} }), 404, 'enrollment_not_found');
});

test('a login that is reported is logged so, and blocks the person where the tenant wants that', async () => {
  const path = 'guardian/factors/push-notification/settings';
  const off = { number_matching_required: false, block_reported: false };
  assert.deepEqual(await server.apiOk('GET', path), off);
  assert.equal((await server.api('PUT', path, { block_reported: 'yes' })).status, 400);
  const report = async () => {
    const login = await userWithPhone({ type: 'ec' });
    const { push } = await ask(login);
    assert.equal((await login.phone.resolve(push, respond(login.phone, push, false, { reason: 'hack' }))).status, 204);
    const { description, details } = await logEntry(server, login.user, 'gd_auth_rejected');
    assert.match(`${description} ${JSON.stringify(details)}`, /reported/);
    return (await server.apiOk('GET', `users/${encodeURIComponent(login.user.user_id)}`)).blocked ?? false;
  };
  assert.equal(await report(), false);
  await server.apiOk('PUT', path, { block_reported: true });
  try {
    assert.equal(await report(), true);
    const denied = await userWithPhone({ type: 'ec' });
    const { push } = await ask(denied);
    await denied.phone.resolve(push, respond(denied.phone, push, false, { reason: 'mistake' }));
    assert.notEqual((await server.apiOk('GET', `users/${encodeURIComponent(denied.user.user_id)}`)).blocked, true);
  } finally {
    await server.apiOk('PUT', path, off);
  }
});
