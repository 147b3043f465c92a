// The contract of rules, member by member: what `user` and `context` hold, and what becomes of what a rule sets.

import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { Browser, claims, Login } from '../harness/browserless.mjs';
import { askFlaggedUsers, enableFactors, userWithOtp } from '../harness/mfa.mjs';
import { mmdb } from '../harness/mmdb.mjs';
import { totp } from '../harness/otp.mjs';
import { startServer } from '../harness/server.mjs';
import { sql } from '../harness/sql.mjs';

const SEEN = 'https://app.test/seen';
const VIENNA = {
  continent: { code: 'EU' },
  country: { iso_code: 'AT', names: { en: 'Austria' } },
  city: { names: { en: 'Vienna' } },
  location: { latitude: 48.2, longitude: 16.37, time_zone: 'Europe/Vienna' },
  subdivisions: [{ iso_code: '9', names: { en: 'Vienna' } }],
};

let server;
let client;
let user;
let folder;
let geoipFile;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-geoip-'));
  geoipFile = join(folder, 'City.mmdb');
  await writeFile(geoipFile, mmdb({ '127.0.0.0/8': VIENNA }));
  server = await startServer({ flags: ['--script-seconds=2', `--geoip-file=${geoipFile}`] });
  client = await server.webClient({ client_metadata: { tier: 'gold' }, jwt_configuration: { alg: 'RS256', lifetime_in_seconds: 7200 } });
  user = await server.user({ nickname: 'ann', app_metadata: { plan: 'gold', authorization: { roles: ['admin', 'editor'] } } });
});

