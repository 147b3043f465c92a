// Messages that leave: a server without --dev, and providers that speak Twilio's API, a webhook's, and SMTP.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { Browser } from '../harness/browserless.mjs';
import { enableFactors, newNumber } from '../harness/mfa.mjs';
import { startServer } from '../harness/server.mjs';

const TWILIO = { sid: 'AC0123', auth_token: 'twilio-token', from: '+15005550006', messaging_service_sid: null };

let server, provider, mailServer;
/** What the provider of text messages was told, and what it answers. */
const calls = [];
let providerAnswer;
/** Mails that the mail server took, as { from, to, data }. */
const mails = [];

/** One HTTP server for Twilio's API and for the webhook. */
function startProvider() {
  const http = createHttpServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text) => (body += text));
    request.on('end', () => {
      calls.push({ method: request.method, path: request.url, headers: request.headers, body });
      response.writeHead(providerAnswer.status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(providerAnswer.body));
    });
  });
  return new Promise((resolve) => http.listen(0, '127.0.0.1', () => resolve(http)));
}

/** A mail server as RFC 5321 has it, without extensions. */
function startMailServer() {
  const tcp = createTcpServer((socket) => {
    const mail = { to: [], data: '' };
    let inData = false;
    let rest = '';
    const say = (line) => socket.write(`${line}\r\n`);
    say('220 mail.test');
    socket.setEncoding('utf8').on('error', () => {});
    socket.on('data', (text) => {
      const lines = (rest + text).split('\r\n');
      rest = lines.pop();
      for (const line of lines) {
        if (inData && line !== '.') mail.data += `${line.replace(/^\.\./, '.')}\r\n`;
        else if (inData) {
          inData = false;
          mails.push({ ...mail });
          say('250 taken');
        } else if (/^(EHLO|HELO)/.test(line)) say('250 mail.test');
        else if (line.startsWith('MAIL FROM:')) (mail.from = line.slice(10)), say('250 ok');
        else if (line.startsWith('RCPT TO:')) mail.to.push(line.slice(8)), say('250 ok');
        else if (line === 'DATA') (inData = true), say('354 go on');
        else if (line === 'QUIT') say('221 bye'), socket.end();
        else say('500 what?');
      }
    });
  });
  return new Promise((resolve) => tcp.listen(0, '127.0.0.1', () => resolve(tcp)));
}

before(async () => {
  [provider, mailServer] = await Promise.all([startProvider(), startMailServer()]);
  server = await startServer({
    dev: false,
    flags: [
      `--twilio-url=http://127.0.0.1:${provider.address().port}`,
      `--smtp-url=smtp://127.0.0.1:${mailServer.address().port}`,
      '--mail-from=Acme Sécurité <login@acme.test>',
    ],
  });
  // The issuer is an address that only a proxy would serve: requests go to the listener.
  server.url = (path) => new URL(path, `http://${server.listen}/`).href;
  await enableFactors(server, 'sms');
  await server.apiOk('PUT', 'guardian/factors/phone/providers/twilio', TWILIO);
});

after(async () => {
  await server?.stop();
  provider?.close();
  mailServer?.close();
});

beforeEach(() => {
  calls.length = 0;
  mails.length = 0;
  providerAnswer = { status: 201, body: { sid: 'SM1', status: 'queued' } };
});

const select = (name) => server.apiOk('PUT', 'guardian/factors/phone/selected-provider', { provider: name });

/** The page that asks for a phone number, by a ticket. */
async function phoneForm() {
  const user = await server.user();
  const { ticket_id } = await server.apiOk('POST', 'guardian/enrollments/ticket', {
    user_id: user.user_id,
    factor: 'phone',
  });
  const browser = new Browser(
    { issuer: server.url(''), host: server.listen },
    { headers: { origin: server.issuer.replace(/\/$/, '') } },
  );
  return { user, page: await browser.open(`mfa/enrollment?ticket=${ticket_id}`) };
}

