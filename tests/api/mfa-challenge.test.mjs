// Being asked for a second factor.

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
  userWithOtp,
  wrongCode,
} from '../harness/mfa.mjs';
import { totp } from '../harness/otp.mjs';
import { startServer } from '../harness/server.mjs';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

let server, client, rule;

before(async () => {
  server = await startServer();
  client = await server.webClient();
  rule = await askFlaggedUsers(server);
  await enableFactors(server, 'sms', 'otp', 'recovery-code');
});

after(() => server?.stop());

test('A1: a code opens one login only, in sequence and at once, and so does the one that confirmed the enrollment', async () => {
  const user = await flaggedUser(server);
  const first = await logIn(server, client, user);
  const { seed, page } = await enrollOtp(server, first.page);
  await first.login.tokens(await page.submit({ saved: 'on' }));
  const second = await logIn(server, client, user);
  assert.equal(second.page.path, '/u/mfa-otp-challenge');
  assert.equal((await second.page.submit({ code: totp(seed, server.now()) })).status, 400);

  await server.advanceClock(30_000);
  const code = totp(seed, server.now());
  await second.login.tokens(await second.page.submit({ code }));
  const third = await logIn(server, client, user);
  assert.equal((await third.page.submit({ code })).status, 400);

  await server.advanceClock(30_000);
  const logins = [await logIn(server, client, user), await logIn(server, client, user), await logIn(server, client, user)];
  const next = totp(seed, server.now());
  const outcomes = await Promise.all(logins.map(({ page: challenge }) => challenge.submit({ code: next })));
  assert.equal(outcomes.filter((outcome) => outcome.redirect).length, 1);
});

test('A3: codes noted earlier are refused in whatever order they come', async () => {
  const { user, seed } = await userWithOtp(server, client);
  const noted = [0, 1, 2].map((steps) => totp(seed, server.now(), steps));
  await server.advanceClock(20 * MINUTE_MS);
  const { login, page } = await logIn(server, client, user);
  for (const code of noted) assert.equal((await page.submit({ code })).status, 400);
  await login.tokens(await page.submit({ code: totp(seed, server.now()) }));
});

test('pressing the button twice goes on with the one login', async () => {
  const { user, seed } = await userWithOtp(server, client);
  const { login, page } = await logIn(server, client, user);
  const code = totp(seed, server.now());
  const outcomes = await Promise.all([page.submit({ code }), page.submit({ code })]);
  const arrived = outcomes.filter((outcome) => outcome.redirect);
  assert.ok(arrived.length >= 1);
  assert.equal(outcomes.some((outcome) => outcome.status >= 500), false);
  const codes = arrived.map((outcome) => outcome.redirect.searchParams.get('code')).filter(Boolean);
  assert.equal(codes.length, 1);
  assert.equal((await login.redeem(codes[0])).status, 200);
});

test('a text message is sent once for a challenge, again when asked to, and its code counts once', async () => {
  const user = await flaggedUser(server);
  const first = await logIn(server, client, user);
  const { number, page } = await enrollSms(server, first.page);
  await first.login.tokens(await page.submit({ saved: 'on' }));

  const { login, browser, page: challenge } = await logIn(server, client, user);
  assert.equal(challenge.path, '/u/mfa-sms-challenge');
  assert.ok(challenge.words.includes('XXXXXXXXX' + number.slice(-4)));
  await browser.open(challenge.url);
  assert.equal((await server.outbox({ to: number })).length, 2);
  const old = await server.smsCode(number);
  const again = await challenge.submit({}, { button: 'resend-code' });
  assert.equal((await server.outbox({ to: number })).length, 3);
  const code = await server.smsCode(number);
  if (old !== code) assert.equal((await again.submit({ code: old })).status, 400);
  await server.advanceClock(5 * MINUTE_MS);
  const expired = await again.submit({ code });
  assert.equal(expired.status, 400);
  assert.match(expired.errors.join(' '), /expired/);
  const fresh = await expired.submit({}, { button: 'resend-code' });
  await login.tokens(await fresh.submit({ code: await server.smsCode(number) }));
});

