// Pages that wait: what their event stream says, and to whom.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { request } from 'node:https';
import { after, before, test } from 'node:test';
import { askFlaggedUsers, enableFactors, enrollOtp, flaggedUser, logIn } from '../harness/mfa.mjs';
import { binary, freePort, startServer, store } from '../harness/server.mjs';

let server, client, tlsPort;

before(async () => {
  tlsPort = await freePort();
  server = await startServer({ flags: ['--streams-per-address=3', `--dev-tls-listen=127.0.0.1:${tlsPort}`] });
  client = await server.webClient();
  await askFlaggedUsers(server);
  await enableFactors(server, 'sms', 'otp');
});

after(() => server?.stop());

/** A login that waits at its second factor, and how its browser listens. */
async function waitingLogin() {
  const { page, browser } = await logIn(server, client, await flaggedUser(server));
  const state = page.url.searchParams.get('state');
  return { page, browser, state };
}

/** `patient`: streams that ended a moment ago may still count against the address. */
async function listen(browser, state, { version = 3, at = server.baseUrl, cookies, patient = true } = {}) {
  const url = new URL(`/u/mfa-events?state=${state}&version=${version}`, at);
  const controller = new AbortController();
  const response = await fetch(url, {
    headers: { cookie: cookies ?? browser.jar.header(new URL(server.issuer)), accept: 'text/event-stream' },
    signal: controller.signal,
  });
  if (patient && response.status === 503) {
    await response.text();
    return listen(browser, state, { version, at, cookies });
  }
  return { response, status: response.status, end: () => controller.abort() };
}

/** Everything that the stream says until it ends. */
const rest = async ({ response }, ms = 10_000) => {
  let text = '';
  const timer = setTimeout(() => response.body.cancel().catch(() => {}), ms);
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) text += piece;
  clearTimeout(timer);
  return text;
};

/** The version that makes the stream of a login wait: one that it is at. */
async function atItsVersion(browser, state) {
  for (let version = 1; version < 10; version++) {
    const stream = await listen(browser, state, { version });
    const reader = stream.response.body.getReader();
    const first = await Promise.race([
      reader.read().then(({ value }) => (value ? Buffer.from(value).toString() : '')),
      new Promise((resolve) => setTimeout(resolve, 300, null)),
    ]);
    stream.end();
    if (first === null) return version;
    assert.equal(first, 'event: change\ndata: {}\n\n');
  }
  throw new Error('every version has passed');
}

test('a page hears that its login went on in another tab, and then no more', async () => {
  const { page, browser, state } = await waitingLogin();
  const version = await atItsVersion(browser, state);
  const stream = await listen(browser, state, { version });
  assert.equal(stream.status, 200);
  assert.match(stream.response.headers.get('content-type'), /^text\/event-stream/);
  assert.equal(stream.response.headers.get('cache-control'), 'no-store');
  const said = rest(stream);
  const { page: end } = await enrollOtp(server, page);
  assert.equal(await said, 'event: change\ndata: {}\n\n');
  assert.notEqual(end.path, page.path);
});

test('another server on the same PostgreSQL wakes the page within a second', { skip: store !== 'postgres' }, async () => {
  const { page, browser, state } = await waitingLogin();
  const version = await atItsVersion(browser, state);
  const port = await freePort();
  const other = spawn(
    binary,
    ['serve', '--data', server.data, '--listen', `127.0.0.1:${port}`, '--issuer', server.issuer, ...server.flags.filter((flag) => !flag.startsWith('--dev-tls-listen'))],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  try {
    await new Promise((resolve) => other.stdout.setEncoding('utf8').on('data', (text) => text.includes('listening') && resolve()));
    const stream = await listen(browser, state, { version, at: `http://127.0.0.1:${port}` });
    assert.equal(stream.status, 200);
    const said = rest(stream);
    const began = performance.now();
    await enrollOtp(server, page);
    assert.equal(await said, 'event: change\ndata: {}\n\n');
    assert.ok(performance.now() - began < 2000);
  } finally {
    other.kill('SIGTERM');
    await new Promise((resolve) => other.on('exit', resolve));
  }
});

/** A request over the server's own TLS: the answer, with what it says until `enough`, or until it ends. */
function overTls(path, { enough = /$^/, answered = () => {}, connected = () => {}, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: '127.0.0.1', port: tlsPort, path, rejectUnauthorized: false, agent: false, ...options },
      (response) => {
        let text = '';
        answered();
        const end = (isEnded) => {
          sent.destroy();
          resolve({ status: response.statusCode, text, isEnded });
        };
        response.setEncoding('utf8').on('data', (piece) => {
          text += piece;
          if (enough.test(text)) end(false);
        });
        response.on('end', () => end(true));
        response.on('error', () => {});
      },
    );
    sent.on('error', reject);
    sent.on('socket', (socket) => socket.on('secureConnect', connected));
    sent.end(options.body);
  });
}