after(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
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

/** A whole login, in a fresh browser unless one is given: the tokens with their claims, or the error that arrived. */
async function login(parameters = {}, { browser = new Browser(server), of = user } = {}) {
  const attempt = new Login(server, client, { browser, parameters });
  const outcome = await attempt.withPassword(of.email, of.password);
  return end(attempt, outcome);
}

async function end(attempt, outcome) {
  const arrived = attempt.arrived(outcome);
  if (arrived.error) return arrived;
  const { status, body } = await attempt.redeem(arrived.code);
  assert.equal(status, 200, JSON.stringify(body));
  return { ...body, claims: claims(body.id_token) };
}

/** The latest log entry of a type. The writer gathers entries for half a second. */
async function entry(type) {
  await new Promise((resolve) => setTimeout(resolve, 700));
  const row = await sql(server, `SELECT doc FROM logs WHERE type = '${type}' ORDER BY log_id DESC LIMIT 1`);
  return row ? JSON.parse(row) : null;
}

/** What a rule sees of an expression over user and context. */
async function seen(expression, parameters, more) {
  await rule(`function (user, context, callback) { context.idToken['${SEEN}'] = ${expression}; callback(null, user, context); }`);
  const result = await login(parameters, more);
  assert.equal(result.error, undefined, JSON.stringify(result));
  return result.claims[SEEN];
}

describe('context', () => {
  test('tells the application, the connection and the tenant', async () => {
    const got = await seen(`[context.tenant.length > 0, context.clientID, context.clientMetadata, context.connection,
      context.connectionStrategy, /^con_/.test(context.connectionID), context.connectionOptions, context.connectionMetadata,
      context.samlConfiguration, context.jwtConfiguration, context.protocol, typeof context.riskAssessment]`);
    assert.deepEqual(got, [true, client.client_id, { tier: 'gold' },
      'Username-Password-Authentication', 'auth0', true, {}, {}, {}, { lifetimeInSeconds: 7200, scopes: {} },
      'oidc-basic-profile', 'undefined']);
  });

  test('tells the place of the address from the operator\'s database, which a SIGHUP reads again', async () => {
    const got = await seen('context.request.geoip');
    assert.deepEqual(got, { country_code: 'AT', country_code3: 'AUT', country_name: 'Austria', city_name: 'Vienna',
      latitude: 48.2, longitude: 16.37, time_zone: 'Europe/Vienna', continent_code: 'EU', subdivision_code: '9',
      subdivision_name: 'Vienna' });
    assert.equal((await entry('s')).location_info.city_name, 'Vienna');
    await writeFile(`${geoipFile}.new`, mmdb({ '127.0.0.0/8': { registered_country: { iso_code: 'DE', names: { en: 'Germany' } } } }));
    await rename(`${geoipFile}.new`, geoipFile);
    server.process.kill('SIGHUP');
    let place;
    for (let i = 0; i < 50 && place?.country_code !== 'DE'; i++) place = (await login()).claims[SEEN];
    assert.deepEqual(place, { country_code: 'DE', country_code3: 'DEU', country_name: 'Germany' });
    // What is no database leaves the old one in use.
    await writeFile(geoipFile + '.new', 'nonsense');
    await rename(`${geoipFile}.new`, geoipFile);
    server.process.kill('SIGHUP');
    for (let i = 0; i < 50 && !server.log.includes('geoip_refused'); i++) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.match(server.log, /geoip_refused/);
    assert.equal((await login()).claims[SEEN].country_code, 'DE');
  });

  test('has the roles that app_metadata holds, as the Authorization Extension stores them', async () => {
    assert.deepEqual(await seen('context.authorization.roles'), ['admin', 'editor']);
  });

  test('tells of the session that a login was begun with', async () => {
    const browser = new Browser(server);
    const first = await seen('[context.sso, context.stats.loginsCount, typeof context.sessionID]', {}, { browser });
    assert.deepEqual(first[0], { with_auth0: false, with_dbconn: false, current_clients: [client.client_id] });
    const second = (await login({ prompt: 'none' }, { browser })).claims;
    assert.deepEqual(second[SEEN][0], { with_auth0: true, with_dbconn: true, current_clients: [client.client_id] });
    // Silent authentication moves no counter.
    assert.equal(second[SEEN][1], first[1]);
    assert.equal(second[SEEN][2], 'string');
  });
});

describe('what a rule sets', () => {
  test('context.accessToken.scope replaces what was granted, as a list or as a text', async () => {
    for (const scope of [`['openid', 'email', 'read:all']`, `'openid email  read:all'`]) {
      const made = await rule(`function (user, context, callback) { context.accessToken.scope = ${scope}; callback(null, user, context); }`);
      const result = await login();
      assert.equal(result.scope, 'openid email read:all');
      assert.equal(result.claims.nickname, undefined);
      assert.equal(result.claims.email, user.email);
      await server.apiOk('PATCH', `rules/${made.id}`, { enabled: false });
    }
  });

  test('idToken and accessToken may be replaced as a whole; what is the server\'s stays the server\'s', async () => {
    await rule(function (user, context, callback) {
      context.idToken = { 'https://app.test/a': 1, plain: 2, iss: 'x', sid: 'x', roles: ['x'], 'https://sub.auth0.com/x': 3, sip_from: 4 };
      context.accessToken = { scope: ['openid'] };
      callback(null, user, context);
    });
    const { claims: id, scope } = await login();
    assert.equal(id['https://app.test/a'], 1);
    assert.equal(id.plain, 2);
    assert.equal(id.iss, server.issuer);
    assert.notEqual(id.sid, 'x');
    for (const name of ['roles', 'https://sub.auth0.com/x', 'sip_from']) assert.equal(name in id, false, name);
    assert.equal(scope, 'openid');
  });

  test('a standard claim goes with its member of user', async () => {
    await rule(function (user, context, callback) {
      delete user.nickname;
      user.name = 'Somebody';
      callback(null, user, context);
    });
    const { claims: id } = await login();
    assert.equal('nickname' in id, false);
    assert.equal(id.name, 'Somebody');
  });

  test('context.jwtConfiguration sets the lifetime and what a scope opens', async () => {
    await rule(function (user, context, callback) {
      context.jwtConfiguration.lifetimeInSeconds = 120;
      context.jwtConfiguration.scopes = { profile: ['plan', 'sub', 'missing'], phone: ['app_metadata'] };
      callback(null, user, context);
    });
    const { claims: id } = await login();
    assert.equal(id.exp - id.iat, 120);
    assert.equal(id.plan, 'gold');
    assert.equal(id.sub, user.user_id);
    assert.equal('app_metadata' in id, false);
  });

  test('context.samlConfiguration has no effect, and the log says so', async () => {
    await rule(function (user, context, callback) {
      context.samlConfiguration.mappings = { a: 'b' };
      callback(null, user, context);
    });
    assert.ok((await login()).id_token);
    const [run] = (await entry('s')).details.rules;
    assert.deepEqual(run.console, [{ level: 'warn', text: 'context.samlConfiguration has no effect: this is no SAML login' }]);
  });

  test('context.primaryUser: the tokens and the session are that account\'s', async () => {
    const primary = await server.user({ nickname: 'primary' });
    await rule(`function (user, context, callback) { context.primaryUser = '${primary.user_id}'; callback(null, user, context); }`);
    const browser = new Browser(server);
    const first = await login({}, { browser });
    assert.deepEqual([first.claims.sub, first.claims.nickname, first.claims.email], [primary.user_id, 'primary', primary.email]);
    const again = await login({ prompt: 'none' }, { browser });
    assert.equal(again.claims.sub, primary.user_id);
    await server.apiOk('PATCH', `users/${encodeURIComponent(primary.user_id)}`, { blocked: true });
    assert.deepEqual((({ error, error_description }) => [error, error_description])(await login()), ['unauthorized', 'user is blocked']);
  });

  test('context.primaryUser that is nobody refuses the login', async () => {
    await rule(`function (user, context, callback) { context.primaryUser = 'auth0|nobody'; callback(null, user, context); }`);
    assert.equal((await login()).error, 'access_denied');
  });

  test('is seen by the next rule, in order, and a rule that is off is not run', async () => {
    await rule(`function (user, context, callback) { context.idToken['${SEEN}'] += user.note + 'b'; callback(null, user, context); }`, { order: 900 });
    await rule(`function (user, context, callback) { user.note = 'n'; context.idToken['${SEEN}'] = 'a'; callback(); }`, { order: 800 });
    await rule(`function (user, context, callback) { callback(new Error('off')); }`, { order: 850, enabled: false });
    assert.equal((await login()).claims[SEEN], 'anb');
  });
});

describe('callback', () => {
  const endings = {
    'an UnauthorizedError': ['callback(new UnauthorizedError("no"))', ['unauthorized', 'no']],
    'an Error': ['callback(new Error("no"))', ['access_denied', 'no']],
    'a text': ['callback("no")', ['access_denied', 'no']],
    'another value': ['callback(42)', ['access_denied', '42']],
    'a late error': ['setTimeout(function () { callback(new Error("late")); }, 5)', ['access_denied', 'late']],
    'a throw in a timer': ['setTimeout(function () { throw new Error("timer"); }, 5)', ['access_denied', 'timer']],
    'a rejected promise': ['return Promise.reject(new Error("rejected"))', ['access_denied', 'rejected']],
    'a mistake': ['return user.missing.member', ['access_denied', "Cannot read properties of undefined (reading 'member')"]],
    nothing: ['return 1', ['access_denied', 'Request to Webtask exceeded allowed execution time']],
  };
  for (const [name, [body, expected]] of Object.entries(endings)) {
    test(`with ${name}`, async () => {
      await rule(`function (user, context, callback) { ${body}; }`);
      const { error, error_description } = await login();
      assert.deepEqual([error, error_description], expected);
    });
  }

  test('in an async rule whose promise is rejected', async () => {
    await rule(`async function (user, context, callback) { await null; throw new UnauthorizedError('later'); }`);
    const { error, error_description } = await login();
    assert.deepEqual([error, error_description], ['unauthorized', 'later']);
  });

  test('without user and context keeps both; the first call counts', async () => {
    await rule(`function (user, context, callback) { user.nickname = 'kept'; callback(null, null, context); callback(new Error('again')); }`);
    await rule(`async (user, context, callback) => { await 1; callback(); callback(new Error('again')); }`);
    assert.equal((await login()).claims.nickname, 'kept');
    const runs = (await entry('s')).details.rules;
    assert.match(runs[0].console[0].text, /callback was called again/);
  });

  test('a syntax error is told with its line in the author\'s text', async () => {
    await rule('function (user, context, callback) {\n  var a = ;\n  callback(null, user, context);\n}');
    const { error } = await login();
    assert.equal(error, 'access_denied');
    const failed = (await entry('f')).details.rules[0];
    assert.equal(failed.error.name, 'SyntaxError');
    assert.equal(failed.error.line, 2);
  });
});

describe('redirects', () => {
  const asks = function (user, context, callback) {
    if (context.protocol === 'redirect-callback') {
      context.idToken['https://app.test/seen'] = [context.request.query, context.request.body, user.note, user.app_metadata.step,
        user.app_metadata.other, user.gone === undefined];
      return callback(null, user, context);
    }
    user.note = 'kept';
    user.app_metadata.step = 1;
    delete user.plan;
    context.redirect = { url: 'https://consent.test/ask?lang=de#part' };
    callback(null, user, context);
  };

  test('the rules run again with what the page sent; what they made of user is still there', async () => {
    const person = await server.user({ app_metadata: { plan: 'x' } });
    await rule(asks);
    const attempt = new Login(server, client);
    const away = await attempt.withPassword(person.email, person.password);
    const state = away.redirect.searchParams.get('state');
    assert.equal(away.redirect.hash, '#part');
    assert.ok(state && state !== attempt.state);
    // Changed meanwhile by the page, through the Management API.
    await server.apiOk('PATCH', `users/${encodeURIComponent(person.user_id)}`, { app_metadata: { other: 'meanwhile' } });
    const back = await attempt.browser.open('/continue', { method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ state, consent: 'yes', password: 'secret' }).toString() });
    const result = await end(attempt, back);
    const [query, body, note, step, other] = result.claims[SEEN];
    assert.deepEqual(query, {});
    assert.deepEqual(body, { state, consent: 'yes' });
    assert.deepEqual([note, step, other], ['kept', 1, 'meanwhile']);
    const runs = (await entry('s')).details.rules;
    assert.deepEqual(runs.map((run) => run.protocol), [undefined, 'redirect-callback']);
    // Once is all: the state is worth nothing any more.
    assert.equal((await attempt.browser.open(`/continue?state=${state}`)).status, 400);
  });

  test('one redirect a login: a second wish is ignored', async () => {
    await rule(`function (user, context, callback) { context.redirect = { url: 'https://consent.test/' }; callback(null, user, context); }`);
    const attempt = new Login(server, client);
    const away = await attempt.withPassword(user.email, user.password);
    const state = away.redirect.searchParams.get('state');
    const back = await attempt.browser.open(`/continue?state=${encodeURIComponent(state)}`);
    assert.ok((await end(attempt, back)).id_token);
  });

  test('silent authentication cannot be sent anywhere', async () => {
    const browser = new Browser(server);
    await login({}, { browser });
    await rule(`function (user, context, callback) { context.redirect = { url: 'https://consent.test/' }; callback(null, user, context); }`);
    assert.equal((await login({ prompt: 'none' }, { browser })).error, 'interaction_required');
  });

  test('a place that is no web address refuses the login', async () => {
    const urls = ['javascript:alert(1)', '/relative', '//other.test/', 'https:///x', 'https://a.test/\r\nx: y', 'https:\\\\a.test'];
    for (const url of urls) {
      await rule(`function (user, context, callback) { context.redirect = { url: ${JSON.stringify(url)} }; callback(null, user, context); }`);
      assert.equal((await login()).error, 'access_denied', url);
      await server.apiOk('DELETE', `rules/${made.pop()}`);
    }
  });

  test('another browser cannot go on with it', async () => {
    await rule(asks);
    const attempt = new Login(server, client);
    const away = await attempt.withPassword(user.email, user.password);
    const state = away.redirect.searchParams.get('state');
    assert.equal((await new Browser(server).open(`/continue?state=${encodeURIComponent(state)}`)).status, 400);
    assert.equal((await attempt.browser.open('/continue')).status, 400);
  });
});

