// Clients that mean harm, or are broken: each is cut by a limit or a deadline, and people go on logging in meanwhile. The
// deadlines are a second or two here.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { Login } from '../harness/browserless.mjs';
import { freePort, startServer } from '../harness/server.mjs';

const IDLE_CONNECTIONS = 10_000;
const CUT_MS = 15_000; // far more than the deadlines: slow machines, sanitizers

let server;
let port;
let metricsPort;

/** A raw connection: what came so far as text, and when the server closed it. */
class Client {
  text = '';

  constructor() {
    this.socket = connect(port, '127.0.0.1');
    this.socket.setNoDelay(true);
    this.socket.setEncoding('latin1').on('data', (data) => (this.text += data));
    this.open = new Promise((resolve) => this.socket.once('connect', () => resolve(true)).once('close', () => resolve(false)));
    this.closed = new Promise((resolve) => this.socket.once('close', () => resolve(true)));
    this.socket.on('error', () => {});
    this.socket.on('end', () => this.socket.end());
  }

  send(data) {
    if (!this.socket.destroyed) this.socket.write(data);
    return this;
  }

  /** Whether the server ends it in time. */
  async isCut() {
    let timer;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, CUT_MS, false)));
    const cut = await Promise.race([this.closed, late]);
    clearTimeout(timer);
    this.socket.destroy();
    return cut;
  }

  /** Sends a byte of `bytes` every 50 ms until it is cut; whether it was before they ended. */
  async trickle(bytes) {
    const sender = setInterval(() => {
      if (this.socket.destroyed || bytes === '') return clearInterval(sender);
      this.send(bytes[0]);
      bytes = bytes.slice(1);
    }, 50);
    const cut = await this.isCut();
    clearInterval(sender);
    return cut && bytes !== '';
  }

  get status() {
    return Number(this.text.match(/^HTTP\/1\.1 (\d{3})/)?.[1]);
  }
}

/** What polite people notice of all this: nothing. */
async function assertServes() {
  const login = new Login(server, app);
  const tokens = await login.tokens(await login.withPassword(person.email, person.password));
  assert.ok(tokens.id_token);
  assert.equal((await server.fetch('.well-known/jwks.json')).status, 200);
  await server.clientCredentials(server.management);
}

/** Lets rude clients go on while polite ones are served. */
async function assertServesMeanwhile(...rude) {
  const outcomes = Promise.all(rude);
  await assertServes();
  const cut = await outcomes;
  await assertServes();
  assert.deepEqual(cut, rude.map(() => true));
}

