// Enrolment tickets, as people open them.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser } from '../harness/browserless.mjs';
import {
  askFlaggedUsers,
  enableFactors,
  enrollOtp,
  enrollSms,
  flaggedUser,
  logIn,
  newNumber,
  seedOf,
} from '../harness/mfa.mjs';
import { totp } from '../harness/otp.mjs';
import { startServer } from '../harness/server.mjs';

const DAY_MS = 24 * 3600 * 1000;

let server, client;

before(async () => {
  server = await startServer();
  client = await server.webClient();
  await askFlaggedUsers(server);
  await enableFactors(server, 'sms', 'otp');
});

after(() => server?.stop());

const ticketFor = (user, more) =>
  server.apiOk('POST', 'guardian/enrollments/ticket', { user_id: user.user_id, ...more });

const open = (ticket) => new Browser(server).open(ticket.ticket_url);

test('a ticket enrolls its user, and leaves neither a session nor a token', async () => {
  const user = await flaggedUser(server);
  const ticket = await ticketFor(user);
  assert.equal(ticket.ticket_url, server.url(`mfa/enrollment?ticket=${ticket.ticket_id}`));
  const options = await open(ticket);
  assert.equal(options.path, '/u/mfa-begin-enroll-options');
  assert.equal(options.url.href.includes(ticket.ticket_id), false);
  const { page, seed } = await enrollOtp(server, options);
  assert.equal(page.path, '/u/mfa-enroll-result');
  assert.equal(page.status, 200);
  assert.equal((await page.browser.open(page.url)).status, 200);
  assert.equal(page.browser.jar.get('auth0'), undefined);

  await server.advanceClock(30_000);
  const { login, page: challenge } = await logIn(server, client, user);
  assert.equal(challenge.path, '/u/mfa-otp-challenge');
  await login.tokens(await challenge.submit({ code: totp(seed, server.now()) }));
});

test('the mail brings the link, in the language that was asked for, to the address that was asked for', async () => {
  const user = await flaggedUser(server);
  await ticketFor(user);
  assert.deepEqual(await server.outbox({ to: user.email }), []);
  const ticket = await ticketFor(user, { send_mail: true, email_locale: 'de' });
  const mail = await server.message({ to: user.email, channel: 'email' });
  assert.match(mail.html, /<html lang="de"/);
  assert.ok(mail.text.includes(ticket.ticket_url));
  assert.ok(mail.html.includes(ticket.ticket_url));
  assert.ok(mail.subject.length > 0);
  const elsewhere = `other-${user.email}`;
  await ticketFor(user, { send_mail: true, email: elsewhere });
  await server.message({ to: elsewhere, channel: 'email' });
});

test('a ticket for one factor opens its page, with nothing to choose', async () => {
  const phone = await open(await ticketFor(await flaggedUser(server), { factor: 'phone' }));
  assert.equal(phone.path, '/u/mfa-sms-enrollment');
  assert.equal(phone.form('pick-authenticator')?.querySelector('[value=pick-authenticator]') ?? null, null);
  const elsewhere = await phone.browser.open(`/u/mfa-otp-enrollment${phone.url.search}`);
  assert.equal(elsewhere.path, '/u/mfa-sms-enrollment');
  const app = await open(await ticketFor(await flaggedUser(server), { factor: 'otp' }));
  assert.equal(app.path, '/u/mfa-otp-enrollment');
});

test('A6: a used ticket opens nothing and mints no key; opening alone spends nothing', async () => {
  const user = await flaggedUser(server);
  const ticket = await ticketFor(user, { factor: 'otp' });
  const scanner = await open(ticket);
  const mine = await open(ticket);
  assert.notEqual(seedOf(scanner), seedOf(mine));
  const { page } = await enrollOtp(server, mine);
  assert.equal(page.status, 200);
  const again = await open(ticket);
  assert.equal(again.status, 400);
  assert.match(again.words, /used already/);
  assert.equal(again.html.querySelector('svg.qr, figure svg, .secret'), null);
  // The page that was open in the other browser is worth nothing any more.
  const late = await scanner.submit({ code: totp(seedOf(scanner), server.now()) });
  assert.equal(late.status, 400);
});

