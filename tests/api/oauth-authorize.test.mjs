// What /authorize takes, refuses, and where each refusal goes.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Browser, Login, pkce } from '../harness/browserless.mjs';
import { startServer } from '../harness/server.mjs';

let server;
let client;
let user;
before(async () => {
  server = await startServer();
  client = await server.webClient({
    callbacks: ['https://app.test/cb', 'https://*.app.test/cb', 'https://app.test/query?a=1'],
    web_origins: ['https://app.test'],
  });
  user = await server.user();
});
after(() => server?.stop());

const request = (more = {}) => {
  const query = {
    response_type: 'code',
    client_id: client.client_id,
    redirect_uri: 'https://app.test/cb',
    scope: 'openid',
    state: 'the state & more',
    ...more,
  };
  for (const name of Object.keys(query)) if (query[name] === undefined) delete query[name];
  return new URLSearchParams(query);
};
const authorize = (query) => server.fetch(`authorize?${query}`);
const location = (response) => new URL(response.headers.get('location'));

async function shown(query, status, error) {
  const response = await authorize(query);
  const text = await response.text();
  assert.equal(response.headers.get('location'), null, `a redirect for ${query}`);
  assert.equal(response.status, status, text);
  assert.match(response.headers.get('content-type'), /^text\/html/);
  assert.match(response.headers.get('content-security-policy'), /frame-ancestors 'none'/);
  assert.ok(text.includes(error), text);
}

async function sent(query, error, description) {
  const response = await authorize(query);
  assert.equal(response.status, 302);
  const at = location(response);
  assert.equal(at.origin + at.pathname, 'https://app.test/cb');
  assert.deepEqual(Object.fromEntries(at.searchParams), {
    error,
    error_description: description,
    state: 'the state & more',
  });
}

describe('an address that nobody vouches for is never followed', () => {
  test('unknown clients', async () => {
    await shown(request({ client_id: 'nobody' }), 403, 'invalid_request');
    await shown(request({ client_id: undefined }), 400, 'Missing required parameter: client_id');
    await shown(request({ client_id: '<script>alert(1)</script>' }), 403, '&lt;script&gt;');
  });

  // A15
  const strangers = [
    'https://a.app.test.evil.test/cb',
    'https://aapp.test/cb',
    'https://a.b.app.test/cb',
    'https://a.app.test:444/cb',
    'https://a.app.test/cb/../x',
    'https://app.test/cb/',
    'https://app.test/cb?x=1',
    'https://app.test/cb#x',
    'https://evil.test/',
    'https://app.test@evil.test/cb',
    'javascript:alert(1)',
    '//evil.test/cb',
  ];
  for (const redirect_uri of strangers) {
    test(redirect_uri, () => shown(request({ redirect_uri }), 403, 'Callback URL mismatch.'));
  }

  test('an address sent twice', async () => {
    const query = request();
    query.append('redirect_uri', 'https://evil.test/');
    await shown(query, 400, 'Duplicate parameter: redirect_uri');
  });

  test('a message for an origin that is no allowed web origin', () =>
    shown(request({ redirect_uri: 'https://a.app.test/cb', response_mode: 'web_message' }), 403, 'web origins'));
});

describe('other refusals go to the application', () => {
  const cases = [
    [{ response_type: undefined }, 'invalid_request', 'Missing required parameter: response_type'],
    [{ response_type: 'magic' }, 'unsupported_response_type', 'Unsupported response type: magic'],
    [{ response_mode: 'magic' }, 'invalid_request', 'Unsupported response mode: magic'],
    [{ prompt: 'none login' }, 'invalid_request', 'prompt=none goes with no other prompt'],
    [{ prompt: 'magic' }, 'invalid_request', 'Unknown prompt: magic'],
    [{ prompt: 'none' }, 'login_required', 'Login required'],
    [{ max_age: '-1' }, 'invalid_request', 'max_age must be a number of seconds'],
    [{ request: 'e30' }, 'request_not_supported', 'The parameter request is not supported'],
    [{ request_uri: 'urn:x' }, 'request_uri_not_supported', 'The parameter request_uri is not supported'],
    [{ organization: 'org_x' }, 'invalid_request', 'parameter organization is not allowed for this client'],
    [{ audience: 'https://nowhere.test/' }, 'access_denied', 'Service not found: https://nowhere.test/'],
    [{ connection: 'nowhere' }, 'invalid_request', 'the connection is not enabled for this client'],
    // A16: methods that are not S256, plain among them, also as the default.
    [{ code_challenge: pkce().challenge, code_challenge_method: 'S257' }, 'invalid_request', 'code_challenge_method must be S256'],
    [{ code_challenge: pkce().verifier, code_challenge_method: 'plain' }, 'invalid_request', 'code_challenge_method must be S256'],
    [{ code_challenge: pkce().verifier }, 'invalid_request', 'code_challenge_method must be S256'],
    [{ code_challenge: 'short', code_challenge_method: 'S256' }, 'invalid_request', 'code_challenge must be the base64url of a SHA-256'],
    [{ code_challenge_method: 'S256' }, 'invalid_request', 'Missing required parameter: code_challenge'],
  ];
  for (const [more, error, description] of cases)
    test(`${JSON.stringify(more)}: ${description}`, () => sent(request(more), error, description));

  test('a parameter sent twice', async () => {
    const query = request();
    query.append('scope', 'email');
    await sent(query, 'invalid_request', 'Duplicate parameter: scope');
  });

  test('a grant that the client does not have', async () => {
    const machine = await server.apiOk('POST', 'clients', {
      name: 'machine',
      callbacks: ['https://app.test/cb'],
      grant_types: ['client_credentials'],
    });
    await sent(
      request({ client_id: machine.client_id }),
      'unauthorized_client',
      "Grant type 'authorization_code' not allowed for the client.",
    );
  });

  test('a public client without PKCE', async () => {
    const spa = await server.webClient({ app_type: 'spa', token_endpoint_auth_method: 'none' });
    await sent(
      request({ client_id: spa.client_id }),
      'invalid_request',
      'Missing required parameter: code_challenge',
    );
  });

  test('a third-party application, as nobody can be asked for consent yet', async () => {
    const third = await server.webClient({ is_first_party: false, oidc_conformant: true });
    const login = new Login(server, third);
    const arrived = login.arrived(await login.withPassword(user.email, user.password));
    assert.equal(arrived.error, 'consent_required');
  });
});

