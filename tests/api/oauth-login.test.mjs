// Whole logins: by the official OpenID Connect client, by forms, in several tabs, silently.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import * as jose from 'jose';
import * as oidc from 'openid-client';
import { Browser, Login, claims } from '../harness/browserless.mjs';
import { enableFactors, userWithOtp } from '../harness/mfa.mjs';
import { totp } from '../harness/otp.mjs';
import { startServer } from '../harness/server.mjs';

const ACR = 'http://schemas.openid.net/pape/policies/2007/06/multi-factor';

let server;
let client;
let user;
before(async () => {
  server = await startServer();
  client = await server.webClient({ web_origins: ['https://app.test'] });
  user = await server.user({ given_name: 'Ada', family_name: 'Lovelace', name: 'Ada Lovelace', nickname: 'ada' });
});
after(() => server?.stop());

const login = (more = {}) => new Login(server, more.client ?? client, more);
const enter = (one, person = user) => one.withPassword(person.email, person.password);
const message = (page) => JSON.parse(page.text.match(/postMessage\((\{.*\}), "/s)[1]);
const silently = (browser, more = {}) => {
  const one = login({ browser, parameters: { prompt: 'none', response_mode: 'web_message', ...more } });
  return one.begin().then((page) => ({ ...message(page).response, login: one }));
};

/** A rule for one test. */
async function withRule(script, work) {
  const rule = await server.apiOk('POST', 'rules', { name: `rule ${Math.random().toString(36).slice(2)}`, script });
  try {
    return await work();
  } finally {
    await server.apiOk('DELETE', `rules/${rule.id}`);
  }
}

describe('the official client', () => {
  test('code and PKCE, ID token, userinfo, logout', async () => {
    const config = await oidc.discovery(
      new URL(server.issuer),
      client.client_id,
      client.client_secret,
      undefined,
      { execute: [oidc.allowInsecureRequests] },
    );
    const verifier = oidc.randomPKCECodeVerifier();
    const nonce = oidc.randomNonce();
    const state = oidc.randomState();
    const url = oidc.buildAuthorizationUrl(config, {
      redirect_uri: 'https://app.test/cb',
      scope: 'openid profile email',
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      nonce,
      state,
    });
    const browser = new Browser(server);
    const identifier = await browser.open(url);
    const password = await identifier.submit({ username: user.email });
    const { redirect } = await password.submit({ password: user.password });
    const tokens = await oidc.authorizationCodeGrant(config, redirect, {
      pkceCodeVerifier: verifier,
      expectedNonce: nonce,
      expectedState: state,
      idTokenExpected: true,
    });
    assert.equal(tokens.claims().sub, user.user_id);
    const info = await oidc.fetchUserInfo(config, tokens.access_token, user.user_id);
    assert.equal(info.email, user.email);
    const end = oidc.buildEndSessionUrl(config, { id_token_hint: tokens.id_token });
    assert.equal((await browser.open(end)).status, 200);
    assert.equal(browser.jar.get('auth0'), undefined);
  });
});

describe('tokens', () => {
  test('the ID token has its members in their order', async () => {
    const one = login();
    const tokens = await one.tokens(await enter(one));
    assert.deepEqual(Object.keys(tokens), ['access_token', 'id_token', 'scope', 'expires_in', 'token_type']);
    assert.equal(tokens.scope, 'openid profile email');
    assert.equal(tokens.expires_in, 86400);
    assert.match(tokens.access_token, /^[A-Za-z0-9]{32}$/, 'opaque without an audience');
    const keys = await (await server.fetch('.well-known/jwks.json')).json();
    const { payload } = await jose.jwtVerify(tokens.id_token, jose.createLocalJWKSet(keys), {
      issuer: server.issuer,
      audience: client.client_id,
    });
    const order = Object.keys(payload).filter((name) => name !== 'picture');
    assert.deepEqual(order, [
      'given_name', 'family_name', 'nickname', 'name', 'updated_at', 'email', 'email_verified',
      'iss', 'aud', 'iat', 'exp', 'sub', 'sid', 'nonce',
    ]);
    assert.equal(payload.exp - payload.iat, 36000);
    assert.equal(payload.nonce, one.nonce);
    assert.equal(payload.email_verified, true);
    const cookie = decodeURIComponent(one.browser.jar.get('auth0'));
    assert.match(cookie, /^s:[A-Za-z0-9]{32}\.[A-Za-z0-9+/]{43}$/);
    assert.equal(cookie.slice(2, 34), payload.sid);
  });

  test('scopes decide which claims there are', async () => {
    const one = login({ parameters: { scope: 'openid' } });
    const tokens = await one.tokens(await enter(one));
    assert.deepEqual(Object.keys(claims(tokens.id_token)), ['iss', 'aud', 'iat', 'exp', 'sub', 'sid', 'nonce']);
    const none = login({ parameters: { scope: 'email' } });
    const without = await none.tokens(await enter(none));
    assert.equal(without.id_token, undefined);
    const info = await server.fetch('userinfo', { headers: { authorization: `Bearer ${without.access_token}` } });
    assert.equal(info.status, 200);
    assert.deepEqual(await info.json(), {});
  });

  test('an API’s token is a JWT for it and for /userinfo', async () => {
    const api = { identifier: 'https://api.test/', name: 'an API', token_lifetime: 3600, scopes: [{ value: 'read:x' }] };
    await server.apiOk('POST', 'resource-servers', api);
    const one = login({ parameters: { audience: api.identifier, scope: 'openid read:x write:x offline_access' } });
    const tokens = await one.tokens(await enter(one));
    assert.equal(tokens.scope, 'openid read:x');
    assert.equal(tokens.expires_in, 3600);
    const payload = claims(tokens.access_token);
    assert.deepEqual(Object.keys(payload), ['iss', 'sub', 'aud', 'iat', 'exp', 'scope', 'azp']);
    assert.deepEqual(payload.aud, [api.identifier, `${server.issuer}userinfo`]);
    assert.equal(payload.exp - payload.iat, 3600);
    const info = await server.fetch('userinfo', { headers: { authorization: `Bearer ${tokens.access_token}` } });
    assert.deepEqual(await info.json(), { sub: user.user_id });
    const plain = login({ parameters: { audience: api.identifier, scope: 'read:x' } });
    const { access_token: forApi } = await plain.tokens(await enter(plain));
    assert.equal(claims(forApi).aud, api.identifier);
    const refused = await server.fetch('userinfo', { headers: { authorization: `Bearer ${forApi}` } });
    assert.equal(refused.status, 401);
  });

  test('a grant is for machines or for people, and gives its scopes alone', async () => {
    const identifier = 'https://granted.test/';
    const policies = { client: { policy: 'require_client_grant' }, user: { policy: 'require_client_grant' } };
    const scopes = [{ value: 'read:x' }, { value: 'write:x' }];
    await server.apiOk('POST', 'resource-servers', { identifier, scopes, subject_type_authorization: policies });
    const parameters = { audience: identifier, scope: 'openid read:x write:x' };
    const refused = login({ parameters });
    assert.equal((await refused.begin()).redirect.searchParams.get('error'), 'access_denied');

    const grant = { client_id: client.client_id, audience: identifier, scope: ['read:x'], subject_type: 'user' };
    const { id } = await server.apiOk('POST', 'client-grants', grant);
    const one = login({ parameters });
    assert.equal((await one.tokens(await enter(one))).scope, 'openid read:x');
    const machine = () =>
      server.postForm('oauth/token', {
        grant_type: 'client_credentials',
        client_id: client.client_id,
        client_secret: client.client_secret,
        audience: identifier,
      });
    assert.deepEqual([(await machine()).status, (await machine()).body.error], [403, 'access_denied']);

    await server.apiOk('DELETE', `client-grants/${id}`);
    await server.apiOk('POST', 'client-grants', { ...grant, subject_type: 'client' });
    assert.equal((await machine()).body.scope, 'read:x');
    assert.equal((await login({ parameters }).begin()).redirect.searchParams.get('error'), 'access_denied');
  });

  test('nobody gains the Management API’s scopes by asking for them', async () => {
    const one = login({ parameters: { audience: server.audience, scope: 'openid read:users update:users' } });
    const tokens = await one.tokens(await enter(one));
    assert.equal(tokens.scope, 'openid');
    assert.equal((await server.api('GET', 'users', undefined, tokens.access_token)).status, 403);
  });

  test('userinfo gives the claims as they are now, in their order', async () => {
    const one = login();
    const tokens = await one.tokens(await enter(one));
    await server.apiOk('PATCH', `users/${user.user_id}`, { nickname: 'countess' });
    const headers = { authorization: `Bearer ${tokens.access_token}` };
    const info = await (await server.fetch('userinfo', { headers })).json();
    assert.deepEqual(
      Object.keys(info).filter((name) => name !== 'picture'),
      ['sub', 'given_name', 'family_name', 'nickname', 'name', 'updated_at', 'email', 'email_verified'],
    );
    assert.equal(info.nickname, 'countess');
    const posted = await server.fetch('userinfo', { method: 'POST', headers });
    assert.deepEqual(await posted.json(), info);
    for (const token of ['', 'garbage', tokens.id_token, `${tokens.id_token}x`, await server.managementToken()]) {
      const refused = await server.fetch('userinfo', { headers: { authorization: `Bearer ${token}` } });
      assert.equal(refused.status, 401);
      assert.match(refused.headers.get('www-authenticate'), /^Bearer/);
      assert.equal(await refused.text(), 'Unauthorized');
    }
    await server.advanceClock(86401 * 1000);
    assert.equal((await server.fetch('userinfo', { headers })).status, 401);
  });
});

test('a client with HS256 gets ID tokens signed with its secret, and may log out with them', async () => {
  const shared = await server.webClient({ jwt_configuration: { alg: 'HS256', lifetime_in_seconds: 600 } });
  const one = login({ client: shared });
  const tokens = await one.tokens(await enter(one));
  const key = new TextEncoder().encode(shared.client_secret);
  const { payload } = await jose.jwtVerify(tokens.id_token, key, { algorithms: ['HS256'] });
  assert.equal(payload.exp - payload.iat, 600);
  await one.browser.open(`oidc/logout?id_token_hint=${tokens.id_token}`);
  assert.equal((await silently(one.browser)).error, 'login_required');
});

test('with an https issuer the cookies are for https alone', async () => {
  const secure = await startServer({ dev: false });
  try {
    const address = `http://${secure.listen}`;
    const response = await fetch(
      `${address}/authorize?client_id=${secure.default_client.client_id}&response_type=code&redirect_uri=https://app.test/cb`,
      { redirect: 'manual' },
    );
    assert.equal(response.status, 403, 'the default client has no callbacks');
    const token = await (
      await fetch(`${address}/oauth/token`, {
        method: 'POST',
        body: new URLSearchParams({
          ...secure.management,
          grant_type: 'client_credentials',
          audience: 'https://login.example.test/api/v2/',
        }),
      })
    ).json();
    const changed = await fetch(`${address}/api/v2/clients/${secure.default_client.client_id}`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${token.access_token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ callbacks: ['https://app.test/cb'] }),
    });
    assert.equal(changed.status, 200);
    const begun = await fetch(
      `${address}/authorize?client_id=${secure.default_client.client_id}&response_type=code&redirect_uri=https://app.test/cb`,
      { redirect: 'manual' },
    );
    assert.equal(begun.status, 302);
    const [cookie] = begun.headers.getSetCookie();
    assert.match(cookie, /^__Host-countersign-browser=/);
    assert.match(cookie, /; Path=\/(;|$)/i);
    for (const attribute of [/; Secure/i, /; HttpOnly/i, /; SameSite=None/i]) assert.match(cookie, attribute);
    assert.doesNotMatch(cookie, /; Domain/i);
    const out = await fetch(`${address}/v2/logout`);
    assert.match(out.headers.getSetCookie()[0], /^auth0=;.*Secure/i);
    await out.text();
  } finally {
    await secure.stop();
  }
});

describe('codes', () => {
  const invalid = { error: 'invalid_grant', error_description: 'Invalid authorization code' };
  const mismatch = { error: 'invalid_grant', error_description: 'Failed to verify code verifier' };

  test('a replay is refused and revokes what the code gave (A16)', async () => {
    const one = login();
    const { code } = one.arrived(await enter(one));
    const first = await one.redeem(code);
    assert.equal(first.status, 200);
    const headers = { authorization: `Bearer ${first.body.access_token}` };
    assert.equal((await server.fetch('userinfo', { headers })).status, 200);
    const second = await one.redeem(code);
    assert.equal(second.status, 403);
    assert.deepEqual(second.body, invalid);
    assert.equal((await server.fetch('userinfo', { headers })).status, 401);
  });

  test('a wrong verifier spends the code, and so does none (A16)', async () => {
    for (const code_verifier of ['w'.repeat(43), '']) {
      const one = login();
      const { code } = one.arrived(await enter(one));
      const wrong = await one.redeem(code, { code_verifier });
      assert.equal(wrong.status, 403);
      assert.deepEqual(wrong.body, mismatch);
      const right = await one.redeem(code);
      assert.equal(right.status, 403);
      assert.deepEqual(right.body, invalid);
    }
  });

  test('of twenty at once one wins, and nothing breaks (kin of A17)', async () => {
    const one = login();
    const { code } = one.arrived(await enter(one));
    const replies = await Promise.all(Array.from({ length: 20 }, () => one.redeem(code)));
    const statuses = replies.map((reply) => reply.status).sort();
    assert.deepEqual(statuses, [200, ...Array(19).fill(403)]);
  });

  test('another client’s code, another address, a late code', async () => {
    const other = await server.webClient();
    const one = login();
    const { code } = one.arrived(await enter(one));
    const stolen = await one.redeem(code, { client_id: other.client_id, client_secret: other.client_secret });
    assert.deepEqual(stolen.body, invalid);
    const two = login();
    const elsewhere = await two.redeem(two.arrived(await enter(two)).code, { redirect_uri: 'https://evil.test/' });
    assert.equal(elsewhere.status, 403);
    assert.equal(elsewhere.body.error, 'invalid_grant');
    const three = login();
    const late = three.arrived(await enter(three)).code;
    await server.advanceClock(61 * 1000);
    assert.deepEqual((await three.redeem(late)).body, invalid);
  });

  test('a public client redeems by PKCE alone; a confidential one needs its secret', async () => {
    const spa = await server.webClient({ app_type: 'spa', token_endpoint_auth_method: 'none' });
    const one = login({ client: spa });
    const tokens = await one.tokens(await enter(one));
    assert.equal(claims(tokens.id_token).aud, spa.client_id);
    const two = login();
    const { code } = two.arrived(await enter(two));
    const refused = await two.redeem(code, { client_secret: '' });
    assert.equal(refused.status, 401);
    assert.deepEqual(refused.body, { error: 'access_denied', error_description: 'Unauthorized' });
    assert.equal((await two.redeem(code)).status, 200, 'an unproven client does not spend a code');
  });
});

describe('sessions', () => {
  test('a second application needs no second login', async () => {
    const one = login();
    const first = claims((await one.tokens(await enter(one))).id_token);
    const other = await server.webClient();
    const two = login({ client: other, browser: one.browser });
    const second = claims((await two.tokens(await two.begin())).id_token);
    assert.equal(second.sid, first.sid);
    assert.equal(second.aud, other.client_id);
  });

  test('a session counts only for applications that its connection is enabled for', async () => {
    const one = login();
    await enter(one);
    const connection = await server.apiOk('POST', 'connections', { name: 'staff', strategy: 'auth0' });
    const staff = await server.apiOk('POST', 'clients', {
      name: 'for staff alone',
      app_type: 'regular_web',
      callbacks: ['https://app.test/cb'],
      web_origins: ['https://app.test'],
    });
    await server.apiOk('PATCH', `connections/${connection.id}`, { enabled_clients: [staff.client_id] });
    assert.equal((await silently(one.browser)).code?.length, 43);
    const two = login({ client: staff, browser: one.browser });
    assert.equal((await two.begin()).path, '/u/login/identifier');
    const three = login({ client: staff, browser: one.browser, parameters: { prompt: 'none', response_mode: 'web_message' } });
    assert.equal(message(await three.begin()).response.error, 'login_required');

    const colleague = await server.user({ connection: 'staff' });
    const four = login({ client: staff, browser: one.browser });
    assert.ok((await four.tokens(await enter(four, colleague))).id_token);
  });

  test('a new password by the Management API ends them', async () => {
    const person = await server.user();
    const one = login();
    await enter(one, person);
    assert.ok((await silently(one.browser)).code);
    await server.postJson('dbconnections/change_password', { connection: 'Username-Password-Authentication', email: person.email });
    const link = (await server.message({ to: person.email, channel: 'email' })).text.match(/http\S+ticket=\w+/)[0];
    assert.equal((await one.browser.open(link)).status, 200);
    await server.apiOk('PATCH', `users/${encodeURIComponent(person.user_id)}`, { password: 'Another-Horse-77' });
    assert.equal((await silently(one.browser)).error, 'login_required');
    assert.equal((await one.browser.open(link)).status, 400, 'a link that was sent before');
  });

  test('silent authentication answers by a message', async () => {
    const one = login();
    assert.equal((await silently(one.browser)).error, 'login_required');
    await enter(one);
    const { code, state, login: silent } = await silently(one.browser);
    assert.equal(state, silent.state);
    assert.equal((await silent.redeem(code)).status, 200);
  });

  test('a session ends after 72 hours without use, and after 168 in any case', async () => {
    const hour = 3600 * 1000;
    const idle = login();
    await enter(idle);
    await server.advanceClock(73 * hour);
    assert.equal((await silently(idle.browser)).error, 'login_required');
    const used = login();
    await enter(used);
    for (let at = 0; at < 160; at += 40) {
      await server.advanceClock(40 * hour);
      assert.ok((await silently(used.browser)).code, `after ${at + 40} hours`);
    }
    await server.advanceClock(9 * hour);
    assert.equal((await silently(used.browser)).error, 'login_required');
  });

  test('prompt=login and max_age ask again, and auth_time tells when', async () => {
    const one = login();
    const sid = claims((await one.tokens(await enter(one))).id_token).sid;
    const again = login({ browser: one.browser, parameters: { prompt: 'login' } });
    const page = await again.begin();
    assert.equal(page.path, '/u/login/identifier');
    const token = claims((await again.tokens(await enter(again))).id_token);
    assert.ok(Math.abs(token.auth_time - token.iat) <= 2);
    assert.equal(token.sid, sid, 'a person’s session keeps its id');
    await server.advanceClock(100 * 1000);
    const old = login({ browser: one.browser, parameters: { max_age: '60' } });
    assert.equal((await old.begin()).path, '/u/login/identifier');
    const fresh = login({ browser: one.browser, parameters: { max_age: '3600' } });
    const kept = claims((await fresh.tokens(await fresh.begin())).id_token);
    assert.ok(kept.iat - kept.auth_time >= 100);
    assert.equal((await silently(one.browser, { max_age: '60' })).error, 'login_required');
    const zero = login({ browser: one.browser, parameters: { max_age: '0' } });
    assert.equal((await zero.begin()).path, '/u/login/identifier');
  });

  test('a forged cookie is nobody', async () => {
    const one = login();
    await enter(one);
    const value = one.browser.jar.get('auth0');
    for (const forged of [value.slice(0, -1) + (value.endsWith('A') ? 'B' : 'A'), value.replace('s%3A', ''), 's%3A', '']) {
      const response = await server.fetch(new URL(login({ parameters: { prompt: 'none' } }).authorizeUrl).href, {
        headers: { cookie: `auth0=${forged}` },
      });
      assert.match(response.headers.get('location'), /error=login_required/);
    }
  });

  test('another person in the same browser gets a session of their own', async () => {
    const other = await server.user();
    const one = login();
    const first = claims((await one.tokens(await enter(one))).id_token);
    const two = login({ browser: one.browser, parameters: { prompt: 'login' } });
    const second = claims((await two.tokens(await enter(two, other))).id_token);
    assert.equal(second.sub, other.user_id);
    assert.notEqual(second.sid, first.sid);
  });

  test('two tabs log in side by side', async () => {
    const one = login();
    const two = login({ browser: one.browser });
    const first = await one.begin();
    const second = await two.begin();
    const a = await (await first.submit({ username: user.email })).submit({ password: user.password });
    const b = await (await second.submit({ username: user.email })).submit({ password: user.password });
    assert.ok((await one.tokens(a)).id_token);
    assert.ok((await two.tokens(b)).id_token);
  });

  test('a finished transaction is worth nothing', async () => {
    const one = login();
    const page = await one.begin();
    const state = page.url.searchParams.get('state');
    await (await page.submit({ username: user.email })).submit({ password: user.password });
    const again = await one.browser.open(`authorize/resume?state=${state}`);
    assert.equal(again.status, 400);
  });

  test('a login is counted in the user’s record, a silent one is not', async () => {
    const person = await server.user();
    const one = login();
    await enter(one, person);
    await silently(one.browser);
    const { logins_count, last_login, last_ip } = await server.apiOk('GET', `users/${person.user_id}`);
    assert.equal(logins_count, 1);
    assert.ok(last_login);
    assert.equal(last_ip, '127.0.0.1');
  });
});

describe('who may not', () => {
  test('a blocked user is told so at the application, also in a session', async () => {
    const person = await server.user();
    const one = login();
    await enter(one, person);
    const two = login();
    const { code } = two.arrived(await enter(two, person));
    await server.apiOk('PATCH', `users/${person.user_id}`, { blocked: true });
    const silent = await silently(one.browser);
    if (silent.error !== 'login_required')
      assert.deepEqual([silent.error, silent.error_description], ['unauthorized', 'user is blocked']);
    const redeemed = await two.redeem(code);
    assert.ok([401, 403].includes(redeemed.status));
    if (redeemed.status === 401)
      assert.deepEqual(redeemed.body, { error: 'unauthorized', error_description: 'user is blocked' });
  });

  test('a rule’s refusal comes back in its words, and leaves no session', async () => {
    const refuse = (what) => `function (user, context, callback) { callback(${what}) }`;
    for (const [what, error] of [
      ["new UnauthorizedError('not today')", 'unauthorized'],
      ["new Error('not today')", 'access_denied'],
    ]) {
      await withRule(refuse(what), async () => {
        const one = login();
        const arrived = one.arrived(await enter(one));
        assert.equal(arrived.error, error);
        assert.equal(arrived.error_description, 'not today');
        assert.equal(one.browser.jar.get('auth0'), undefined);
      });
    }
  });

  test('a deleted user’s code and session are gone', async () => {
    const person = await server.user();
    const one = login();
    const { code } = one.arrived(await enter(one, person));
    await server.apiOk('DELETE', `users/${person.user_id}`);
    assert.equal((await one.redeem(code)).status, 403);
    assert.equal((await silently(one.browser)).error, 'login_required');
  });
});

describe('rules', () => {
  test('claims reach the tokens and userinfo, those of ours stay ours', async () => {
    const script = `function (user, context, callback) {
      context.idToken['https://ns.test/role'] = 'queen';
      context.idToken.sub = 'somebody else';
      context.idToken.nickname = 'from a rule';
      callback(null, user, context);
    }`;
    await withRule(script, async () => {
      const one = login();
      const tokens = await one.tokens(await enter(one));
      const payload = claims(tokens.id_token);
      assert.equal(payload['https://ns.test/role'], 'queen');
      assert.equal(payload.sub, user.user_id);
      assert.equal(payload.nickname, 'from a rule');
      assert.equal(Object.keys(payload)[0], 'https://ns.test/role');
      const headers = { authorization: `Bearer ${tokens.access_token}` };
      const info = await (await server.fetch('userinfo', { headers })).json();
      assert.equal(info['https://ns.test/role'], 'queen');
      assert.equal(info.sub, user.user_id);
    });
  });

  test('a redirect rule suspends the login, and all rules run again after it', async () => {
    const script = `function (user, context, callback) {
      if (context.protocol !== 'redirect-callback') context.redirect = { url: 'https://app.test/terms?a=1' };
      else context.idToken['https://ns.test/answer'] = context.request.query.answer || context.request.body.answer;
      callback(null, user, context);
    }`;
    await withRule(script, async () => {
      const one = login();
      const away = (await enter(one)).redirect;
      assert.equal(away.origin + away.pathname, 'https://app.test/terms');
      const state = away.searchParams.get('state');
      const early = await one.browser.open(`authorize/resume?state=${state}`);
      assert.equal(early.status, 400, 'nobody goes past the rule’s page');
      const back = await one.browser.open(`continue?state=${state}&answer=yes`);
      assert.equal(claims((await one.tokens(back)).id_token)['https://ns.test/answer'], 'yes');
      assert.equal((await silently(one.browser)).error, 'interaction_required');
      const two = login();
      const other = (await enter(two)).redirect.searchParams.get('state');
      const body = new URLSearchParams({ state: other, answer: 'posted' });
      const posted = await two.browser.open('continue', { method: 'POST', body });
      assert.equal(claims((await two.tokens(posted)).id_token)['https://ns.test/answer'], 'posted');
      assert.equal((await two.browser.open('continue?state=wrong')).status, 400);
    });
  });
});

describe('a second factor', () => {
  before(async () => {
    await server.apiOk('PUT', 'guardian/factors/otp', { enabled: true });
    await server.apiOk('PUT', 'guardian/policies', ['all-applications']);
  });
  after(() => server.apiOk('PUT', 'guardian/policies', []));

  test('a half-done login opens nothing in another tab (C9)', async () => {
    const person = await server.user();
    const one = login();
    const page = await enter(one, person);
    assert.match(page.path, /^\/u\/mfa-/);
    assert.equal(one.browser.jar.get('auth0'), undefined);
    const two = login({ browser: one.browser });
    assert.equal((await two.begin()).path, '/u/login/identifier');
    const { error, error_description } = await silently(one.browser);
    assert.deepEqual([error, error_description], ['login_required', 'Login required']);
    const state = page.url.searchParams.get('state');
    const around = await one.browser.open(`authorize/resume?state=${state}`);
    assert.match(around.path ?? '', /^\/u\/mfa-/, 'resume leads back to the factor');
  });

  test('the tokens tell that it was passed, and acr that it was demanded', async () => {
    const { user: person, seed } = await userWithOtp(server, client);
    await server.advanceClock(30_000);
    const one = login();
    const page = await enter(one, person);
    const first = claims((await one.tokens(await page.submit({ code: totp(seed, server.now()) }))).id_token);
    assert.deepEqual(first.amr, ['mfa']);
    assert.equal(first.acr, undefined);
    const { code, login: silent } = await silently(one.browser);
    assert.ok(code, 'the policy is content with the factor that the session was begun with');
    assert.deepEqual(claims((await silent.redeem(code)).body.id_token).amr, ['mfa']);
    await server.advanceClock(30_000);
    const demanded = login({ browser: one.browser, parameters: { acr_values: ACR } });
    const challenge = await demanded.begin();
    assert.equal(challenge.path, '/u/mfa-otp-challenge');
    const second = claims((await demanded.tokens(await challenge.submit({ code: totp(seed, server.now()) }))).id_token);
    assert.deepEqual(second.amr, ['mfa']);
    assert.equal(second.acr, ACR);
    assert.equal(second.sid, first.sid);
  });

  test('a session without it cannot be used silently where it is demanded', async () => {
    await server.apiOk('PUT', 'guardian/policies', []);
    const person = await server.user();
    const one = login();
    await enter(one, person);
    assert.ok((await silently(one.browser)).code);
    const demanded = await silently(one.browser, { acr_values: ACR });
    assert.deepEqual(
      [demanded.error, demanded.error_description],
      ['login_required', 'Multifactor authentication required'],
    );
    await server.apiOk('PUT', 'guardian/policies', ['all-applications']);
    const policy = await silently(one.browser);
    assert.equal(policy.error_description, 'Multifactor authentication required');
    const interactive = login({ browser: one.browser });
    assert.match((await interactive.begin()).path, /^\/u\/mfa-/);
  });
});
