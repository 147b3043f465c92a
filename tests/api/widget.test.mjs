// The browser widget's protocol, spoken by the package that pages in the field use (auth0-guardian-js): guardian.md B.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { enableFactors, newNumber, wrongCode } from '../harness/mfa.mjs';
import { totp } from '../harness/otp.mjs';
import { answer, startServer } from '../harness/server.mjs';
import { attempt, done, startWidget, until } from '../harness/widget.mjs';

let server;

before(async () => {
  server = await startServer();
  await enableFactors(server, 'sms', 'otp', 'recovery-code');
});

after(() => server?.stop());

const ticketFor = async (user, more) =>
  (await server.apiOk('POST', 'guardian/enrollments/ticket', { user_id: user.user_id, ...more })).ticket_id;

const call = async (path, authorization, body, prefix = 'appliance-mfa') =>
  answer(
    await server.fetch(`${prefix}/api/${path}`, {
      method: 'POST',
      headers: {
        ...(authorization ? { authorization } : {}),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
    }),
  );

const startByTicket = async (ticket, prefix) => {
  const { status, body } = await call('start-flow', `Ticket id="${ticket}"`, { state_transport: 'polling' }, prefix);
  assert.equal(status, 200, JSON.stringify(body));
  return body;
};

test('one-time codes are enrolled by a ticket, and the page is told the recovery code', async () => {
  const user = await server.user();
  const { transaction } = await startWidget(server, { ticket: await ticketFor(user) });
  assert.equal(transaction.isEnrolled(), false);
  assert.deepEqual(transaction.getAvailableEnrollmentMethods(), ['otp', 'sms']);
  const enrollment = await done((callback) => transaction.enroll('otp', {}, callback));
  const uri = new URL(enrollment.getUri());
  assert.equal(uri.protocol, 'otpauth:');
  const seed = uri.searchParams.get('secret');

  const wrong = await attempt((callback) => enrollment.confirm({ otpCode: wrongCode(seed, server.now()) }, callback));
  assert.equal(wrong.errorCode, 'invalid_otp');
  assert.equal(wrong.statusCode, 403);

  const complete = until(transaction, 'enrollment-complete');
  await done((callback) => enrollment.confirm({ otpCode: totp(seed, server.now()) }, callback));
  const payload = await complete;
  assert.match(payload.recoveryCode, /^[A-Z0-9]{24}$/);
  assert.equal(payload.enrollment.getAvailableMethods()[0], 'otp');

  const factors = await server.apiOk('GET', `users/${encodeURIComponent(user.user_id)}/authentication-methods`);
  assert.deepEqual(factors.map(({ type }) => type).sort(), ['recovery-code', 'totp']);
});

test('a phone number is enrolled by a ticket', async () => {
  const user = await server.user();
  const { transaction } = await startWidget(server, { ticket: await ticketFor(user) });
  const number = newNumber();
  const bad = await attempt((callback) => transaction.enroll('sms', { phoneNumber: '123' }, callback));
  assert.equal(bad.errorCode, 'invalid_phone_number');
  const enrollment = await done((callback) => transaction.enroll('sms', { phoneNumber: number }, callback));
  const complete = until(transaction, 'enrollment-complete');
  await done(async (callback) => enrollment.confirm({ otpCode: await server.smsCode(number) }, callback));
  assert.equal((await complete).enrollment.getAvailableMethods()[0], 'sms');
});

test('a page that is loaded again shows the same secret, until the ticket is spent', async () => {
  const user = await server.user();
  const ticket = await ticketFor(user);
  const first = await startByTicket(ticket);
  const again = await startByTicket(ticket, 'guardian');
  assert.deepEqual(again.device_account, first.device_account);
  assert.equal(again.enrollment_tx_id, first.enrollment_tx_id);
  assert.match(first.enrollment_tx_id, /^[A-Za-z0-9]{32}$/);
  const token = `Bearer ${first.transaction_token}`;
  assert.deepEqual((await call('transaction-state', token)).body, {
    id: claimsOf(first.transaction_token).txid,
    state: 'pending',
    enrollment: null,
  });
  const code = totp(first.device_account.otp_secret, server.now());
  const verified = await call('verify-otp', token, { type: 'manual_input', code });
  assert.equal(verified.status, 200);
  const { body } = await call('transaction-state', token);
  assert.equal(body.state, 'accepted');
  assert.equal(body.enrollment.status, 'confirmed');
  assert.equal(claimsOf(body.token).enrollment_only, true);
  const spent = await call('start-flow', `Ticket id="${ticket}"`, {});
  assert.equal(spent.status, 401);
  assert.equal(spent.body.errorCode, 'invalid_token');
});

const claimsOf = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());