test('C3, C8: ten wrong codes of whatever factor end the login, and it stays dead', async () => {
  const { user, seed, recoveryCode } = await userWithOtp(server, client);
  const { page } = await logIn(server, client, user);
  const otherTab = await logIn(server, client, user);
  for (let i = 0; i < 5; i++) assert.equal((await page.submit({ code: wrongCode(seed, server.now()) })).status, 400);
  const options = await page.submit({}, { button: 'pick-authenticator' });
  assert.equal(options.path, '/u/mfa-login-options');
  const recovery = await options.submit({}, { button: 'recovery-code' });
  assert.equal(recovery.path, '/u/mfa-recovery-code-challenge');
  for (let i = 0; i < 4; i++) assert.equal((await recovery.submit({ code: 'A'.repeat(24) })).status, 400);
  assert.equal((await recovery.submit({ code: 'ABC' })).status, 400);
  const locked = await recovery.submit({ code: 'B'.repeat(24) });
  assert.equal(locked.status, 429);
  assert.equal(locked.path, '/u/mfa-recovery-code-challenge');
  assert.match(locked.words, /Too many wrong codes/);

  await server.advanceClock(7 * MINUTE_MS);
  assert.equal((await page.submit({ code: totp(seed, server.now()) })).status, 400);
  assert.equal((await recovery.submit({ code: recoveryCode })).status, 400);
  assert.equal((await otherTab.page.submit({ code: totp(seed, server.now()) })).status, 429);
  const anew = await logIn(server, client, user);
  await anew.login.tokens(await anew.page.submit({ code: totp(seed, server.now()) }));
});

test('a lock meets the right code too', async () => {
  const { user, seed } = await userWithOtp(server, client);
  const { page } = await logIn(server, client, user);
  for (let i = 0; i < 10; i++) await page.submit({ code: wrongCode(seed, server.now()) });
  const other = await logIn(server, client, user);
  assert.equal((await other.page.submit({ code: totp(seed, server.now()) })).status, 429);
});

test('C9: a login in a second tab does not profit from a half-done one', async () => {
  const { user } = await userWithOtp(server, client);
  const { browser, page } = await logIn(server, client, user);
  assert.equal(page.path, '/u/mfa-otp-challenge');
  const second = await new Login(server, client, { browser }).begin();
  assert.equal(second.path, '/u/login/identifier');
  const silent = await new Login(server, client, { browser, parameters: { prompt: 'none' } }).begin();
  assert.equal(silent.redirect.searchParams.get('error'), 'login_required');
});

test('the challenge times out after ten minutes, and the application hears of it', async () => {
  const { user, seed } = await userWithOtp(server, client);
  const { login, page } = await logIn(server, client, user);
  await server.advanceClock(10 * MINUTE_MS);
  const answer = login.arrived(await page.submit({ code: totp(seed, server.now()) }));
  assert.equal(answer.error, 'invalid_request');
  assert.equal(answer.error_description, 'The transaction has expired');
});

test('a browser is remembered where the box was ticked, for 30 days, and forgotten after 7 idle ones', async () => {
  const { user, seed, browser } = await userWithOtp(server, client);
  const begin = async () => {
    await browser.open(`v2/logout?client_id=${client.client_id}`);
    return logIn(server, client, user, { browser });
  };
  const first = await begin();
  const box = first.page.html.querySelector('[name=rememberBrowser]');
  assert.equal(box.hasAttribute('checked'), false);
  await first.login.tokens(await first.page.submit({ code: totp(seed, server.now()), rememberBrowser: 'true' }));

  for (let days = 6; days < 30; days += 6) {
    await server.advanceClock(6 * DAY_MS);
    const remembered = await begin();
    await remembered.login.tokens(remembered.page);
  }
  await server.advanceClock(6 * DAY_MS + MINUTE_MS);
  const after30 = await begin();
  assert.equal(after30.page.path, '/u/mfa-otp-challenge');
  await after30.login.tokens(await after30.page.submit({ code: totp(seed, server.now()), rememberBrowser: 'true' }));

  await server.advanceClock(7 * DAY_MS + MINUTE_MS);
  const idle = await begin();
  assert.equal(idle.page.path, '/u/mfa-otp-challenge');
});