test('over the server\'s own TLS it is the same', async () => {
  const { page, browser, state } = await waitingLogin();
  const version = await atItsVersion(browser, state);
  const cookie = browser.jar.header(new URL(server.issuer));
  const target = `/u/mfa-events?state=${state}&version=${version}`;
  let heard, left;
  await new Promise((connected) => (heard = overTls(target, { headers: { cookie }, connected })));
  await new Promise((connected) => (left = overTls(target, { headers: { cookie }, enough: /:/, connected })));
  // What was asked before this answer came has been heard.
  await overTls('/.well-known/jwks.json');
  await enrollOtp(server, page);
  for (const { status, text, isEnded } of await Promise.all([heard, left])) {
    assert.equal(status, 200);
    assert.ok(isEnded || text !== '');
    assert.match(text, /event: change/);
  }
  // Past TLS libmicrohttpd keeps the connection: there are long polls, and no WebSockets.
  const { text } = await overTls('/socket.io/?EIO=4&transport=polling');
  const { sid, upgrades } = JSON.parse(text.slice(1));
  assert.deepEqual(upgrades, []);
  const polled = overTls(`/socket.io/?EIO=4&transport=polling&sid=${sid}`);
  await overTls(`/socket.io/?EIO=4&transport=polling&sid=${sid}`, { method: 'POST', body: '40' });
  assert.match((await polled).text, /^40\{"sid":/);
  assert.equal((await overTls('/socket.io/?EIO=4&transport=websocket')).status, 400);
});

test('only the browser of the login may listen', async () => {
  const { browser, state } = await waitingLogin();
  const { browser: other } = await waitingLogin();
  const version = await atItsVersion(browser, state);
  for (const options of [{ cookies: '' }, { cookies: other.jar.header(new URL(server.issuer)) }]) {
    const { status, response } = await listen(browser, state, { version, ...options });
    // 204: a browser's EventSource asks no more.
    assert.equal(status, 204);
    await response.text();
  }
  const wrong = await listen(browser, `${state}x`, { version });
  assert.equal(wrong.status, 204);
  assert.equal((await server.fetch('u/mfa-events')).status, 204);
});

test('past the limit of an address the answer is 503, after which pages poll', async () => {
  const { browser, state } = await waitingLogin();
  const version = await atItsVersion(browser, state);
  const streams = [];
  for (let i = 0; i < 4; i++) streams.push(await listen(browser, state, { version, patient: i < 3 }));
  assert.deepEqual(streams.map(({ status }) => status), [200, 200, 200, 503]);
  streams.forEach(({ end }) => end());
});

test('a login that was ended elsewhere is told too', async () => {
  const { page, browser, state } = await waitingLogin();
  const version = await atItsVersion(browser, state);
  const said = rest(await listen(browser, state, { version }));
  await server.advanceClock(601_000);
  // The page's next step finds that its time is over, and ends the login.
  await browser.open(page.url);
  assert.equal(await said, 'event: change\ndata: {}\n\n');
});

test('a stop ends streams, and their pages come again', async () => {
  const { browser, state } = await waitingLogin();
  const version = await atItsVersion(browser, state);
  const said = rest(await listen(browser, state, { version }));
  let tls;
  await new Promise((answered) => {
    const headers = { cookie: browser.jar.header(new URL(server.issuer)) };
    tls = overTls(`/u/mfa-events?state=${state}&version=${version}`, { headers, answered });
  });
  const began = performance.now();
  assert.equal((await server.terminate()).code, 0);
  assert.equal((await tls).isEnded, true);
  assert.ok(performance.now() - began < 5000);
  assert.equal(await said.catch(() => 'cut'), '');
  await server.start();
});
