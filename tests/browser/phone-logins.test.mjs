// Countersign Authenticator and this server itself: enrolled and asked by the MFA API.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch } from '../harness/chromium.mjs';
import { askFlaggedUsers, flaggedUser } from '../harness/mfa.mjs';
import { MfaApi, passwordClient } from '../harness/mfa_api.mjs';
import { startServer } from '../harness/server.mjs';

let server, chromium, api, ada, page;

before(async () => {
  [server, chromium] = await Promise.all([startServer(), launch()]);
  for (const factor of ['push-notification', 'otp']) await server.apiOk('PUT', `guardian/factors/${factor}`, { enabled: true });
  await askFlaggedUsers(server, { provider: 'guardian' });
  api = new MfaApi(server, await passwordClient(server));
  ada = await flaggedUser(server);
  const context = await chromium.newContext({ viewport: { width: 360, height: 740 }, locale: 'en-GB' });
  page = await context.newPage();
});
after(async () => {
  await chromium?.close();
  await server?.stop();
});

const at = (heading) => page.getByRole('heading', { level: 1, name: heading }).waitFor();
const press = (name) => page.getByRole('button', { name, exact: true }).click();

/** Asks as an application's back end does until the phone has answered. */
async function redeemed(mfaToken, code) {
  for (let i = 0; i < 50; i++) {
    const reply = await api.oob(mfaToken, code);
    if (!['authorization_pending', 'slow_down'].includes(reply.body.error)) return reply;
    await new Promise((later) => setTimeout(later, 100));
  }
  throw new Error('still pending');
}

let mfaToken;

test('the QR code of /mfa/associate enrols the app', async () => {
  mfaToken = await api.mfaToken(ada);
  const { status, body } = await api.associate(mfaToken, { authenticator_types: ['oob'], oob_channels: ['auth0'] });
  assert.equal(status, 200, JSON.stringify(body));
  await page.goto(`${server.url('phone')}#${encodeURIComponent(body.barcode_uri)}`);
  await at('Answer sign-ins with this device?');
  await press('Add');
  await at('Accounts');
  await page.getByText('Answers sign-ins').waitFor();
  const devices = await api.list(mfaToken);
  assert.ok(JSON.stringify(devices.body).includes('push|dev_'), JSON.stringify(devices.body));
});

/** A login of the API that asks the phone. */
async function ask() {
  const token = await api.mfaToken(ada);
  const { status, body } = await api.challenge(token, { challenge_type: 'oob' });
  assert.equal(status, 200, JSON.stringify(body));
  await at('Are you signing in?');
  return { token, code: body.oob_code };
}

test('allowed: the application gets its tokens; it can show no number, so none is asked for', async () => {
  const { token, code } = await ask();
  assert.equal(await page.getByRole('textbox').count(), 0);
  assert.ok((await page.locator('.facts').innerText()).includes(ada.email));
  await press('Allow');
  await at('Allowed');
  const { status, body } = await redeemed(token, code);
  assert.equal(status, 200, JSON.stringify(body));
  await press('Done');
});

test('denied: the application is told', async () => {
  const { token, code } = await ask();
  await press('Deny');
  await at('Denied');
  const { status, body } = await redeemed(token, code);
  assert.deepEqual([status, body.error], [400, 'access_denied']);
  await press('Done');
});

test("the enrolment's one-time code passes a login too", async () => {
  await at('Accounts');
  const shown = (await page.locator('.code').first().innerText()).replace(/\s/g, '');
  assert.match(shown, /^\d{6}$/);
  const token = await api.mfaToken(ada);
  const { status, body } = await api.otp(token, shown);
  assert.equal(status, 200, JSON.stringify(body));
});

test('removing the account in the app removes the phone at the server', async () => {
  await page.locator('.account-name').click();
  await press('Remove this account');
  await press('Remove');
  await at('Your second check at sign-in');
  assert.deepEqual(await server.apiOk('GET', `users/${encodeURIComponent(ada.user_id)}/enrollments`), []);
});
