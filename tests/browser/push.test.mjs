// Push in Chromium: the pages go on by themselves when the phone has enrolled, and when it has answered.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { pkce } from '../harness/browserless.mjs';
import { startApplication } from '../harness/application.mjs';
import { launch } from '../harness/chromium.mjs';
import { Device } from '../harness/device.mjs';
import { askFlaggedUsers, enableFactors, flaggedUser } from '../harness/mfa.mjs';
import { startServer } from '../harness/server.mjs';

const axe = await readFile(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');
let server, application, chromium, client;

before(async () => {
  server = await startServer();
  application = await startApplication();
  chromium = await launch();
  client = await server.webClient({ callbacks: [application.callback] });
  await askFlaggedUsers(server);
  await enableFactors(server, 'push-notification', 'recovery-code');
});

after(async () => {
  await chromium?.close();
  await application?.close();
  await server?.stop();
});

/** A browser whose console stays empty: the policy refuses nothing that our pages do. */
async function newPage(options = {}) {
  const context = await chromium.newContext({ locale: 'en-GB', ...options });
  const page = await context.newPage();
  page.complaints = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) page.complaints.push(message.text());
  });
  return page;
}

async function logIn(page, user) {
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: client.client_id,
    redirect_uri: application.callback,
    scope: 'openid',
    state: 'push',
    prompt: 'login',
    code_challenge: pkce().challenge,
    code_challenge_method: 'S256',
  });
  await page.goto(server.url(`authorize?${query}`));
  await page.fill('[name=username]', user.email);
  await page.click('button[value=default]');
  await page.fill('[name=password]', user.password);
  await page.click('button[value=default]');
}

async function assertAccessible(page) {
  // Through the protocol of the debugger, so that the page's policy stays as it is.
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document));
  assert.deepEqual(violations.map(({ id, nodes }) => [id, nodes[0].html]), []);
}

const isAtApplication = (url) => url.href.startsWith(application.callback);

async function enroll(page, options) {
  await page.waitForURL('**/u/mfa-push-enrollment?**');
  const uri = await page.getAttribute('a[href^="otpauth:"]', 'href');
  const phone = await Device.ownOf(uri, options).enroll();
  await page.waitForURL('**/u/mfa-recovery-code-enrollment?**');
  await page.check('[name=saved]');
  await page.click('button[value=default]');
  await page.waitForURL(isAtApplication);
  return phone;
}

test('a person enrols a phone and logs in with it, and touches nothing in the browser meanwhile', async () => {
  const user = await flaggedUser(server);
  const page = await newPage();
  await logIn(page, user);
  await page.waitForURL('**/u/mfa-push-enrollment?**');
  await assertAccessible(page);
  const phone = await enroll(page);

  await logIn(page, user);
  await page.waitForURL('**/u/mfa-push-challenge?**');
  await assertAccessible(page);
  const number = await page.innerText('.number');
  assert.match(await page.innerText('time'), /^\d\d:\d\d/);
  await page.check('[name=rememberBrowser]');
  const [push] = await phone.pending();
  const asked = performance.now();
  await phone.answer(push, true, { number });
  await page.waitForURL(isAtApplication);
  assert.ok(performance.now() - asked < 4000, 'by the event, before any polling');

  // The box that was ticked was sent along.
  await logIn(page, user);
  await page.waitForURL(isAtApplication);
  assert.deepEqual(page.complaints, []);
});

test('a denied login is shown by itself, with what can be done', async () => {
  const user = await flaggedUser(server);
  const page = await newPage();
  await logIn(page, user);
  const phone = await enroll(page);
  await logIn(page, user);
  await page.waitForURL('**/u/mfa-push-challenge?**');
  const [push] = await phone.pending();
  await phone.answer(push, false);
  await page.waitForSelector('[role=alert]');
  await assertAccessible(page);
  await page.click('button[value=resend]');
  await page.waitForSelector('.number');
  const [again] = await phone.pending();
  await phone.answer(again, true, { number: await page.innerText('.number') });
  await page.waitForURL(isAtApplication);
});

test('without script the page loads itself again, and leaves the last press to the person', async () => {
  const user = await flaggedUser(server);
  const scripted = await newPage();
  await logIn(scripted, user);
  const phone = await enroll(scripted);
  const page = await newPage({ javaScriptEnabled: false });
  await logIn(page, user);
  const number = (await page.innerText('.number')).trim();
  const [push] = await phone.pending();
  await phone.answer(push, true, { number });
  await page.waitForSelector('text=You have allowed it on your phone.', { timeout: 15_000 });
  await page.click('button[value=continue]');
  await page.waitForURL(isAtApplication);
});
