// A server of the Guardian phone protocol for tests of the phone app alone, written from the protocol's facts: it checks every
// signature with jose, and knows what its phones were asked and what they said. On another origin than the app, as a second
// server would be.

import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { importJWK, jwtVerify } from 'jose';

const CORS = {
  'access-control-allow-origin': '*',
  'access-control-allow-headers': 'authorization, content-type, mfa-dpop',
  'access-control-allow-methods': 'GET, POST, PATCH, DELETE, OPTIONS',
};
const RECOVERY_CODE = 'ABCDEFGHJKLMNPQRSTUVWXYZ';

export async function startGuardian({ vapidKey } = {}) {
  const guardian = new Guardian(vapidKey);
  await guardian.listen();
  return guardian;
}

class Fault extends Error {
  constructor(status, errorCode) {
    super(errorCode);
    Object.assign(this, { status, errorCode });
  }
}

class Guardian {
  phones = new Map();
  logins = new Map();
  tickets = new Set();
  /** Answers to event streams: 'stream', 'none' (as behind a proxy that lets none through). */
  transport = 'stream';
  recovery = true;
  #streams = new Map();

  constructor(vapidKey) {
    this.vapidKey = vapidKey;
  }

  async listen() {
    this.server = createServer((request, response) => this.#serve(request, response));
    await new Promise((listening) => this.server.listen(0, '127.0.0.1', listening));
    this.origin = `http://127.0.0.1:${this.server.address().port}`;
    this.base = `${this.origin}/appliance-mfa`;
  }

  async close() {
    this.server.closeAllConnections();
    await new Promise((closed) => this.server.close(closed));
  }

  /** The URI of a QR code that enrols a phone. */
  enrolmentUri(account = 'ada@example.test') {
    const ticket = randomBytes(16).toString('hex');
    this.tickets.add(ticket);
    return `otpauth://totp/Acme:${encodeURIComponent(account)}?enrollment_tx_id=${ticket}&base_url=${encodeURIComponent(this.base)}`;
  }

  /** Asks a phone (by default the newest); the login as it stands. */
  ask({ phone = [...this.phones.values()].at(-1), seconds = 300, number = '42', consent, ...more } = {}) {
    const c = randomBytes(12).toString('base64url');
    const login = { c, token: `token-${c}`, phone, number, consent, state: 'pending', until: Date.now() + seconds * 1000 };
    login.payload = {
      dai: phone.id,
      txtkn: login.token,
      c,
      d: new Date(login.until - 300_000).toISOString(),
      e: new Date(login.until).toISOString(),
      sh: this.origin,
      nm: true,
      app: 'Acme Shop',
      ip: '192.0.2.7',
      s: { b: { n: 'Firefox', v: '140.0' }, os: { n: 'Linux', v: '' } },
      l: { n: 'Lund, SE' },
      ...(consent ? { txlnkid: `cns_${c}` } : {}),
      ...more,
    };
    this.logins.set(c, login);
    this.tell(phone);
    return login;
  }

  #open(phone) {
    return [...this.logins.values()].filter((login) => login.phone === phone && login.state === 'pending').map(({ payload }) => payload);
  }

  /** The stream's event: all that waits. */
  tell(phone) {
    this.#streams.get(phone.id)?.write(`event: open\ndata: ${JSON.stringify(this.#open(phone))}\n\n`);
  }

  /** Waits until `test` holds. */
  async until(test, ms = 5000) {
    for (const end = Date.now() + ms; Date.now() < end; await new Promise((later) => setTimeout(later, 20))) if (test()) return;
    throw new Error(`it did not come to ${test}`);
  }

  hasStream(phone) {
    return this.#streams.has(phone.id);
  }

