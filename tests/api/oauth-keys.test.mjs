// Discovery, keys, and the tokens that machines get.

import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { after, before, test } from 'node:test';
import * as jose from 'jose';
import { startServer } from '../harness/server.mjs';

let server;
before(async () => (server = await startServer()));
after(() => server?.stop());

const get = async (path, headers) => {
  const response = await server.fetch(path, { headers });
  return { status: response.status, headers: response.headers, body: await response.json() };
};

test('discovery names what is served, in its order, and nothing else', async () => {
  const { status, headers, body } = await get('.well-known/openid-configuration');
  assert.equal(status, 200);
  assert.deepEqual(Object.keys(body), [
    'issuer',
    'authorization_endpoint',
    'token_endpoint',
    'userinfo_endpoint',
    'mfa_challenge_endpoint',
    'jwks_uri',
    'scopes_supported',
    'response_types_supported',
    'code_challenge_methods_supported',
    'response_modes_supported',
    'subject_types_supported',
    'token_endpoint_auth_methods_supported',
    'claims_supported',
    'request_uri_parameter_supported',
    'request_parameter_supported',
    'id_token_signing_alg_values_supported',
    'end_session_endpoint',
    'backchannel_authentication_endpoint',
    'backchannel_token_delivery_modes_supported',
  ]);
  assert.equal(body.issuer, server.issuer);
  assert.equal(headers.get('access-control-allow-origin'), '*');
  for (const [name, url] of Object.entries(body)) {
    if (!/_endpoint$|_uri$/.test(name)) continue;
    const method = /^(token|mfa_challenge|backchannel_authentication)_endpoint$/.test(name) ? 'POST' : 'GET';
    const response = await fetch(url, { method, redirect: 'manual' });
    assert.notEqual(response.status, 404, `${name} ${url}`);
    await response.arrayBuffer();
  }
  const alias = await get('.well-known/oauth-authorization-server');
  assert.deepEqual(alias.body, body);
});

test('the keys of the JWKS verify tokens, and their certificates are theirs', async () => {
  const { status, headers, body } = await get('.well-known/jwks.json');
  assert.equal(status, 200);
  assert.match(headers.get('cache-control'), /max-age=/);
  assert.ok(body.keys.length >= 2, 'the current key and the next one');
  for (const key of body.keys) {
    assert.deepEqual(Object.keys(key), ['kty', 'use', 'n', 'e', 'kid', 'x5t', 'x5c', 'alg']);
    assert.match(key.kid, /^[A-Za-z0-9_-]{21}$/);
    const der = Buffer.from(key.x5c[0], 'base64');
    assert.equal(key.x5t, createHash('sha1').update(der).digest('base64url'));
    const certificate = new X509Certificate(der);
    assert.equal(certificate.publicKey.export({ format: 'jwk' }).n, key.n);
    const years = (Date.parse(certificate.validTo) - Date.now()) / (365.25 * 24 * 3600 * 1000);
    assert.ok(years > 13.6 && years < 13.8, `${years} years`);
  }
  const token = await server.managementToken();
  const keys = jose.createLocalJWKSet(body);
  const { payload, protectedHeader } = await jose.jwtVerify(token, keys, { issuer: server.issuer });
  assert.deepEqual(Object.keys(protectedHeader), ['alg', 'typ', 'kid']);
  assert.equal(protectedHeader.kid, body.keys[0].kid);
  assert.deepEqual(Object.keys(payload), ['iss', 'sub', 'aud', 'iat', 'exp', 'scope', 'gty', 'azp']);
  assert.equal(payload.sub, `${server.management.client_id}@clients`);
  assert.equal(payload.aud, server.audience);
  assert.equal(payload.gty, 'client-credentials');
  assert.equal(payload.azp, server.management.client_id);
  assert.equal(payload.exp - payload.iat, 86400);
});

