// Pushes that leave: a server without --dev, and Apple's push service as it is spoken to (HTTP/2, known by a certificate), Google's, and
// Amazon's, with the settings that the Management API takes.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { createSecureServer } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { Device } from '../harness/device.mjs';
import { askFlaggedUsers, flaggedUser } from '../harness/mfa.mjs';
import { MfaApi, passwordClient } from '../harness/mfa_api.mjs';
import { startServer } from '../harness/server.mjs';
import { sql } from '../harness/sql.mjs';

const folder = mkdtempSync(join(tmpdir(), 'push-'));
const file = (name) => join(folder, name);
const openssl = (...words) => execFileSync('openssl', words, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });

let server, api, apple, web;
/** What Apple's service was told: { headers, body, subject }. */
const pushes = [];
/** What Google's and Amazon's were told: { path, headers, body }. */
const calls = [];
let appleAnswer;

/** An authority, the push service's certificate by it, and the app's (PKCS#12, without a password). */
function makeCertificates() {
  openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=Test CA');
  for (const [name, subject] of [['service', '/CN=localhost'], ['app', '/CN=Apple Push Services: test.acme.app']]) {
    openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subject, '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1');
    openssl('x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-copy_extensions', 'copy', '-out', `${name}.pem`);
  }
  openssl('pkcs12', '-export', '-in', 'app.pem', '-inkey', 'app.key', '-passout', 'pass:', '-out', 'app.p12');
}

function startApple() {
  const service = createSecureServer({
    key: readFileSync(file('service.key')),
    cert: readFileSync(file('service.pem')),
    ca: readFileSync(file('ca.pem')),
    requestCert: true,
    rejectUnauthorized: true,
  });
  service.on('stream', (stream, headers) => {
    let body = '';
    const { subject } = stream.session.socket.getPeerCertificate();
    stream.setEncoding('utf8').on('data', (text) => (body += text));
    stream.on('end', () => {
      pushes.push({ headers, body: JSON.parse(body), subject });
      stream.respond({ ':status': appleAnswer.status });
      stream.end(appleAnswer.body && JSON.stringify(appleAnswer.body));
    });
  });
  return new Promise((resolve) => service.listen(0, '127.0.0.1', () => resolve(service)));
}

/** Google's token service and messages, and Amazon's SNS. */
function startWeb() {
  const http = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text) => (body += text));
    request.on('end', () => {
      calls.push({ path: request.url, headers: request.headers, body });
      response.setHeader('content-type', request.url === '/' ? 'text/xml' : 'application/json');
      if (request.url === '/token') response.end(JSON.stringify({ access_token: 'ya29', expires_in: 3599 }));
      else response.end(request.url === '/' ? '<R><EndpointArn>arn:aws:sns:eu-west-1:1:endpoint/GCM/a/1</EndpointArn></R>' : '{}');
    });
  });
  return new Promise((resolve) => http.listen(0, '127.0.0.1', () => resolve(http)));
}

const at = (service, scheme = 'http') => `${scheme}://127.0.0.1:${service.address().port}`;
const settings = (name) => `guardian/factors/push-notification/${name}`;

before(async () => {
  makeCertificates();
  [apple, web] = await Promise.all([startApple(), startWeb()]);
  server = await startServer({
    dev: false,
    flags: [`--apns-url=${at(apple, 'https')}`, `--fcm-url=${at(web)}`, `--sns-url=${at(web)}`, `--egress-ca-file=${file('ca.pem')}`],
  });
  // The issuer is an address that only a proxy would serve: requests go to the listener.
  server.url = (path) => new URL(path, `http://${server.listen}/`).href;
  api = new MfaApi(server, await passwordClient(server));
  await askFlaggedUsers(server);
  await server.apiOk('PUT', 'guardian/factors/push-notification', { enabled: true });
});

after(async () => {
  await server?.stop();
  apple?.close();
  web?.close();
  rmSync(folder, { recursive: true, force: true });
});

beforeEach(() => {
  pushes.length = calls.length = 0;
  appleAnswer = { status: 200 };
});

