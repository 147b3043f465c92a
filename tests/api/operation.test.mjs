// A running server as its operator sees it: health, the outbox and clock of --dev, signals.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { claims } from '../harness/browserless.mjs';
import { freePort, startServer } from '../harness/server.mjs';

describe('a server with --dev', () => {
  let server;

  before(async () => (server = await startServer()));
  after(() => server?.stop());

  test('is healthy and ready', async () => {
    for (const path of ['healthz', 'readyz']) {
      const response = await server.fetch(path);
      assert.equal(response.status, 200, path);
      assert.equal(await response.text(), 'ok\n');
    }
  });

  test('answers what it does not know as Auth0 does', async () => {
    const response = await server.fetch('no/such/thing');
    assert.equal(response.status, 404);
    assert.deepEqual(await response.json(), { statusCode: 404, error: 'Not Found', message: 'Not Found' });
  });

  test('begins with an empty outbox, as JSON and as a page', async () => {
    assert.deepEqual(await server.outbox(), []);
    const page = await server.fetch('dev/outbox', { headers: { accept: 'text/html,*/*;q=0.8' } });
    assert.match(page.headers.get('content-type'), /^text\/html/);
    assert.match(page.headers.get('content-security-policy'), /default-src 'none'/);
    assert.match(await page.text(), /Sent messages/);
  });

  test('moves its clock', async () => {
    const before = Date.parse(await server.advanceClock(0));
    const later = Date.parse(await server.advanceClock(3_600_000));
    assert.ok(later - before >= 3_600_000 && later - before < 3_660_000);
    assert.ok(Math.abs(later - server.now()) < 60_000);
  });

  test('refuses a clock that is none', async () => {
    for (const body of [{}, { advance_ms: '5' }, { advance_ms: 1.5 }, []]) {
      const { status } = await server.postJson('dev/clock', body);
      assert.equal(status, 400, JSON.stringify(body));
    }
  });

  test('has its demo, whose files are its own', async () => {
    const page = await server.fetch('demo');
    assert.equal(page.status, 200);
    assert.match(page.headers.get('content-security-policy'), /script-src 'self'/);
    for (const [, path] of (await page.text()).matchAll(/(?:src|href)="(\/demo\/assets\/[^"]+)"/g))
      assert.equal((await server.fetch(path)).status, 200, path);
    assert.equal((await server.fetch('demo/assets/none.js')).status, 404);
  });

  test('lets nobody go through the demo\'s steps without an ID token for it', async () => {
    const token = await server.managementToken();
    for (const headers of [{}, { authorization: 'Bearer x' }, { authorization: `Bearer ${token}` }])
      assert.equal((await server.postJson('demo/steps/factors', {}, headers)).status, 401);
  });

  test('shows a new tenant without the demo\'s applications, also after the demo was opened', async () => {
    await server.fetch('demo/config');
    const clients = await server.apiOk('GET', 'clients');
    assert.deepEqual(clients.map(({ name }) => name).sort(), ['API Explorer Application', 'All Applications', 'Default App']);
  });
});

test('a server without --dev has no outbox, no clock and no demo', async () => {
  const server = await startServer({ dev: false });
  try {
    const direct = (path, init) => fetch(`http://${server.listen}${path}`, init);
    assert.equal((await direct('/healthz')).status, 200);
    for (const path of ['/dev/outbox', '/demo', '/demo/config', '/demo/assets/demo.js'])
      assert.equal((await direct(path)).status, 404, path);
    assert.equal((await direct('/dev/clock', { method: 'POST', body: '{"advance_ms":1}' })).status, 404);
  } finally {
    await server.stop();
  }
});

test('with dev_tls_listen an SDK that speaks https alone reaches it there, and its audience means the issuer\'s', async () => {
  const port = await freePort();
  const server = await startServer({ flags: ['--dev-tls-listen', `127.0.0.1:${port}`] });
  try {
    const ca = await readFile(join(server.data, 'dev-ca.pem'));
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      ...server.management,
      audience: `https://localhost:${port}/api/v2/`,
    });
    const { status, body } = await new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      const call = request({ host: 'localhost', port, path: '/oauth/token', method: 'POST', headers, ca, agent: false });
      call.on('error', reject);
      call.on('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part) => (text += part));
        response.on('end', () => resolve({ status: response.statusCode, body: JSON.parse(text) }));
      });
      call.end(form.toString());
    });
    assert.equal(status, 200, JSON.stringify(body));
    assert.equal(claims(body.access_token).aud, server.audience);
    assert.equal((await server.api('GET', 'clients', undefined, body.access_token)).status, 200);
  } finally {
    await server.stop();
  }
});

describe('signals', () => {
  let server;

  before(async () => (server = await startServer({ flags: ['--log-format=json'] })));
  after(() => server?.stop());

  test('SIGHUP reads the settings again and goes on serving', async () => {
    server.process.kill('SIGHUP');
    const until = performance.now() + 10_000;
    while (!server.log.includes('"server.reloaded"') && performance.now() < until)
      await new Promise((resolve) => setTimeout(resolve, 20));
    assert.match(server.log, /"server\.reloaded"/);
    assert.equal((await server.fetch('healthz')).status, 200);
  });

  test('SIGTERM ends it cleanly, and the tenant is there again afterwards', async () => {
    const token = await server.managementToken();
    const { code, signal } = await server.terminate();
    assert.deepEqual({ code, signal }, { code: 0, signal: null }, server.log);
    await server.start();
    const { status } = await server.api('GET', 'clients', undefined, token);
    assert.equal(status, 200);
  });

  test('its end takes its script workers along', async () => {
    const { pid } = server.process;
    const children = await childrenOf(pid);
    assert.ok(children.length > 0);
    await server.kill();
    const until = performance.now() + 10_000;
    const alive = () => children.filter(isAlive);
    while (alive().length > 0 && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(alive(), []);
    await server.start();
  });
});

test('systemd hears that it is ready, and that it stops', async (t) => {
  const path = `countersign-test-${process.pid}`;
  // Node has no Unix datagram sockets: a line of Python listens.
  const listener = spawn('python3', ['-uc', `import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind("\\0${path}"); print("bound")
while True: print(s.recv(4096).decode())`]);
  t.after(() => listener.kill());
  let heard = '';
  listener.stdout.setEncoding('utf8').on('data', (text) => (heard += text));
  const hear = async (word) => {
    const until = performance.now() + 10_000;
    while (!heard.includes(word)) {
      assert.ok(performance.now() < until, `no ${word} in ${heard}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  await hear('bound');
  const server = await startServer({ env: { NOTIFY_SOCKET: `@${path}` } });
  await hear('READY=1');
  await server.stop();
  await hear('STOPPING=1');
});

async function childrenOf(pid) {
  const children = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    if ((await parentOf(name)) === pid) children.push(Number(name));
  }
  return children;
}

async function parentOf(pid) {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return null;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