test('errors have the form that every client of the protocol reads, whatever the origin', async () => {
  const ticket = await ticketFor(await server.user());
  const { transaction_token: token, device_account: device } = await startByTicket(ticket, '');
  const bearer = `Bearer ${token}`;
  const cases = [
    ['start-flow', undefined, {}, 401, 'invalid_token'],
    ['start-flow', 'Ticket id="nonsense"', {}, 401, 'invalid_token'],
    ['start-flow', 'Ticket id=nonsense', {}, 401, 'invalid_token'],
    ['start-flow', `Bearer ${token}`, {}, 401, 'invalid_token'],
    ['start-flow', `Ticket id="${ticket}"`, '{"a":', 400, 'invalid_body'],
    ['start-flow', `Ticket id="${ticket}"`, '[]', 400, 'invalid_body'],
    ['transaction-state', undefined, undefined, 401, 'invalid_bearer_format'],
    ['transaction-state', 'Bearer a.b.c', undefined, 401, 'invalid_token'],
    ['transaction-state', `Bearer ${token}x`, undefined, 401, 'invalid_token'],
    ['verify-otp', bearer, {}, 400, 'invalid_body'],
    ['verify-otp', bearer, { type: 'push_notification', code: '123456' }, 400, 'invalid_body'],
    ['verify-otp', bearer, { type: 'manual_input', code: 'abc' }, 403, 'invalid_otp'],
    ['send-sms', bearer, undefined, 404, 'enrollment_not_found'],
    ['recover-account', bearer, {}, 400, 'invalid_body'],
    ['recover-account', bearer, { recovery_code: 'A'.repeat(24) }, 404, 'enrollment_not_found'],
    [`device-accounts/${device.id}/sms-enroll`, bearer, {}, 400, 'invalid_body'],
    [`device-accounts/${device.id}/sms-enroll`, bearer, { phone_number: '12' }, 400, 'invalid_phone_number'],
    ['device-accounts/dev_other/sms-enroll', bearer, { phone_number: newNumber() }, 404, 'enrollment_not_found'],
  ];
  for (const [path, authorization, sent, status, code] of cases) {
    const got = await call(path, authorization, sent);
    const name = `${path} ${JSON.stringify(sent)}`;
    assert.equal(got.status, status, name);
    assert.equal(got.body.errorCode, code, name);
    assert.equal(got.body.statusCode, status, name);
    for (const member of ['error', 'message', 'description']) assert.equal(typeof got.body[member], 'string', name);
    assert.match(got.headers.get('content-type'), /^application\/json/, name);
    assert.equal(got.headers.get('access-control-allow-origin'), '*', name);
  }
});

test('pages of other origins may ask', async () => {
  for (const prefix of ['appliance-mfa/', 'guardian/', '']) {
    const response = await server.fetch(`${prefix}api/verify-otp`, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://pages.example.test',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type,x-global-tracking-id',
      },
    });
    assert.equal(response.status, 204);
    assert.equal(response.headers.get('access-control-allow-origin'), '*');
    assert.equal(
      response.headers.get('access-control-allow-headers'),
      'authorization, content-type, accept, auth0-client, mfa-dpop, x-global-tracking-id',
    );
    assert.match(response.headers.get('access-control-expose-headers') ?? '', /X-RateLimit-Reset/);
  }
});

test('an expired transaction is 401, so that pages stop asking', async () => {
  const { transaction_token: token } = await startByTicket(await ticketFor(await server.user()));
  await server.advanceClock(601_000);
  const { status, body } = await call('transaction-state', `Bearer ${token}`);
  assert.equal(status, 401);
  assert.equal(body.errorCode, 'transaction_expired');
});

test('an enrolled user is told so, and a ticket that allows one adds another factor', async () => {
  const user = await server.user();
  // A second ticket that allows more outlives the first one's use.
  const more = await ticketFor(user, { allow_multiple_enrollments: true });
  const first = await startByTicket(more);
  assert.equal(
    (await call('verify-otp', `Bearer ${first.transaction_token}`, { type: 'manual_input', code: totp(first.device_account.otp_secret, server.now()) })).status,
    200,
  );
  const second = await startByTicket(await ticketFor(user, { allow_multiple_enrollments: true }));
  assert.equal(typeof second.enrollment_tx_id, 'string');
  const number = newNumber();
  const token = `Bearer ${second.transaction_token}`;
  assert.equal((await call(`device-accounts/${second.device_account.id}/sms-enroll`, token, { phone_number: number })).status, 200);
  // A number, as a page may send it.
  const code = await server.smsCode(number);
  assert.equal((await call('verify-otp', token, { type: 'manual_input', code: Number(code) })).status, 200);
  const { body } = await call('transaction-state', token);
  assert.deepEqual(body.enrollment.available_authenticator_types, ['sms', 'otp', 'recovery-code']);
  assert.match(body.enrollment.phone_number, /^X+\d{4}$/);

  const plain = await startByTicket(await ticketFor(user));
  assert.equal(plain.enrollment_tx_id, undefined);
  assert.equal(plain.device_account.status, 'confirmed');
  assert.deepEqual(plain.available_enrollment_methods, []);
  assert.deepEqual(plain.available_authentication_methods, ['otp', 'sms']);
});