describe('context.multifactor', () => {
  const wish = (multifactor) =>
    rule(`function (user, context, callback) { context.multifactor = ${JSON.stringify(multifactor)}; callback(null, user, context); }`);
  const page = async (parameters, browser = new Browser(server), of = user) => {
    const attempt = new Login(server, client, { browser, parameters });
    return attempt.withPassword(of.email, of.password);
  };

  test('any, guardian and google-authenticator ask; none does not; what nobody knows asks too', async () => {
    await enableFactors(server, 'otp');
    for (const provider of ['any', 'guardian', 'google-authenticator', 'something']) {
      await wish({ provider });
      assert.match((await page()).path, /^\/u\/mfa-otp-enrollment/, provider);
      await server.apiOk('DELETE', `rules/${made.pop()}`);
    }
    await wish({ provider: 'none' });
    assert.ok((await page()).redirect);
  });

  test('the last rule that sets it wins; unsetting it counts', async () => {
    await enableFactors(server, 'otp');
    await wish({ provider: 'any' });
    await rule(`function (user, context, callback) { delete context.multifactor; callback(null, user, context); }`);
    assert.ok((await page()).redirect);
  });

  test('silently it is login_required with the words that SDKs look for', async () => {
    await enableFactors(server, 'otp');
    const browser = new Browser(server);
    await login({}, { browser });
    await wish({ provider: 'any' });
    const { error, error_description } = await login({ prompt: 'none' }, { browser });
    assert.deepEqual([error, error_description], ['login_required', 'Multifactor authentication required']);
  });

  test('a remembered browser is not asked, unless the rule says so; acr_values asks always', async () => {
    await enableFactors(server, 'otp');
    const asking = await askFlaggedUsers(server);
    const { user: person, seed } = await userWithOtp(server, client);
    await server.apiOk('DELETE', `rules/${asking.id}`);
    const browser = new Browser(server);
    await wish({ provider: 'any' });
    const challenge = await page({}, browser, person);
    assert.ok((await challenge.submit({ code: totp(seed, server.now()), rememberBrowser: 'true' })).redirect);
    assert.ok((await page({ prompt: 'login' }, browser, person)).redirect, 'remembered');
    const step = 'http://schemas.openid.net/pape/policies/2007/06/multi-factor';
    assert.equal((await page({ acr_values: step, prompt: 'login' }, browser, person)).path, '/u/mfa-otp-challenge');
    for (const never of [{ provider: 'any', allowRememberBrowser: false }, { provider: 'any', ignoreCookie: true }]) {
      await server.apiOk('DELETE', `rules/${made.pop()}`);
      await wish(never);
      assert.equal((await page({ prompt: 'login' }, browser, person)).path, '/u/mfa-otp-challenge', JSON.stringify(never));
    }
  });

  test('step-up: a rule asks when acr_values does and the session has no second factor yet', async () => {
    await enableFactors(server, 'otp');
    const asking = await askFlaggedUsers(server);
    const { user: person, seed } = await userWithOtp(server, client);
    await server.apiOk('DELETE', `rules/${asking.id}`);
    await rule(function (user, context, callback) {
      var asked = context.request.query.acr_values === 'http://schemas.openid.net/pape/policies/2007/06/multi-factor';
      var done = context.authentication.methods.some(function (method) { return method.name === 'mfa'; });
      if (asked && !done) context.multifactor = { provider: 'any' };
      context.idToken['https://app.test/seen'] = [asked, done];
      callback(null, user, context);
    });
    const browser = new Browser(server);
    assert.deepEqual((await login({}, { browser, of: person })).claims[SEEN], [false, false]);
    const attempt = new Login(server, client, { browser,
      parameters: { acr_values: 'http://schemas.openid.net/pape/policies/2007/06/multi-factor' } });
    const challenge = await attempt.begin();
    assert.equal(challenge.path, '/u/mfa-otp-challenge');
    const id = claims((await attempt.tokens(await challenge.submit({ code: totp(seed, server.now()) }))).id_token);
    assert.equal(id.acr, 'http://schemas.openid.net/pape/policies/2007/06/multi-factor');
    assert.deepEqual(id.amr, ['mfa']);
    assert.deepEqual((await login({}, { browser, of: person })).claims[SEEN], [false, true]);
    const { prompts } = (await entry('s')).details ?? {};
    assert.equal(prompts, undefined);
    const entries = await sql(server, `SELECT doc FROM logs WHERE type = 's' AND user_id = '${person.user_id}' ORDER BY log_id DESC LIMIT 2`);
    const mfa = entries.split('\n').map((row) => JSON.parse(row)).flatMap((row) => row.details.prompts ?? []).find(({ name }) => name === 'mfa');
    assert.equal(mfa.flow, 'universal-mfa');
    assert.equal(mfa.provider, 'guardian');
    assert.deepEqual(mfa.performed_amr, ['mfa']);
    assert.ok(mfa.completedAt >= mfa.initiatedAt);
  });
});

