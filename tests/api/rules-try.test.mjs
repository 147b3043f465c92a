// Rules tried without a login, by the API; nothing that they ask for is done.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startServer } from '../harness/server.mjs';

let server;

before(async () => {
  server = await startServer();
});

after(() => server?.stop());

const attempt = (body) => server.apiOk('POST', 'rules/try', body);

const asksUpstream = `async function (user, context, callback) {
  const answer = await fetch(configuration.API + '/score?user=' + user.user_id);
  context.idToken['https://app.test/score'] = (await answer.json()).score + answer.status;
  console.log('asked', configuration.API);
  callback(null, user, context);
}`;

describe('POST /api/v2/rules/try', () => {
  test('several rules in order, with a configuration and answers to their calls', async () => {
    const result = await attempt({
      rules: [{ name: 'One', script: asksUpstream }, { name: 'Two', script: 'function (user, context, callback) { user.nickname = context.clientID; callback(); }' }],
      user: { user_id: 'auth0|1' },
      context: { clientID: 'abc', request: { ip: '192.0.2.1' } },
      configuration: { API: 'https://api.test' },
      http: [{ url: 'https://api.test/score*', status: 201, body: { score: 7 } }],
    });
    assert.deepEqual(result.id_token, { 'https://app.test/score': 208 });
    const [one, two] = result.run;
    assert.deepEqual([one.rule, two.rule], ['One', 'Two']);
    assert.deepEqual(one.console, [{ level: 'log', text: 'asked [API]' }]);
    assert.deepEqual(one.http.map(({ method, status }) => [method, status]), [['GET', 201]]);
    assert.deepEqual(two.changes, [{ path: 'user.nickname', to: 'abc' }]);
  });

  test('a call without an answer fails where answers are given', async () => {
    const result = await attempt({ script: asksUpstream, configuration: { API: 'https://api.test' }, http: [] });
    assert.equal(result.error, 'access_denied');
  });

  test('metadata is not changed; what was asked for is told', async () => {
    const user = await server.user({ app_metadata: { plan: 'gold' } });
    const result = await attempt({
      script: `async function (user, context, callback) {
        await auth0.users.updateAppMetadata(user.user_id, { plan: 'lead' });
        context.idToken.token = typeof auth0.accessToken;
        callback(null, user, context);
      }`,
      user: { user_id: user.user_id },
    });
    assert.deepEqual(result.updates, [{ user_id: user.user_id, app_metadata: { plan: 'lead' } }]);
    assert.equal(result.id_token.token, 'string');
    const stored = await server.apiOk('GET', `users/${encodeURIComponent(user.user_id)}`);
    assert.deepEqual(stored.app_metadata, { plan: 'gold' });
  });

  test('a fault has its line and column in the author\'s text', async () => {
    const { run } = await attempt({ script: 'function (user, context, callback) {\n  callback(user.a.b);\n}' });
    assert.deepEqual([run[0].error.name, run[0].error.line], ['TypeError', 2]);
    const broken = await attempt({ script: 'function (user, context, callback) {\n\n  var = 1;\n}' });
    assert.deepEqual([broken.run[0].error.name, broken.run[0].error.line], ['SyntaxError', 3]);
  });

  test('without a rule it is a bad request', async () => {
    assert.equal((await server.api('POST', 'rules/try', { user: {} })).status, 400);
  });
});

test('a rule that does not compile is stored, and whoever saves it is told', async () => {
  const token = await server.managementToken();
  const save = (method, path, body) =>
    server.fetch(`api/v2/${path}`, { method, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify(body) });
  const made = await save('POST', 'rules', { name: 'Broken', script: 'function (user, context, callback) {\n  callback(;\n}' });
  assert.equal(made.status, 201);
  assert.match(made.headers.get('x-countersign-warning'), /^SyntaxError at line 2: /);
  const { id } = await made.json();
  const mended = await save('PATCH', `rules/${id}`, { script: 'function (user, context, callback) { callback(); }' });
  assert.equal(mended.status, 200);
  assert.equal(mended.headers.get('x-countersign-warning'), null);
  assert.equal((await save('PATCH', `rules/${id}`, { script: '42' })).headers.get('x-countersign-warning'), 'TypeError at line 1: The rule is not a function');
});
