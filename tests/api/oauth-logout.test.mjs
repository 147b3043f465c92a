// Logging out, other origins, and the limit of /userinfo.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Browser, claims, Login } from '../harness/browserless.mjs';
import { startServer } from '../harness/server.mjs';

let server;
let client;
let user;
before(async () => {
  server = await startServer();
  client = await server.webClient({
    allowed_logout_urls: ['https://app.test/bye', 'https://*.app.test/bye'],
    web_origins: ['https://web.test'],
    allowed_origins: ['https://origin.test'],
  });
  user = await server.user();
});
after(() => server?.stop());

async function loggedIn() {
  const login = new Login(server, client);
  const tokens = await login.tokens(await login.withPassword(user.email, user.password));
  return { browser: login.browser, ...tokens, sid: claims(tokens.id_token).sid };
}

async function isLoggedIn(browser) {
  const login = new Login(server, client, { browser, parameters: { prompt: 'none' } });
  return login.arrived(await login.begin()).error === undefined;
}

describe('/v2/logout', () => {
  test('without an address it ends the session and says OK', async () => {
    const { browser } = await loggedIn();
    const page = await browser.open('v2/logout');
    assert.equal(page.status, 200);
    assert.equal(page.text, 'OK');
    assert.equal(browser.jar.get('auth0'), undefined);
    assert.equal(await isLoggedIn(browser), false);
  });

  test('the cookie kept from before is worth nothing', async () => {
    const { browser } = await loggedIn();
    const cookie = browser.jar.get('auth0');
    await browser.open('v2/logout');
    const url = new Login(server, client, { parameters: { prompt: 'none' } }).authorizeUrl;
    const response = await server.fetch(url, { headers: { cookie: `auth0=${cookie}` } });
    assert.match(response.headers.get('location'), /login_required/);
  });

  test('returnTo is followed where the client lists it, whatever its query', async () => {
    for (const address of ['https://app.test/bye', 'https://app.test/bye?x=1', 'https://a.app.test/bye']) {
      const query = new URLSearchParams({ client_id: client.client_id, returnTo: address });
      const { redirect } = await (await loggedIn()).browser.open(`v2/logout?${query}`);
      assert.equal(redirect.href, address);
    }
    const first = await new Browser(server).open(`v2/logout?client_id=${client.client_id}`);
    assert.equal(first.redirect.href, 'https://app.test/bye');
    const federated = await new Browser(server).open(`v2/logout?federated&client_id=${client.client_id}`);
    assert.equal(federated.redirect.href, 'https://app.test/bye');
  });

  test('any other address is refused on our page, and the session is over all the same', async () => {
    for (const [address, client_id] of [
      ['https://evil.test/', client.client_id],
      ['https://app.test.evil.test/bye', client.client_id],
      ['https://app.test/bye/', client.client_id],
      ['//evil.test/bye', client.client_id],
      ['https://app.test/bye', undefined],
      ['https://app.test/bye', 'nobody'],
    ]) {
      const { browser } = await loggedIn();
      const query = new URLSearchParams({ returnTo: address, ...(client_id ? { client_id } : {}) });
      const page = await browser.open(`v2/logout?${query}`);
      assert.equal(page.status, 400, address);
      assert.equal(await isLoggedIn(browser), false);
    }
  });
});

