// Enrolling in a second factor while logging in.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser, claims, Login } from '../harness/browserless.mjs';
import {
  askFlaggedUsers,
  enableFactors,
  enrollOtp,
  enrollSms,
  flaggedUser,
  logIn,
  newNumber,
  recoveryCodeOf,
  seedOf,
  userWithOtp,
  wrongCode,
} from '../harness/mfa.mjs';
import { base32Decode, totp } from '../harness/otp.mjs';
import { startServer } from '../harness/server.mjs';

let server, client;

before(async () => {
  server = await startServer();
  client = await server.webClient();
  await askFlaggedUsers(server);
  await enableFactors(server, 'sms', 'otp');
});

after(() => server?.stop());

test('the first login of a flagged user enrolls in one-time codes, and the ID token says so', async () => {
  const user = await flaggedUser(server);
  const { login, page } = await logIn(server, client, user);
  assert.equal(page.path, '/u/mfa-begin-enroll-options');
  const actions = page.html.querySelectorAll('.choices button').map((button) => button.getAttribute('value'));
  assert.deepEqual(actions.sort(), ['otp', 'sms']);
  const qr = await page.submit({}, { button: 'otp' });
  assert.equal(qr.path, '/u/mfa-otp-enrollment');
  assert.ok(qr.html.querySelector('svg'));
  const { page: end } = await enrollOtp(server, qr);
  const tokens = await login.tokens(end);
  assert.deepEqual(claims(tokens.id_token).amr, ['mfa']);
  const shown = await server.apiOk('GET', `users/${user.user_id}`);
  assert.deepEqual(shown.multifactor, ['guardian']);
});

test('a half-done enrollment goes on with the same key, as QR code and as text, and in a second tab begins anew', async () => {
  const user = await flaggedUser(server);
  const { login, browser, page } = await logIn(server, client, user);
  const qr = await page.submit({}, { button: 'otp' });
  const seed = seedOf(qr);
  assert.equal(seed.length, 32);
  const again = await browser.open(qr.url);
  assert.equal(seedOf(again), seed);
  const text = await again.submit({}, { button: 'toggle-view' });
  assert.equal(seedOf(text), seed);
  assert.equal(text.html.querySelector('svg.qr, figure svg'), null);
  assert.equal(text.html.querySelector('.secret').text.replace(/\s/g, ''), seed);
  assert.equal(seedOf(await text.submit({}, { button: 'toggle-view' })), seed);
  // From the start page too.
  const start = await browser.open(`/u/mfa-detect-browser-capabilities${qr.url.search}`);
  assert.equal(seedOf(start), seed);

  const other = new Login(server, client, { browser });
  const otherOptions = await other.withPassword(user.email, user.password);
  const otherQr = await otherOptions.submit({}, { button: 'otp' });
  assert.notEqual(seedOf(otherQr), seed);
  assert.equal((await server.apiOk('GET', `users/${user.user_id}`)).multifactor, undefined);

  await login.tokens(await qr.submit({ code: totp(seed, server.now()) }));
  // The second tab is asked for the factor that exists now; its own key is worth nothing.
  const late = await otherQr.submit({ code: totp(seedOf(otherQr), server.now()) });
  assert.equal(late.path, '/u/mfa-otp-challenge');
});

test('A4: the key is nowhere to be read once it is confirmed', async () => {
  const { user, seed, browser } = await userWithOtp(server, client);
  const id = encodeURIComponent(user.user_id);
  const { ticket_url } = await server.apiOk('POST', 'guardian/enrollments/ticket', { user_id: user.user_id });
  const [enrollment] = await server.apiOk('GET', `users/${id}/enrollments`);
  const raw = base32Decode(seed);
  const places = [
    ...(await Promise.all(
      [`users/${id}`, `users/${id}/enrollments`, `guardian/enrollments/${enrollment.id}`, `users/${id}/authentication-methods`].map(
        (path) => server.api('GET', path).then(({ body }) => JSON.stringify(body)),
      ),
    )),
    (await browser.open(ticket_url)).text,
    (await logIn(server, client, user)).page.text,
    server.log,
  ];
  for (const place of places)
    for (const form of [seed, raw.toString('hex'), raw.toString('base64'), raw.toString('base64url')])
      assert.equal(place.includes(form), false);
});

