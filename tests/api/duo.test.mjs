// Duo as the second factor: named by a rule, or the tenant's only one, against a Duo that checks every signature.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { Browser, claims } from '../harness/browserless.mjs';
import { Duo, application, sign } from '../harness/duo.mjs';
import { askFlaggedUsers, enableFactors, flaggedUser, logIn } from '../harness/mfa.mjs';
import { MfaApi, logEntry, passwordClient } from '../harness/mfa_api.mjs';
import { startServer } from '../harness/server.mjs';

const SETTINGS = 'guardian/factors/duo/settings';

let server, client, rule, duo, open;

before(async () => {
  duo = await new Duo().start();
  server = await startServer({ flags: [`--duo-url=${duo.url}`] });
  duo.now = () => server.now();
  client = await server.webClient();
  await enableFactors(server, 'otp');
});

afterEach(async () => {
  Object.assign(duo, new Duo(), { http: duo.http, url: duo.url, now: () => server.now() });
  if (rule) await server.apiOk('DELETE', `rules/${rule.id}`);
  rule = null;
});

after(async () => {
  await Promise.all([server?.stop(), open?.stop()]);
  await duo?.stop();
});

async function askByRule(more = {}) {
  rule = await askFlaggedUsers(server, { provider: 'duo', ...application, ...more });
}

/** Up to Duo's door: the login, and the address that the browser was sent to. */
async function toDuo(user, browser) {
  const { login, page, browser: used } = await logIn(server, client, user, browser ? { browser } : {});
  assert.equal(page.redirect?.origin, duo.url, `not at Duo but ${page.url ?? page.redirect}`);
  assert.equal(page.redirect.pathname, '/oauth/v1/authorize');
  return { login, prompt: page.redirect, browser: used };
}

test('a rule sends people to Duo, and who comes back with its allowance is in, by two methods', async () => {
  await askByRule();
  const user = await flaggedUser(server);
  const { login, prompt, browser } = await toDuo(user);
  const request = duo.asked.find(({ path }) => path.endsWith('/health_check'));
  assert.ok(request, 'Duo was not asked whether it is there');
  const tokens = await login.tokens(await browser.open(duo.prompt(prompt)));
  assert.deepEqual(claims(tokens.id_token).amr, ['mfa']);
  assert.equal(duo.asked.at(-2).claims.duo_uname, user.email);
  assert.ok(!JSON.stringify(server.log).includes(application.skey));
});

test('the rule names the person, as their attribute at Duo is called', async () => {
  await askByRule({ username: 'ada.l' });
  const { login, prompt, browser } = await toDuo(await flaggedUser(server));
  await login.tokens(await browser.open(duo.prompt(prompt)));
  assert.equal(duo.asked.find(({ path }) => path.endsWith('/authorize')).claims.duo_uname, 'ada.l');
});

test('who is denied, or cancels, is not let in, and the log says so', async () => {
  await askByRule();
  for (const choice of [{ result: 'deny' }, { canceled: true }]) {
    const user = await flaggedUser(server);
    const { login, prompt, browser } = await toDuo(user);
    const arrived = login.arrived(await browser.open(duo.prompt(prompt, choice)));
    assert.equal(arrived.error, 'access_denied');
    await logEntry(server, user, 'gd_auth_rejected');
  }
});

