// The grants password and password-realm: tokens for a name and a password, and what refuses them.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { askFlaggedUsers, enableFactors, flaggedUser } from '../harness/mfa.mjs';
import { claimsOf, CONNECTION, GRANT, logEntry, MfaApi, passwordClient, someName } from '../harness/mfa_api.mjs';
import { startServer } from '../harness/server.mjs';

let server, client, api;

before(async () => {
  server = await startServer();
  client = await passwordClient(server);
  api = new MfaApi(server, client);
  await askFlaggedUsers(server);
});

after(() => server?.stop());

test('a right password gives tokens, a claim that says how, and counts as a login', async () => {
  const user = await server.user();
  const audience = 'https://orders.test/';
  await server.apiOk('POST', 'resource-servers', {
    identifier: audience,
    name: 'orders',
    scopes: [{ value: 'read:orders' }],
  });
  const { status, headers, body } = await api.password(user, {
    audience,
    scope: 'openid email read:orders write:orders offline_access',
  });
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal(headers.get('cache-control'), 'no-store');
  assert.deepEqual(Object.keys(body), ['access_token', 'id_token', 'scope', 'expires_in', 'token_type']);
  assert.equal(body.scope, 'openid email read:orders');
  const access = claimsOf(body.access_token);
  assert.equal(access.sub, user.user_id);
  assert.equal(access.gty, 'password');
  assert.deepEqual(access.aud, [audience, `${server.issuer}userinfo`]);
  const identity = claimsOf(body.id_token);
  assert.equal(identity.email, user.email);
  assert.equal(identity.aud, client.client_id);
  assert.equal(identity.amr, undefined);
  assert.equal((await server.apiOk('GET', `users/${user.user_id}`)).logins_count, 1);
  assert.equal((await logEntry(server, user, 'sepft')).client_id, client.client_id);
});

test('without a scope the standard ones are granted; the opaque token is good for /userinfo', async () => {
  const user = await server.user();
  const { body } = await api.token({ grant_type: 'password', username: user.email, password: user.password });
  assert.equal(body.scope, 'openid profile email address phone');
  const response = await server.fetch('userinfo', { headers: { authorization: `Bearer ${body.access_token}` } });
  assert.equal((await response.json()).email, user.email);
});

test('a realm names the connection', async () => {
  const user = await server.user();
  const form = { grant_type: GRANT.realm };
  assert.equal((await api.password(user, { ...form, realm: CONNECTION })).status, 200);
  const missing = await api.password(user, form);
  assert.equal(missing.status, 400);
  assert.equal(missing.body.error_description, 'Missing required parameter: realm');
  const unknown = await api.password(user, { ...form, realm: 'elsewhere' });
  assert.deepEqual([unknown.status, unknown.body.error], [400, 'invalid_request']);
});

test('no realm reaches people of a connection that the application may not use', async () => {
  await server.apiOk('POST', 'connections', { name: 'staff', strategy: 'auth0' });
  const user = await server.user({ connection: 'staff' });
  const { status, body } = await api.password(user, { grant_type: GRANT.realm, realm: 'staff' });
  assert.deepEqual([status, body.error], [400, 'invalid_request']);
});

test('a wrong password and an unknown name answer alike', async () => {
  const user = await server.user();
  const wrong = await api.password({ ...user, password: 'not it' });
  const unknown = await api.password({ email: someName(), password: 'not it' });
  assert.equal(wrong.status, 403);
  assert.deepEqual(wrong.body, { error: 'invalid_grant', error_description: 'Wrong email or password.' });
  assert.deepEqual([unknown.status, unknown.body], [wrong.status, wrong.body]);
  assert.equal((await logEntry(server, user, 'fp')).description, 'Wrong email or password.');
});

test('requests that lack something, and applications that may not, are told so', async () => {
  const user = await server.user();
  for (const name of ['username', 'password']) {
    const { status, body } = await api.password(user, { [name]: '' });
    assert.deepEqual([status, body.error_description], [400, `Missing required parameter: ${name}`]);
  }
  const audience = await api.password(user, { audience: 'https://nowhere.test/' });
  assert.equal(audience.status, 403);
  assert.equal(audience.body.error_description, 'Service not enabled within domain: https://nowhere.test/');
  const other = new MfaApi(server, await server.webClient());
  const refused = await other.password(user);
  assert.deepEqual([refused.status, refused.body.error], [403, 'unauthorized_client']);
  const secret = await api.password(user, { client_secret: 'wrong' });
  assert.deepEqual([secret.status, secret.body.error_description], [401, 'Unauthorized']);
});

