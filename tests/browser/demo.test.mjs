// The demo application, gone through as a newcomer does: sign up, factors and rule on, the flag set, enrolled by a ticket, and
// signed in again with a second factor.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { launch } from '../harness/chromium.mjs';
import { startServer } from '../harness/server.mjs';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const EMAIL = 'newcomer@example.test';
const PASSWORD = 'a long walk by the River 7';
const PHONE = '+12025550142';

let server, chromium, page;

before(async () => {
  server = await startServer();
  chromium = await launch();
  page = await chromium.newPage({ locale: 'en', reducedMotion: 'reduce' });
  page.setDefaultTimeout(20_000);
});

after(async () => {
  await chromium?.close();
  await server?.stop();
});

async function assertAccessible() {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run());
  assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`), []);
}

async function press(name) {
  await page.getByRole('button', { name, exact: true }).click();
}

async function isDone(step) {
  await page.locator(`#step-${step}.is-done`).waitFor();
}

test('opens with the first step to do, and nothing to complain about', async () => {
  await page.goto(server.url('demo'));
  await page.locator('#step-sign-in.is-next').waitFor();
  await assertAccessible();
});

test('signs up and shows the tokens', async () => {
  await press('Sign up');
  await page.locator('[name=email]').fill(EMAIL);
  await page.locator('form button[type=submit]').first().click();
  await page.locator('[name=password]').fill(PASSWORD);
  await page.locator('form button[type=submit]').first().click();
  await isDone('sign-in');
  assert.match(await page.locator('#id-token').innerText(), /newcomer@example\.test/);
});

test('turns the factors on and puts the rule in', async () => {
  await press('Turn them on');
  await isDone('factors');
  const rules = await server.apiOk('GET', 'rules');
  assert.equal(rules.length, 1);
  assert.match(rules[0].script, /context\.multifactor/);
  const factors = await server.apiOk('GET', 'guardian/factors');
  assert.equal(factors.find(({ name }) => name === 'sms').enabled, true);
  assert.equal(factors.find(({ name }) => name === 'otp').enabled, true);
});

test('flags the user through the Management API', async () => {
  await press('Turn on MFA for me');
  await isDone('flag');
  assert.match(await page.locator('#calls').innerText(), /PATCH/);
  const [user] = await server.apiOk('GET', `users-by-email?email=${encodeURIComponent(EMAIL)}`).catch(async () =>
    server.apiOk('GET', 'users'),
  );
  assert.equal(user.app_metadata.use_mfa, true);
  await assertAccessible();
});

test('enrolls by a ticket, with a text message from the outbox', async () => {
  await press('Make a ticket');
  await page.getByRole('link', { name: 'Open the ticket' }).click();
  await page.waitForURL((url) => !url.pathname.startsWith('/demo'));
  await page.locator('button[value=sms]').click();
  await page.locator('[name=phone]').fill(PHONE);
  await page.locator('form button[type=submit]').first().click();
  const { text } = await server.message({ channel: 'sms', to: PHONE });
  await page.locator('[name=code]').fill(text.match(/\d{6}/)[0]);
  await page.locator('form button[type=submit]').first().click();
  await page.waitForLoadState();
  await page.goto(server.url('demo'));
  await isDone('enroll');
});

test('signs in again, with the second factor', async () => {
  const before = (await server.outbox({ channel: 'sms', to: PHONE })).length;
  await press('Sign in again');
  if ((await page.locator('[name=username]').count()) > 0 && (await page.locator('[name=password]').count()) === 0) {
    await page.locator('[name=username]').fill(EMAIL);
    await page.locator('form button[type=submit]').first().click();
  }
  await page.locator('[name=password]').fill(PASSWORD);
  await page.locator('form button[type=submit]').first().click();
  await page.locator('[name=code]').waitFor();
  const messages = await server.outbox({ channel: 'sms', to: PHONE });
  assert.equal(messages.length, before + 1);
  await page.locator('[name=code]').fill(messages[0].text.match(/\d{6}/)[0]);
  await page.locator('form button[type=submit]').first().click();
  await isDone('again');
});

test('shows the messages that were sent', async () => {
  await page.goto(server.url('dev/outbox'));
  await page.locator('.message').first().waitFor();
  assert.match(await page.locator('.messages').innerText(), /\+12025550142/);
  await assertAccessible();
});