test('a token that is not of this login, person, secret, issuer or time is worth nothing', async () => {
  await askByRule();
  const wrong = {
    nonce: (token) => ({ ...token, nonce: 'f'.repeat(36) }),
    'no nonce': ({ nonce: _, ...token }) => token,
    person: (token) => ({ ...token, preferred_username: 'eve@example.test' }),
    audience: (token) => ({ ...token, aud: 'DIOTHER0000000000000' }),
    issuer: (token) => ({ ...token, iss: 'https://api-99999999.duosecurity.com/oauth/v1/token' }),
    expired: (token) => ({ ...token, exp: token.iat - 120 }),
    'no exp': ({ exp: _, ...token }) => token,
    'no iat': ({ iat: _, ...token }) => token,
    'no verdict': ({ auth_result: _, ...token }) => token,
    'a verdict of another type': (token) => ({ ...token, auth_result: { result: true } }),
  };
  for (const [name, change] of Object.entries(wrong)) {
    duo.changeToken = change;
    const { login, prompt, browser } = await toDuo(await flaggedUser(server));
    assert.equal(login.arrived(await browser.open(duo.prompt(prompt))).error, 'access_denied', name);
  }
  duo.changeToken = (token) => token;
  const signers = {
    'another secret': (token) => sign(token, 'x'.repeat(40)),
    HS256: (token) => sign(token, application.skey, { alg: 'HS256', digest: 'sha256' }),
    none: (token) => `${sign(token, application.skey, { alg: 'none' }).split('.').slice(0, 2).join('.')}.`,
    'no token': () => null,
  };
  for (const [name, signer] of Object.entries(signers)) {
    duo.signToken = signer;
    const { login, prompt, browser } = await toDuo(await flaggedUser(server));
    assert.equal(login.arrived(await browser.open(duo.prompt(prompt))).error, 'access_denied', name);
  }
});

test('a code is good once, in the browser and the login that it was asked for', async () => {
  await askByRule();
  const user = await flaggedUser(server);
  const first = await toDuo(user);
  const back = duo.prompt(first.prompt);
  const thief = await new Browser(server).open(back);
  assert.equal(thief.status, 400, 'another browser went on with the login');

  const other = await toDuo(user);
  const foreign = new URL(duo.prompt(other.prompt));
  foreign.searchParams.set('state', new URL(back).searchParams.get('state'));
  assert.equal(first.login.arrived(await first.browser.open(foreign)).error, 'access_denied');

  const third = await toDuo(user);
  const once = duo.prompt(third.prompt);
  const outcomes = await Promise.all([third.browser.open(once), third.browser.open(once)]);
  assert.ok(outcomes.filter((outcome) => outcome.redirect?.searchParams.get('code')).length <= 1);
});

test('nobody gets past Duo by the pages of other factors, or by coming back without having gone', async () => {
  await askByRule();
  const { prompt, browser } = await toDuo(await flaggedUser(server));
  const state = new URL(duo.prompt(prompt)).searchParams.get('state');
  for (const path of ['mfa-otp-enrollment', 'mfa-otp-challenge', 'mfa-sms-enrollment', 'mfa-recovery-code-challenge']) {
    const page = await browser.open(server.url(`u/${path}?state=${state}`));
    assert.equal(page.redirect?.origin, duo.url, path);
  }
  const bare = await browser.open(server.url(`u/mfa-duo/callback?state=${state}`));
  assert.equal(bare.redirect.searchParams.get('error'), 'access_denied');
});

test('a browser that Duo let in is remembered where the rule allows it', async () => {
  for (const remembers of [true, false]) {
    await askByRule({ allowRememberBrowser: remembers });
    const user = await flaggedUser(server);
    const { login, prompt, browser } = await toDuo(user);
    await login.tokens(await browser.open(duo.prompt(prompt)));
    await browser.open(`v2/logout?client_id=${client.client_id}`);
    const again = await logIn(server, client, user, { browser });
    assert.equal(again.page.redirect.origin === duo.url, !remembers);
    await server.apiOk('DELETE', `rules/${rule.id}`);
  }
  rule = null;
});

test('a host that is not Duo’s is nowhere to send people', async () => {
  const hosts = ['evil.test', 'duosecurity.com.evil.test', 'evil.test/.duosecurity.com', 'a@evil.test#.duosecurity.com',
    'api:8443.duosecurity.com', '.duosecurity.com', 'xduosecurity.com', ''];
  for (const host of hosts) {
    await askByRule({ host });
    const { login, page } = await logIn(server, client, await flaggedUser(server));
    assert.equal(login.arrived(page).error, 'access_denied', host);
    await server.apiOk('DELETE', `rules/${rule.id}`);
    if (host !== '') assert.equal((await server.api('PATCH', SETTINGS, { host })).status, 400, host);
  }
  rule = null;
});

