// Rules as a login meets them: what they see, what they decide, what they may ask for, and what they cannot harm.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { after, afterEach, before, describe, test } from 'node:test';
import { Browser, claims, Login } from '../harness/browserless.mjs';
import { startServer } from '../harness/server.mjs';

let server;
let client;
let user;
let upstream;
let upstreamUrl;
const received = [];

before(async () => {
  upstream = createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      received.push({ method: request.method, url: request.url, headers: request.headers, body: Buffer.concat(parts).toString() });
      response.writeHead(request.url.startsWith('/missing') ? 404 : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ risk: 'low', echo: request.url }));
    });
  });
  await new Promise((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  upstreamUrl = `http://127.0.0.1:${upstream.address().port}`;
  server = await startServer({ flags: ['--script-seconds=2', '--egress-allow=127.0.0.0/8'] });
  client = await server.webClient();
  user = await server.user({ nickname: 'ann', app_metadata: { plan: 'gold' } });
});

after(async () => {
  upstream.close();
  await server.stop();
});

let made = [];
let count = 0;

async function rule(script, values = {}) {
  const body = await server.apiOk('POST', 'rules', { name: `Rule ${++count}`, script: String(script), ...values });
  made.push(body.id);
  return body;
}

afterEach(async () => {
  for (const id of made) await server.apiOk('DELETE', `rules/${id}`);
  made = [];
});

/** A whole login in a fresh browser: its tokens' claims, or the error that arrived. */
async function login(parameters = {}) {
  const attempt = new Login(server, client, { browser: new Browser(server), parameters });
  const outcome = await attempt.withPassword(user.email, user.password);
  const arrived = attempt.arrived(outcome);
  if (arrived.error) return arrived;
  const { status, body } = await attempt.redeem(arrived.code);
  assert.equal(status, 200, JSON.stringify(body));
  return { ...body, claims: claims(body.id_token) };
}

test('claims come from the rule, its configuration, and the user as the rule left it', async () => {
  await server.apiOk('PUT', 'rules-configs/GREETING', { value: 'grüß dich' });
  await rule(function (user, context, callback) {
    user.nickname = user.nickname + ' of ' + context.clientName.split(' ')[0];
    context.idToken['https://app.test/greeting'] = configuration.GREETING;
    context.idToken['https://app.test/plan'] = user.app_metadata.plan + user.plan;
    context.idToken.sub = 'somebody else';
    context.accessToken['https://app.test/a'] = [context.protocol, context.connection, context.connectionStrategy];
    callback(null, user, context);
  });
  const { claims: id } = await login();
  assert.equal(id['https://app.test/greeting'], 'grüß dich');
  assert.equal(id['https://app.test/plan'], 'goldgold');
  assert.equal(id.nickname, 'ann of app');
  assert.equal(id.sub, user.user_id);
  const stored = await server.apiOk('GET', `users/${encodeURIComponent(user.user_id)}`);
  assert.equal(stored.nickname, 'ann');
});

test('context shows the request and the session', async () => {
  await rule(function (user, context, callback) {
    context.idToken['https://app.test/seen'] = {
      query: context.request.query.custom,
      scope: context.request.query.scope,
      ip: context.request.ip,
      hostname: context.request.hostname,
      methods: context.authentication.methods.map(function (m) { return m.name; }),
      logins: context.stats.loginsCount,
    };
    callback(null, user, context);
  });
  const first = (await login({ custom: 'x y' })).claims['https://app.test/seen'];
  assert.equal(first.query, 'x y');
  assert.equal(first.scope, 'openid profile email');
  assert.equal(first.ip, '127.0.0.1');
  assert.equal(first.hostname, server.host);
  assert.deepEqual(first.methods, ['pwd']);
  const second = (await login()).claims['https://app.test/seen'];
  assert.equal(second.logins, first.logins + 1);
});