test('A5: a number without its country code is refused and nothing is sent', async () => {
  const user = await flaggedUser(server);
  const { page } = await logIn(server, client, user);
  const form = await page.submit({}, { button: 'sms' });
  assert.equal(form.path, '/u/mfa-sms-enrollment');
  const before = (await server.outbox({ channel: 'sms' })).length;
  for (const [phone, message] of [
    ['', /Enter your phone number/],
    ['07911 123456', /country code/],
    ['447911123456', /country code/],
    ['+4479', /country code/],
  ]) {
    const refused = await form.submit({ phone });
    assert.equal(refused.status, 400, phone);
    assert.match(refused.errors.join(' '), message);
    assert.equal(refused.html.querySelector('[name=phone]').getAttribute('value') ?? '', phone);
  }
  assert.equal((await server.outbox({ channel: 'sms' })).length, before);
});

test('a phone is enrolled: the number can be edited, the code sent again, and only the newest one counts', async () => {
  const user = await flaggedUser(server);
  const { login, page } = await logIn(server, client, user);
  const mistyped = newNumber();
  const number = newNumber();
  let verify = await (await page.submit({}, { button: 'sms' })).submit({ phone: mistyped });
  assert.equal(verify.path, '/u/mfa-sms-enrollment-verify');
  assert.ok(verify.words.includes('XXXXXXXXX' + mistyped.slice(-4)));
  assert.equal(verify.words.includes(mistyped), false);
  const codeOfMistyped = await server.smsCode(mistyped);
  const edit = await verify.follow(/mfa-sms-enrollment/);
  verify = await edit.submit({ phone: number });
  assert.ok(verify.words.includes('XXXXXXXXX' + number.slice(-4)));
  const first = await server.smsCode(number);
  verify = await verify.submit({}, { button: 'resend-code' });
  assert.equal(verify.status, 200);
  assert.equal((await server.outbox({ to: number })).length, 2);
  const second = await server.smsCode(number);
  for (const code of new Set([codeOfMistyped, first])) {
    if (code === second) continue;
    const refused = await verify.submit({ code });
    assert.equal(refused.status, 400);
    assert.match(refused.errors.join(' '), /not right/);
  }
  await login.tokens(await verify.submit({ code: second.slice(0, 3) + ' ' + second.slice(3) }));
  const [enrollment] = await server.apiOk('GET', `users/${user.user_id}/enrollments`);
  assert.equal(enrollment.phone_number, 'XXXXXXXXX' + number.slice(-4));
});

test('with one factor on there is nothing to choose', async () => {
  await enableFactors(server, 'otp');
  try {
    const { page } = await logIn(server, client, await flaggedUser(server));
    assert.equal(page.path, '/u/mfa-otp-enrollment');
    assert.equal(page.form('pick-authenticator')?.querySelector('[value=pick-authenticator]') ?? null, null);
  } finally {
    await enableFactors(server, 'sms', 'otp');
  }
});

test('with the recovery-code factor on, the first factor shows a code that has to be kept', async () => {
  await enableFactors(server, 'sms', 'otp', 'recovery-code');
  try {
    const user = await flaggedUser(server);
    const { login, browser, page } = await logIn(server, client, user);
    const { page: keep } = await enrollSms(server, page);
    assert.equal(keep.path, '/u/mfa-recovery-code-enrollment');
    const code = recoveryCodeOf(keep);
    assert.match(code, /^[A-Z0-9]{24}$/);
    const unsaved = await keep.submit({});
    assert.equal(unsaved.status, 400);
    assert.equal(recoveryCodeOf(unsaved), code);
    // Any other page of this login leads back here.
    const elsewhere = await browser.open(`/u/mfa-sms-enrollment${keep.url.search}`);
    assert.equal(recoveryCodeOf(elsewhere), code);
    await login.tokens(await unsaved.submit({ saved: 'on' }));
    const methods = await server.apiOk('GET', `users/${user.user_id}/authentication-methods`);
    assert.deepEqual(methods.map((method) => method.type).sort(), ['phone', 'recovery-code']);
    assert.equal(JSON.stringify(methods).includes(code), false);
  } finally {
    await enableFactors(server, 'sms', 'otp');
  }
});