async function metrics() {
  return (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
}

const value = (text, name) => Number(text.match(new RegExp(`^${name} (.*)$`, 'm'))?.[1]);

let person;
let app;

before(async () => {
  metricsPort = await freePort();
  server = await startServer({
    flags: [
      '--request-seconds=1',
      '--idle-seconds=2',
      `--connections=${IDLE_CONNECTIONS + 4000}`,
      '--connections-per-address=0',
      `--metrics-listen=127.0.0.1:${metricsPort}`,
    ],
  });
  port = Number(server.listen.split(':')[1]);
  person = await server.user();
  app = await server.webClient();
});
after(() => server?.stop());

describe('clients that take their time', () => {
  test('who send a byte now and then are cut', () =>
    assertServesMeanwhile(
      new Client().trickle(`GET /${'x'.repeat(1000)}`),
      new Client().trickle(`GET / HTTP/1.1\r\nX: ${'x'.repeat(1000)}`),
      new Client().send('POST /oauth/token HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n').trickle('x'.repeat(999)),
      new Client()
        .send('POST /oauth/token HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n')
        .trickle('x'.repeat(999)),
    ));

  test('who send half a request, or none, are cut', () =>
    assertServesMeanwhile(
      new Client().isCut(),
      new Client().send('G').isCut(),
      new Client().send('GET /healthz HTTP/1.1\r\nHost: a\r\n').isCut(),
      new Client().send('POST /oauth/token HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf').isCut(),
      new Client().send('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /healthz HTT').isCut(),
    ));

  test('two hundred of them at once change nothing', () =>
    assertServesMeanwhile(
      ...Array.from({ length: 200 }, () => new Client().trickle(`GET / HTTP/1.1\r\nX: ${'x'.repeat(1000)}`)),
    ));
});

describe('clients that send too much', () => {
  const refused = async (head, body = '') => {
    const client = new Client().send(head).send(body);
    assert.ok(await client.isCut(), head.slice(0, 60));
    return client;
  };

  test('a body over the limit is answered with 413', async () => {
    const big = 'x'.repeat(2 * 1024 * 1024);
    const head = 'POST /oauth/token HTTP/1.1\r\nHost: a\r\n';
    assert.equal((await refused(`${head}Content-Length: ${big.length}\r\n\r\n`, big)).status, 413);
    assert.equal((await refused(`${head}Content-Length: 99999999999\r\n\r\n`)).status, 413);
    const chunked = await refused(
      `${head}Transfer-Encoding: chunked\r\n\r\n`,
      `${big.length.toString(16)}\r\n${big}\r\n0\r\n\r\n`,
    );
    assert.equal(chunked.status, 413);
    assert.deepEqual(JSON.parse(chunked.text.split('\r\n\r\n')[1]).statusCode, 413);
    await assertServes();
  });

  test('a head over the limit is refused', async () => {
    const statuses = [];
    for (const head of [
      `GET /${'x'.repeat(100_000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
      `GET / HTTP/1.1\r\nHost: a\r\nCookie: ${'x'.repeat(100_000)}\r\n\r\n`,
      `GET / HTTP/1.1\r\nHost: a\r\n${'A: b\r\n'.repeat(20_000)}\r\n`,
      `GET / HTTP/1.1\r\nHost: a\r\n${'A: b\r\n'.repeat(101)}Connection: close\r\n\r\n`,
    ])
      statuses.push((await refused(head)).status);
    assert.ok(
      statuses.every((status) => Number.isNaN(status) || [400, 413, 414, 431].includes(status)),
      `${statuses}`,
    );
    await assertServes();
  });

  test('a thousand requests sent at once are answered in their order', async () => {
    const client = new Client();
    const requests = Array.from({ length: 1000 }, (_, i) => `GET /no-${i} HTTP/1.1\r\nHost: a\r\n\r\n`).join('');
    client.send(requests + 'GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    assert.ok(await client.isCut());
    assert.equal(client.text.match(/HTTP\/1\.1 404/g).length, 1000);
    assert.match(client.text, /ok\n$/);
  });
});

describe('clients that speak something else', () => {
  const strange = {
    'a chunk of no length': 'POST /oauth/token HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n',
    'a chunk of absurd length':
      'POST /oauth/token HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nabc\r\n0\r\n\r\n',
    'a chunk longer than it says': 'POST /oauth/token HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n',
    'a negative chunk': 'POST /oauth/token HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n',
    'a negative length': 'POST /oauth/token HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\nhello',
    'two lengths': 'POST /oauth/token HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello',
    'two framings':
      'POST /oauth/token HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n',
    'no host': 'GET /healthz HTTP/1.1\r\n\r\n',
    'a broken escape': 'GET /api/v2/users/%zz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    'noise': '\x00\x01\x02\x03\xff\xfe\r\n\r\n',
    'TLS': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + '\x00'.repeat(200),
    'a whole address': 'GET http://other.test/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    'HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  };
  for (const [what, bytes] of Object.entries(strange))
    test(`${what} is refused`, async () => {
      const client = new Client().send(Buffer.from(bytes, 'latin1'));
      assert.ok(await client.isCut());
      assert.ok(Number.isNaN(client.status) || (client.status >= 400 && client.status < 600), client.text);
      assert.doesNotMatch(client.text, /HTTP\/1\.1 200/);
      await assertServes();
    });
});

describe('very many clients', () => {
  test(`${IDLE_CONNECTIONS} idle connections are borne, and cut`, async (t) => {
    const limits = await readFile('/proc/self/limits', 'utf8');
    const descriptors = Number(limits.match(/^Max open files +(\d+)/m)[1]);
    if (descriptors < IDLE_CONNECTIONS + 1000)
      return t.skip(`only ${descriptors} descriptors may be open here: raise \`ulimit -n\``);
    const clients = [];
    while (clients.length < IDLE_CONNECTIONS) {
      const some = Array.from({ length: 500 }, () => new Client());
      clients.push(...some);
      await Promise.all(some.map((client) => client.open));
    }
    await assertServes();
    const text = await metrics();
    t.diagnostic(
      `${value(text, 'countersign_http_connections')} open, ` +
        `${Math.round(value(text, 'process_resident_memory_bytes') / 1048576)} MiB resident`,
    );
    const cut = await Promise.all(clients.map((client) => client.isCut()));
    assert.equal(cut.filter((was) => was).length, IDLE_CONNECTIONS);
    await assertServes();
  });

  test('the metrics have counted all that', async () => {
    const text = await metrics();
    assert.ok(value(text, 'countersign_http_connections') < 100);
    assert.match(text, /^countersign_http_requests_total\{route="none",status="4xx"\} \d{4,}$/m);
    assert.ok(value(text, 'process_resident_memory_bytes') > 0);
  });
});
