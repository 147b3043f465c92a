// A server of its own for a test: a new tenant in a temporary directory, on a free port, on the store that
// COUNTERSIGN_TEST_DATABASE names (sqlite, or postgres in a fresh database beside COUNTERSIGN_TEST_POSTGRES).
//
//   const server = await startServer();
//   const token = await server.managementToken(['read:users']);
//   …
//   await server.stop();

import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ManagementClient } from 'auth0';

const run = promisify(execFile);

export const binary =
  process.env.COUNTERSIGN_BINARY ?? fileURLToPath(new URL('../../build/countersign', import.meta.url));

export const store = process.env.COUNTERSIGN_TEST_DATABASE === 'postgres' ? 'postgres' : 'sqlite';

const START_MS = 60_000;
const STOP_MS = 30_000;

export function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** A fresh PostgreSQL database: its URI, and how to drop it. */
export async function freshDatabase() {
  const base = process.env.COUNTERSIGN_TEST_POSTGRES;
  if (!base) throw new Error('COUNTERSIGN_TEST_POSTGRES must hold the URI of a PostgreSQL for tests');
  const name = `countersign_${randomBytes(8).toString('hex')}`;
  const sql = (text) => run('psql', [base, '-q', '-v', 'ON_ERROR_STOP=1', '-c', text]);
  await sql(`CREATE DATABASE ${name}`);
  const uri = new URL(base);
  uri.pathname = `/${name}`;
  return { uri: uri.href, drop: () => sql(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}

/** The flags of a store: none for SQLite. */
function storeFlags(database) {
  return database ? ['--database', database.uri] : [];
}

class Server {
  /** What stood on standard error so far. */
  log = '';
  #tokens = new Map();

  constructor(values) {
    Object.assign(this, values);
    this.baseUrl = this.issuer.replace(/\/$/, '');
    this.host = new URL(this.issuer).host;
    this.audience = `${this.issuer}api/v2/`;
  }

  /** Starts the process (again, after kill). */
  async start() {
    const child = spawn(
      binary,
      ['serve', '--data', this.data, '--listen', this.listen, '--issuer', this.issuer, ...this.flags],
      { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...this.env } },
    );
    this.process = child;
    this.exited = new Promise((resolve) => child.on('exit', (code, signal) => resolve({ code, signal })));
    child.stderr.setEncoding('utf8').on('data', (text) => (this.log += text));
    const listening = new Promise((resolve) => {
      let out = '';
      child.stdout.setEncoding('utf8').on('data', (text) => {
        out += text;
        if (out.includes('listening on ')) resolve('listening');
      });
    });
    let timer;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, START_MS, 'late')));
    const outcome = await Promise.race([listening, this.exited.then(() => 'ended'), late]);
    clearTimeout(timer);
    if (outcome !== 'listening') {
      child.kill('SIGKILL');
      throw new Error(`the server did not start (${outcome}):\n${this.log}`);
    }
  }

  /** Ends the process as an operator does and removes what it left; an unclean end is a failure. */
  async stop() {
    const ended = await this.terminate();
    await rm(this.data, { recursive: true, force: true });
    await this.database?.drop();
    if (ended.code !== 0)
      throw new Error(`the server ended with ${ended.code ?? ended.signal}:\n${this.log.slice(-8000)}`);
  }

  /** SIGTERM, and waits for the end; the store stays. */
  async terminate() {
    this.process.kill('SIGTERM');
    const timer = setTimeout(() => this.process.kill('SIGKILL'), STOP_MS);
    const ended = await this.exited;
    clearTimeout(timer);
    return ended;
  }

  /** kill -9; the store stays as it was at that moment. */
  async kill() {
    this.process.kill('SIGKILL');
    await this.exited;
  }

  url(path) {
    return new URL(path, this.issuer).href;
  }

  fetch(path, init = {}) {
    return fetch(this.url(path), { redirect: 'manual', ...init });
  }

  /** POST of a form; the answer as { status, headers, body } with JSON parsed. */
  async postForm(path, form, headers = {}) {
    return answer(await this.fetch(path, { method: 'POST', body: new URLSearchParams(form), headers }));
  }

  /** POST of JSON to any path. */
  async postJson(path, value, headers = {}) {
    return answer(
      await this.fetch(path, {
        method: 'POST',
        body: JSON.stringify(value),
        headers: { 'content-type': 'application/json', ...headers },
      }),
    );
  }

  /** A call of the Management API: api('PATCH', 'users/auth0|1', {…}[, token]). */
  async api(method, path, body, token) {
    const headers = { authorization: `Bearer ${token ?? (await this.managementToken())}` };
    if (body !== undefined) headers['content-type'] = 'application/json';
    return answer(
      await this.fetch(`api/v2/${path}`, {
        method,
        headers,
        body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
      }),
    );
  }

  /** The same, where anything but success is a failure of the test; gives the body. */
  async apiOk(method, path, body, token) {
    const { status, body: value } = await this.api(method, path, body, token);
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(value)}`);
    return value;
  }

  /** A token of the Management API: with all scopes, or of an application that was granted just `scopes`. */
  async managementToken(scopes) {
    const key = scopes ? [...scopes].sort().join(' ') : '*';
    if (!this.#tokens.has(key)) this.#tokens.set(key, this.#newToken(scopes));
    return this.#tokens.get(key);
  }

  async #newToken(scopes) {
    const client = scopes ? await this.machineClient(scopes) : this.management;
    return this.clientCredentials(client, this.audience);
  }

  /** An access token by client_credentials. */
  async clientCredentials({ client_id, client_secret }, audience = this.audience) {
    const { status, body } = await this.postForm('oauth/token', {
      grant_type: 'client_credentials',
      client_id,
      client_secret,
      audience,
    });
    if (status !== 200) throw new Error(`client_credentials: ${status} ${JSON.stringify(body)}`);
    return body.access_token;
  }

  /** A machine-to-machine application that may have just `scopes` of the Management API. */
  async machineClient(scopes) {
    const client = await this.apiOk('POST', 'clients', {
      name: `machine ${randomBytes(4).toString('hex')}`,
      app_type: 'non_interactive',
      grant_types: ['client_credentials'],
    });
    await this.apiOk('POST', 'client-grants', {
      client_id: client.client_id,
      audience: this.audience,
      scope: scopes,
    });
    return client;
  }

  /** The official SDK's client for this server, which speaks plain HTTP on this machine. */
  sdk(credentials = this.management) {
    const options = { domain: this.host, fetch: plainHttp };
    if (typeof credentials === 'string') return new ManagementClient({ ...options, token: credentials });
    return new ManagementClient({
      ...options,
      clientId: credentials.client_id,
      clientSecret: credentials.client_secret,
    });
  }

  /** An application for people: what login() of browserless.mjs takes. Enabled for the default connection. */
  async webClient(values = {}) {
    const client = await this.apiOk('POST', 'clients', {
      name: `app ${randomBytes(4).toString('hex')}`,
      app_type: 'regular_web',
      callbacks: ['https://app.test/cb'],
      ...values,
    });
    const [connection] = await this.apiOk('GET', 'connections?name=Username-Password-Authentication');
    const enabled = connection.enabled_clients ?? [];
    if (!enabled.includes(client.client_id))
      await this.apiOk('PATCH', `connections/${connection.id}`, { enabled_clients: [...enabled, client.client_id] });
    return client;
  }

  /** A user of the default connection, with a password that is also given back. */
  async user(values = {}) {
    const password = values.password ?? `Correct-Horse-${randomBytes(6).toString('hex')}`;
    const user = await this.apiOk('POST', 'users', {
      connection: 'Username-Password-Authentication',
      email: `person-${randomBytes(6).toString('hex')}@example.test`,
      email_verified: true,
      ...values,
      password,
    });
    return { ...user, password };
  }

  /** The messages that would have left, newest first. */
  async outbox({ to, channel } = {}) {
    const query = new URLSearchParams();
    if (to) query.set('to', to);
    if (channel) query.set('channel', channel);
    const { body } = await answer(await this.fetch(`dev/outbox?${query}`));
    return body;
  }

  /** The newest message to someone, waited for: mails leave a moment after what caused them. */
  async message(filter, ms = 5000) {
    const until = performance.now() + ms;
    for (;;) {
      const [newest] = await this.outbox(filter);
      if (newest) return newest;
      if (performance.now() > until) throw new Error(`no message for ${JSON.stringify(filter)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** The digits of the newest SMS to that number. */
  async smsCode(to) {
    const { text } = await this.message({ to, channel: 'sms' });
    return text.match(/\d{4,10}/)[0];
  }

  /** Moves the server's clock forward. */
  async advanceClock(ms) {
    const { status, body } = await this.postJson('dev/clock', { advance_ms: ms });
    if (status !== 200) throw new Error(`/dev/clock: ${status} ${JSON.stringify(body)}`);
    this.clockOffset += ms;
    // Tokens that were cached may have ended meanwhile.
    if (ms > 0) this.#tokens.clear();
    return body.now;
  }

  clockOffset = 0;

  /** Milliseconds of the server's clock, near enough for one-time codes. */
  now() {
    return Date.now() + this.clockOffset;
  }
}