test('A9: it is the browser that is remembered, not the person', async () => {
  const { user, seed } = await userWithOtp(server, client);
  const mine = await logIn(server, client, user);
  await mine.login.tokens(await mine.page.submit({ code: totp(seed, server.now()), rememberBrowser: 'true' }));
  const elsewhere = await logIn(server, client, user);
  assert.equal(elsewhere.page.path, '/u/mfa-otp-challenge');
  // And another person in the same browser is asked.
  const other = await userWithOtp(server, client);
  await mine.browser.open(`v2/logout?client_id=${client.client_id}`);
  const sameBrowser = await logIn(server, client, other.user, { browser: mine.browser });
  assert.equal(sameBrowser.page.path, '/u/mfa-otp-challenge');
});

test('the box is not shown, nor heeded, where the rule or the tenant forbids it', async () => {
  const { user, seed } = await userWithOtp(server, client);
  const forbid = async (allowed) => {
    const { browser, page, login } = await logIn(server, client, user);
    assert.equal(page.html.querySelector('[name=rememberBrowser]') !== null, allowed);
    await server.advanceClock(30_000);
    await login.tokens(await page.submit({ code: totp(seed, server.now()), rememberBrowser: 'true' }));
    assert.equal(browser.jar.get('auth0-mf') !== undefined, allowed);
  };
  await forbid(true);
  const settings = await server.apiOk('GET', 'guardian/settings');
  await server.apiOk('PUT', 'guardian/settings', { ...settings, display_remember_me_checkbox: false });
  await forbid(false);
  await server.apiOk('PUT', 'guardian/settings', settings);
  await server.apiOk('PATCH', `rules/${rule.id}`, {
    script: rule.script.replace('"provider":"any"', '"provider":"any","allowRememberBrowser":false'),
  });
  await forbid(false);
  await server.apiOk('PATCH', `rules/${rule.id}`, { script: rule.script });
});

test('another method is chosen among the enrolled ones, and kept when the page is loaded again', async () => {
  const { user } = await userWithOtp(server, client);
  const { ticket_url } = await server.apiOk('POST', 'guardian/enrollments/ticket', {
    user_id: user.user_id,
    factor: 'phone',
    allow_multiple_enrollments: true,
  });
  const number = newNumber();
  const enrolled = await enrollSms(server, await new Browser(server).open(ticket_url), number);
  assert.equal(enrolled.page.path, '/u/mfa-enroll-result');

  const { login, browser, page } = await logIn(server, client, user);
  assert.equal(page.path, '/u/mfa-sms-challenge', 'the one that was used last comes first');
  const options = await page.submit({}, { button: 'pick-authenticator' });
  const actions = options.html.querySelectorAll('.choices button').map((button) => button.getAttribute('value'));
  assert.deepEqual(actions, ['sms', 'otp', 'recovery-code']);
  assert.ok(options.words.includes('XXXXXXXXX' + number.slice(-4)));
  const app = await options.submit({}, { button: 'otp' });
  assert.equal(app.path, '/u/mfa-otp-challenge');
  const start = await browser.open(`/u/mfa-detect-browser-capabilities${app.url.search}`);
  assert.equal(start.path, '/u/mfa-otp-challenge');
  const back = await (await start.submit({}, { button: 'pick-authenticator' })).submit({}, { button: 'sms' });
  assert.equal(back.path, '/u/mfa-sms-challenge');
  await login.tokens(await back.submit({ code: await server.smsCode(number) }));
});