  async #serve(request, response) {
    let body = '';
    for await (const piece of request) body += piece;
    if (request.method === 'OPTIONS') return response.writeHead(204, CORS).end();
    try {
      const path = new URL(request.url, this.origin).pathname;
      const reply = await this.#route(`${request.method} ${path}`, request, response, body === '' ? {} : JSON.parse(body));
      if (reply === 'streaming') return;
      response.writeHead(reply === null ? 204 : 200, { ...CORS, 'content-type': 'application/json' });
      response.end(reply === null ? undefined : JSON.stringify(reply));
    } catch (error) {
      const status = error.status ?? 500;
      const wrong = { statusCode: status, error: 'Wrong', message: String(error), errorCode: error.errorCode ?? 'internal' };
      response.writeHead(status, { ...CORS, 'content-type': 'application/json' }).end(JSON.stringify(wrong));
    }
  }

  #route(what, request, response, body) {
    const device = /^(\w+) \/appliance-mfa\/api\/device-accounts\/(dev_\w+)(\/events|\/pending)?$/.exec(what);
    if (device) return this.#device(device[1], device[2], device[3], request, response, body);
    const consent = /^GET \/rich-consents\/cns_(.+)$/.exec(what);
    if (consent) return this.#consent(consent[1], request);
    if (what === 'POST /appliance-mfa/api/enroll') return this.#enrol(request, body);
    if (what === 'POST /appliance-mfa/api/resolve-transaction') return this.#resolve(request, body);
    if (what === 'GET /appliance-mfa/api/tenant-info') return { name: 'acme', friendly_name: 'Acme Inc', ...(this.vapidKey ? { vapid_key: this.vapidKey } : {}) };
    throw new Fault(404, 'not_found');
  }

  async #enrol({ headers }, { identifier, name, push_credentials: credentials, public_key: jwk }) {
    const ticket = /^Ticket id="(\w+)"$/.exec(headers.authorization ?? '')?.[1];
    if (!this.tickets.delete(ticket)) throw new Fault(401, 'enrollment_transaction_not_found');
    const phone = { id: `dev_${randomBytes(8).toString('hex')}`, identifier, name, credentials, key: await importJWK(jwk, 'ES256') };
    this.phones.set(phone.id, phone);
    return {
      id: phone.id,
      url: this.origin,
      issuer: 'acme',
      user_id: 'auth0|ada',
      token: 'device-token',
      totp: { secret: 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ', algorithm: 'sha1', digits: 6, period: 30 },
      ...(this.recovery ? { recovery_code: RECOVERY_CODE } : {}),
    };
  }

  async #device(method, id, part, { headers }, response, body) {
    const phone = this.phones.get(id);
    if (!phone) throw new Fault(404, 'enrollment_not_found');
    const token = headers.authorization?.replace(/^Bearer /, '') ?? '';
    await jwtVerify(token, phone.key, { audience: `${this.base}/api/device-accounts`, issuer: id, subject: 'auth0|ada' }).catch(() => {
      throw new Fault(401, 'invalid_token');
    });
    if (part === '/pending') return this.#open(phone);
    if (part === '/events') return this.#events(phone, response);
    if (method === 'DELETE') return this.phones.delete(id), null;
    Object.assign(phone, { ...(body.name ? { name: body.name } : {}), ...(body.push_credentials ? { credentials: body.push_credentials } : {}) });
    return { id, identifier: phone.identifier, name: phone.name, push_credentials: phone.credentials };
  }

  #events(phone, response) {
    if (this.transport === 'none') throw new Fault(502, 'no_streams_here');
    response.writeHead(200, { ...CORS, 'content-type': 'text/event-stream' });
    response.write(': hello\n\n');
    this.#streams.set(phone.id, response);
    this.tell(phone);
    response.on('close', () => this.#streams.get(phone.id) === response && this.#streams.delete(phone.id));
    return 'streaming';
  }

  async #resolve({ headers }, { challenge_response: token }) {
    const login = [...this.logins.values()].find((each) => headers.authorization === `Bearer ${each.token}`);
    if (!login) throw new Fault(401, 'invalid_token');
    if (login.state !== 'pending' || login.until < Date.now()) throw new Fault(404, 'login_transaction_not_found');
    const { payload } = await jwtVerify(token, login.phone.key, {
      audience: `${this.base}/api/resolve-transaction`,
      issuer: login.phone.identifier,
      subject: login.c,
      algorithms: ['ES256'],
    }).catch(() => {
      throw new Fault(400, 'invalid_body');
    });
    login.reason = payload.auth0_guardian_reason;
    login.state = payload.auth0_guardian_accepted ? 'accepted' : 'rejected';
    if (login.state === 'accepted' && login.number !== null && payload.auth0_guardian_number !== login.number) {
      login.state = 'rejected';
      throw new Fault(403, 'invalid_number');
    }
    return null;
  }

  async #consent(c, { headers }) {
    const login = this.logins.get(c);
    if (!login?.consent || headers.authorization !== `MFA-DPoP ${login.token}`) throw new Fault(404, 'not_found');
    const { payload } = await jwtVerify(headers['mfa-dpop'], login.phone.key, { typ: 'dpop+jwt' });
    const hash = createHash('sha256').update(login.token).digest('base64url');
    if (payload.htu !== `${this.origin}/rich-consents/cns_${c}` || payload.ath !== hash) throw new Fault(401, 'invalid_token');
    return { id: `cns_${c}`, created_at: new Date().toISOString(), expires_at: new Date(login.until).toISOString(), requested_details: { audience: 'https://api.acme.test', scope: ['openid'], binding_message: login.consent } };
  }
}