test('the current certificate is there as PEM, DER and PKCS#7', async () => {
  const pem = await (await server.fetch('pem')).text();
  const { body } = await get('.well-known/jwks.json');
  assert.equal(new X509Certificate(pem).raw.toString('base64'), body.keys[0].x5c[0]);
  assert.equal(await (await server.fetch('rawpem')).text(), pem);
  const der = Buffer.from(await (await server.fetch('cer')).arrayBuffer());
  assert.equal(der.toString('base64'), body.keys[0].x5c[0]);
  assert.match(await (await server.fetch('pb7')).text(), /^-----BEGIN PKCS7-----/);
});

const machine = (more) => ({ ...server.management, grant_type: 'client_credentials', audience: server.audience, ...more });
const refused = async (form, status, error, description, headers) => {
  const reply = await server.postForm('oauth/token', form, headers);
  assert.equal(reply.status, status, JSON.stringify(reply.body));
  assert.deepEqual(reply.body, { error, error_description: description });
  assert.match(reply.headers.get('cache-control'), /no-store/);
  return reply;
};

test('a machine gets a token by post, by basic, and as JSON', async () => {
  const { client_id, client_secret } = server.management;
  const posted = await server.postForm('oauth/token', machine());
  assert.equal(posted.status, 200);
  assert.deepEqual(Object.keys(posted.body), ['access_token', 'scope', 'expires_in', 'token_type']);
  assert.equal(posted.body.token_type, 'Bearer');
  assert.equal(posted.body.expires_in, 86400);
  assert.match(posted.headers.get('cache-control'), /no-store/);

  const basic = `Basic ${Buffer.from(`${client_id}:${encodeURIComponent(client_secret)}`).toString('base64')}`;
  const form = { grant_type: 'client_credentials', audience: server.audience };
  assert.equal((await server.postForm('oauth/token', form, { authorization: basic })).status, 200);
  assert.equal((await server.postJson('oauth/token', machine())).status, 200);
  assert.equal((await server.postForm('oauth/token', machine({ unknown: 'parameter' }))).status, 200);
});

test('scopes are those asked for, and never more than were granted', async () => {
  const client = await server.machineClient(['read:users', 'update:users_app_metadata']);
  const form = { ...machine(), client_id: client.client_id, client_secret: client.client_secret };
  const all = await server.postForm('oauth/token', form);
  assert.equal(all.body.scope, 'read:users update:users_app_metadata');
  const one = await server.postForm('oauth/token', { ...form, scope: 'read:users' });
  assert.equal(one.body.scope, 'read:users');
  assert.equal(jose.decodeJwt(one.body.access_token).scope, 'read:users');
  await refused(
    { ...form, scope: 'read:users delete:users' },
    403,
    'access_denied',
    'Client has not been granted scopes: delete:users',
  );
  const list = await server.postJson('oauth/token', { ...form, scope: ['read:users'] });
  assert.equal(list.body.scope, 'read:users');
  for (const scope of [7, { a: 1 }, ['read:users', 7]]) {
    const { status, body } = await server.postJson('oauth/token', { ...form, scope });
    assert.equal(status, 400);
    assert.deepEqual(body, { error: 'invalid_scope', error_description: 'Scope must be an array or a string' });
  }
});

