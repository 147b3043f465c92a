// What messages may cost: limits of a person, of a number, and of an address.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser } from '../harness/browserless.mjs';
import { Device } from '../harness/device.mjs';
import { askFlaggedUsers, enableFactors, enrollSms, flaggedUser, logIn, newNumber } from '../harness/mfa.mjs';
import { startServer } from '../harness/server.mjs';

const HOUR_MS = 3600 * 1000;

let server, client;

before(async () => {
  server = await startServer({ rateLimits: true, flags: ['--trusted-proxies=127.0.0.1'] });
  client = await server.webClient();
  await askFlaggedUsers(server);
  await enableFactors(server, 'sms');
});

after(() => server?.stop());

test('a person gets ten messages, and then one an hour; the code that was sent before still counts', async () => {
  const user = await flaggedUser(server);
  const { login, page } = await logIn(server, client, user);
  const number = newNumber();
  let verify = await page.submit({ phone: number });
  for (let i = 2; i <= 10; i++) {
    verify = await verify.submit({}, { button: 'resend-code' });
    assert.equal(verify.status, 200, `message ${i}`);
  }
  const limited = await verify.submit({}, { button: 'resend-code' });
  assert.equal(limited.status, 429);
  assert.match(limited.errors.join(' '), /Too many text messages/);
  assert.equal((await server.outbox({ to: number })).length, 10);
  await login.tokens(await limited.submit({ code: await server.smsCode(number) }));

  // Another number and another login do not help.
  const again = await logIn(server, client, user);
  assert.equal(again.page.path, '/u/mfa-sms-challenge');
  assert.match(again.page.errors.join(' '), /Too many text messages/);
  await server.advanceClock(HOUR_MS + 1000);
  const later = await logIn(server, client, user);
  assert.deepEqual(later.page.errors, []);
  assert.equal((await server.outbox({ to: number })).length, 11);
});

test('an enrollment whose message may not leave has not begun', async () => {
  const user = await flaggedUser(server);
  const { page } = await logIn(server, client, user);
  let form = page;
  for (let i = 0; i < 10; i++) {
    const verify = await form.submit({ phone: newNumber() });
    form = await verify.follow(/mfa-sms-enrollment/);
  }
  const limited = await form.submit({ phone: newNumber() });
  assert.equal(limited.path, '/u/mfa-sms-enrollment');
  assert.equal(limited.status, 429);
  // One half-done enrolment is left, not eleven.
  const methods = await server.apiOk('GET', `users/${user.user_id}/authentication-methods`);
  assert.ok(methods.length <= 1, JSON.stringify(methods));
});

test('many people cannot make one phone ring all day', async () => {
  const number = newNumber();
  let refused = 0;
  for (let i = 0; i < 4; i++) {
    const { page } = await logIn(server, client, await flaggedUser(server));
    let verify = await page.submit({ phone: number });
    for (let j = 0; j < 8 && verify.status === 200; j++) verify = await verify.submit({}, { button: 'resend-code' });
    refused += verify.status === 429;
  }
  assert.equal((await server.outbox({ to: number })).length, 30);
  assert.equal(refused, 1);
});

test('an address has its limit, whoever logs in from it', async () => {
  const headers = { 'x-forwarded-for': '2001:db8:7::1' };
  let sent = 0;
  for (let i = 0; i < 13; i++) {
    // Another address of the same network each time.
    const browser = new Browser(server, { headers: { 'x-forwarded-for': `2001:db8:7::${i + 1}` } });
    const { page } = await logIn(server, client, await flaggedUser(server), { browser });
    const number = newNumber();
    let verify = await page.submit({ phone: number });
    for (let j = 0; j < 8 && verify.status === 200; j++) verify = await verify.submit({}, { button: 'resend-code' });
    sent += (await server.outbox({ to: number })).length;
  }
  assert.ok(sent >= 100 && sent <= 103, String(sent));
  const elsewhere = new Browser(server, { headers: { ...headers, 'x-forwarded-for': '2001:db8:8::1' } });
  const { page } = await logIn(server, client, await flaggedUser(server), { browser: elsewhere });
  assert.equal((await page.submit({ phone: newNumber() })).path, '/u/mfa-sms-enrollment-verify');
});

test('people enrolled by text message go on logging in meanwhile', async () => {
  const user = await flaggedUser(server);
  const first = await logIn(server, client, user);
  const { page } = await enrollSms(server, first.page);
  await first.login.tokens(page);
});

test('a phone is asked five times in five minutes, and then not again until somebody answers or time has passed', async () => {
  await enableFactors(server, 'push-notification', 'sms');
  const user = await flaggedUser(server);
  const first = await logIn(server, client, user);
  const enrollment = await first.page.submit({}, { button: 'push-notification' });
  const uri = enrollment.html.querySelector('a[href^="otpauth:"]').getAttribute('href').replaceAll('&amp;', '&');
  const phone = await Device.of(uri, { clock: () => server.now() }).enroll();
  await first.login.tokens(await enrollment.submit({}, { button: 'continue' }));

  const { login, page } = await logIn(server, client, user);
  let asked = page;
  for (let i = 2; i <= 5; i++) {
    asked = await asked.submit({}, { button: 'resend' });
    assert.equal(asked.status, 200, `question ${i}`);
  }
  const limited = await asked.submit({}, { button: 'resend' });
  assert.equal(limited.status, 429);
  assert.match(limited.errors.join(' '), /asked too often/);
  assert.equal((await server.outbox({ channel: 'push' })).length, 5);

  // Another login does not help; time does.
  const other = await logIn(server, client, user);
  assert.match(other.page.errors.join(' '), /asked too often/);
  await server.advanceClock(300_000);
  asked = await limited.submit({}, { button: 'resend' });
  assert.match(asked.words, /We have asked again/);
  await phone.answer(await phone.push(server), true);
  await login.tokens(await asked.submit({}, { button: 'continue' }));
});