describe('/oidc/logout', () => {
  test('a hint of the session ends it and leads back with the state', async () => {
    const { browser, id_token, sid } = await loggedIn();
    const query = new URLSearchParams({
      id_token_hint: id_token,
      logout_hint: sid,
      client_id: client.client_id,
      post_logout_redirect_uri: 'https://app.test/bye',
      state: 'x y',
    });
    const { redirect } = await browser.open(`oidc/logout?${query}`);
    assert.equal(redirect.href, 'https://app.test/bye?state=x%20y');
    assert.equal(await isLoggedIn(browser), false);
  });

  test('an expired hint serves too', async () => {
    const { browser, id_token } = await loggedIn();
    await server.advanceClock(36001 * 1000);
    const page = await browser.open(`oidc/logout?id_token_hint=${id_token}`);
    assert.equal(page.status, 200);
    assert.equal(await isLoggedIn(browser), false);
  });

  test('without a hint the person is asked, and may decline', async () => {
    const { browser } = await loggedIn();
    const query = new URLSearchParams({
      client_id: client.client_id,
      post_logout_redirect_uri: 'https://app.test/bye',
      state: 's',
    });
    const asked = await browser.open(`oidc/logout?${query}`);
    assert.equal(asked.status, 200);
    assert.equal(await isLoggedIn(browser), true);
    const declined = await asked.submit({}, { button: 'deny' });
    assert.equal(declined.status, 200);
    assert.equal(await isLoggedIn(browser), true);
    const { redirect } = await asked.submit({}, { button: 'accept' });
    assert.equal(redirect.href, 'https://app.test/bye?state=s');
    assert.equal(await isLoggedIn(browser), false);
  });

  test('another site cannot answer for the person', async () => {
    const { browser } = await loggedIn();
    const body = new URLSearchParams({ action: 'accept' });
    await browser.open('oidc/logout', { method: 'POST', body, headers: { origin: 'https://evil.test' } });
    assert.equal(await isLoggedIn(browser), true);
  });

  test('hints that contradict each other, or are nobody’s, are refused', async () => {
    const { browser, id_token } = await loggedIn();
    const other = await server.webClient();
    for (const query of [
      { id_token_hint: id_token, client_id: other.client_id },
      { id_token_hint: id_token, logout_hint: 'another' },
      { id_token_hint: `${id_token}x` },
      { id_token_hint: 'garbage' },
    ]) {
      const page = await browser.open(`oidc/logout?${new URLSearchParams(query)}`);
      assert.equal(page.status, 400);
    }
    assert.equal(await isLoggedIn(browser), true);
  });
});

describe('other origins', () => {
  const ask = (origin, path = 'oauth/token') =>
    server.fetch(path, {
      method: 'POST',
      headers: { origin },
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        client_id: client.client_id,
        client_secret: client.client_secret,
        code: 'unknown',
      }),
    });

  test('those that the client lists, and its callbacks’, may read the answer', async () => {
    for (const origin of ['https://web.test', 'https://origin.test', 'https://app.test']) {
      const response = await ask(origin);
      assert.equal(response.status, 403);
      assert.equal(response.headers.get('access-control-allow-origin'), origin);
      assert.match(response.headers.get('vary'), /origin/i);
    }
    for (const origin of ['https://evil.test', 'https://web.test.evil.test', 'null', 'http://web.test']) {
      const response = await ask(origin);
      assert.equal(response.headers.get('access-control-allow-origin'), null, origin);
    }
  });

  test('a preflight says what may be sent', async () => {
    const response = await server.fetch('oauth/token', {
      method: 'OPTIONS',
      headers: {
        origin: 'https://web.test',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'auth0-client,content-type',
      },
    });
    assert.equal(response.status, 204);
    assert.equal(response.headers.get('access-control-allow-origin'), 'https://web.test');
    assert.match(response.headers.get('access-control-allow-headers'), /Auth0-Client/i);
    assert.match(response.headers.get('access-control-allow-methods'), /POST/);
  });
});

test('/userinfo answers ten times at once and then five times a minute, for each user', async () => {
  const limited = await startServer({ rateLimits: true });
  try {
    const app = await limited.webClient();
    const person = await limited.user();
    const login = new Login(limited, app);
    const { access_token } = await login.tokens(await login.withPassword(person.email, person.password));
    const headers = { authorization: `Bearer ${access_token}` };
    for (let i = 0; i < 10; i++) {
      const response = await limited.fetch('userinfo', { headers });
      assert.equal(response.status, 200);
      assert.equal(response.headers.get('x-ratelimit-limit'), '10');
      assert.equal(response.headers.get('x-ratelimit-remaining'), String(9 - i));
    }
    const refused = await limited.fetch('userinfo', { headers });
    assert.equal(refused.status, 429);
    assert.equal(refused.headers.get('x-ratelimit-remaining'), '0');
    const reset = Number(refused.headers.get('x-ratelimit-reset'));
    assert.ok(reset > limited.now() / 1000 - 2 && reset < limited.now() / 1000 + 15, String(reset));
    assert.match(refused.headers.get('content-type'), /^text\/plain/);
    assert.ok(Number(refused.headers.get('retry-after')) <= 12);
    await refused.text();
    await limited.advanceClock(12_000);
    assert.equal((await limited.fetch('userinfo', { headers })).status, 200);
    assert.equal((await limited.fetch('userinfo', { headers })).status, 429);
  } finally {
    await limited.stop();
  }
});