test('every refusal of the token endpoint has its status and words', async () => {
  const { client_id, client_secret } = server.management;
  await refused(machine({ client_secret: 'wrong' }), 401, 'access_denied', 'Unauthorized');
  await refused(machine({ client_id: 'unknown' }), 401, 'access_denied', 'Unauthorized');
  const { client_secret: _, ...without } = machine();
  await refused(without, 401, 'access_denied', 'Unauthorized');
  await refused({ client_id, client_secret }, 400, 'invalid_request', 'Missing required parameter: grant_type');
  await refused({ grant_type: 'client_credentials' }, 400, 'invalid_request', 'Missing required parameter: client_id');
  await refused(machine({ audience: '' }), 400, 'invalid_request', 'Missing required parameter: audience');
  await refused(machine({ grant_type: 'magic' }), 400, 'unsupported_grant_type', 'Unsupported grant type: magic');
  await refused(
    machine({ audience: 'https://nowhere.test/' }),
    403,
    'access_denied',
    'Service not enabled within domain: https://nowhere.test/',
  );
  await refused(
    { ...machine(), ...server.default_client },
    403,
    'access_denied',
    `Client is not authorized to access "${server.audience}". You need to create a "client-grant" associated to this API.`,
  );
  const web = await server.apiOk('POST', 'clients', { name: 'no grants', grant_types: ['authorization_code'] });
  await refused(
    machine({ client_id: web.client_id, client_secret: web.client_secret }),
    403,
    'unauthorized_client',
    "Grant type 'client_credentials' not allowed for the client.",
  );
  // Nobody may be a machine that proves nothing, whatever it was granted, and with the secret neither (RFC 6749 section 4.4).
  const open = await server.machineClient(['read:users']);
  await server.apiOk('PATCH', `clients/${open.client_id}`, { token_endpoint_auth_method: 'none' });
  for (const proof of [{}, { client_secret: open.client_secret }])
    await refused(
      { grant_type: 'client_credentials', audience: server.audience, client_id: open.client_id, ...proof },
      403,
      'unauthorized_client',
      "Grant type 'client_credentials' not allowed for the client.",
    );
  const wrong = { authorization: `Basic ${Buffer.from(`${client_id}:wrong`).toString('base64')}` };
  const basic = await refused(
    { grant_type: 'client_credentials', audience: server.audience },
    401,
    'access_denied',
    'Unauthorized',
    wrong,
  );
  assert.match(basic.headers.get('www-authenticate'), /^Basic /);
  await refused(
    machine(),
    400,
    'invalid_request',
    'A client proves itself in one way only',
    { authorization: `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}` },
  );
});

test('an API that shares a secret gets tokens signed with it', async () => {
  const signing_secret = 'a secret of at least sixteen characters';
  const identifier = 'https://shared.test/';
  const api = { identifier, name: 'shared', signing_alg: 'HS256', signing_secret, scopes: [{ value: 'read:x' }] };
  await server.apiOk('POST', 'resource-servers', api);
  const client = await server.apiOk('POST', 'clients', { name: 'm', grant_types: ['client_credentials'] });
  await server.apiOk('POST', 'client-grants', { client_id: client.client_id, audience: identifier, scope: ['read:x'] });
  const token = await server.clientCredentials(client, identifier);
  const { protectedHeader } = await jose.jwtVerify(token, new TextEncoder().encode(signing_secret), {
    audience: identifier,
    algorithms: ['HS256'],
  });
  assert.deepEqual(protectedHeader, { alg: 'HS256', typ: 'JWT' });
});

test('a parameter sent twice is refused, in a form as in JSON', async () => {
  const body = new URLSearchParams(machine());
  body.append('audience', server.audience);
  const reply = await server.fetch('oauth/token', { method: 'POST', body });
  assert.equal(reply.status, 400);
  assert.equal((await reply.json()).error_description, 'Duplicate parameter: audience');
  const json = `{"grant_type":"client_credentials","grant_type":"authorization_code"}`;
  const twice = await server.fetch('oauth/token', {
    method: 'POST',
    body: json,
    headers: { 'content-type': 'application/json' },
  });
  assert.equal(twice.status, 400);
  await twice.arrayBuffer();
});

test('the global client is nobody', async () => {
  const clients = await server.apiOk('GET', 'clients?is_global=true');
  for (const client of clients.filter((one) => one.global)) {
    const form = machine({ client_id: client.client_id, client_secret: client.client_secret ?? '' });
    assert.equal((await server.postForm('oauth/token', form)).status, 401);
  }
});