/** fetch for SDKs that know https only. */
export function plainHttp(url, init) {
  return fetch(String(url).replace(/^https:/, 'http:'), init);
}

export async function answer(response) {
  const text = await response.text();
  let body = text;
  if ((response.headers.get('content-type') ?? '').includes('json') && text !== '') body = JSON.parse(text);
  return { status: response.status, headers: response.headers, body };
}

/**
 * Makes a tenant and serves it. `flags` are more settings of `serve`, `env` more environment; `rateLimits: true` leaves the
 * limits on, which most tests would run into.
 */
export async function startServer({ flags = [], env = {}, rateLimits = false, dev = true } = {}) {
  const data = await mkdtemp(join(tmpdir(), 'countersign-test-'));
  const database = store === 'postgres' ? await freshDatabase() : null;
  const port = await freePort();
  const listen = `127.0.0.1:${port}`;
  const issuer = dev ? `http://${listen}/` : `https://login.example.test/`;
  const common = [...(dev ? ['--dev'] : []), ...storeFlags(database)];
  const { stdout } = await run(
    binary,
    ['init', '--json', '--data', data, '--listen', listen, '--issuer', issuer, ...common],
    { env: { ...process.env, ...env } },
  );
  const server = new Server({
    ...JSON.parse(stdout),
    data,
    database,
    listen,
    env,
    flags: [...common, '--script-workers=1', `--rate-limits=${rateLimits}`, ...flags],
  });
  await server.start();
  return server;
}
