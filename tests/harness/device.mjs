// A phone, as apps that are built with Auth0's Guardian SDKs speak to this server (RSA keys), or as our own does (EC keys, and it
// asks its user for the number that the login page shows).
//
//   const phone = Device.of(otpauthUri);
//   await phone.enroll();
//   await phone.answer(await phone.push(server), true);

import { createPrivateKey, generateKeyPairSync, randomBytes, randomUUID, sign } from 'node:crypto';
import { totp } from './otp.mjs';
import { answer } from './server.mjs';

const b64url = (bytes) => Buffer.from(bytes).toString('base64url');

/** One element of DER: its tag, its content, and what follows. */
function derElement(bytes) {
  let length = bytes[1];
  let at = 2;
  if (length & 0x80) {
    const size = length & 0x7f;
    length = bytes.readUIntBE(2, size);
    at += size;
  }
  return { tag: bytes[0], content: bytes.subarray(at, at + length), rest: bytes.subarray(at + length) };
}

/** The content of an INTEGER has a zero before it where its first bit is set: both SDKs send n so. */
function rsaJwk(der) {
  const modulus = derElement(derElement(der).content);
  const exponent = derElement(modulus.rest);
  return { kty: 'RSA', use: 'sig', alg: 'RS256', n: b64url(modulus.content), e: b64url(exponent.content) };
}

function ecJwk(der) {
  const point = der.subarray(-64);
  return { kty: 'EC', crv: 'P-256', use: 'sig', alg: 'ES256', x: b64url(point.subarray(0, 32)), y: b64url(point.subarray(32)) };
}

/** A key pair by way of DER: Node 20 was seen to hang when it exports a fresh key as a JWK. */
export function newKey(type = 'rsa') {
  const privateKeyEncoding = { type: 'pkcs8', format: 'der' };
  const { publicKey, privateKey } =
    type === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256', publicKeyEncoding: { type: 'spki', format: 'der' }, privateKeyEncoding })
      : generateKeyPairSync('rsa', { modulusLength: 2048, publicKeyEncoding: { type: 'pkcs1', format: 'der' }, privateKeyEncoding });
  return {
    type,
    jwk: type === 'ec' ? ecJwk(publicKey) : rsaJwk(publicKey),
    secret: createPrivateKey({ key: privateKey, format: 'der', type: 'pkcs8' }),
  };
}

/** A JWT of that key; members of `header` replace ours. */
export function signJwt(key, claims, header = {}) {
  const alg = key.type === 'ec' ? 'ES256' : 'RS256';
  const parts = [{ alg, typ: 'JWT', ...header }, claims].map((part) => b64url(JSON.stringify(part)));
  const signature = sign('sha256', Buffer.from(parts.join('.')), { key: key.secret, dsaEncoding: 'ieee-p1363' });
  return [...parts, b64url(signature)].join('.');
}

export class Device {
  /** What the enrolment said: { id, url, issuer, user_id, token, totp, recovery_code }. */
  account = null;

  constructor({ base, ticket, type = 'rsa', service = 'GCM', token = randomBytes(16).toString('hex'), name = "Ada's phone", clock = Date.now }) {
    Object.assign(this, { base, ticket, service, token, name, clock });
    this.identifier = randomUUID().toUpperCase();
    this.key = newKey(type);
  }

  /** The phone that scanned a QR code: otpauth://totp/…?enrollment_tx_id=…&base_url=… */
  static of(uri, options = {}) {
    const query = new URL(uri).searchParams;
    return new Device({ base: query.get('base_url'), ticket: query.get('enrollment_tx_id'), ...options });
  }

  /** Our own phone app: an EC key, and no pushes but what it fetches. */
  static ownOf(uri, options = {}) {
    return Device.of(uri, { type: 'ec', service: 'NONE', token: '', ...options });
  }

