// Push on the login pages: a phone enrols by the page's QR code, is asked at each login, and the page goes on with its answer.

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { Browser } from '../harness/browserless.mjs';
import { Device } from '../harness/device.mjs';
import { askFlaggedUsers, enableFactors, flaggedUser, logIn, recoveryCodeOf, wrongCode } from '../harness/mfa.mjs';
import { startServer } from '../harness/server.mjs';
import { sql } from '../harness/sql.mjs';

let server, client;
const clock = { clock: () => server.now() };

before(async () => {
  server = await startServer();
  client = await server.webClient();
  await askFlaggedUsers(server);
});
beforeEach(() => enableFactors(server, 'push-notification', 'otp'));
after(() => server?.stop());

/** The URI that an enrolment page shows. */
function uriOf(page) {
  return page.html.querySelector('a[href^="otpauth:"]').getAttribute('href').replaceAll('&amp;', '&');
}

async function toEnrollment(page) {
  return page.path === '/u/mfa-begin-enroll-options' ? page.submit({}, { button: 'push-notification' }) : page;
}

/** Someone whose phone is enrolled, by a login of theirs. */
async function userWithPhone({ own = false, values } = {}) {
  const user = await flaggedUser(server, values);
  const { page: first, login, browser } = await logIn(server, client, user);
  const page = await toEnrollment(first);
  const phone = await (own ? Device.ownOf(uriOf(page), clock) : Device.of(uriOf(page), clock)).enroll();
  let end = await page.submit({}, { button: 'continue' });
  if (end.path === '/u/mfa-recovery-code-enrollment') end = await end.submit({ saved: 'on' });
  await login.tokens(end);
  return { user, phone, browser };
}

const eventsOf = (page) => page.html.querySelector('script[data-events]')?.getAttribute('data-events').replaceAll('&amp;', '&');

/** Waits for the page's event stream to say that something changed; `act` is done once it stands. */
async function changeAfter(page, act) {
  const response = await fetch(new URL(eventsOf(page), server.issuer), {
    headers: { cookie: page.browser.jar.header(page.url), accept: 'text/event-stream' },
  });
  assert.equal(response.status, 200);
  const acting = act();
  let text = '';
  for await (const chunk of response.body) {
    text += Buffer.from(chunk).toString();
    if (text.includes('event: change')) break;
  }
  await acting;
  assert.match(text, /event: change/);
}

test('the enrolment page has a QR code, the same as a link and a code, and a way to our own app', async () => {
  const { page: options } = await logIn(server, client, await flaggedUser(server));
  assert.equal(options.path, '/u/mfa-begin-enroll-options');
  assert.match(options.words, /Allow on your phone/);
  const page = await options.submit({}, { button: 'push-notification' });
  assert.equal(page.path, '/u/mfa-push-enrollment');
  const uri = uriOf(page);
  const query = new URL(uri).searchParams;
  assert.equal(query.get('base_url'), `${server.issuer}appliance-mfa`);
  assert.equal(page.html.querySelector('.secret').text.replace(/\s/g, ''), query.get('enrollment_tx_id'));
  assert.ok(page.html.querySelector('.qr-frame svg'));
  const own = page.html.querySelector('a[href^="/phone#"]').getAttribute('href');
  assert.equal(decodeURIComponent(own.slice('/phone#'.length)), uri);
  assert.match(page.text, /<noscript><meta http-equiv="refresh"/);
  assert.match(page.headers.get('content-security-policy'), /script-src 'self'; connect-src 'self'/);
});

test('the page hears when the phone has enrolled, and the login goes on', async () => {
  const { page: first, login } = await logIn(server, client, await flaggedUser(server));
  const page = await toEnrollment(first);
  const phone = Device.of(uriOf(page), clock);
  await changeAfter(page, () => phone.enroll());
  const tokens = await login.tokens(await page.submit({}, { button: 'continue' }));
  assert.ok(tokens.id_token);
  assert.equal(phone.account.recovery_code, undefined);
});

test('a page that is loaded again, as without script, finds the enrolled phone too', async () => {
  const { page: first, login, browser } = await logIn(server, client, await flaggedUser(server));
  const page = await toEnrollment(first);
  await Device.of(uriOf(page), clock).enroll();
  await login.tokens(await browser.open(page.url));
});

test('Continue before the phone has enrolled says so, with the same code', async () => {
  const { page: first } = await logIn(server, client, await flaggedUser(server));
  const page = await toEnrollment(first);
  const again = await page.submit({}, { button: 'continue' });
  assert.equal(again.status, 200);
  assert.match(again.words, /not set up yet/);
  assert.equal(uriOf(again), uriOf(page));
});

