// The login pages in Chromium: without JavaScript, with the keyboard alone, and back to an application on another origin.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { pkce } from '../harness/browserless.mjs';
import { launch } from '../harness/chromium.mjs';
import { startServer } from '../harness/server.mjs';

let server, chromium, application, website, client;

/** A web server that answers each path with what `answers` says: a location, or a text. */
function listen(answers) {
  return new Promise((resolve) => {
    const web = createServer((request, response) => {
      const answer = answers[new URL(request.url, 'http://x').pathname] ?? '';
      if (answer.startsWith('http')) response.writeHead(302, { location: answer }).end();
      else response.writeHead(200, { 'content-type': 'text/html' }).end(answer);
    });
    web.listen(0, '127.0.0.1', () => resolve(Object.assign(web, { origin: `http://127.0.0.1:${web.address().port}` })));
  });
}

before(async () => {
  server = await startServer();
  chromium = await launch();
  website = await listen({ '/home': '<h1>Welcome home</h1>' });
  // As many applications do: the callback itself redirects, here to yet another origin.
  application = await listen({ '/cb': `${website.origin}/home` });
  client = await server.webClient({ callbacks: [`${application.origin}/cb`] });
});

after(async () => {
  await chromium?.close();
  application?.close();
  website?.close();
  await server?.stop();
});

function authorizeUrl() {
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: client.client_id,
    redirect_uri: `${application.origin}/cb`,
    scope: 'openid',
    state: 's',
    code_challenge: pkce().challenge,
    code_challenge_method: 'S256',
  });
  return server.url(`authorize?${query}`);
}

async function open(options = {}) {
  const context = await chromium.newContext({ locale: 'en-GB', ...options });
  const page = await context.newPage();
  const problems = [];
  page.on('console', (message) => problems.push(message.text()));
  page.on('request', (request) => {
    const { origin } = new URL(request.url());
    if (![new URL(server.issuer).origin, application.origin, website.origin].includes(origin)) problems.push(request.url());
  });
  await page.goto(authorizeUrl());
  return { context, page, problems };
}

test('login without JavaScript, to an application whose callback redirects on to another origin', async () => {
  const user = await server.user();
  const { context, page, problems } = await open({ javaScriptEnabled: false });
  await page.fill('[name=username]', user.email);
  await page.click('button[value=default]');
  await page.fill('[name=password]', 'wrong');
  await page.click('button[value=default]');
  assert.match(await page.innerText('[role=alert]'), /do not match/);
  await page.fill('[name=password]', user.password);
  await page.click('button[value=default]');
  assert.equal(await page.innerText('h1'), 'Welcome home');
  assert.deepEqual(problems.filter((text) => /Content Security Policy|https?:/.test(text)), []);
  await context.close();
});

test('login with the keyboard alone', async () => {
  const user = await server.user();
  const { context, page } = await open();
  await page.waitForSelector('[name=username]:focus');
  await page.keyboard.type(user.email);
  await page.keyboard.press('Enter');
  await page.waitForSelector('[name=password]:focus');
  await page.keyboard.type(user.password);
  await page.keyboard.press('Enter');
  await page.waitForURL(`${website.origin}/home`);
  await context.close();
});

test('signup without JavaScript', async () => {
  const { context, page } = await open({ javaScriptEnabled: false, locale: 'ar' });
  assert.equal(await page.getAttribute('html', 'dir'), 'rtl');
  await page.click('a[href*="/u/signup/"]');
  await page.fill('[name=email]', 'newcomer@example.test');
  await page.click('button[value=default]');
  await page.fill('[name=password]', 'short');
  await page.click('button[value=default]');
  assert.equal(await page.getAttribute('[name=password]', 'aria-invalid'), 'true');
  await page.fill('[name=password]', 'Correct-Horse-7');
  await page.click('button[value=default]');
  assert.equal(await page.innerText('h1'), 'Welcome home');
  const mail = await server.message({ to: 'newcomer@example.test' });
  assert.match(mail.html, /dir="rtl"/);
  await context.close();
});

test('a forgotten password, from the link on the page to the login with the new one', async () => {
  const user = await server.user();
  const { context, page } = await open({ javaScriptEnabled: false });
  await page.fill('[name=username]', user.email);
  await page.click('button[value=default]');
  await page.click('a[href*="/u/reset-password/"]');
  assert.equal(await page.inputValue('[name=email]'), user.email);
  await page.click('button[value=default]');
  await page.click('button[value=resend-email-action]');
  const [mail] = await server.outbox({ to: user.email });
  await page.goto(mail.text.match(/http\S+/)[0]);
  await page.fill('[name=password-reset]', 'Brand-New-Horse-9');
  await page.fill('[name=re-enter-password]', 'Brand-New-Horse-9');
  await page.click('button[value=default]');
  assert.equal(await page.innerText('h1'), 'Password changed');
  await page.goto(authorizeUrl());
  await page.fill('[name=username]', user.email);
  await page.click('button[value=default]');
  await page.fill('[name=password]', 'Brand-New-Horse-9');
  await page.click('button[value=default]');
  assert.equal(await page.innerText('h1'), 'Welcome home');
  await context.close();
});

test('the pages cannot be framed', async () => {
  const context = await chromium.newContext();
  const page = await context.newPage();
  await page.goto(`${website.origin}/home`);
  const [response] = await Promise.all([
    page.waitForResponse((answer) => answer.url().includes('/u/login/identifier')),
    page.setContent(`<iframe src="${authorizeUrl()}"></iframe>`),
  ]);
  assert.equal(response.headers()['x-frame-options'], 'deny');
  const [, frame] = page.frames();
  await frame.waitForURL(/^chrome-error:/);
  assert.equal(await frame.locator('[name=username]').count(), 0);
  await context.close();
});