  /** Any call: { status, headers, body }. */
  async call(method, path, { authorization, body } = {}) {
    const headers = { 'auth0-client': b64url(JSON.stringify({ name: 'Guardian.test', version: '1.0.0' })) };
    if (authorization) headers.authorization = authorization;
    if (body !== undefined) headers['content-type'] = 'application/json';
    return answer(
      await fetch(`${this.base}/${path}`, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) }),
    );
  }

  get description() {
    return {
      identifier: this.identifier,
      name: this.name,
      push_credentials: { service: this.service, token: this.token },
      public_key: this.key.jwk,
    };
  }

  /** Asks to be enrolled: { status, body }; members of `more` replace those of the body. */
  async requestEnrollment(more = {}, ticket = this.ticket) {
    const reply = await this.call('POST', 'api/enroll', {
      authorization: `Ticket id="${ticket}"`,
      body: { ...this.description, ...more },
    });
    if (reply.status < 300) this.account = reply.body;
    return reply;
  }

  /** The same, where anything but success is a failure of the test. */
  async enroll() {
    const { status, body } = await this.requestEnrollment();
    if (status !== 200 && status !== 201) throw new Error(`enroll: ${status} ${JSON.stringify(body)}`);
    return this;
  }

  /** The token that newer SDKs sign for calls on the account; `claims` replaces some. */
  selfSigned(claims = {}, key = this.key) {
    const iat = Math.floor(this.clock() / 1000);
    return signJwt(key, {
      sub: this.account.user_id,
      iss: this.account.id,
      aud: `${this.base}/api/device-accounts`,
      iat,
      exp: iat + 7200,
      ...claims,
    });
  }

  /** A call on the account: { status, body }. Older SDKs use the token of the enrolment: `bearer`. */
  onAccount(method, { body, bearer = this.selfSigned(), id = this.account.id, more = '' } = {}) {
    return this.call(method, `api/device-accounts/${id}${more}`, { authorization: `Bearer ${bearer}`, body });
  }

  /** The newest push to this phone, as its payload; from the outbox where pushes stay with --dev. */
  async push(server, ms = 5000) {
    const until = performance.now() + ms;
    for (;;) {
      const mine = (await server.outbox({ channel: 'push' }))
        .map(({ payload }) => (typeof payload === 'string' ? JSON.parse(payload) : payload))
        .filter(({ dai }) => dai === this.account.id);
      const fresh = mine.find(({ txtkn }) => !this.#seen.has(txtkn));
      if (fresh) {
        for (const { txtkn } of mine) this.#seen.add(txtkn);
        return fresh;
      }
      if (performance.now() > until) throw new Error('no push arrived');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  #seen = new Set();

  /** What waits for this phone, as our own app asks where it gets no pushes. */
  async pending() {
    const { status, body } = await this.onAccount('GET', { more: '/pending' });
    if (status !== 200) throw new Error(`pending: ${status} ${JSON.stringify(body)}`);
    return body;
  }

  /** The signed answer to a push; `claims` replaces some, undefined ones are left out. */
  response(push, accepted, { reason, number, claims = {}, header, key = this.key, now = this.clock() } = {}) {
    const iat = Math.floor(now / 1000);
    return signJwt(
      key,
      {
        iss: this.identifier,
        sub: push.c,
        aud: `${this.base}/api/resolve-transaction`,
        iat,
        exp: iat + 30,
        auth0_guardian_method: 'push',
        auth0_guardian_accepted: accepted,
        auth0_guardian_reason: reason,
        auth0_guardian_number: number,
        ...claims,
      },
      header,
    );
  }

  /** Sends an answer: { status, body }. */
  resolve(push, response, bearer = push.txtkn) {
    return this.call('POST', 'api/resolve-transaction', {
      authorization: `Bearer ${bearer}`,
      body: { challenge_response: response },
    });
  }

  /** Allows or denies; anything but success is a failure of the test. */
  async answer(push, accepted, options = {}) {
    const { status, body } = await this.resolve(push, this.response(push, accepted, options));
    if (status !== 204 && status !== 200) throw new Error(`resolve-transaction: ${status} ${JSON.stringify(body)}`);
  }

  /** The six digits that it shows now. */
  code(ms = this.clock()) {
    return totp(this.account.totp.secret, ms);
  }
}
