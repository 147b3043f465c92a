// What the phone app signs, and what it believes of a push. The signatures are checked by jose.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { calculateJwkThumbprint, importJWK, jwtVerify } from 'jose';
import { load } from '../harness/typescript.mjs';

const { makeKeys, publicJwk, sign } = await load('web/phone/src/jwt.ts');
const { enrol, resolve, consent, deviceToken, removeDevice, readRequest, updateCredentials } = await load('web/phone/src/guardian.ts');
const { EventParser } = await load('web/phone/src/sse.ts');

let server, base, calls, reply;
before(async () => {
  server = createServer(async (request, response) => {
    let body = '';
    for await (const piece of request) body += piece;
    calls.push({ method: request.method, url: request.url, headers: request.headers, body: body && JSON.parse(body) });
    const { status = 200, json } = reply;
    response.writeHead(status, { 'content-type': 'application/json' }).end(json === undefined ? undefined : JSON.stringify(json));
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  base = `http://127.0.0.1:${server.address().port}/appliance-mfa`;
});
after(() => server.close());

/** Runs with an answer ready; gives the one call that was made. */
async function called(answer, run) {
  calls = [];
  reply = answer;
  const result = await run();
  assert.equal(calls.length, 1);
  return { result, call: calls[0] };
}

const ENROLLED = {
  id: 'dev_Xb3kQ9mN2pR7sT1v',
  url: 'https://mfa.example.test',
  issuer: 'acme',
  user_id: 'auth0|5f1',
  token: 'device-token',
  totp: { secret: 'JBSWY3DPEHPK3PXP', algorithm: 'sha1', digits: 6, period: 30 },
  recovery_code: 'ABCDEFGHJKLMNPQRSTUVWXYZ',
};

const enrolled = (json = ENROLLED) => called({ json }, () => enrol({ base, ticket: 'aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY' }, "Ada's phone", { service: 'NONE', token: '' }));

test('enrolling sends the ticket, an EC key and a fresh identifier (A3)', async () => {
  const { result, call } = await enrolled();
  assert.equal(`${call.method} ${call.url}`, 'POST /appliance-mfa/api/enroll');
  assert.equal(call.headers.authorization, 'Ticket id="aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY"');
  const { public_key: key, push_credentials: credentials, identifier, name } = call.body;
  assert.deepEqual(Object.keys(key).sort(), ['alg', 'crv', 'kty', 'use', 'x', 'y']);
  assert.deepEqual([key.kty, key.crv, key.alg, key.use], ['EC', 'P-256', 'ES256', 'sig']);
  assert.deepEqual(credentials, { service: 'NONE', token: '' });
  assert.equal(name, "Ada's phone");
  assert.match(identifier, /^[0-9a-f-]{36}$/);
  assert.equal(result.push.deviceId, ENROLLED.id);
  assert.equal(result.recoveryCode, ENROLLED.recovery_code);
  assert.equal(result.otp.algorithm, 'SHA1');
  const other = await enrolled();
  assert.notEqual(other.call.body.identifier, identifier);
  assert.notEqual(await calculateJwkThumbprint(other.call.body.public_key), await calculateJwkThumbprint(key));
});

test('the private key cannot be read', async () => {
  const keys = await makeKeys();
  await assert.rejects(crypto.subtle.exportKey('jwk', keys.privateKey));
  await assert.rejects(crypto.subtle.exportKey('pkcs8', keys.privateKey));
});

test('a server without one-time codes leaves them out', async () => {
  const { totp, recovery_code, ...less } = ENROLLED;
  const { result } = await enrolled(less);
  assert.deepEqual([result.otp, result.recoveryCode], [null, '']);
});

test('a reply without what must be in it is a failure', async () => {
  await assert.rejects(enrolled({ ...ENROLLED, id: undefined }));
  await assert.rejects(enrolled([]));
});

test("errors carry the server's code, and silence one of their own", async () => {
  await assert.rejects(
    called({ status: 409, json: { statusCode: 409, errorCode: 'enrollment_conflict' } }, () => enrol({ base, ticket: 't' }, 'x', { service: 'NONE', token: '' })),
    { status: 409, code: 'enrollment_conflict' },
  );
  await assert.rejects(enrol({ base: 'http://127.0.0.1:1/appliance-mfa', ticket: 't' }, 'x', { service: 'NONE', token: '' }), { code: 'network' });
});

async function phone() {
  const { result, call } = await enrolled();
  return { push: result.push, key: await importJWK(call.body.public_key, 'ES256') };
}

test('the phone proves itself by a JWT of its own (A4)', async () => {
  const { push, key } = await phone();
  const token = (await deviceToken(push)).replace(/^Bearer /, '');
  const { payload, protectedHeader } = await jwtVerify(token, key, { audience: `${base}/api/device-accounts`, issuer: push.deviceId, subject: 'auth0|5f1' });
  assert.deepEqual(protectedHeader, { alg: 'ES256', typ: 'JWT' });
  assert.equal(payload.exp - payload.iat, 7200);
  const { call } = await called({ json: {} }, () => updateCredentials(push, { service: 'WEBPUSH', token: '{}' }));
  assert.equal(`${call.method} ${call.url}`, `PATCH /appliance-mfa/api/device-accounts/${push.deviceId}`);
  assert.deepEqual(call.body, { push_credentials: { service: 'WEBPUSH', token: '{}' } });
});

test('removing a phone that the server forgot is done', async () => {
  const { push } = await phone();
  await called({ status: 404, json: { errorCode: 'enrollment_not_found' } }, () => removeDevice(push));
  await assert.rejects(called({ status: 500, json: {} }, () => removeDevice(push)), { status: 500 });
});

const login = { id: 'challenge-c', token: 'txtkn', consentId: 'cns_1' };

async function answered(push, answer) {
  const { call } = await called({ status: 204 }, () => resolve(push, login, answer));
  assert.equal(`${call.method} ${call.url}`, 'POST /appliance-mfa/api/resolve-transaction');
  assert.equal(call.headers.authorization, 'Bearer txtkn');
  assert.deepEqual(Object.keys(call.body), ['challenge_response']);
  return call.body.challenge_response;
}

test('an approval is bound to challenge, phone and address, lives 30 s and carries the number (A6)', async () => {
  const { push, key } = await phone();
  const token = await answered(push, { accepted: true, number: '42' });
  const { payload } = await jwtVerify(token, key, { audience: `${base}/api/resolve-transaction`, issuer: push.identifier, subject: 'challenge-c' });
  assert.equal(payload.exp - payload.iat, 30);
  assert.deepEqual([payload.auth0_guardian_method, payload.auth0_guardian_accepted, payload.auth0_guardian_number], ['push', true, '42']);
  assert.ok(!('auth0_guardian_reason' in payload));
});

test('a refusal carries its reason, and no number', async () => {
  const { push, key } = await phone();
  const { payload } = await jwtVerify(await answered(push, { accepted: false, reason: 'hack', number: '42' }), key);
  assert.deepEqual([payload.auth0_guardian_accepted, payload.auth0_guardian_reason, payload.auth0_guardian_number], [false, 'hack', undefined]);
  const plain = await jwtVerify(await answered(push, { accepted: false }), key);
  assert.ok(!('auth0_guardian_reason' in plain.payload));
});

test('consents are fetched with a proof of the key (A7)', async () => {
  const { push, key } = await phone();
  const json = { id: 'cns_1', requested_details: { audience: 'https://api.example.test', scope: ['openid', 5], binding_message: 'Pay 5 EUR\u202e' } };
  const { result, call } = await called({ json }, () => consent(push, login));
  assert.equal(call.url, '/rich-consents/cns_1');
  assert.equal(call.headers.authorization, 'MFA-DPoP txtkn');
  const { payload, protectedHeader } = await jwtVerify(call.headers['mfa-dpop'], key, { typ: 'dpop+jwt' });
  assert.equal(protectedHeader.jwk.kty, 'EC');
  assert.equal(payload.htu, base.replace('/appliance-mfa', '/rich-consents/cns_1'));
  assert.deepEqual([payload.htm, payload.ath], ['GET', createHash('sha256').update('txtkn').digest('base64url')]);
  assert.deepEqual(result, { audience: 'https://api.example.test', scopes: ['openid'], bindingMessage: 'Pay 5 EUR' });
  const gone = await called({ status: 404, json: { errorCode: 'not_found' } }, () => consent(push, login));
  assert.equal(gone.result, null);
});

test('a signature is over exactly what was said', async () => {
  const keys = await makeKeys();
  const token = await sign(keys, { say: 'Grüße 本' });
  const key = await importJWK(await publicJwk(keys), 'ES256');
  assert.equal((await jwtVerify(token, key)).payload.say, 'Grüße 本');
});

const mine = [{ id: 'account', push: { deviceId: 'dev_1' } }];
const push = (values) => ({ dai: 'dev_1', txtkn: 't', c: 'c1', d: new Date().toISOString(), sh: 'h', s: { b: { n: 'Firefox', v: '140' }, os: { n: 'Linux' } }, l: { n: 'Lund, SE' }, ...values });

test('a push is read in both of its forms (A5)', () => {
  for (const value of [push(), { aps: {}, mfa: push() }, push({ s: JSON.stringify(push().s), l: JSON.stringify(push().l) })]) {
    const read = readRequest(value, mine);
    assert.deepEqual([read.id, read.token, read.browser, read.system, read.place], ['c1', 't', 'Firefox 140', 'Linux', 'Lund, SE']);
  }
});

test('a push for another phone, or none at all, is not believed', () => {
  for (const wrong of [null, 'x', [], {}, push({ dai: 'dev_2' }), push({ c: '' }), push({ txtkn: 7 })]) assert.equal(readRequest(wrong, mine), null);
  const odd = readRequest(push({ s: '{', l: 5, d: 'yesterday', txlnkid: {} }), mine);
  assert.deepEqual([odd.browser, odd.place, odd.consentId], ['', '', null]);
});

test('events come whole however they are cut (WHATWG HTML 9.2.6)', () => {
  const text = ':hello\r\n\r\nevent: push\r\ndata: {"a":\r\ndata:1}\r\n\r\ndata:x\n\nid: 5\n\ndata\r\rdata: y\n\n';
  const whole = new EventParser().feed(text);
  assert.deepEqual(whole, [
    { event: 'push', data: '{"a":\n1}' },
    { event: 'message', data: 'x' },
    { event: 'message', data: '' },
    { event: 'message', data: 'y' },
  ]);
  for (let size = 1; size < 12; size++) {
    const parser = new EventParser();
    const pieces = text.match(new RegExp(`[^]{1,${size}}`, 'g'));
    assert.deepEqual(pieces.flatMap((piece) => parser.feed(piece)), whole, `in pieces of ${size}`);
  }
});
