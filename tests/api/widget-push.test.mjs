// Push by auth0-guardian-js, with a phone that speaks the Guardian protocol: guardian.md B3, B4, C4-2.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Device } from '../harness/device.mjs';
import { askFlaggedUsers, flaggedUser, logIn } from '../harness/mfa.mjs';
import { startServer } from '../harness/server.mjs';
import { done, givenTo, setOwnPage, socketClient, startWidget, until } from '../harness/widget.mjs';

let server, client;

before(async () => {
  server = await startServer();
  client = await server.webClient();
  await askFlaggedUsers(server);
  for (const name of ['push-notification', 'otp', 'recovery-code'])
    await server.apiOk('PUT', `guardian/factors/${name}`, { enabled: true });
  await setOwnPage(server);
});

after(() => server?.stop());

async function atOwnPage(user, options = {}) {
  const { login, page } = await logIn(server, client, user);
  assert.equal(page.path, '/u/mfa-widget');
  const { transaction } = await startWidget(server, { requestToken: givenTo(page).requestToken, ...options });
  return { login, page, transaction };
}

/** The phone that scans the page's QR code. */
async function scan(transaction, options = {}) {
  const enrollment = await done((callback) => transaction.enroll('push', {}, callback));
  return Device.of(enrollment.getUri(), options);
}

const answerOf = (phone, push, accepted, options) =>
  phone.answer(push, accepted, { now: server.now(), ...options });

async function userWithPhone() {
  const user = await flaggedUser(server);
  const { ticket_id } = await server.apiOk('POST', 'guardian/enrollments/ticket', { user_id: user.user_id });
  const phone = await new Device({ base: `${server.issuer}appliance-mfa`, ticket: ticket_id, type: 'ec' }).enroll();
  return { user, phone };
}

const requestPush = (transaction, enrollment = transaction.getEnrollments()[0]) =>
  done((callback) => transaction.requestAuth(enrollment, { method: 'push' }, callback));

test('a login enrols a phone, asks it, and goes on; the recovery code that the page shows counts', async () => {
  const user = await flaggedUser(server);
  // By the socket: polling tells no enrolment that is there before its first reply.
  const socket = socketClient(server);
  const { login, page, transaction } = await atOwnPage(user, { mechanism: 'socket', dependencies: { socketClient: socket } });
  assert.equal(transaction.isEnrolled(), false);
  assert.deepEqual(transaction.getAvailableEnrollmentMethods(), ['push', 'otp']);
  const complete = until(transaction, 'enrollment-complete');
  const phone = await (await scan(transaction)).enroll();
  assert.equal(phone.account.recovery_code, undefined, 'the page shows it');
  const { recoveryCode, enrollment } = await complete;
  assert.match(recoveryCode, /^[A-Z0-9]{24}$/);
  assert.deepEqual(enrollment.getAvailableMethods(), ['push', 'otp']);

  // Enrolling a phone passes no login: the page asks the phone in the same transaction.
  const response = until(transaction, 'auth-response');
  await requestPush(transaction, enrollment);
  await answerOf(phone, await phone.push(server), true);
  const { accepted, signature } = await response;
  assert.equal(accepted, true);
  const tokens = await login.tokens(await page.submit({ signature }));
  assert.equal(typeof tokens.id_token, 'string');
  socket.socket.disconnect();

  const next = await atOwnPage(user);
  const recovered = until(next.transaction, 'auth-response');
  await done((callback) => next.transaction.recover({ recoveryCode }, callback));
  assert.equal((await recovered).accepted, true);
});

test('a phone of our own is not asked for a number that the operator’s page cannot show', async () => {
  const { user, phone } = await userWithPhone();
  const { login, page, transaction } = await atOwnPage(user);
  const response = until(transaction, 'auth-response');
  await requestPush(transaction);
  const push = await phone.push(server);
  assert.ok(!push.nm);
  await answerOf(phone, push, true);
  const { accepted, signature } = await response;
  assert.equal(accepted, true);
  assert.equal(typeof (await login.tokens(await page.submit({ signature }))).id_token, 'string');
});

test('a refusal is told for four seconds, and a new question may follow', async () => {
  const { user, phone } = await userWithPhone();
  const { transaction } = await atOwnPage(user);
  const state = async () => {
    const { status, body } = await server.postJson('appliance-mfa/api/transaction-state', undefined, {
      authorization: `Bearer ${transaction.transactionToken.getToken()}`,
    });
    assert.equal(status, 200, JSON.stringify(body));
    return body.state;
  };
  await requestPush(transaction);
  assert.equal(await state(), 'pending');
  await answerOf(phone, await phone.push(server), false, { reason: 'mistake' });
  assert.equal(await state(), 'rejected');
  assert.equal(await state(), 'rejected');
  await server.advanceClock(4001);
  assert.equal(await state(), 'pending');
  await requestPush(transaction);
  await answerOf(phone, await phone.push(server), true);
  assert.equal(await state(), 'accepted');
  assert.equal(await state(), 'accepted');
});

test('by the socket the page hears of refusal and approval at once', async () => {
  const { user, phone } = await userWithPhone();
  const socket = socketClient(server);
  const { transaction } = await atOwnPage(user, { mechanism: 'socket', dependencies: { socketClient: socket } });
  const refused = until(transaction, 'auth-response');
  await requestPush(transaction);
  await answerOf(phone, await phone.push(server), false);
  assert.equal((await refused).accepted, false);
  const response = until(transaction, 'auth-response');
  await requestPush(transaction);
  await answerOf(phone, await phone.push(server), true);
  assert.equal((await response).accepted, true);
  socket.socket.disconnect();
});
