// The widget's socket transport: socket.io as the package's own client speaks it, and as rude ones do (guardian.md B5).

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { enableFactors, newNumber } from '../harness/mfa.mjs';
import { totp } from '../harness/otp.mjs';
import { answer, startServer } from '../harness/server.mjs';
import { done, io, socketClient, startWidget, until } from '../harness/widget.mjs';

let server;

before(async () => {
  server = await startServer();
  await enableFactors(server, 'sms', 'otp', 'recovery-code');
});

after(() => server?.stop());

const newTicket = async () =>
  (await server.apiOk('POST', 'guardian/enrollments/ticket', { user_id: (await server.user()).user_id })).ticket_id;

const startFlow = async () =>
  (
    await answer(
      await server.fetch('appliance-mfa/api/start-flow', {
        method: 'POST',
        headers: { authorization: `Ticket id="${await newTicket()}"` },
      }),
    )
  ).body;

const claimsOf = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());

const verify = (token, code) =>
  server.postJson('appliance-mfa/api/verify-otp', { type: 'manual_input', code }, { authorization: `Bearer ${token}` });

for (const [name, options] of [
  ['long polls, then a WebSocket', {}],
  ['long polls alone', { transports: ['polling'] }],
  ['a WebSocket alone', { transports: ['websocket'] }],
]) {
  test(`the package hears of its enrollment by ${name}`, async () => {
    const client = socketClient(server, options);
    const { transaction } = await startWidget(server, {
      ticket: await newTicket(),
      mechanism: 'socket',
      dependencies: { socketClient: client },
    });
    if (!options.transports && client.socket.io.engine.transport.name !== 'websocket')
      await new Promise((resolve) => client.socket.io.engine.once('upgrade', resolve));
    const enrollment = await done((callback) => transaction.enroll('otp', {}, callback));
    const seed = new URL(enrollment.getUri()).searchParams.get('secret');
    const complete = until(transaction, 'enrollment-complete');
    const response = until(transaction, 'auth-response');
    await done((callback) => enrollment.confirm({ otpCode: totp(seed, server.now()) }, callback));
    assert.match((await complete).recoveryCode, /^[A-Z0-9]{24}$/);
    const { accepted, signature } = await response;
    assert.equal(accepted, true);
    assert.equal(claimsOf(signature).method, 'otp');
    if (options.transports) assert.equal(client.socket.io.engine.transport.name, options.transports[0]);
    client.socket.disconnect();
  });
}

test('a phone number that is enrolled is told by its method', async () => {
  const { transaction_token: token, device_account: device } = await startFlow();
  const socket = io(server.baseUrl, { path: '/appliance-mfa/socket.io/', forceNew: true });
  const said = (event) => new Promise((resolve) => socket.once(event, resolve));
  socket.on('connect', () => socket.emit('authenticate', { token }));
  await said('authenticated');
  const number = newNumber();
  const confirmed = said('enrollment:confirmed');
  const completed = said('login:complete');
  await server.postJson(
    `appliance-mfa/api/device-accounts/${device.id}/sms-enroll`,
    { phone_number: number },
    { authorization: `Bearer ${token}` },
  );
  const began = performance.now();
  assert.equal((await verify(token, await server.smsCode(number))).status, 200);
  const { tx_id: txid, method, device_account: account } = await confirmed;
  assert.ok(performance.now() - began < 2000);
  assert.equal(method, 'sms');
  assert.equal(txid, claimsOf(token).txid);
  assert.equal(account.status, 'confirmed');
  assert.equal((await completed).tx_id, txid);
  socket.disconnect();
});

test('a token that is not valid is unauthorized, and says why', async () => {
  const socket = io(server.baseUrl, { path: '/guardian/socket.io/', forceNew: true });
  const unauthorized = new Promise((resolve) => socket.once('unauthorized', resolve));
  socket.on('connect', () => socket.emit('authenticate', { token: 'a.b.c' }));
  assert.equal((await unauthorized).code, 'invalid_token');
  socket.emit('authenticate', {});
  const again = await new Promise((resolve) => socket.once('unauthorized', resolve));
  assert.equal(again.code, 'invalid_token');
  socket.disconnect();
});

test('no other namespace is there', async () => {
  const socket = io(`${server.baseUrl}/other`, { path: '/socket.io/', forceNew: true });
  const refused = await new Promise((resolve) => socket.once('connect_error', resolve));
  assert.equal(refused.message, 'Invalid namespace');
  socket.disconnect();
});

// --- rude clients ---

const poll = (query, init) => server.fetch(`appliance-mfa/socket.io/?${query}`, init);
const post = (sid, body) => poll(`EIO=4&transport=polling&sid=${sid}`, { method: 'POST', body });

const newSession = async () => {
  const text = await (await poll('EIO=4&transport=polling')).text();
  assert.equal(text[0], '0');
  const opened = JSON.parse(text.slice(1));
  assert.equal(opened.pingInterval, 25_000);
  assert.deepEqual(opened.upgrades, ['websocket']);
  return opened.sid;
};

test('requests that are none of the protocol are refused', async () => {
  for (const [query, code] of [
    ['EIO=3&transport=polling', 5],
    ['EIO=4&transport=webtransport', 0],
    ['EIO=4', 0],
    ['EIO=4&transport=polling&sid=nobody', 1],
  ]) {
    const { status, body } = await answer(await poll(query));
    assert.equal(status, 400, query);
    assert.equal(body.code, code, query);
  }
  assert.equal((await poll('EIO=4&transport=websocket')).status, 400);
  assert.equal((await post('nobody', '40')).status, 400);
});

test('what is no packet ends its session', async () => {
  for (const packet of ['', '9', '4', '49', '42', '42{}', '42["authenticate"', '42[1]', '451-["a"]', '4251-["a"]', '1', '41']) {
    const sid = await newSession();
    assert.equal((await post(sid, packet)).status, 200);
    // A poll's head goes out at once; nothing posted is no fault.
    const polled = await poll(`EIO=4&transport=polling&sid=${sid}`, { signal: AbortSignal.timeout(3000) });
    assert.equal(polled.status, packet === '' ? 200 : 400, JSON.stringify(packet));
    await polled.text().catch(() => {});
  }
  const sid = await newSession();
  assert.equal((await post(sid, Array(40).fill('3').join('\x1e'))).status, 200);
  assert.equal((await post(sid, '40')).status, 400);
});

test('a session gathers no more than it may', async () => {
  const sid = await newSession();
  let status = 200;
  let posts = 0;
  while (status === 200 && posts < 200) {
    status = (await post(sid, Array(16).fill('40').join('\x1e'))).status;
    posts++;
  }
  assert.equal(status, 400);
  assert.ok(posts < 100);
});

test('one address has its share of sessions, and no more', async () => {
  let status = 200;
  let sessions = 0;
  while (status === 200 && sessions < 500) {
    ({ status } = await poll('EIO=4&transport=polling'));
    sessions++;
  }
  assert.equal(status, 503);
  assert.ok(sessions <= 201);
});
