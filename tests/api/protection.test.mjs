// Attack protection of passwords, with the limits on as a new tenant has them.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser, Login } from '../harness/browserless.mjs';
import { sql } from '../harness/sql.mjs';
import { startServer } from '../harness/server.mjs';

const DAY_MS = 24 * 3600 * 1000;
let server, client;

before(async () => {
  // The address that a test comes from is the one it names.
  server = await startServer({ rateLimits: true, flags: ['--trusted-proxies=127.0.0.1'] });
  client = await server.webClient();
});
after(() => server?.stop());

const browserAt = (address) => new Browser(server, { headers: { 'x-forwarded-for': address } });

const passwordPage = async (username, address) => {
  const login = new Login(server, client, { browser: browserAt(address) });
  const page = await (await login.begin()).submit({ username });
  return { login, page };
};

const fail = async (username, address, times) => {
  let last;
  for (let i = 0; i < times; i++) {
    const { page } = await passwordPage(username, address);
    last = await page.submit({ password: `wrong ${i}` });
  }
  return last;
};

test('ten failures lock the account for that address, until the mailed link is used', async () => {
  const user = await server.user();
  const ninth = await fail(user.email, '192.0.2.1', 9);
  assert.match(ninth.errors[0], /do not match/);
  const tenth = await fail(user.email, '192.0.2.1', 1);
  assert.equal(tenth.status, 400);
  assert.match(tenth.errors[0], /is locked/);

  const { page } = await passwordPage(user.email, '192.0.2.1');
  assert.match((await page.submit({ password: user.password })).errors[0], /is locked/);
  const elsewhere = await passwordPage(user.email, '198.51.100.1');
  elsewhere.login.arrived(await elsewhere.page.submit({ password: user.password }));

  const mail = await server.message({ to: user.email });
  assert.match(mail.subject, /locked/);
  assert.match(mail.text, /192\.0\.2\.1/);
  const link = mail.text.match(/http\S+/)[0];
  const asked = await new Browser(server).open(link);
  assert.match(asked.words, /Unlock your account/);
  // Looking at the link alone, as mail scanners do, unlocks nothing.
  const still = await passwordPage(user.email, '192.0.2.1');
  assert.match((await still.page.submit({ password: user.password })).errors[0], /is locked/);
  assert.match((await asked.submit()).words, /Account unlocked/);
  assert.match((await asked.submit()).words, /not valid/);
  const free = await passwordPage(user.email, '192.0.2.1');
  free.login.arrived(await free.page.submit({ password: user.password }));
});

test('a name that nobody has is locked in the same words', async () => {
  const tenth = await fail('nobody@example.test', '192.0.2.2', 10);
  assert.match(tenth.errors[0], /is locked/);
  assert.deepEqual(await server.outbox({ to: 'nobody@example.test' }), []);
});

test('a lock ends the login that met it (C3)', async () => {
  const user = await server.user();
  await fail(user.email, '192.0.2.3', 9);
  const { page } = await passwordPage(user.email, '192.0.2.3');
  const locked = await page.submit({ password: 'wrong' });
  assert.match(locked.errors[0], /is locked/);
  await server.advanceClock(31 * DAY_MS);
  const after = await page.submit({ password: user.password });
  assert.equal(after.status, 400);
  assert.match(after.words, /This page has expired/);
});

test('a lock ends after 30 days', async () => {
  const user = await server.user();
  await fail(user.email, '192.0.2.4', 10);
  await server.advanceClock(29 * DAY_MS);
  const early = await passwordPage(user.email, '192.0.2.4');
  assert.match((await early.page.submit({ password: user.password })).errors[0], /is locked/);
  await server.advanceClock(2 * DAY_MS);
  const free = await passwordPage(user.email, '192.0.2.4');
  free.login.arrived(await free.page.submit({ password: user.password }));
});

test('a success forgives the failures before it', async () => {
  const user = await server.user();
  await fail(user.email, '192.0.2.5', 9);
  const { login, page } = await passwordPage(user.email, '192.0.2.5');
  login.arrived(await page.submit({ password: user.password }));
  const ninth = await fail(user.email, '192.0.2.5', 9);
  assert.match(ninth.errors[0], /do not match/);
});

test('tries sent all at once have no more guesses than tries in a row', async () => {
  const user = await server.user();
  const pages = await Promise.all(Array.from({ length: 30 }, () => passwordPage(user.email, '192.0.2.6')));
  const outcomes = await Promise.all(pages.map(({ page }, i) => page.submit({ password: `guess ${i}` })));
  const judged = outcomes.filter((page) => /do not match/.test(page.errors?.[0] ?? '')).length;
  assert.ok(judged <= 9, `${judged} guesses were judged`);
});

test('one network that fails for many names is throttled, others go on', async () => {
  for (let i = 0; i < 12; i++) await fail(`name-${i}@example.test`, '203.0.113.9', 9);
  const { page } = await passwordPage('fresh@example.test', '203.0.113.9');
  const refused = await page.submit({ password: 'x' });
  assert.equal(refused.status, 429);
  assert.match(refused.errors[0], /Too many attempts came from your network/);
  const other = await passwordPage('fresh@example.test', '203.0.113.10');
  assert.match((await other.page.submit({ password: 'x' })).errors[0], /do not match/);
  // The count is in the store, where other servers of the tenant see it.
  const buckets = await sql(server, `SELECT count(*) FROM buckets WHERE name = 'login-address:203.0.113.9'`);
  assert.equal(buckets, '1');
});

test('an IPv6 network counts as one address', async () => {
  const user = await server.user();
  for (let i = 1; i <= 9; i++) await fail(user.email, `2001:db8:7:${i}::${i}`, 1);
  const tenth = await fail(user.email, '2001:db8:7:ffff::1', 1);
  assert.match(tenth.errors[0], /is locked/);
  const other = await fail(user.email, '2001:db8:8::1', 1);
  assert.match(other.errors[0], /do not match/);
});

test('a new password unlocks', async () => {
  const user = await server.user();
  await fail(user.email, '192.0.2.7', 10);
  const reset = await server.postJson('dbconnections/change_password', {
    client_id: client.client_id,
    email: user.email,
    connection: 'Username-Password-Authentication',
  });
  assert.equal(reset.status, 200);
  const mail = (await server.outbox({ to: user.email })).find(({ subject }) => /new password/.test(subject));
  const form = await new Browser(server).open(mail.text.match(/http\S+/)[0]);
  await form.submit({ 'password-reset': 'Brand-New-Horse-9', 're-enter-password': 'Brand-New-Horse-9' });
  const { login, page } = await passwordPage(user.email, '192.0.2.7');
  login.arrived(await page.submit({ password: 'Brand-New-Horse-9' }));
});

test('reset mails to one account are limited, and nobody is told', async () => {
  const user = await server.user();
  const bodies = new Set();
  for (let i = 0; i < 8; i++) {
    const { status, body } = await server.postJson('dbconnections/change_password', {
      client_id: client.client_id,
      email: user.email,
      connection: 'Username-Password-Authentication',
    });
    assert.equal(status, 200);
    bodies.add(body);
  }
  assert.equal(bodies.size, 1);
  assert.equal((await server.outbox({ to: user.email })).length, 5);
});