describe('the log entry of a login', () => {
  test('tells of every rule: time, lines, what it changed; nothing that is secret', async () => {
    await server.apiOk('PUT', 'rules-configs/API_KEY', { value: 'k"ey-of-the-upstream' });
    await rule(`function (user, context, callback) {
      console.log('plan is', user.app_metadata.plan, configuration.API_KEY);
      console.warn({ a: [1] });
      user.app_metadata.plan = 'silver';
      user.access_token = 'abc';
      user['odd name'] = [1, 2];
      delete user.nickname;
      context.idToken['https://app.test/x'] = 'made of ' + configuration.API_KEY;
      context.multifactor = { provider: 'none', skey: 's3cret' };
      callback(null, user, context);
    }`, { name: 'Changes things' });
    await rule('function (user, context, callback) { callback(null, user, context); }');
    await login();
    const logged = await entry('s');
    const [first, second] = logged.details.rules;
    assert.equal(first.rule, 'Changes things');
    assert.equal(first.id, made[0]);
    assert.equal(typeof first.ms, 'number');
    assert.deepEqual(first.console, [{ level: 'log', text: 'plan is gold [API_KEY]' }, { level: 'warn', text: '{ a: [ 1 ] }' }]);
    const changes = Object.fromEntries(first.changes.map(({ path, ...change }) => [path, change]));
    assert.deepEqual(changes, {
      'user.app_metadata.plan': { from: 'gold', to: 'silver' },
      'user.access_token': { to: '[hidden]' },
      'user["odd name"]': { to: [1, 2] },
      'user.nickname': { from: 'ann' },
      'context.idToken["https://app.test/x"]': { to: 'made of [API_KEY]' },
      'context.multifactor': { to: { provider: 'none', skey: '[hidden]' } },
    });
    assert.deepEqual(Object.keys(second), ['rule', 'id', 'ms']);
    assert.match(logged.user_agent, /^(Other|node) /);
    assert.doesNotMatch(JSON.stringify(logged), /of-the-upstream|s3cret/);
    await server.apiOk('DELETE', 'rules-configs/API_KEY');
  });

  test('names the browser and the system as Auth0 does', async () => {
    const agent = 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36';
    await login({}, { browser: new Browser(server, { headers: { 'user-agent': agent } }) });
    const logged = await entry('s');
    assert.equal(logged.user_agent, 'Chrome 120.0.0 / Mac OS X 10.15.7');
    assert.equal(logged.isMobile, false);
  });

  test('of a failure has the line and the column in the author\'s text', async () => {
    await rule(`function (user, context, callback) {\n  var a = 1;\n  context.idToken.x = user.missing.member;\n  callback(null, user, context);\n}`);
    await login();
    const failed = await entry('f');
    assert.equal(failed.description, "Cannot read properties of undefined (reading 'member')");
    assert.deepEqual([failed.details.rules[0].error.line, failed.details.rules[0].error.name], [3, 'TypeError']);
    assert.ok(failed.details.rules[0].error.column > 20);
  });
});
