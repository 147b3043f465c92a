// Rules, applications, grants, APIs and connections through the Management API, and what all resources have in common.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { startServer } from '../harness/server.mjs';

const SCRIPT = 'function (user, context, callback) { callback(null, user, context); }';

describe('the Management API', () => {
  let server;
  let sdk;

  before(async () => {
    server = await startServer();
    sdk = server.sdk();
  });
  after(() => server?.stop());

  const withToken = async (authorization) => {
    const response = await server.fetch('api/v2/rules', { headers: authorization === undefined ? {} : { authorization } });
    return { status: response.status, body: await response.json() };
  };
  const invalidToken = (message) => ({
    status: 401,
    body: { statusCode: 401, error: 'Unauthorized', message, attributes: { error: message } },
  });

  describe('tokens', () => {
    test('must be there and have their form', async () => {
      assert.deepEqual(await withToken(undefined), {
        status: 401,
        body: { statusCode: 401, error: 'Unauthorized', message: 'Missing authentication' },
      });
      for (const header of ['Basic abc', 'Bearer abc', 'Bearer a.b', 'Bearer a.b.c.d', 'x'])
        assert.deepEqual(await withToken(header), {
          status: 400,
          body: {
            statusCode: 400,
            error: 'Bad Request',
            message: 'Bad HTTP authentication header format',
            errorCode: 'Bearer',
          },
        });
    });

    test('must be issued here, for this API, and be current', async () => {
      const token = await server.managementToken();
      const [header, payload, signature] = token.split('.');
      const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
      const decode = (text) => JSON.parse(Buffer.from(text, 'base64url'));
      assert.deepEqual(await withToken('Bearer x.y.z'), invalidToken('Invalid token'));
      assert.deepEqual(
        await withToken(`Bearer ${encode({ ...decode(header), kid: 'other' })}.${payload}.${signature}`),
        invalidToken('Invalid token'),
      );
      const changed = encode({ ...decode(payload), scope: 'read:rules read:everything' });
      assert.deepEqual(
        await withToken(`Bearer ${header}.${changed}.${signature}`),
        invalidToken('Invalid signature received for JSON Web Token validation'),
      );
      const none = `${encode({ ...decode(header), alg: 'none' })}.${payload}.`;
      assert.equal((await withToken(`Bearer ${none}`)).status, 401);
      const hmac = `${encode({ ...decode(header), alg: 'HS256' })}.${payload}`;
      const mac = createHmac('sha256', 'key').update(hmac).digest('base64url');
      assert.equal((await withToken(`Bearer ${hmac}.${mac}`)).status, 401);
      const identifier = 'https://other.test/';
      await server.apiOk('POST', 'resource-servers', { identifier, scopes: [{ value: 'read:rules' }] });
      await server.apiOk('POST', 'client-grants', {
        client_id: server.management.client_id,
        audience: identifier,
        scope: ['read:rules'],
      });
      const foreign = await server.clientCredentials(server.management, identifier);
      assert.deepEqual(await withToken(`Bearer ${foreign}`), invalidToken(`Bad audience: ${identifier}`));
    });

    test('must carry one of the scopes', async () => {
      const { status, body } = await server.api('GET', 'rules', undefined, await server.managementToken(['read:users']));
      assert.equal(status, 403);
      assert.deepEqual(body, {
        statusCode: 403,
        error: 'Forbidden',
        message: 'Insufficient scope, expected any of: read:rules',
        errorCode: 'insufficient_scope',
      });
      const several = await server.api('GET', 'clients', undefined, await server.managementToken(['read:users']));
      assert.equal(
        several.body.message,
        'Insufficient scope, expected any of: read:clients,read:client_keys,read:client_credentials,read:client_summary',
      );
    });
  });

  test('answers unknown routes with 404 before it looks at tokens', async () => {
    for (const [method, target] of [['GET', 'api/v2/nothing'], ['POST', 'api/v2/users/auth0%7C1'], ['PUT', 'api/v2/rules']]) {
      const response = await server.fetch(target, { method });
      assert.equal(response.status, 404, target);
      assert.deepEqual(await response.json(), { statusCode: 404, error: 'Not Found', message: 'Not Found' });
    }
  });

  test('describes itself', async () => {
    const description = await (await server.fetch('api/v2/openapi.json')).json();
    assert.equal(description.openapi, '3.1.0');
    assert.deepEqual(description.paths['/users/{id}'].patch.security, [
      { bearer: ['update:users'] },
      { bearer: ['update:users_app_metadata'] },
      { bearer: ['update:current_user_metadata'] },
    ]);
    assert.deepEqual(description.paths['/guardian/enrollments/tickets'].get.tags, ['countersign']);
    const operations = Object.values(description.paths).flatMap((methods) => Object.values(methods));
    const ids = operations.map(({ operationId }) => operationId);
    assert.equal(new Set(ids).size, ids.length);
    assert.ok(ids.includes('patch_users_id'));
    const references = JSON.stringify(description).match(/#\/components\/schemas\/\w+/g);
    for (const reference of new Set(references)) assert.ok(description.components.schemas[reference.split('/').pop()], reference);
  });

  test('takes forms as it takes JSON, and nothing else', async () => {
    const authorization = `Bearer ${await server.managementToken()}`;
    const post = async (type, body) =>
      (await server.fetch('api/v2/rules', { method: 'POST', body, headers: { authorization, 'content-type': type } })).status;
    assert.equal(await post('application/x-www-form-urlencoded', new URLSearchParams({ name: 'by form', script: SCRIPT, enabled: 'false', order: '77' }).toString()), 201);
    assert.equal(await post('text/xml', '<a/>'), 415);
    const [rule] = (await server.apiOk('GET', 'rules')).filter(({ name }) => name === 'by form');
    assert.equal(rule.enabled, false);
    assert.equal(rule.order, 77);
    await server.apiOk('DELETE', `rules/${rule.id}`);
  });

  test('is not confused by bodies where none belongs', async () => {
    const authorization = `Bearer ${await server.managementToken()}`;
    const id = (await server.apiOk('GET', 'connections'))[0].id;
    for (const body of ['null', '{}', '0']) {
      const response = await server.fetch(`api/v2/clients/${server.default_client.client_id}/rotate-secret`, {
        method: 'POST',
        body,
        headers: { authorization, 'content-type': 'application/json' },
      });
      assert.equal(response.status, 200);
    }
    assert.equal((await server.api('GET', `connections/${id}/status`)).status, 200);
  });

  describe('rules', () => {
    test('live their life', async () => {
      const rule = await sdk.rules.create({ name: 'first', script: SCRIPT });
      assert.match(rule.id, /^rul_[A-Za-z0-9]{16}$/);
      assert.deepEqual({ ...rule }, { id: rule.id, enabled: true, script: SCRIPT, name: 'first', order: 1, stage: 'login_success' });
      const second = await sdk.rules.create({ name: 'second', script: SCRIPT, order: 10, enabled: false });
      const third = await sdk.rules.create({ name: 'third', script: SCRIPT });
      assert.equal(third.order, 11);
      assert.deepEqual(
        (await server.apiOk('GET', 'rules')).map(({ name }) => name),
        ['first', 'second', 'third'],
      );
      assert.deepEqual(
        (await server.apiOk('GET', 'rules?enabled=false&fields=name')),
        [{ name: 'second' }],
      );
      assert.equal((await sdk.rules.update(rule.id, { order: 20 })).order, 20);
      assert.deepEqual(await server.apiOk('GET', 'rules?include_totals=true&per_page=1&page=2&fields=name'), {
        start: 2,
        limit: 1,
        length: 1,
        total: 3,
        rules: [{ name: 'first' }],
      });
      for (const { id } of [rule, second, third]) assert.equal((await server.api('DELETE', `rules/${id}`)).status, 204);
      assert.equal((await server.api('DELETE', `rules/${rule.id}`)).status, 204);
    });

    test('get orders of their own when several are made at once', async () => {
      const made = await Promise.all(
        Array.from({ length: 8 }, (_, i) => server.apiOk('POST', 'rules', { name: `at once ${i}`, script: SCRIPT })),
      );
      assert.deepEqual(made.map(({ order }) => order).sort(), [1, 2, 3, 4, 5, 6, 7, 8]);
      for (const { id } of made) await server.apiOk('DELETE', `rules/${id}`);
    });

    test('refuse what Auth0 refuses', async () => {
      const rule = await server.apiOk('POST', 'rules', { name: 'taken', script: SCRIPT });
      const post = async (body) => {
        const answer = await server.api('POST', 'rules', body);
        return [answer.status, answer.body.message];
      };
      assert.deepEqual(await post({ name: 'taken', script: SCRIPT }), [409, 'A rule with the same name already exists']);
      assert.deepEqual(await post({ name: 'free', script: SCRIPT, order: rule.order }), [409, 'A rule with the same order already exists']);
      assert.deepEqual(await post({}), [400, "Payload validation error: 'Missing required property: script'."]);
      assert.match((await post({ name: '-x', script: SCRIPT }))[1], /^Payload validation error: 'String does not match pattern .*: -x' on property name \(Name of this rule\.\)\.$/);
      const patch = async (body) => (await server.api('PATCH', `rules/${rule.id}`, body)).body.message;
      assert.equal(await patch({ stage: 'login_success' }), "Payload validation error: 'Additional properties not allowed: stage'.");
      assert.equal(await patch({}), "Payload validation error: 'Too few properties defined (0), minimum 1'.");
      const missing = await server.api('GET', 'rules/rul_0000000000000000');
      assert.equal(missing.status, 404);
      assert.deepEqual(missing.body, { statusCode: 404, error: 'Not Found', message: 'The rule does not exist', errorCode: 'inexistent_rule' });
      assert.equal((await server.api('GET', 'rules/x')).body.errorCode, 'invalid_uri');
      await server.apiOk('DELETE', `rules/${rule.id}`);
    });

    test('have configuration that never comes back', async () => {
      assert.deepEqual(await server.apiOk('PUT', 'rules-configs/API_KEY', { value: 'v1' }), { key: 'API_KEY', value: 'v1' });
      assert.deepEqual(await server.apiOk('PUT', 'rules-configs/API_KEY', { value: 'v2' }), { key: 'API_KEY', value: 'v2' });
      assert.deepEqual(await server.apiOk('GET', 'rules-configs'), [{ key: 'API_KEY' }]);
      assert.equal((await server.api('PUT', 'rules-configs/a%20b', { value: 'v' })).status, 400);
      assert.equal((await server.api('DELETE', 'rules-configs/API_KEY')).status, 204);
      assert.equal((await server.api('DELETE', 'rules-configs/API_KEY')).status, 204);
      assert.deepEqual(await server.apiOk('GET', 'rules-configs'), []);
    });
  });

  describe('clients', () => {
    test('live their life', async () => {
      const client = await sdk.clients.create({ name: 'shop', app_type: 'spa', callbacks: ['https://app.test/cb'], client_metadata: { a: '1', b: '2' } });
      assert.match(client.client_id, /^[A-Za-z0-9]{32}$/);
      assert.match(client.client_secret, /^[A-Za-z0-9_-]{64}$/);
      assert.equal(client.token_endpoint_auth_method, 'none');
      assert.equal(client.is_first_party, true);
      assert.equal(client.jwt_configuration.alg, 'RS256');
      assert.match(client.signing_keys[0].cert, /^-----BEGIN CERTIFICATE-----/);
      const updated = await server.apiOk('PATCH', `clients/${client.client_id}`, { client_metadata: { a: null, c: '3' }, encryption_key: { cert: 'c', pub: 'p', subject: 's' } });
      assert.deepEqual(updated.client_metadata, { b: '2', c: '3' });
      assert.ok(!('encryption_key' in (await server.apiOk('PATCH', `clients/${client.client_id}`, { encryption_key: null }))));
      const rotated = await server.apiOk('POST', `clients/${client.client_id}/rotate-secret`);
      assert.notEqual(rotated.client_secret, client.client_secret);
      assert.equal((await server.api('DELETE', `clients/${client.client_id}`)).status, 204);
      assert.equal((await server.api('DELETE', `clients/${client.client_id}`)).status, 204);
      assert.deepEqual((await server.api('GET', `clients/${client.client_id}`)).body, {
        statusCode: 404,
        error: 'Not Found',
        message: 'The client does not exist',
        errorCode: 'inexistent_client',
      });
    });

    test('show their secrets to who may see them', async () => {
      const id = server.default_client.client_id;
      const read = async (scopes, query = '') => (await server.api('GET', `clients/${id}${query}`, undefined, await server.managementToken(scopes))).body;
      const keys = await read(['read:client_keys']);
      assert.ok(keys.client_secret && keys.name && !('grant_types' in keys));
      const all = await read(['read:clients']);
      assert.ok(!('client_secret' in all) && !('signing_keys' in all) && 'grant_types' in all);
      assert.equal((await read(['read:clients'], '?fields=client_secret')).statusCode, 403);
      const both = await read(['read:clients', 'read:client_keys'], '?fields=client_secret');
      assert.deepEqual(Object.keys(both), ['client_secret']);
    });

    test('are found by their filters; exactly one is global and stays', async () => {
      const [global, ...more] = await server.apiOk('GET', 'clients?is_global=true&fields=client_id,name,global');
      assert.equal(more.length, 0);
      assert.equal(global.name, 'All Applications');
      assert.equal((await server.api('DELETE', `clients/${global.client_id}`)).status, 400);
      const native = await server.apiOk('POST', 'clients', { name: 'native', app_type: 'native' });
      const found = await server.apiOk('GET', 'clients?app_type=native,sso_integration&fields=client_id');
      assert.deepEqual(found, [{ client_id: native.client_id }]);
      assert.deepEqual(await server.apiOk('GET', 'clients?app_type=sso_integration'), []);
      await server.apiOk('DELETE', `clients/${native.client_id}`);
    });

    test('page by checkpoint to the very last one, a full one too (C5)', async () => {
      const before = (await server.apiOk('GET', 'clients?per_page=0&include_totals=true')).total;
      const made = [];
      const walk = async () => {
        const seen = [];
        let from = '';
        for (let pages = 0; pages < 10; pages++) {
          const page = await server.apiOk('GET', `clients?take=50&fields=client_id${from && `&from=${from}`}`);
          seen.push(...page.clients.map(({ client_id }) => client_id));
          if (!('next' in page)) return seen;
          from = encodeURIComponent(page.next);
        }
        throw new Error('no end');
      };
      const grow = async (total) => {
        while (made.length + before < total)
          made.push((await server.apiOk('POST', 'clients', { name: `c${made.length}` })).client_id);
      };
      for (const total of [100, 101]) {
        await grow(total);
        const seen = await walk();
        assert.equal(seen.length, total);
        assert.equal(new Set(seen).size, total);
        for (const id of made) assert.ok(seen.includes(id));
      }
      const offset = await server.apiOk('GET', 'clients?page=1&per_page=50&include_totals=true&fields=client_id');
      assert.equal(offset.clients.length, 50);
      const through = [];
      for await (const client of await sdk.clients.list({ per_page: 25 })) through.push(client.client_id);
      assert.equal(new Set(through).size, 101);
      assert.equal((await server.api('GET', 'clients?take=10&page=1')).status, 400);
      assert.equal((await server.api('GET', 'clients?from=nonsense!')).status, 400);
      for (const id of made) await server.apiOk('DELETE', `clients/${id}`);
    });
  });

  describe('client grants and resource servers', () => {
    test('live their life together', async () => {
      const api = await sdk.resourceServers.create({ identifier: 'https://api.test/', name: 'API', scopes: [{ value: 'read:x', description: 'x' }] });
      assert.match(api.id, /^[0-9a-f]{24}$/);
      assert.equal(api.token_lifetime, 86400);
      const client = await server.apiOk('POST', 'clients', { name: 'm2m', app_type: 'non_interactive' });
      const grant = await sdk.clientGrants.create({ client_id: client.client_id, audience: api.identifier, scope: ['read:x'] });
      assert.match(grant.id, /^cgr_[A-Za-z0-9]{16}$/);
      assert.deepEqual({ ...grant }, { id: grant.id, client_id: client.client_id, audience: api.identifier, scope: ['read:x'], subject_type: 'client' });
      const again = await server.api('POST', 'client-grants', { client_id: client.client_id, audience: api.identifier, scope: [] });
      assert.equal(again.status, 409);
      const foreign = await server.api('PATCH', `client-grants/${grant.id}`, { scope: ['write:x'] });
      assert.equal(foreign.status, 400);
      assert.equal(foreign.body.errorCode, 'validation_error');
      assert.deepEqual((await server.apiOk('PATCH', `client-grants/${grant.id}`, { scope: [] })).scope, []);
      assert.equal((await server.apiOk('GET', `client-grants?client_id=${client.client_id}`)).length, 1);
      assert.equal((await server.api('POST', 'client-grants', { client_id: 'nobody', audience: api.identifier, scope: [] })).body.errorCode, 'inexistent_client');
      assert.equal((await server.api('POST', 'client-grants', { client_id: client.client_id, audience: 'x', scope: [] })).body.errorCode, 'inexistent_resource_server');
      const byIdentifier = await server.apiOk('GET', `resource-servers/${encodeURIComponent(api.identifier)}`);
      assert.equal(byIdentifier.id, api.id);
      assert.equal((await server.api('POST', 'resource-servers', { identifier: api.identifier })).status, 409);
      assert.equal((await server.api('DELETE', `resource-servers/${api.id}`)).status, 204);
      assert.equal((await server.api('GET', `client-grants/${grant.id}`)).body.errorCode, 'inexistent_client_grant');
      await server.apiOk('DELETE', `clients/${client.client_id}`);
    });

    test('keep the system API as it is, but for the lifetime of its tokens', async () => {
      const id = encodeURIComponent(server.audience);
      assert.equal((await server.api('DELETE', `resource-servers/${id}`)).body.message, 'System resource servers cannot be deleted.');
      assert.equal((await server.api('PATCH', `resource-servers/${id}`, { scopes: [] })).body.message, 'System resource servers cannot be patched.');
      assert.equal((await server.apiOk('PATCH', `resource-servers/${id}`, { token_lifetime: 7200 })).token_lifetime, 7200);
      await server.apiOk('PATCH', `resource-servers/${id}`, { token_lifetime: 86400 });
    });
  });

  describe('connections', () => {
    test('live their life, and both views of their clients agree', async () => {
      const connection = await sdk.connections.create({ name: 'staff', strategy: 'auth0' });
      assert.match(connection.id, /^con_[A-Za-z0-9]{16}$/);
      assert.deepEqual(connection.realms, ['staff']);
      assert.equal(connection.options.passwordPolicy, 'good');
      const one = server.default_client.client_id;
      const two = server.management.client_id;
      const enabled = async () => (await server.apiOk('GET', `connections/${connection.id}`)).enabled_clients;
      assert.equal((await server.api('PATCH', `connections/${connection.id}/clients`, [{ client_id: one, status: true }, { client_id: two, status: true }])).status, 204);
      assert.deepEqual(await enabled(), [one, two]);
      assert.deepEqual(await server.apiOk('GET', `connections/${connection.id}/clients?take=1`).then((page) => page.clients), [{ client_id: one }]);
      const all = [];
      for await (const { client_id } of await sdk.connections.clients.get(connection.id, { take: 1 })) all.push(client_id);
      assert.deepEqual(all, [one, two]);
      await server.apiOk('PATCH', `connections/${connection.id}`, { enabled_clients: [two] });
      assert.deepEqual(await server.apiOk('GET', `connections/${connection.id}/clients`), { clients: [{ client_id: two }] });
      const mine = await server.apiOk('GET', `clients/${two}/connections?fields=name`);
      assert.deepEqual(mine, { connections: [{ name: 'staff' }] });
      assert.equal((await server.api('PATCH', `connections/${connection.id}/clients`, [{ client_id: 'nobody', status: true }])).body.errorCode, 'inexistent_client');
      const replaced = await server.apiOk('PATCH', `connections/${connection.id}`, { options: { passwordPolicy: 'low' } });
      assert.deepEqual(replaced.options, { passwordPolicy: 'low' });
      const person = await server.user({ connection: 'staff', password: 'abcdef' });
      const { status, body } = await server.api('DELETE', `connections/${connection.id}`);
      assert.equal(status, 202);
      assert.match(body.deleted_at, /Z$/);
      assert.equal((await server.api('GET', `users/${encodeURIComponent(person.user_id)}`)).status, 404);
      assert.equal((await server.api('GET', `connections/${connection.id}`)).body.errorCode, 'inexistent_connection');
    });

    test('refuse what Auth0 refuses', async () => {
      const post = async (body) => {
        const answer = await server.api('POST', 'connections', body);
        return [answer.status, answer.body.message];
      };
      assert.deepEqual(await post({ name: 'Username-Password-Authentication', strategy: 'auth0' }), [409, 'A connection with the same name already exists']);
      assert.equal((await post({ name: 'a_b', strategy: 'auth0' }))[0], 400);
      assert.deepEqual(await post({ name: 'x', strategy: 'auth0', options: { requires_username: true, attributes: { email: { identifier: { active: true } } } } }), [
        400,
        'Cannot set both options.attributes and options.requires_username',
      ]);
    });

    test('of the server itself do not exist for the API, nor do their users', async () => {
      const names = (await server.apiOk('GET', 'connections')).map(({ name }) => name);
      assert.ok(!names.includes('Administrators'));
      const { body } = await server.api('POST', 'users', { connection: 'Administrators', email: 'a@b.test', password: 'Correct-Horse-1' });
      assert.equal(body.errorCode, 'inexistent_connection');
    });
  });
});
