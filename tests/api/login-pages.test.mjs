// The pages before the second factor: identifier, password, signup, reset, verification, locks.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser, Login } from '../harness/browserless.mjs';
import { sql } from '../harness/sql.mjs';
import { startServer } from '../harness/server.mjs';

const CONNECTION = 'Username-Password-Authentication';
let server, client;

before(async () => {
  server = await startServer();
  client = await server.webClient();
});
after(() => server?.stop());

const atPassword = async (username, options) => {
  const login = new Login(server, client, options);
  return { login, page: await (await login.begin()).submit({ username }) };
};

test('a person logs in with address and password', async () => {
  const user = await server.user();
  const login = new Login(server, client);
  const tokens = await login.tokens(await login.withPassword(user.email, user.password));
  assert.ok(tokens.id_token);
});

test('the address may be written in any case, with white space around it (A13)', async () => {
  const user = await server.user({ email: 'Vincent@Example.Test' });
  const login = new Login(server, client);
  login.arrived(await login.withPassword('  vincent@EXAMPLE.test ', user.password));
});

test('unknown names and wrong passwords get the same pages and the same words', async () => {
  const user = await server.user();
  const pages = [];
  for (const username of [user.email, 'nobody-at-all@example.test']) {
    const { page } = await atPassword(username);
    assert.equal(page.path, '/u/login/password');
    assert.equal(page.status, 200);
    const refused = await page.submit({ password: 'wrong password' });
    assert.equal(refused.status, 400);
    pages.push(refused);
  }
  assert.deepEqual(pages[0].errors, pages[1].errors);
  assert.match(pages[0].errors[0], /do not match/);
  const strip = (page, email) => page.text.replaceAll(email, '').replace(/state" value="[^"]*"|state=\w+/g, '');
  assert.equal(strip(pages[0], user.email), strip(pages[1], 'nobody-at-all@example.test'));
});

test('empty and malformed input is shown again with status 400', async () => {
  const login = new Login(server, client);
  const identifier = await login.begin();
  for (const [username, words] of [
    ['', /Enter your email address/],
    ['not an address', /does not look like/],
  ]) {
    const again = await identifier.submit({ username });
    assert.equal(again.status, 400);
    assert.match(again.errors[0], words);
    assert.match(again.title, /^Error: /);
  }
  const { page } = await atPassword('somebody@example.test');
  const again = await page.submit({ password: '' });
  assert.equal(again.status, 400);
  assert.match(again.errors[0], /Enter your password/);
});

test('what a person typed is escaped', async () => {
  const login = new Login(server, client);
  const again = await (await login.begin()).submit({ username: '"><script>alert(1)</script>' });
  assert.ok(!again.text.includes('<script'));
  assert.equal(again.html.querySelector('#username').getAttribute('value'), '"><script>alert(1)</script>');
});

test('the state works in the browser that began the login only', async () => {
  const login = new Login(server, client);
  const page = await login.begin();
  const elsewhere = await new Browser(server).open(page.url);
  assert.equal(elsewhere.status, 400);
  assert.match(elsewhere.words, /This page has expired/);
});

test('a form that another site sends is refused', async () => {
  const login = new Login(server, client);
  const page = await login.begin();
  const body = new URLSearchParams({ state: page.url.searchParams.get('state'), username: 'a@b.test' });
  for (const origin of ['https://evil.test', 'null']) {
    const refused = await login.browser.open(page.url, { method: 'POST', body, headers: { origin } });
    assert.equal(refused.status, 403);
  }
});

test('pages carry a strict policy, are never framed, never cached, and ask nobody else', async () => {
  const page = await new Login(server, client).begin();
  const policy = page.headers.get('content-security-policy');
  assert.match(policy, /default-src 'none'/);
  assert.match(policy, /style-src 'self'/);
  assert.match(policy, /frame-ancestors 'none'/);
  assert.match(policy, /form-action 'self'/);
  assert.doesNotMatch(policy, /unsafe/);
  assert.equal(page.headers.get('x-frame-options'), 'deny');
  assert.equal(page.headers.get('cache-control'), 'no-store');
  assert.equal(page.headers.get('x-content-type-options'), 'nosniff');
  assert.ok(!/<script|\son\w+=|style="/i.test(page.text));
  for (const node of page.html.querySelectorAll('[src], link[href]'))
    assert.match(node.getAttribute('src') ?? node.getAttribute('href'), /^\/u\/assets\//);
});

test('the stylesheet is compressed and kept for ever', async () => {
  const page = await new Login(server, client).begin();
  const address = page.html.querySelector('link[rel=stylesheet]').getAttribute('href');
  const packed = await server.fetch(address, { headers: { 'accept-encoding': 'gzip' } });
  assert.equal(packed.headers.get('content-encoding'), 'gzip');
  assert.match(packed.headers.get('content-type'), /^text\/css/);
  assert.match(packed.headers.get('cache-control'), /immutable/);
  const plain = await server.fetch(address, { headers: { 'accept-encoding': 'gzip;q=0' } });
  assert.equal(plain.headers.get('content-encoding'), null);
  assert.equal(await packed.text(), await plain.text());
  assert.equal((await server.fetch('u/assets/login.0000000000000000.css')).status, 404);
});

test('the language is that of ui_locales, then of the browser', async () => {
  const cases = [
    [{ ui_locales: 'xx fr-CA' }, 'de', 'fr', 'ltr'],
    [{}, 'de-AT, en;q=0.5', 'de', 'ltr'],
    [{}, 'ar', 'ar', 'rtl'],
    [{}, 'tlh', 'en', 'ltr'],
  ];
  for (const [parameters, accept, language, direction] of cases) {
    const browser = new Browser(server, { headers: { 'accept-language': accept } });
    const page = await new Login(server, client, { browser, parameters }).begin();
    const html = page.html.querySelector('html');
    assert.equal(html.getAttribute('lang'), language);
    assert.equal(html.getAttribute('dir'), direction);
  }
});

test('the older addresses lead to the first screens', async () => {
  const login = new Login(server, client);
  const page = await login.begin();
  const state = page.url.searchParams.get('state');
  assert.equal((await login.browser.open(`u/login?state=${state}`)).path, '/u/login/identifier');
  assert.equal((await login.browser.open(`u/signup?state=${state}`)).path, '/u/signup/identifier');
  const user = await server.user();
  const body = new URLSearchParams({ state, username: user.email, password: user.password });
  login.arrived(await login.browser.open('u/login', { method: 'POST', body }));
});

test('login_hint fills in the address', async () => {
  const page = await new Login(server, client, { parameters: { login_hint: 'ada@example.test' } }).begin();
  assert.equal(page.html.querySelector('#username').getAttribute('value'), 'ada@example.test');
});

test('a stranger signs up, is logged in, and confirms the address with the mailed link', async () => {
  const email = `new-${Date.now()}@example.test`;
  const login = new Login(server, client);
  let page = await (await login.begin()).follow(/signup/);
  assert.equal(page.path, '/u/signup/identifier');
  page = await page.submit({ email });
  assert.equal(page.path, '/u/signup/password');
  const weak = await page.submit({ password: 'short' });
  assert.equal(weak.status, 400);
  assert.match(weak.errors[0], /too weak/);
  assert.match(weak.words, /At least 8 characters/);
  const tokens = await login.tokens(await weak.submit({ password: 'Correct-Horse-7' }));
  assert.ok(tokens.access_token);

  const [user] = await server.apiOk('GET', `users-by-email?email=${encodeURIComponent(email)}`);
  assert.equal(user.email_verified, false);
  assert.equal(user.name, email);
  const mail = await server.message({ to: email });
  assert.match(mail.subject, /Confirm/);
  const link = mail.text.match(/http\S+/)[0];
  const verified = await new Browser(server).open(link);
  assert.equal(verified.status, 200);
  assert.match(verified.words, /Email address confirmed/);
  assert.equal((await server.apiOk('GET', `users/${encodeURIComponent(user.user_id)}`)).email_verified, true);
  assert.match((await new Browser(server).open(link)).words, /confirmed before/);
});

test('an address that is taken, in whatever case, makes no second account (A13)', async () => {
  const user = await server.user({ email: 'taken@example.test' });
  const login = new Login(server, client);
  let page = await (await login.begin()).follow(/signup/);
  page = await page.submit({ email: 'TAKEN@Example.test' });
  page = await page.submit({ password: 'Correct-Horse-7' });
  assert.equal(page.status, 400);
  assert.match(page.errors[0], /exists already/);
  assert.equal((await server.apiOk('GET', 'users-by-email?email=taken@example.test')).length, 1);
  assert.ok(user);
});

test('a password may be long, and every byte of it counts (A14)', async () => {
  const p72 = 'Aa1-'.repeat(18);
  assert.equal(p72.length, 72);
  const user = await server.user({ password: `${p72}a` });
  const login = new Login(server, client);
  const wrong = await login.withPassword(user.email, `${p72}b`);
  assert.match(wrong.errors[0], /do not match/);
  login.arrived(await wrong.submit({ password: `${p72}a` }));
});

const askReset = async (email, login = new Login(server, client)) => {
  const page = await (await login.begin()).submit({ username: email });
  const request = await page.follow(/reset-password/);
  assert.equal(request.path, `/u/reset-password/request/${CONNECTION}`);
  return request.submit({ email });
};

test('a forgotten password is replaced with the mailed link, once', async () => {
  const user = await server.user({ email: 'Forgetful@example.test' });
  const before = new Login(server, client);
  before.arrived(await before.withPassword(user.email, user.password));

  const sent = await askReset('FORGETFUL@example.test');
  assert.equal(sent.status, 200);
  const mail = await server.message({ to: 'forgetful@example.test' });
  const link = mail.text.match(/http\S+/)[0];
  const form = await new Browser(server).open(link);
  assert.equal(form.path, '/u/reset-password/change');
  const differs = await form.submit({ 'password-reset': 'Brand-New-Horse-9', 're-enter-password': 'other' });
  assert.equal(differs.status, 400);
  assert.match(differs.errors[0], /not the same/);
  const weak = await form.submit({ 'password-reset': 'x', 're-enter-password': 'x' });
  assert.match(weak.errors[0], /too weak/);
  const values = { 'password-reset': 'Brand-New-Horse-9', 're-enter-password': 'Brand-New-Horse-9' };
  const done = await form.submit(values);
  assert.equal(done.status, 200);
  assert.match(done.words, /Password changed/);
  const again = await form.submit(values);
  assert.equal(again.status, 400);
  assert.match(again.words, /used already/);
  assert.match((await new Browser(server).open(link)).words, /used already/);

  // The sessions of before are over, the old password too.
  assert.equal((await before.begin()).path, '/u/login/identifier');
  const login = new Login(server, client);
  const refused = await login.withPassword(user.email, user.password);
  assert.match(refused.errors[0], /do not match/);
  login.arrived(await refused.submit({ password: 'Brand-New-Horse-9' }));
});

test('of several reset links the use of one ends all (A7), and time ends each', async () => {
  const user = await server.user({ email: 'siblings@example.test' });
  await askReset(user.email);
  await askReset(user.email);
  const links = (await server.outbox({ to: user.email })).map((mail) => mail.text.match(/http\S+/)[0]);
  assert.equal(links.length, 2);
  const values = { 'password-reset': 'Brand-New-Horse-9', 're-enter-password': 'Brand-New-Horse-9' };
  const first = await new Browser(server).open(links[0]);
  assert.equal((await first.submit(values)).status, 200);
  assert.match((await new Browser(server).open(links[1])).words, /used already/);

  await askReset(user.email);
  const late = (await server.message({ to: user.email })).text.match(/http\S+/)[0];
  await server.advanceClock(5 * 24 * 3600 * 1000 + 1000);
  const page = await new Browser(server).open(late);
  assert.equal(page.status, 400);
  assert.match(page.words, /has expired/);
});

test('nobody is told whether there is an account to reset', async () => {
  const user = await server.user();
  const known = await askReset(user.email);
  const unknown = await askReset('no-such-person@example.test');
  assert.equal(known.status, unknown.status);
  assert.equal(known.words.replace(user.email, ''), unknown.words.replace('no-such-person@example.test', ''));
  assert.deepEqual(await server.outbox({ to: 'no-such-person@example.test' }), []);
});

test('two resets at once with one link: one wins', async () => {
  const user = await server.user({ email: 'parallel@example.test' });
  await askReset(user.email);
  const link = (await server.message({ to: user.email })).text.match(/http\S+/)[0];
  const form = await new Browser(server).open(link);
  const results = await Promise.all(
    ['One-Horse-111', 'Two-Horse-222', 'Three-Horse-333'].map((password) =>
      form.submit({ 'password-reset': password, 're-enter-password': password }),
    ),
  );
  assert.deepEqual(results.map((page) => page.status).sort(), [200, 400, 400]);
});

test('an imported bcrypt hash opens the account once, and is argon2id from then on', async () => {
  const user = await server.user();
  // "correct horse", as an import would have stored it.
  const hash = '$2b$10$abcdefghijklmnopqrstuu23JPZtHcGhwXSF41f93o/7vBdDut3Xu';
  await sql(server, `UPDATE passwords SET hash = '${hash}' WHERE user_id = '${user.user_id}'`);
  const login = new Login(server, client);
  const refused = await login.withPassword(user.email, 'correct house');
  assert.match(refused.errors[0], /do not match/);
  login.arrived(await refused.submit({ password: 'correct horse' }));
  const stored = await sql(server, `SELECT hash FROM passwords WHERE user_id = '${user.user_id}'`);
  assert.match(stored, /^\$argon2id\$/);
  const again = new Login(server, client);
  again.arrived(await again.withPassword(user.email, 'correct horse'));
});

test('mails are in the language of the page', async () => {
  const user = await server.user({ email: 'deutsch@example.test' });
  const browser = new Browser(server, { headers: { 'accept-language': 'de' } });
  await askReset(user.email, new Login(server, client, { browser }));
  const mail = await server.message({ to: user.email });
  assert.equal(mail.subject, 'Wählen Sie ein neues Passwort');
  assert.match(mail.html, /<html lang="de"/);
});

test('who comes too late is sent to where a login begins: the application, else the tenant, else a page', async () => {
  const home = await server.webClient({ initiate_login_uri: 'https://app.test/login?from=auth' });
  const begun = new Login(server, home);
  const page = await begun.begin();
  const other = await new Login(server, client).begin();
  await server.advanceClock(3600 * 1000 + 1000);
  const late = await begun.browser.open(page.url);
  assert.equal(late.redirect.href, `https://app.test/login?from=auth&iss=${encodeURIComponent(server.issuer)}`);
  const expired = await other.browser.open(other.url);
  assert.equal(expired.status, 400);
  assert.match(expired.words, /This page has expired/);
});

test('no link to reset a password is sent where people may not do it by themselves', async () => {
  const [connection] = await server.apiOk('GET', `connections?name=${CONNECTION}`);
  const user = await server.user();
  await server.apiOk('PATCH', `connections/${connection.id}`, {
    options: { ...connection.options, disable_self_service_change_password: true },
  });
  const { page } = await atPassword(user.email);
  assert.ok(!page.html.querySelector('a[href*=reset-password]'));
  const { status } = await server.postJson('dbconnections/change_password', { email: user.email, connection: CONNECTION });
  assert.equal(status, 200);
  assert.deepEqual(await server.outbox({ to: user.email }), []);
  await server.apiOk('PATCH', `connections/${connection.id}`, { options: connection.options });
});

test('two posts of one password at once: both end up at the application or at an honest page', async () => {
  const user = await server.user();
  const { login, page } = await atPassword(user.email);
  const outcomes = await Promise.all([1, 2, 3].map(() => page.submit({ password: user.password })));
  const codes = outcomes.filter((outcome) => outcome.redirect?.searchParams.get('code'));
  assert.equal(codes.length, 1);
  assert.ok(outcomes.every((outcome) => outcome.redirect || [200, 400].includes(outcome.status)));
  assert.ok(await login.tokens(codes[0]));
});

test('a login that an old password began ends with that password', async () => {
  await server.apiOk('PUT', 'guardian/factors/otp', { enabled: true });
  await server.apiOk('PUT', 'guardian/policies', ['all-applications']);
  const user = await server.user();
  const login = new Login(server, client);
  const enrolling = await login.withPassword(user.email, user.password);
  assert.match(enrolling.path, /^\/u\/mfa-/);
  await server.advanceClock(1000);
  await server.apiOk('PATCH', `users/${encodeURIComponent(user.user_id)}`, {
    password: 'Brand-New-Horse-9',
    connection: CONNECTION,
  });
  const outdated = await login.browser.open(enrolling.url);
  assert.equal(outdated.status, 400);
  assert.match(outdated.words, /This page has expired/);
  const again = new Login(server, client);
  assert.match((await again.withPassword(user.email, 'Brand-New-Horse-9')).path, /^\/u\/mfa-/);
  await server.apiOk('PUT', 'guardian/policies', []);
});

test('a name that is longer than any is not kept', async () => {
  const options = { requires_username: true };
  const connection = await server.apiOk('POST', 'connections', { name: 'by-name', strategy: 'auth0', options });
  const app = await server.apiOk('POST', 'clients', { name: 'by name', app_type: 'regular_web', callbacks: ['https://app.test/cb'] });
  await server.apiOk('PATCH', `connections/${connection.id}`, { enabled_clients: [app.client_id] });
  const page = await new Login(server, app).begin();
  assert.equal((await page.submit({ username: 'x'.repeat(255) })).status, 400);
  assert.equal((await page.submit({ username: 'x'.repeat(254) })).path, '/u/login/password');
});