test('wrong credentials, or no answer, end the login; an operator can have it go on without Duo, not against its word', async () => {
  await askByRule({ skey: 'y'.repeat(40) });
  const refused = await logIn(server, client, await flaggedUser(server));
  assert.equal(refused.login.arrived(refused.page).error, 'access_denied');
  await server.apiOk('DELETE', `rules/${rule.id}`);

  await askByRule();
  duo.brokenStatus = 503;
  const closed = await logIn(server, client, await flaggedUser(server));
  assert.equal(closed.login.arrived(closed.page).error, 'access_denied');

  open = await startServer({ flags: [`--duo-url=${duo.url}`, '--duo-failmode=open'] });
  const openClient = await open.webClient();
  const openRule = await askFlaggedUsers(open, { provider: 'duo', ...application });
  const user = await flaggedUser(open);
  const passed = await logIn(open, openClient, user);
  const tokens = await passed.login.tokens(passed.page);
  assert.equal(claims(tokens.id_token).amr, undefined, 'the tokens claim a factor that nobody passed');
  assert.match((await logEntry(open, user, 'gd_auth_failed')).description, /without it/);

  duo.brokenStatus = null;
  await open.apiOk('DELETE', `rules/${openRule.id}`);
  await askFlaggedUsers(open, { provider: 'duo', ...application, skey: 'y'.repeat(40) });
  const against = await logIn(open, openClient, await flaggedUser(open));
  assert.equal(against.login.arrived(against.page).error, 'access_denied');
});

test('the tenant’s credentials count where the rule names none, or Duo is the only factor that is on', async () => {
  assert.deepEqual((await server.api('GET', SETTINGS)).body, {});
  assert.deepEqual(await server.apiOk('PUT', SETTINGS, { ikey: 'DI', skey: 'x', host: application.host }), {
    ikey: 'DI', skey: 'x', host: application.host,
  });
  const { ikey, skey } = application;
  assert.deepEqual(await server.apiOk('PATCH', SETTINGS, { ikey, skey }), application);
  assert.deepEqual(await server.apiOk('GET', SETTINGS), application);

  rule = await askFlaggedUsers(server, { provider: 'duo' });
  const named = await toDuo(await flaggedUser(server));
  await named.login.tokens(await named.browser.open(duo.prompt(named.prompt)));
  await server.apiOk('DELETE', `rules/${rule.id}`);

  rule = await askFlaggedUsers(server, { provider: 'any' });
  await server.apiOk('PUT', 'guardian/factors/duo', { enabled: true });
  const beside = await logIn(server, client, await flaggedUser(server));
  assert.equal(beside.page.path, '/u/mfa-otp-enrollment', 'other factors go before Duo');
  await enableFactors(server);
  const only = await toDuo(await flaggedUser(server));
  await only.login.tokens(await only.browser.open(duo.prompt(only.prompt)));
  await enableFactors(server, 'otp');
  await server.apiOk('PUT', 'guardian/factors/duo', { enabled: false });
});

test('a password grant does not get around Duo by another factor', async () => {
  await askByRule();
  const user = await flaggedUser(server);
  const api = new MfaApi(server, await passwordClient(server));
  const { status, body } = await api.password(user);
  assert.equal(status, 403, JSON.stringify(body));
  assert.equal(body.error, 'mfa_required');
  const enrolled = await server.postJson('mfa/associate', { authenticator_types: ['otp'] },
    { authorization: `Bearer ${body.mfa_token}` });
  assert.notEqual(enrolled.status, 200, JSON.stringify(enrolled.body));
});
