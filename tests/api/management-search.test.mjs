// User search v3: a Lucene subset that becomes SQL, with the same answers on both stores.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startServer } from '../harness/server.mjs';

describe('user search', () => {
  let server;

  before(async () => {
    server = await startServer();
    await server.apiOk('POST', 'connections', { name: 'staff', strategy: 'auth0', options: { requires_username: true } });
    const people = [
      { email: 'test1@x.test', name: 'Test One', app_metadata: { plan: 'gold', seats: 5, tags: ['a', 'b'], teams: [{ name: 'red' }] } },
      { email: 'test_1@x.test', name: 'Test Underscore', app_metadata: { plan: 'gold plus', seats: 12, tags: [] } },
      { email: '50%@x.test', name: 'Fifty "Percent"', user_metadata: { color: 'blue', sizes: ['s', 'm'] } },
      { email: 'back-slash@y.test', name: 'Back\\Slash', blocked: true, given_name: 'Ann' },
      { email: 'nora@y.test', name: 'Nora O:Neil (x)', connection: 'staff', username: 'Nora_1', email_verified: false, verify_email: false },
    ];
    for (const person of people) await server.user(person);
  });
  after(() => server?.stop());

  async function find(q, more = '') {
    const users = await server.apiOk('GET', `users?search_engine=v3&q=${encodeURIComponent(q)}${more}`);
    return users.map(({ email }) => email.split('@')[0]).sort();
  }

  async function refuse(q) {
    const { status, body } = await server.api('GET', `users?search_engine=v3&q=${encodeURIComponent(q)}`);
    assert.equal(status, 400, q);
    assert.equal(body.errorCode, 'invalid_query_string');
    return body.message;
  }

  test('knows no wildcard but the asterisk (A12)', async () => {
    assert.deepEqual(await find('email:"test_1@x.test"'), ['test_1']);
    assert.deepEqual(await find('email:test_1*'), ['test_1']);
    assert.deepEqual(await find('email:50%*'), ['50%']);
    assert.deepEqual(await find('email:%*'), []);
    assert.deepEqual(await find('email:"*"'), []);
    assert.deepEqual(await find('name:"Test*"'), []);
    assert.deepEqual(await find('email:test\\*'), []);
    assert.deepEqual(await find('name:Back\\\\*'), ['back-slash']);
  });

  test('compares whole values; e-mail and names without case, all else exactly', async () => {
    assert.deepEqual(await find('email:"TEST1@X.TEST"'), ['test1']);
    assert.deepEqual(await find('name:"test one"'), ['test1']);
    assert.deepEqual(await find('name:test'), []);
    assert.deepEqual(await find('name:TEST*'), ['test1', 'test_1']);
    assert.deepEqual(await find('username:"Nora_1"'), ['nora']);
    assert.deepEqual(await find('username:"nora_1"'), []);
    assert.deepEqual(await find('app_metadata.plan:"gold"'), ['test1']);
    assert.deepEqual(await find('app_metadata.plan:Gold'), []);
    assert.deepEqual(await find('name:"Fifty \\"Percent\\""'), ['50%']);
    assert.deepEqual(await find('email.domain:"x.test"'), ['50%', 'test1', 'test_1']);
  });

  test('joins with AND, OR, NOT, - and parentheses', async () => {
    assert.deepEqual(await find('email.domain:x.test AND NOT name:test*'), ['50%']);
    assert.deepEqual(await find('email.domain:x.test -name:"test one" AND name:test*'), ['50%', 'test1', 'test_1']);
    assert.deepEqual(await find('email:("test1@x.test" OR "nora@y.test")'), ['nora', 'test1']);
    assert.deepEqual(await find('(name:"test one" OR name:"nora*") AND email_verified:true'), ['test1']);
    assert.deepEqual(await find('name:"test one" OR name:"Back\\\\Slash" AND blocked:false'), ['test1']);
    assert.deepEqual(await find('NOT _exists_:logins_count OR logins_count:0'), ['50%', 'back-slash', 'nora', 'test1', 'test_1']);
    assert.deepEqual(await find('name:Nora\\ O\\:Neil\\ \\(x\\)'), ['nora']);
  });

  test('looks into metadata, through its arrays, and at identities', async () => {
    assert.deepEqual(await find('app_metadata.tags:"b"'), ['test1']);
    assert.deepEqual(await find('app_metadata.teams.name:"red"'), ['test1']);
    assert.deepEqual(await find('user_metadata.sizes:m'), ['50%']);
    assert.deepEqual(await find('user_metadata.color:"blue"'), ['50%']);
    assert.deepEqual(await find('identities.connection:"staff"'), ['nora']);
    assert.deepEqual(await find('identities.provider:auth0 AND identities.connection:staff'), ['nora']);
    assert.deepEqual(await find('identities.isSocial:true'), []);
    assert.deepEqual(await find('_exists_:app_metadata.tags'), ['test1']);
    assert.deepEqual(await find('_exists_:user_metadata.color'), ['50%']);
    assert.deepEqual(await find('blocked:true'), ['back-slash']);
    assert.deepEqual(await find('email_verified:false'), ['nora']);
  });

  test('knows ranges of numbers and times', async () => {
    assert.deepEqual(await find('app_metadata.seats:[5 TO 12}'), ['test1']);
    assert.deepEqual(await find('app_metadata.seats:{5 TO *]'), ['test_1']);
    assert.deepEqual(await find('app_metadata.seats:[6 TO 100]'), ['test_1']);
    assert.deepEqual(await find('app_metadata.plan:[1 TO 2]'), []);
    assert.deepEqual(await find('logins_count:[1 TO *]'), []);
    const today = new Date(server.now()).toISOString().slice(0, 10);
    assert.equal((await find(`created_at:[${today} TO ${today}]`)).length, 5);
    assert.equal((await find(`created_at:{${today} TO *]`)).length, 0);
    assert.equal((await find('created_at:[* TO 2020-01-01]')).length, 0);
  });

  test('matches terms without a field with the profile, never with user_metadata', async () => {
    assert.deepEqual(await find('Ann'), ['back-slash']);
    assert.deepEqual(await find('"test one"'), ['test1']);
    assert.deepEqual(await find('blue'), []);
    assert.deepEqual(await find('nora*'), ['nora']);
  });

  test('refuses what it does not understand', async () => {
    for (const q of ['(a', 'a)', '"open', 'name:', 'AND a', 'a AND', 'logins_count:[1 TO', 'logins_count:[1 2]', '()', 'NOT ', '['])
      await refuse(q);
    await refuse('picture:x');
    await refuse('multifactor:guardian');
    await refuse('user_metadata.color:b*');
    await refuse('user_metadata.color:[a TO b]');
    await refuse('name:*ab');
    assert.deepEqual(await find('name:*one'), ['test1']);
    assert.match(await refuse('('.repeat(500)), /too deeply/);
  });

  test('keeps to its engine and to the first 1000 records', async () => {
    const get = async (query) => (await server.api('GET', `users?${query}`)).body;
    assert.equal((await get('search_engine=v1')).message, 'You are not allowed to use search_engine=v1.');
    assert.equal(
      (await get('search_engine=v2')).message,
      'You are not allowed to use search_engine=v2. Use search_engine=v3 instead.',
    );
    assert.match((await get('page=10&per_page=100')).message, /^You can only page through the first 1000 records/);
    assert.deepEqual(await get('page=9&per_page=100'), []);
  });

  test('sorts, pages, counts and projects', async () => {
    const names = async (query) => (await server.apiOk('GET', `users?${query}`)).map(({ name }) => name);
    const up = await names('sort=name:1');
    assert.deepEqual(up, [...up].sort());
    assert.deepEqual(await names('sort=name:-1'), [...up].reverse());
    assert.deepEqual((await names('sort=created_at:1'))[0], 'Test One');
    assert.deepEqual((await names('sort=app_metadata.plan:1')).slice(0, 2), ['Test One', 'Test Underscore']);
    assert.deepEqual(await server.apiOk('GET', 'users?per_page=2&page=1&include_totals=true&sort=created_at:1&fields=name'), {
      start: 2,
      limit: 2,
      length: 2,
      total: 5,
      users: [{ name: 'Fifty "Percent"' }, { name: 'Back\\Slash' }],
    });
    assert.deepEqual(await server.apiOk('GET', 'users?per_page=0&include_totals=true'), {
      start: 0,
      limit: 0,
      length: 0,
      total: 5,
      users: [],
    });
    const page = await server.sdk().users.list({ per_page: 2, q: 'email.domain:x.test', search_engine: 'v3' });
    const all = [];
    for await (const user of page) all.push(user.email);
    assert.equal(all.length, 3);
  });
});