test('without a default directory the plain password grant says so', async () => {
  const user = await server.user();
  await server.apiOk('PATCH', 'tenants/settings', { default_directory: '' });
  const { status, body } = await api.password(user);
  await server.apiOk('PATCH', 'tenants/settings', { default_directory: CONNECTION });
  assert.equal(status, 403);
  assert.deepEqual(body, {
    error: 'server_error',
    error_description: 'Authorization server not configured with default connection.',
  });
});

test('a blocked user is refused, after the password', async () => {
  const user = await server.user();
  await server.apiOk('PATCH', `users/${user.user_id}`, { blocked: true });
  const { status, body } = await api.password(user);
  assert.equal(status, 401);
  assert.deepEqual(body, { error: 'unauthorized', error_description: 'user is blocked' });
  assert.equal((await api.password({ ...user, password: 'not it' })).body.error, 'invalid_grant');
});

test('rules run, see the request without its secrets, and have their say', async () => {
  const rule = await server.apiOk('POST', 'rules', {
    name: 'looks at the request',
    script: `function (user, context, callback) {
      const word = user.user_metadata && user.user_metadata.word;
      if (word === 'unauthorized') return callback(new UnauthorizedError('not you'));
      if (word === 'error') return callback(new Error('not today'));
      if (word === 'redirect') context.redirect = { url: 'https://elsewhere.test/' };
      context.idToken['https://app.test/seen'] = {
        protocol: context.protocol, body: context.request.body, count: context.stats.loginsCount };
      callback(null, user, context);
    }`,
  });
  const cases = [
    ['unauthorized', 401, { error: 'unauthorized', error_description: 'not you' }],
    ['error', 403, { error: 'access_denied', error_description: 'not today' }],
    ['redirect', 403, { error: 'interaction_required', error_description: 'Interaction required' }],
  ];
  for (const [word, expected, answer] of cases) {
    const user = await server.user({ user_metadata: { word } });
    const { status, body } = await api.password(user);
    assert.deepEqual([status, body], [expected, answer]);
    assert.equal((await logEntry(server, user, 'fepft')).description, answer.error_description);
  }
  const user = await server.user();
  const { body } = await api.password(user);
  const seen = claimsOf(body.id_token)['https://app.test/seen'];
  await server.apiOk('DELETE', `rules/${rule.id}`);
  assert.equal(seen.protocol, 'oauth2-password');
  assert.equal(seen.count, 1);
  assert.deepEqual(seen.body, {
    client_id: client.client_id,
    grant_type: 'password',
    username: user.email,
    scope: 'openid',
  });
});

test('who needs a second factor gets an mfa_token, and is told what it takes', async () => {
  await enableFactors(server, 'otp', 'sms', 'recovery-code');
  const user = await flaggedUser(server);
  const { status, body } = await api.password(user);
  assert.equal(status, 403);
  assert.deepEqual(Object.keys(body), ['error', 'error_description', 'mfa_token', 'mfa_requirements']);
  assert.equal(body.error_description, 'Multifactor authentication required');
  assert.deepEqual(body.mfa_requirements, { enroll: [{ type: 'otp' }, { type: 'phone' }] });
  assert.ok(body.mfa_token.length < 4096);
  assert.equal((await server.apiOk('GET', `users/${user.user_id}`)).logins_count, undefined, 'no login yet');
  assert.equal((await logEntry(server, user, 'mfar')).client_id, client.client_id);
  await api.enrollOtp(user);
  const again = await api.password(user);
  assert.deepEqual(again.body.mfa_requirements, { challenge: [{ type: 'otp' }, { type: 'recovery-code' }] });
});

test('a wrong password never tells whether a second factor is there', async () => {
  await enableFactors(server, 'otp');
  const user = await flaggedUser(server);
  const { body } = await api.password({ ...user, password: 'not it' });
  assert.deepEqual(body, { error: 'invalid_grant', error_description: 'Wrong email or password.' });
});
