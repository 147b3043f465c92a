// The tutorial "User-Initiated Multifactor Authentication" with push as the factor: two Chromium profiles, the login and the
// phone with Countersign Authenticator, and the number that goes from the one to the other by a person's eyes.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startApplication } from '../harness/application.mjs';
import { pkce } from '../harness/browserless.mjs';
import { launch } from '../harness/chromium.mjs';
import { askFlaggedUsers, flaggedUser } from '../harness/mfa.mjs';
import { startServer } from '../harness/server.mjs';

let server, application, chromium, client, ada, login, phone;

before(async () => {
  [server, application, chromium] = await Promise.all([startServer(), startApplication(), launch()]);
  for (const factor of ['push-notification', 'otp']) await server.apiOk('PUT', `guardian/factors/${factor}`, { enabled: true });
  await askFlaggedUsers(server, { provider: 'guardian', allowRememberBrowser: false });
  client = await server.webClient({ name: 'Acme Shop', callbacks: [application.callback] });
  ada = await flaggedUser(server);
  [login, phone] = await Promise.all([profile(), profile()]);
});
after(async () => {
  await chromium?.close();
  await application?.close();
  await server?.stop();
});

async function profile() {
  const context = await chromium.newContext({ viewport: { width: 360, height: 740 }, locale: 'en-GB' });
  return context.newPage();
}

const path = () => new URL(login.url()).pathname;
const at = (page, heading) => page.getByRole('heading', { level: 1, name: heading }).waitFor();
const press = (page, name) => page.getByRole('button', { name, exact: true }).click();

/** Identifier and password, as far as what follows them. */
async function logIn(user = ada) {
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: client.client_id,
    redirect_uri: application.callback,
    scope: 'openid',
    prompt: 'login',
    code_challenge: pkce().challenge,
    code_challenge_method: 'S256',
  });
  await login.goto(server.url(`authorize?${query}`));
  if (path() === '/u/login/identifier') {
    await login.fill('[name=username]', user.email);
    await login.click('button[value=default]');
  }
  await login.fill('[name=password]', user.password);
  await login.click('button[value=default]');
}

/** The page goes there by itself: nothing is pressed in the login's browser. */
const arrives = () => login.waitForURL((url) => url.href.startsWith(application.callback) && url.searchParams.has('code'));

const number = async () => (await login.locator('.number').innerText()).trim();

async function answerOnPhone(digits) {
  await at(phone, 'Are you signing in?');
  await phone.getByLabel('Number on the sign-in page').fill(digits);
  await press(phone, 'Allow');
}

/** By the link of the enrolment page, as on the phone itself. */
async function enrolFrom(page, on) {
  await page.waitForURL('**/u/mfa-push-enrollment**');
  const link = await page.locator('a[href*="/phone#"]').getAttribute('href');
  await on.goto(new URL(link, server.issuer).href);
  await at(on, 'Answer sign-ins with this device?');
  await press(on, 'Add');
  await at(on, 'Accounts');
}

test('Initiate enrollment: the ticket page enrols the phone and goes on by itself', async () => {
  const { ticket_url } = await server.apiOk('POST', 'guardian/enrollments/ticket', { user_id: ada.user_id });
  await login.goto(ticket_url);
  const push = login.locator('button[value="push-notification"]');
  if (path() !== '/u/mfa-push-enrollment') await push.click();
  await enrolFrom(login, phone);
  await login.waitForURL('**/u/mfa-enroll-result**');
});

test('a login asks the phone; the number of the page allows it, and the login goes on by itself', async () => {
  await logIn();
  assert.equal(path(), '/u/mfa-push-challenge');
  await at(phone, 'Are you signing in?');
  const facts = await phone.locator('.facts').innerText();
  for (const fact of [ada.email, 'Acme Shop', '127.0.0.1']) assert.ok(facts.includes(fact), `${fact} in ${facts}`);
  await answerOnPhone(await number());
  await at(phone, 'Allowed');
  await arrives();
  await press(phone, 'Done');
});

test('denied on the phone: the login page says so and does not go on', async () => {
  await logIn();
  await at(phone, 'Are you signing in?');
  await press(phone, 'Deny');
  await at(phone, 'Denied');
  await login.getByRole('button', { name: /again|resend/i }).first().waitFor();
  assert.equal(path(), '/u/mfa-push-challenge');
  await press(phone, 'Done');
});

test('a wrong number refuses; asked again with a new number, the right one allows', async () => {
  await logIn();
  const shown = await number();
  await answerOnPhone(shown === '10' ? '11' : '10');
  await at(phone, 'That was not the number');
  await press(phone, 'Done');
  await login.locator('button[value=resend]').first().click();
  await answerOnPhone(await number());
  await at(phone, 'Allowed');
  await arrives();
  await press(phone, 'Done');
});

test("the phone's one-time code instead", async () => {
  await server.advanceClock(300_000);
  await phone.clock.install({ time: server.now() });
  await phone.reload();
  await logIn();
  await login.locator('button[value="enter-otp-code"]').click();
  await at(phone, /Are you signing in\?|Accounts/);
  if ((await phone.locator('h1').innerText()) !== 'Accounts') await press(phone, 'Back');
  await at(phone, 'Accounts');
  const code = (await phone.locator('.code').first().innerText()).replace(/\s/g, '');
  await login.fill('[name=code]', code);
  await login.click('button[value=default]');
  await arrives();
});

test('another user enrols a second phone at login', async () => {
  const ben = await flaggedUser(server);
  const other = await profile();
  await login.context().clearCookies();
  await logIn(ben);
  if (path() !== '/u/mfa-push-enrollment') await login.locator('button[value="push-notification"]').click();
  await enrolFrom(login, other);
  await arrives();
  assert.equal((await server.apiOk('GET', `users/${encodeURIComponent(ben.user_id)}/enrollments`)).length, 1);
});