test('a QR code lasts five minutes; then the page shows another', async () => {
  const { page: first, login } = await logIn(server, client, await flaggedUser(server));
  const page = await toEnrollment(first);
  const late = Device.of(uriOf(page), clock);
  await server.advanceClock(300_000);
  assert.equal((await late.requestEnrollment()).status, 401);
  const again = await page.submit({}, { button: 'continue' });
  assert.match(again.words, /This is a new one/);
  assert.notEqual(uriOf(again), uriOf(page));
  await Device.of(uriOf(again), clock).enroll();
  await login.tokens(await again.submit({}, { button: 'continue' }));
});

test('a recovery code that is due is shown by the page, not sent to the phone', async () => {
  await enableFactors(server, 'push-notification', 'recovery-code');
  const user = await flaggedUser(server);
  const { page, login } = await logIn(server, client, user);
  assert.equal(page.path, '/u/mfa-push-enrollment', 'the only factor is offered at once');
  const phone = await Device.of(uriOf(page), clock).enroll();
  assert.equal(phone.account.recovery_code, undefined);
  const recovery = await page.submit({}, { button: 'continue' });
  assert.equal(recovery.path, '/u/mfa-recovery-code-enrollment');
  const code = recoveryCodeOf(recovery);
  await login.tokens(await recovery.submit({ saved: 'on' }));

  const next = await logIn(server, client, user);
  const options = await next.page.submit({}, { button: 'pick-authenticator' });
  const form = await options.submit({}, { button: 'recovery-code' });
  assert.equal((await form.submit({ code })).path, '/u/mfa-recovery-code-challenge-new-code');
});

test('an enrolment ticket enrols a phone and is spent by it', async () => {
  const user = await flaggedUser(server);
  const { ticket_url: url } = await server.apiOk('POST', 'guardian/enrollments/ticket', { user_id: user.user_id });
  const page = await toEnrollment(await new Browser(server).open(url));
  await Device.of(uriOf(page), clock).enroll();
  const end = await page.submit({}, { button: 'continue' });
  assert.equal(end.path, '/u/mfa-enroll-result');
  assert.match(end.words, /All set/);
  assert.equal((await new Browser(server).open(url)).status, 400);
  const [method] = await server.apiOk('GET', `users/${user.user_id}/authentication-methods`);
  assert.equal(method.type, 'push');
});

