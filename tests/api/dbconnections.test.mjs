// POST /dbconnections/signup and /dbconnections/change_password, member by member.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Login } from '../harness/browserless.mjs';
import { startServer } from '../harness/server.mjs';
import { sql } from '../harness/sql.mjs';

const CONNECTION = 'Username-Password-Authentication';
let server, client;

before(async () => {
  server = await startServer();
  client = await server.webClient();
});
after(() => server?.stop());

const signup = (values) =>
  server.postJson('dbconnections/signup', {
    client_id: client.client_id,
    connection: CONNECTION,
    password: 'Correct-Horse-7',
    ...values,
  });

test('a signup answers with the account, and sends the mail that confirms the address', async () => {
  const { status, body } = await signup({
    email: 'Ada@Example.test',
    given_name: 'Ada',
    user_metadata: { plan: 'gold' },
  });
  assert.equal(status, 200);
  assert.match(body._id, /^[0-9a-f]{24}$/);
  assert.deepEqual(
    { ...body, _id: undefined },
    {
      _id: undefined,
      email: 'ada@example.test',
      email_verified: false,
      given_name: 'Ada',
      user_metadata: { plan: 'gold' },
    },
  );
  const user = await server.apiOk('GET', `users/auth0|${body._id}`);
  assert.deepEqual(user.user_metadata, { plan: 'gold' });
  assert.equal(user.nickname, 'ada');
  assert.match(user.picture, /^https:\/\/s\.gravatar\.com\/avatar\/[0-9a-f]{32}\?s=480&r=pg&d=/);
  assert.match((await server.message({ to: 'ada@example.test' })).subject, /Confirm/);
  const login = new Login(server, client);
  login.arrived(await login.withPassword('ada@example.test', 'Correct-Horse-7'));
});

test('nobody who signs up stores at will', async () => {
  const limits = { given_name: 150, family_name: 150, name: 300, nickname: 300, picture: 2048 };
  for (const [name, largest] of Object.entries(limits)) {
    const { status, body } = await signup({ email: `${name}@long.test`, [name]: 'x'.repeat(largest + 1) });
    assert.deepEqual([status, body.code, body.description], [400, 'invalid_request', `${name} is too long`]);
    assert.equal((await signup({ email: `${name}@long.test`, [name]: 'x'.repeat(largest) })).status, 200);
  }
});

test('a form is taken as well as JSON', async () => {
  const { status } = await server.postForm('dbconnections/signup', {
    client_id: client.client_id,
    connection: CONNECTION,
    password: 'Correct-Horse-7',
    email: 'form@example.test',
  });
  assert.equal(status, 200);
});

test('a taken address is told as the tenant wants it told', async () => {
  await signup({ email: 'twice@example.test' });
  const taken = await signup({ email: 'TWICE@example.test' });
  assert.equal(taken.status, 400);
  assert.deepEqual(taken.body, {
    name: 'BadRequestError',
    code: 'user_exists',
    description: 'The user already exists.',
    statusCode: 400,
  });
});

test('addresses that only look alike make no second account (A13)', async () => {
  assert.equal((await signup({ email: 'u@bücher.test' })).status, 200);
  assert.equal((await signup({ email: 'u@xn--bcher-kva.test' })).body.code, 'user_exists');
  for (const email of ['b\u043eb@example.test', 'bo\u200bb@example.test', 'not an address', '@example.test', ''])
    assert.equal((await signup({ email })).status, 400, email);
});

test('a weak password is told rule by rule', async () => {
  const { status, body } = await signup({ email: 'weak@example.test', password: 'abc' });
  assert.equal(status, 400);
  assert.equal(body.name, 'PasswordStrengthError');
  assert.equal(body.code, 'invalid_password');
  assert.equal(body.statusCode, 400);
  assert.equal(body.description.verified, false);
  assert.deepEqual(body.description.rules[0], {
    code: 'lengthAtLeast',
    message: 'At least %d characters in length',
    verified: false,
    format: [8],
  });
  assert.match(body.policy, /^\* At least 8 characters in length\n/);
});

test('one limit of length holds for every password that is set (A14)', async () => {
  assert.equal((await signup({ email: 'long@example.test', password: 'Aa1-'.repeat(1024) })).status, 200);
  const over = await signup({ email: 'longer@example.test', password: `${'Aa1-'.repeat(1024)}x` });
  assert.equal(over.status, 400);
  const login = new Login(server, client);
  login.arrived(await login.withPassword('long@example.test', 'Aa1-'.repeat(1024)));
});

test('what is missing or not allowed is refused', async () => {
  for (const values of [
    { client_id: undefined },
    { client_id: 'nobody' },
    { connection: undefined },
    { connection: 'Administrators' },
    { password: '' },
    { user_metadata: 'text' },
    { user_metadata: { a: 1 } },
    { user_metadata: { 'a.b': 'x' } },
    { user_metadata: Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`k${i}`, 'v'])) },
    { user_metadata: { long: 'x'.repeat(501) } },
  ]) {
    const { status, body } = await signup({ email: 'refused@example.test', ...values });
    assert.equal(status, 400, JSON.stringify(values).slice(0, 80));
    assert.equal(body.statusCode, 400);
    assert.ok(body.code);
  }
  assert.equal((await server.apiOk('GET', 'users-by-email?email=refused@example.test')).length, 0);
});

test('nobody signs up where signup is off', async () => {
  const [connection] = await server.apiOk('GET', `connections?name=${CONNECTION}`);
  await server.apiOk('PATCH', `connections/${connection.id}`, {
    options: { ...connection.options, disable_signup: true },
  });
  assert.equal((await signup({ email: 'late@example.test' })).body.code, 'public_signup_disabled');
  const page = await new Login(server, client).begin();
  assert.ok(!page.html.querySelector('a[href*=signup]'));
  await server.apiOk('PATCH', `connections/${connection.id}`, { options: connection.options });
});

test('signups at once with one address make one account', async () => {
  const results = await Promise.all(Array.from({ length: 6 }, () => signup({ email: 'race@example.test' })));
  assert.deepEqual(results.map(({ status }) => status).sort(), [200, 400, 400, 400, 400, 400]);
});

test('change_password answers alike for everybody', async () => {
  const user = await server.user();
  for (const email of [user.email, 'nobody@example.test']) {
    const { status, body, headers } = await server.postJson('dbconnections/change_password', {
      client_id: client.client_id,
      email,
      connection: CONNECTION,
    });
    assert.equal(status, 200);
    assert.match(headers.get('content-type'), /^text\/html/);
    assert.equal(body, "We've just sent you an email to reset your password.");
  }
  assert.match((await server.message({ to: user.email })).subject, /new password/);
  assert.deepEqual(await server.outbox({ to: 'nobody@example.test' }), []);
  assert.equal((await server.postJson('dbconnections/change_password', { email: 'a@b.test' })).status, 400);
});

test('the log keeps no more of what strangers send than a true entry needs', async () => {
  const body = { connection: 'é'.repeat(200000), email: 'nobody@example.test' };
  assert.equal((await server.postJson('dbconnections/change_password', body)).status, 200);
  const query = `SELECT length(doc) FROM logs WHERE type = 'fcpr' ORDER BY length(doc) DESC LIMIT 1`;
  let length = 0;
  for (let i = 0; i < 100 && length < 8192; i++) {
    length = Number(await sql(server, query));
    if (length < 8192) await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.ok(length >= 8192 && length < 20000, String(length));
});