/** Whatever comes into a list. */
async function next(list, count = 1) {
  const until = performance.now() + 5000;
  while (list.length < count) {
    if (performance.now() > until) throw new Error(`nothing arrived; the server says ${server.log.slice(-2000)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return list[count - 1];
}

/** A user whose phone, with a token of that service, was asked by a login. */
async function askedPhone(service, token) {
  const user = await flaggedUser(server);
  const mfaToken = await api.mfaToken(user);
  const { status: associated, body } = await api.associate(mfaToken, { authenticator_types: ['oob'], oob_channels: ['auth0'] });
  assert.equal(associated, 200, JSON.stringify(body));
  const phone = await Device.of(body.barcode_uri, { service, token, base: server.url('appliance-mfa') }).enroll();
  assert.equal((await api.oob(mfaToken, body.oob_code)).status, 200);
  const again = await api.mfaToken(user);
  const { status } = await api.challenge(again, { challenge_type: 'oob', authenticator_id: `push|${phone.account.id}` });
  assert.equal(status, 200);
  return Object.assign(phone, { user });
}

/** The log entry of that type about that user. */
async function logged(type, user_id) {
  const until = performance.now() + 5000;
  for (;;) {
    const entries = (await sql(server, 'SELECT doc FROM logs')).split('\n').filter((line) => line.startsWith('{'));
    const found = entries.map((line) => JSON.parse(line)).find((entry) => entry.type === type && entry.user_id === user_id);
    if (found) return found;
    if (performance.now() > until) throw new Error(`no ${type} was logged`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test('the settings are kept, and their secrets are never shown again', async () => {
  assert.deepEqual(await server.apiOk('GET', settings('selected-provider')), { provider: 'guardian' });
  assert.deepEqual(await server.apiOk('PUT', settings('selected-provider'), { provider: 'direct' }), { provider: 'direct' });
  assert.equal((await server.api('PUT', settings('selected-provider'), { provider: 'pigeon' })).status, 400);
  assert.deepEqual(await server.apiOk('GET', settings('providers/sns')), {});
  assert.deepEqual(await server.apiOk('GET', settings('providers/apns')), { bundle_id: null, sandbox: false, enabled: false });
  const p12 = readFileSync(file('app.p12')).toString('base64');
  const app = { bundle_id: 'test.acme.app', sandbox: false };
  assert.deepEqual(await server.apiOk('PUT', settings('providers/apns'), { ...app, p12 }), app);
  assert.deepEqual(await server.apiOk('GET', settings('providers/apns')), { ...app, enabled: true });
  assert.deepEqual(await server.apiOk('PATCH', settings('providers/apns'), { sandbox: true }), { ...app, sandbox: true });
  assert.deepEqual(await server.apiOk('GET', settings('providers/apns')), { ...app, sandbox: true, enabled: true });
  const sns = { aws_access_key_id: 'AKID', aws_secret_access_key: 'secret', aws_region: 'eu-west-1' };
  assert.deepEqual(await server.apiOk('PUT', settings('providers/sns'), sns), sns);
  const arn = { sns_gcm_platform_application_arn: 'arn:aws:sns:eu-west-1:1:app/GCM/a' };
  assert.deepEqual(await server.apiOk('PATCH', settings('providers/sns'), arn), { ...sns, ...arn });
  assert.equal((await server.api('PATCH', settings('providers/sns'), { aws_region: 'mars' })).status, 400);
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const account = { client_email: 'push@acme.iam.example', private_key: privateKey, project_id: 'acme', token_uri: `${at(web)}/token` };
  assert.deepEqual(await server.apiOk('PUT', settings('providers/fcmv1'), { server_credentials: JSON.stringify(account) }), {});
  assert.equal((await server.api('GET', settings('providers/fcmv1'))).status, 404);
});

test("Apple's service gets what an iPhone reads, over HTTP/2, from whoever has the app's certificate", async () => {
  const phone = await askedPhone('APNS', 'A1B2C3');
  const { headers, body, subject } = await next(pushes);
  assert.equal(subject.CN, 'Apple Push Services: test.acme.app');
  assert.equal(headers[':path'], '/3/device/A1B2C3');
  assert.equal(headers['apns-topic'], 'test.acme.app');
  assert.equal(headers['apns-push-type'], 'alert');
  assert.equal(headers['apns-priority'], '10');
  const seconds = Number(headers['apns-expiration']) - Date.now() / 1000;
  assert.ok(seconds > 200 && seconds <= 301, `${seconds}`);
  assert.equal(body.aps.category, 'com.auth0.notification.authentication');
  assert.equal(body.mfa.dai, phone.account.id);
  await phone.answer(body.mfa, true, { claims: { aud: `${server.issuer}appliance-mfa/api/resolve-transaction` } });
  assert.equal(pushes.length, 1);
});

test('a token that Apple no longer knows is not used again, and the failure is logged', async () => {
  appleAnswer = { status: 410, body: { reason: 'Unregistered' } };
  const phone = await askedPhone('APNS', 'DEAD');
  await next(pushes);
  const entry = await logged('gd_send_pn_failure', phone.account.user_id);
  assert.match(entry.description, /410, Unregistered/);
  const mfaToken = await api.mfaToken(phone.user);
  await api.challenge(mfaToken, { challenge_type: 'oob', authenticator_id: `push|${phone.account.id}` });
  await askedPhone('APNS', 'BEEF');
  await next(pushes, 2);
  assert.deepEqual(pushes.map(({ headers }) => headers[':path']), ['/3/device/DEAD', '/3/device/BEEF']);
  for (const push of pushes) assert.equal(server.log.includes(push.body.mfa.txtkn), false);
});

test("Google's service is asked with a service account's token", async () => {
  const phone = await askedPhone('GCM', 'registration');
  await next(calls, 2);
  assert.deepEqual(calls.map(({ path }) => path), ['/token', '/v1/projects/acme/messages:send']);
  assert.equal(calls[1].headers.authorization, 'Bearer ya29');
  const { message } = JSON.parse(calls[1].body);
  assert.equal(message.token, 'registration');
  assert.equal(message.data.dai, phone.account.id);
});

test('Amazon gets them instead where it is selected', async () => {
  await server.apiOk('PUT', settings('selected-provider'), { provider: 'sns' });
  await askedPhone('GCM', 'registration');
  await next(calls, 2);
  const [endpoint, publish] = calls.map(({ body }) => new URLSearchParams(body));
  assert.equal(endpoint.get('Token'), 'registration');
  assert.equal(publish.get('TargetArn'), 'arn:aws:sns:eu-west-1:1:endpoint/GCM/a/1');
  assert.match(calls[0].headers.authorization, /^AWS4-HMAC-SHA256 Credential=AKID\/\d{8}\/eu-west-1\/sns\/aws4_request, /);
});