describe('the answer comes in the mode that was asked for', () => {
  test('query keeps the query that the address has', async () => {
    const response = await authorize(request({ redirect_uri: 'https://app.test/query?a=1', prompt: 'none' }));
    const at = location(response);
    assert.equal(at.searchParams.get('a'), '1');
    assert.equal(at.searchParams.get('error'), 'login_required');
  });

  test('fragment', async () => {
    const at = location(await authorize(request({ response_mode: 'fragment', prompt: 'none' })));
    assert.equal(at.search, '');
    assert.deepEqual(Object.fromEntries(new URLSearchParams(at.hash.slice(1))), {
      error: 'login_required',
      error_description: 'Login required',
      state: 'the state & more',
    });
  });

  test('form_post', async () => {
    const browser = new Browser(server);
    const state = '"><script>alert(1)</script>';
    const page = await browser.open(`authorize?${request({ response_mode: 'form_post', prompt: 'none', state })}`);
    assert.equal(page.status, 200);
    const form = page.form('error');
    assert.equal(form.getAttribute('action'), 'https://app.test/cb');
    assert.equal(form.getAttribute('method'), 'post');
    assert.ok(!page.text.includes(state));
    const nonce = page.html.querySelector('script').getAttribute('nonce');
    assert.ok(page.headers.get('content-security-policy').includes(`'nonce-${nonce}'`));
  });

  test('web_message posts to the application alone and may be framed', async () => {
    const state = '</script><script>alert(1)</script>\u2028';
    const response = await authorize(request({ response_mode: 'web_message', prompt: 'none', state }));
    const text = await response.text();
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('x-frame-options'), null);
    assert.doesNotMatch(response.headers.get('content-security-policy'), /frame-ancestors/);
    assert.match(response.headers.get('cache-control'), /no-store/);
    assert.equal(text.match(/<script/g).length, 1);
    const call = text.match(/postMessage\((\{.*\}), ("[^"]*")\)/s);
    assert.equal(JSON.parse(call[2]), 'https://app.test');
    assert.deepEqual(JSON.parse(call[1]), {
      type: 'authorization_response',
      response: { error: 'login_required', error_description: 'Login required', state },
    });
  });
});

test('a login may also begin by POST', async () => {
  const browser = new Browser(server);
  const page = await browser.open('authorize', { method: 'POST', body: request() });
  assert.equal(page.path, '/u/login/identifier');
});

test('strangers store no more by POST than by GET', async () => {
  for (const more of [{ anything: 'x'.repeat(16 * 1024) }, { client_id: 'x'.repeat(16 * 1024) }]) {
    const response = await server.fetch('authorize', { method: 'POST', body: request(more) });
    assert.equal(response.status, 413);
  }
});

test('screen_hint=signup opens the signup', async () => {
  const browser = new Browser(server);
  assert.equal((await browser.open(`authorize?${request({ screen_hint: 'signup' })}`)).path, '/u/signup/identifier');
});

test('a transaction belongs to the browser that began it', async () => {
  const response = await authorize(request());
  const at = new URL(response.headers.get('location'), server.issuer);
  assert.equal(at.pathname, '/u/login/identifier');
  const state = at.searchParams.get('state');
  assert.match(state, /^[A-Za-z0-9]{32}$/);
  const [cookie] = response.headers.getSetCookie();
  assert.match(cookie, /^countersign-browser=[A-Za-z0-9]{43};/);
  assert.match(cookie, /HttpOnly/i);
  const stranger = await server.fetch(`authorize/resume?state=${state}`);
  assert.equal(stranger.status, 400);
  await stranger.arrayBuffer();
  const own = await server.fetch(`authorize/resume?state=${state}`, { headers: { cookie: cookie.split(';')[0] } });
  assert.equal(own.status, 302);
  assert.match(own.headers.get('location'), /^\/u\/login\/identifier\?state=/);
});

test('a transaction dies after an hour', async () => {
  const response = await authorize(request());
  const cookie = response.headers.getSetCookie()[0].split(';')[0];
  const state = new URL(response.headers.get('location'), server.issuer).searchParams.get('state');
  await server.advanceClock(3601 * 1000);
  const late = await server.fetch(`authorize/resume?state=${state}`, { headers: { cookie } });
  assert.equal(late.status, 400);
  assert.ok((await late.text()).includes('You may have pressed the back button'));
});

test('what is unknown at resume goes to the tenant’s own route where it has one', async (t) => {
  const put = (uri) => server.api('PATCH', 'tenants/settings', { default_redirection_uri: uri });
  if ((await put('https://app.test/start')).status !== 200) return t.skip('tenant settings are not served yet');
  const response = await server.fetch('authorize/resume?state=unknown');
  assert.equal(response.headers.get('location'), `https://app.test/start?iss=${encodeURIComponent(server.issuer)}`);
  await put('');
});