test('a login asks the phone once, and an approval lets it in once', async () => {
  const { user, phone } = await userWithPhone();
  const { page, login, browser } = await logIn(server, client, user);
  assert.equal(page.path, '/u/mfa-push-challenge');
  assert.match(page.words, /Ada's phone|Ada&#39;s phone/);
  assert.equal(page.html.querySelector('.number'), null, 'an app of the SDKs can take no number');
  const push = await phone.push(server);
  assert.equal((await browser.open(page.url)).status, 200);
  assert.equal((await server.outbox({ channel: 'push' })).filter(({ payload }) => JSON.stringify(payload).includes(phone.account.id)).length, 1);
  await changeAfter(page, () => phone.answer(push, true));
  const tokens = await login.tokens(await page.submit({}, { button: 'continue' }));
  assert.ok(tokens.id_token);
});

test('the page shows the place, browser and time of the login', async () => {
  const { user } = await userWithPhone();
  const agent = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36';
  const { page } = await logIn(server, client, user, { browser: new Browser(server, { headers: { 'user-agent': agent } }) });
  const details = page.html.querySelector('.details').text;
  assert.match(details, /127\.0\.0\.1/);
  assert.match(details, /Chrome \/ Linux/);
  assert.match(page.html.querySelector('time').getAttribute('datetime'), /^\d{4}-\d\d-\d\dT/);
});

test('Continue before the answer says that there is none', async () => {
  const { user } = await userWithPhone();
  const { page } = await logIn(server, client, user);
  const again = await page.submit({}, { button: 'continue' });
  assert.equal(again.status, 200);
  assert.match(again.words, /There is no answer yet/);
});

test('a denied login says so, and can ask again', async () => {
  const { user, phone } = await userWithPhone();
  const { page, login } = await logIn(server, client, user);
  const push = await phone.push(server);
  await changeAfter(page, () => phone.answer(push, false, { reason: 'hack' }));
  const denied = await page.submit({}, { button: 'continue' });
  assert.equal(denied.status, 400);
  assert.match(denied.errors.join(), /denied on your phone/);
  assert.equal(eventsOf(denied), undefined, 'nothing is waited for');
  const again = await denied.submit({}, { button: 'resend' });
  assert.match(again.words, /We have asked again/);
  await phone.answer(await phone.push(server), true);
  await login.tokens(await again.submit({}, { button: 'continue' }));
});

test('a question lasts five minutes, costs no try when it ends, and can be asked again', async () => {
  const { user, phone } = await userWithPhone();
  const { page, login } = await logIn(server, client, user);
  const late = await phone.push(server);
  await server.advanceClock(300_000);
  const expired = await page.submit({}, { button: 'continue' });
  assert.match(expired.errors.join(), /no answer in time/);
  assert.notEqual((await phone.resolve(late, phone.response(late, true))).status, 204);
  const again = await expired.submit({}, { button: 'resend' });
  const push = await phone.push(server);
  await phone.answer(push, true);
  await login.tokens(await again.submit({}, { button: 'continue' }));
});

test('our own phone app takes the number that the page shows', async () => {
  const { user, phone } = await userWithPhone({ own: true });
  const { page, login } = await logIn(server, client, user);
  const number = page.html.querySelector('.number').text.trim();
  assert.match(number, /^\d\d$/);
  const [push] = await phone.pending();
  assert.equal(push.nm, true);
  await phone.answer(push, true, { number });
  await login.tokens(await page.submit({}, { button: 'continue' }));
});

test('a wrong number refuses the login', async () => {
  const { user, phone } = await userWithPhone({ own: true });
  const { page } = await logIn(server, client, user);
  const number = page.html.querySelector('.number').text.trim();
  const [push] = await phone.pending();
  const other = number === '10' ? '11' : '10';
  const { status } = await phone.resolve(push, phone.response(push, true, { number: other }));
  assert.equal(status, 403);
  assert.match((await page.submit({}, { button: 'continue' })).errors.join(), /denied on your phone/);
});

test('a code of the same enrolment does instead, where one-time codes are on', async () => {
  const { user, phone } = await userWithPhone();
  const { page, login } = await logIn(server, client, user);
  const form = await page.submit({}, { button: 'enter-otp-code' });
  assert.equal(form.path, '/u/mfa-push-challenge-code');
  const wrong = await form.submit({ code: wrongCode(phone.account.totp.secret, server.now()) });
  assert.equal(wrong.status, 400);
  await login.tokens(await wrong.submit({ code: phone.code() }));

  await enableFactors(server, 'push-notification');
  const { page: without, browser } = await logIn(server, client, user);
  assert.equal(without.form('enter-otp-code'), undefined);
  assert.equal((await browser.open(`/u/mfa-push-challenge-code?state=${without.url.searchParams.get('state')}`)).path, '/u/mfa-push-challenge');
});

test('this browser is remembered where the box was ticked', async () => {
  const { user, phone } = await userWithPhone();
  const { page, login, browser } = await logIn(server, client, user);
  await phone.answer(await phone.push(server), true);
  // Loaded again without script, the page leaves that choice to the person.
  const approved = await browser.open(page.url);
  assert.match(approved.words, /You have allowed it/);
  await login.tokens(await approved.submit({ rememberBrowser: 'true' }, { button: 'continue' }));
  const next = await logIn(server, client, user, { browser, parameters: { prompt: 'login' } });
  assert.ok(next.page.redirect, 'no second factor');
});

test('an approval of one login lets no other in', async () => {
  const { user, phone } = await userWithPhone();
  const mine = await logIn(server, client, user);
  const push = await phone.push(server);
  const theirs = await logIn(server, client, user);
  await phone.answer(push, true);
  assert.match((await theirs.page.submit({}, { button: 'continue' })).words, /There is no answer yet/);
  await mine.login.tokens(await mine.page.submit({}, { button: 'continue' }));
});

test('the log tells what happened', async () => {
  const { user, phone } = await userWithPhone();
  const { page } = await logIn(server, client, user);
  await phone.answer(await phone.push(server), false);
  await page.submit({}, { button: 'continue' });
  const wanted = ['gd_start_enroll', 'gd_enrollment_complete', 'gd_start_auth', 'gd_send_pn', 'gd_auth_rejected'];
  let missing = wanted;
  const until = performance.now() + 5000; // entries are stored a moment after what they tell
  while (missing.length > 0 && performance.now() < until) {
    const types = (await sql(server, `SELECT type FROM logs WHERE user_id = '${user.user_id}'`)).split('\n');
    missing = wanted.filter((type) => !types.includes(type));
  }
  assert.deepEqual(missing, []);
});