test('wrong codes of an enrollment are counted, and the tenth ends the login', async () => {
  const user = await flaggedUser(server);
  const { page } = await logIn(server, client, user);
  const qr = await page.submit({}, { button: 'otp' });
  const seed = seedOf(qr);
  for (let i = 0; i < 9; i++) assert.equal((await qr.submit({ code: wrongCode(seed, server.now()) })).status, 400);
  assert.equal((await qr.submit({ code: '12345' })).status, 400);
  assert.equal((await qr.submit({ code: '' })).status, 400);
  const locked = await qr.submit({ code: wrongCode(seed, server.now()) });
  assert.equal(locked.status, 429);
  assert.ok(Number(locked.headers.get('retry-after')) > 0);
  const dead = await qr.submit({ code: totp(seed, server.now()) });
  assert.equal(dead.status, 400);
  assert.equal((await server.apiOk('GET', `users/${user.user_id}`)).multifactor, undefined);
});

test('the pages speak the language of the reader', async () => {
  const user = await flaggedUser(server);
  const { page } = await logIn(server, client, user, { parameters: { ui_locales: 'ar' } });
  assert.equal(page.html.querySelector('html').getAttribute('lang'), 'ar');
  assert.equal(page.html.querySelector('html').getAttribute('dir'), 'rtl');
  const number = newNumber();
  await (await page.submit({}, { button: 'sms' })).submit({ phone: number });
  const [{ text }] = await server.outbox({ to: number });
  assert.match(text, /هو رمز التحقق/);
});

test('operators’ templates of text messages are Liquid; one that fails gives way to ours', async () => {
  await server.apiOk('PUT', 'guardian/factors/sms/templates', {
    enrollment_message: '{{ tenant.friendly_name | upcase }}: {{code}} ({{ locale }})',
    verification_message: 'no code here',
  });
  try {
    const user = await flaggedUser(server);
    const { login, page } = await logIn(server, client, user);
    const number = newNumber();
    const verify = await (await page.submit({}, { button: 'sms' })).submit({ phone: number });
    const [{ text }] = await server.outbox({ to: number });
    assert.match(text, /^[^a-z]*: \d{6} \(en\)$/);
    await login.tokens(await verify.submit({ code: text.match(/\d{6}/)[0] }));
    // The other template lacks the code: ours leaves instead, so that nobody is locked out.
    await logIn(server, client, user);
    assert.match((await server.outbox({ to: number }))[0].text, /^\d{6} is your verification code for /);
  } finally {
    await server.apiOk('PUT', 'guardian/factors/sms/templates', {
      enrollment_message: '{{code}} is your verification code for {{tenant.friendly_name}}. Please enter this code to verify your enrollment.',
      verification_message: '{{code}} is your verification code for {{tenant.friendly_name}}',
    });
  }
});

test('a form of another site is refused', async () => {
  const { browser, page } = await logIn(server, client, await flaggedUser(server));
  const answer = await browser.open(page.url, {
    method: 'POST',
    body: new URLSearchParams({ state: page.url.searchParams.get('state'), action: 'otp' }),
    headers: { origin: 'https://evil.test' },
  });
  assert.equal(answer.status, 403);
});

test('another browser cannot go on with a login', async () => {
  const { page } = await logIn(server, client, await flaggedUser(server));
  const stolen = await new Browser(server).open(page.url);
  assert.equal(stolen.status, 400);
});