test('A8: a recovery code opens one login, even of many at once, and a new one takes its place', async () => {
  const { user, recoveryCode } = await userWithOtp(server, client);
  const toRecovery = async () => {
    const { login, page } = await logIn(server, client, user);
    const options = await page.submit({}, { button: 'pick-authenticator' });
    return { login, page: await options.submit({}, { button: 'recovery-code' }) };
  };
  const logins = [];
  for (let i = 0; i < 8; i++) logins.push(await toRecovery());
  const typed = recoveryCode.toLowerCase().match(/.{4}/g).join(' ');
  const outcomes = await Promise.all(logins.map(({ page }) => page.submit({ code: typed })));
  const passed = outcomes.flatMap((outcome, i) => (outcome.path === '/u/mfa-recovery-code-challenge-new-code' ? [i] : []));
  assert.equal(passed.length, 1);
  const keep = outcomes[passed[0]];
  const next = recoveryCodeOf(keep);
  assert.match(next, /^[A-Z0-9]{24}$/);
  assert.notEqual(next, recoveryCode);
  assert.equal((await keep.submit({})).status, 400);
  await logins[passed[0]].login.tokens(await keep.submit({ saved: 'on' }));

  const again = await toRecovery();
  assert.equal((await again.page.submit({ code: recoveryCode })).status, 400);
  assert.equal((await again.page.submit({ code: next })).path, '/u/mfa-recovery-code-challenge-new-code');
});

test('a factor that an operator removes is asked no more: the next login enrolls anew', async () => {
  const { user, seed } = await userWithOtp(server, client);
  const underWay = await logIn(server, client, user);
  const remembering = await logIn(server, client, user);
  await remembering.login.tokens(
    await remembering.page.submit({ code: totp(seed, server.now()), rememberBrowser: 'true' }),
  );
  const [enrollment] = await server.apiOk('GET', `users/${user.user_id}/enrollments`);
  await server.apiOk('DELETE', `guardian/enrollments/${enrollment.id}`);
  const shown = await server.apiOk('GET', `users/${user.user_id}`);
  assert.equal(shown.multifactor, undefined);
  assert.deepEqual(await server.apiOk('GET', `users/${user.user_id}/enrollments`), []);

  await server.advanceClock(30_000);
  const gone = await underWay.page.submit({ code: totp(seed, server.now()) });
  assert.equal(gone.path, '/u/mfa-begin-enroll-options');
  // The browser was remembered for a factor that is gone.
  await remembering.browser.open(`v2/logout?client_id=${client.client_id}`);
  const { page } = await logIn(server, client, user, { browser: remembering.browser });
  assert.equal(page.path, '/u/mfa-begin-enroll-options');
});

test('a factor that is switched off is asked no more', async () => {
  const { user } = await userWithOtp(server, client);
  await enableFactors(server, 'sms');
  const { page } = await logIn(server, client, user);
  assert.equal(page.path, '/u/mfa-sms-enrollment');
  await enableFactors(server, 'sms', 'otp', 'recovery-code');
});

test('acr_values ask for a factor whatever the rule says', async () => {
  const { user, seed, browser } = await userWithOtp(server, client);
  await server.apiOk('PATCH', `users/${user.user_id}`, { app_metadata: { use_mfa: false } });
  const acr = 'http://schemas.openid.net/pape/policies/2007/06/multi-factor';
  await browser.open(`v2/logout?client_id=${client.client_id}`);
  const { login, page } = await logIn(server, client, user, { browser, parameters: { acr_values: acr } });
  assert.equal(page.path, '/u/mfa-otp-challenge');
  assert.equal(page.html.querySelector('[name=rememberBrowser]'), null);
  const tokens = await login.tokens(await page.submit({ code: totp(seed, server.now()) }));
  assert.equal(claims(tokens.id_token).acr, acr);
  assert.deepEqual(claims(tokens.id_token).amr, ['mfa']);
});