test('refusals reach the application in the rule\'s words', async () => {
  await rule(function (user, context, callback) {
    if (context.request.query.how === 'unauthorized') return callback(new UnauthorizedError('Not on Sundays'));
    if (context.request.query.how === 'error') return callback(new Error('Österreich & <b>'));
    throw new Error('thrown');
  });
  assert.deepEqual(
    [await login({ how: 'unauthorized' }), await login({ how: 'error' }), await login()].map(({ error, error_description }) => [error, error_description]),
    [['unauthorized', 'Not on Sundays'], ['access_denied', 'Österreich & <b>'], ['access_denied', 'thrown']]);
});

test('rules store metadata through auth0.users, merged at the first level', async () => {
  await server.apiOk('PATCH', `users/${encodeURIComponent(user.user_id)}`, { user_metadata: { keep: 1, drop: 2 } });
  await rule(async function (user, context, callback) {
    await auth0.users.updateUserMetadata(user.user_id, { drop: null, added: { deep: true } });
    callback(null, user, context);
  });
  assert.equal((await login()).error, undefined);
  const stored = await server.apiOk('GET', `users/${encodeURIComponent(user.user_id)}`);
  assert.deepEqual(stored.user_metadata, { keep: 1, added: { deep: true } });
});

// Known-faults C4.
test('digits of large numbers survive a rule that does not touch them', async () => {
  const path = `users/${encodeURIComponent(user.user_id)}`;
  await server.apiOk('PATCH', path, '{"user_metadata":{"n":9007199254740993}}');
  await rule(function (user, context, callback) {
    user.user_metadata.seen = true;
    context.idToken['https://app.test/meta'] = user.user_metadata;
    auth0.users.updateUserMetadata(user.user_id, user.user_metadata).then(function () { callback(null, user, context); }, callback);
  });
  const { id_token } = await login();
  assert.match(Buffer.from(id_token.split('.')[1], 'base64url').toString(), /"n":9007199254740993,/);
  const raw = await (await server.fetch(`api/v2/${path}`, { headers: { authorization: `Bearer ${await server.managementToken()}` } })).text();
  assert.match(raw, /"n":9007199254740993,/);
  await server.apiOk('PATCH', path, { user_metadata: {} });
});

test('rules call out by fetch and request, and the Management API with auth0.accessToken', async () => {
  await server.apiOk('PUT', 'rules-configs/UPSTREAM', { value: upstreamUrl });
  await rule(async function (user, context, callback) {
    const answer = await fetch(configuration.UPSTREAM + '/risk?user=1', { headers: { 'x-key': 'k' } });
    context.idToken['https://app.test/risk'] = (await answer.json()).risk + answer.status;
    callback(null, user, context);
  });
  await rule(function (user, context, callback) {
    const request = require('request@2.81.0');
    request.post({ url: configuration.UPSTREAM + '/missing', json: { user: user.email } }, function (err, response, body) {
      if (err) return callback(err);
      context.idToken['https://app.test/post'] = [response.statusCode, body.echo];
      callback(null, user, context);
    });
  });
  await rule(async function (user, context, callback) {
    const url = auth0.baseUrl + '/users/' + encodeURIComponent(user.user_id);
    const answer = await fetch(url, { headers: { authorization: 'Bearer ' + auth0.accessToken } });
    context.idToken['https://app.test/read'] = [answer.status, (await answer.json()).email];
    const other = await fetch(auth0.baseUrl + '/clients', { headers: { authorization: 'Bearer ' + auth0.accessToken } });
    context.idToken['https://app.test/clients'] = other.status;
    callback(null, user, context);
  });
  received.length = 0;
  const result = await login();
  assert.equal(result.error, undefined, JSON.stringify(result));
  assert.equal(result.claims['https://app.test/risk'], 'low200');
  assert.deepEqual(result.claims['https://app.test/post'], [404, '/missing']);
  assert.deepEqual(result.claims['https://app.test/read'], [200, user.email]);
  assert.equal(result.claims['https://app.test/clients'], 403);
  assert.equal(received[0].headers['x-key'], 'k');
  assert.equal(received[1].body, JSON.stringify({ user: user.email }));
});