test('A6: an expired ticket enrolls nobody, nor does one that never was', async () => {
  const user = await flaggedUser(server);
  const ticket = await ticketFor(user);
  await server.advanceClock(5 * DAY_MS);
  const expired = await open(ticket);
  assert.equal(expired.status, 400);
  assert.match(expired.words, /expired/);
  const unknown = await open({ ticket_url: server.url(`mfa/enrollment?ticket=${'x'.repeat(32)}`) });
  assert.equal(unknown.status, 400);
  assert.match(unknown.words, /not valid/);
  assert.equal((await open({ ticket_url: server.url('mfa/enrollment') })).status, 400);
});

test('A7: the enrollment by one ticket voids the others, also those that are open in a browser', async () => {
  const user = await flaggedUser(server);
  const [first, second, third] = [await ticketFor(user), await ticketFor(user), await ticketFor(user)];
  const other = await (await open(second)).submit({}, { button: 'otp' });
  const { page, seed } = await enrollOtp(server, await open(first));
  assert.equal(page.status, 200);
  const refused = await other.submit({ code: totp(seedOf(other), server.now()) });
  assert.equal(refused.status, 400);
  assert.equal((await open(third)).status, 400);

  await server.advanceClock(30_000);
  const { page: challenge } = await logIn(server, client, user);
  assert.equal((await challenge.submit({ code: totp(seedOf(other), server.now()) })).status, 400);
  assert.ok((await challenge.submit({ code: totp(seed, server.now()) })).redirect);
});

test('who is enrolled gets another factor only by a ticket that allows it', async () => {
  const user = await flaggedUser(server);
  await enrollOtp(server, await open(await ticketFor(user)));
  const plain = await open(await ticketFor(user));
  assert.equal(plain.status, 400);
  assert.match(plain.words, /all set already/);
  const number = newNumber();
  const several = await ticketFor(user, { factor: 'phone', allow_multiple_enrollments: true });
  const { page } = await enrollSms(server, await open(several), number);
  assert.equal(page.status, 200);
  const methods = await server.apiOk('GET', `users/${user.user_id}/authentication-methods`);
  assert.deepEqual(methods.map((method) => method.type).sort(), ['phone', 'totp']);
  assert.equal((await open(several)).status, 400);
});

test('the page of a ticket closes after ten minutes; the ticket opens it again', async () => {
  const user = await flaggedUser(server);
  const ticket = await ticketFor(user, { factor: 'otp' });
  const page = await open(ticket);
  await server.advanceClock(10 * 60_000);
  assert.equal((await page.submit({ code: totp(seedOf(page), server.now()) })).status, 400);
  const { page: end } = await enrollOtp(server, await open(ticket));
  assert.equal(end.status, 200);
});

test('a half-done enrollment by ticket goes on where it was', async () => {
  const user = await flaggedUser(server);
  const number = newNumber();
  const verify = await (await open(await ticketFor(user, { factor: 'phone' }))).submit({ phone: number });
  const again = await verify.browser.open(`/u/mfa-detect-browser-capabilities${verify.url.search}`);
  assert.equal(again.path, '/u/mfa-sms-enrollment-verify');
  assert.equal((await server.outbox({ to: number })).length, 1);
  assert.equal((await again.submit({ code: await server.smsCode(number) })).path, '/u/mfa-enroll-result');
});

test('a ticket of a user who is gone opens nothing', async () => {
  const user = await flaggedUser(server);
  const ticket = await ticketFor(user);
  const page = await open(ticket);
  await server.api('DELETE', `users/${user.user_id}`);
  assert.equal((await open(ticket)).status, 400);
  assert.equal((await page.submit({}, { button: 'otp' })).status, 400);
});

test('a ticket for a factor that is off falls back to nothing that is off', async () => {
  await enableFactors(server, 'otp');
  try {
    const page = await open(await ticketFor(await flaggedUser(server), { factor: 'phone' }));
    assert.equal(page.status, 400);
    assert.equal(page.path, '/u/mfa-detect-browser-capabilities');
  } finally {
    await enableFactors(server, 'sms', 'otp');
  }
});