test('Twilio sends the code, and it confirms the phone', async () => {
  await select('twilio');
  const { page } = await phoneForm();
  assert.equal(page.path, '/u/mfa-sms-enrollment');
  const number = newNumber();
  const verify = await page.submit({ phone: number });
  assert.equal(verify.path, '/u/mfa-sms-enrollment-verify');
  const [call] = calls;
  assert.equal(`${call.method} ${call.path}`, 'POST /2010-04-01/Accounts/AC0123/Messages.json');
  assert.equal(call.headers.authorization, `Basic ${Buffer.from('AC0123:twilio-token').toString('base64')}`);
  assert.equal(call.headers['content-type'], 'application/x-www-form-urlencoded');
  const form = new URLSearchParams(call.body);
  assert.equal(form.get('To'), number);
  assert.equal(form.get('From'), TWILIO.from);
  const code = form.get('Body').match(/\d{6}/)[0];
  assert.equal((await verify.submit({ code })).path, '/u/mfa-enroll-result');
});

test('what Twilio refuses is said on the page, and the enrollment has not begun', async () => {
  await select('twilio');
  providerAnswer = { status: 400, body: { code: 21211, message: 'The number is not valid' } };
  const { page, user } = await phoneForm();
  const number = newNumber();
  const refused = await page.submit({ phone: number });
  assert.equal(refused.status, 400);
  assert.equal(refused.path, '/u/mfa-sms-enrollment');
  assert.match(refused.errors.join(' '), /could not be sent/);
  assert.equal(refused.html.querySelector('[name=phone]').getAttribute('value'), number);
  assert.deepEqual(await server.apiOk('GET', `users/${user.user_id}/enrollments`), []);
  assert.match(server.log, /21211/);
  assert.equal(server.log.includes(number), false);
});

test('the operator’s webhook gets the message, signed', async () => {
  await server.apiOk('PUT', 'guardian/factors/phone/providers/webhook', {
    url: `http://127.0.0.1:${provider.address().port}/hook`,
    secret: 'a-secret-of-the-webhook',
  });
  await select('phone-message-hook');
  providerAnswer = { status: 200, body: {} };
  const { page, user } = await phoneForm();
  const number = newNumber();
  const verify = await page.submit({ phone: number });
  const [call] = calls;
  assert.equal(`${call.method} ${call.path}`, 'POST /hook');
  const [, at, mac] = call.headers['countersign-signature'].match(/^t=(\d+),v1=([0-9a-f]{64})$/);
  assert.ok(Math.abs(Date.now() / 1000 - Number(at)) < 60);
  assert.equal(mac, createHmac('sha256', 'a-secret-of-the-webhook').update(`${at}.${call.body}`).digest('hex'));
  const said = JSON.parse(call.body);
  assert.equal(said.recipient, number);
  assert.equal(said.message_type, 'sms');
  assert.equal(said.action, 'enrollment');
  assert.ok(said.text.includes(said.code));
  assert.deepEqual(said.user, { user_id: user.user_id });
  assert.equal((await verify.submit({ code: said.code })).path, '/u/mfa-enroll-result');
});

test('with no sender of our own, the default provider sends nothing and says so', async () => {
  await select('auth0');
  const { page } = await phoneForm();
  const refused = await page.submit({ phone: newNumber() });
  assert.equal(refused.status, 400);
  assert.match(refused.errors.join(' '), /could not be sent/);
  assert.equal(calls.length, 0);
});

test('the mail of a ticket leaves by SMTP, in two forms', async () => {
  const user = await server.user({ email: 'grace@example.test' });
  const { ticket_url } = await server.apiOk('POST', 'guardian/enrollments/ticket', {
    user_id: user.user_id,
    send_mail: true,
    email_locale: 'ja',
  });
  const until = performance.now() + 10_000;
  while (mails.length === 0 && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(mails.length, 1);
  const [mail] = mails;
  assert.match(mail.from, /^<login@acme\.test>/);
  assert.deepEqual(mail.to.map((to) => to.trim()), ['<grace@example.test>']);
  const [head, ...parts] = mail.data.split(/\r\n--[A-Za-z0-9]{32}(?:--)?\r\n/);
  assert.match(head, /^From: =\?UTF-8\?B\?[A-Za-z0-9+/=]+\?= <login@acme\.test>$/m);
  assert.match(head, /^Content-Type: multipart\/alternative/m);
  const bodies = parts
    .filter((part) => part.includes('\r\n\r\n'))
    .map((part) => Buffer.from(part.split('\r\n\r\n')[1], 'base64').toString());
  assert.equal(bodies.length, 2);
  for (const body of bodies) assert.ok(body.includes(ticket_url), body);
  assert.match(bodies[1], /<html lang="ja"/);
});