describe('a rule that means harm', () => {
  const harmful = {
    'loops for ever': ['while (true);', 'Request to Webtask exceeded allowed execution time'],
    // Known-faults C6.
    'loops natively': ['Array.prototype.indexOf.call({length:4294967295},9); callback(null, user, context);', 'Request to Webtask exceeded allowed execution time'],
    'never calls back': ['', 'Request to Webtask exceeded allowed execution time'],
    'waits too long': ['setTimeout(callback, 60000);', 'Request to Webtask exceeded allowed execution time'],
    'eats memory': ['var a = []; while (true) a.push(new Array(100000).fill(1));', 'Request to Webtask exceeded allowed memory'],
    'recurses': ['function f() { return f() + 1; } f();', 'Maximum call stack size exceeded'],
    'returns itself': ['user.self = user; callback(null, user, context);', 'circular reference'],
    'derives a key for ever': ["require('crypto').pbkdf2Sync('a', 'b', 2000000000, 32, 'sha512'); callback(null, user, context);", 'Request to Webtask exceeded allowed execution time'],
    'hoards keys': ["var a = []; while (true) a.push(crypto.createSecretKey(Buffer.alloc(1000000)));", 'Request to Webtask exceeded allowed memory'],
    'expands a bomb': ["var z = require('zlib'); z.gunzipSync(z.gzipSync(Buffer.alloc(17000000)));", 'Cannot create a Buffer larger than 16777216 bytes'],
    'asks for what is not there': ["require('no-such-thing@3.1.4');",
      "Cannot find module 'no-such-thing@3.1.4'. The operator of this server can add it: countersign module add no-such-thing@3.1.4"],
  };
  for (const [name, [body, description]] of Object.entries(harmful)) {
    test(`${name}: that login fails, the next does not`, async () => {
      await rule(`function (user, context, callback) { if (context.request.query.harm) { ${body} } else callback(null, user, context); }`);
      const failed = await login({ harm: '1' });
      assert.deepEqual([failed.error, failed.error_description], ['access_denied', description]);
      assert.equal((await login()).error, undefined);
    });
  }
});

// Known-faults C7.
test('nothing that one login changes is there in the next', async () => {
  await server.apiOk('PATCH', `users/${encodeURIComponent(user.user_id)}`,
    '{"user_metadata":{"__proto__":{"use_mfa":false},"constructor":{"prototype":{"x":1}}}}');
  await rule(function (user, context, callback) {
    context.idToken['https://app.test/seen'] = [({}).use_mfa === undefined, ({}).x === undefined, typeof leaked];
    leaked = true;
    Array.prototype.includes = null;
    callback(null, user, context);
  });
  for (let i = 0; i < 3; i++) assert.deepEqual((await login()).claims['https://app.test/seen'], [true, true, 'undefined']);
  await server.apiOk('PATCH', `users/${encodeURIComponent(user.user_id)}`, { user_metadata: {} });
});

test('a rule redirects, and runs again at /continue', async () => {
  await rule(function (user, context, callback) {
    if (context.protocol === 'redirect-callback') {
      context.idToken['https://app.test/consent'] = context.request.query.consent;
      return callback(null, user, context);
    }
    context.redirect = { url: 'https://consent.test/ask?lang=de' };
    callback(null, user, context);
  });
  const attempt = new Login(server, client);
  const away = await attempt.withPassword(user.email, user.password);
  assert.equal(away.redirect.host, 'consent.test');
  assert.equal(away.redirect.searchParams.get('lang'), 'de');
  const state = away.redirect.searchParams.get('state');
  const back = await attempt.browser.open(`/continue?state=${encodeURIComponent(state)}&consent=yes`);
  const tokens = await attempt.tokens(back);
  assert.equal(claims(tokens.id_token)['https://app.test/consent'], 'yes');
});

test('script workers end with a server that was killed', async () => {
  const other = await startServer();
  const parentOf = (pid) => Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').pop().split(' ')[1]);
  const isAlive = (pid) => {
    try {
      return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').pop()[0] !== 'Z';
    } catch {
      return false;
    }
  };
  const workers = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && isAlive(pid) && parentOf(pid) === other.process.pid);
  assert.equal(workers.length, 1);
  await other.kill();
  for (let i = 0; i < 100 && workers.some(isAlive); i++) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(workers.filter(isAlive), []);
  await other.start();
  await other.stop();
});
