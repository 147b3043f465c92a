// A Duo of our own: the Universal Prompt's server side (https://duo.com/docs/oauthapi), as strict as Duo's. It refuses whatever
// is not signed by the application's secret, and codes that are foreign, used, or redeemed elsewhere.

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';

export const application = {
  ikey: 'DIABCDEFGHIJ01234567',
  skey: 'abcdefghijklmnopqrstuvwxyz0123456789ABCD',
  host: 'api-01234567.duosecurity.com',
};

const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

export function sign(claims, secret = application.skey, { alg = 'HS512', digest = 'sha512' } = {}) {
  const text = `${part({ alg, typ: 'JWT' })}.${part(claims)}`;
  return `${text}.${createHmac(digest, secret).update(text).digest('base64url')}`;
}

/** The claims of a token that our application signed; anything else throws. */
function verified(token, now) {
  const [header, payload, signature] = token.split('.');
  const { alg } = JSON.parse(Buffer.from(header, 'base64url'));
  if (alg !== 'HS512') throw new Error(`signed by ${alg}`);
  const right = createHmac('sha512', application.skey).update(`${header}.${payload}`).digest();
  if (!timingSafeEqual(right, Buffer.from(signature, 'base64url'))) throw new Error('another signature');
  const claims = JSON.parse(Buffer.from(payload, 'base64url'));
  const seconds = now() / 1000;
  if (!(claims.exp > seconds - 60 && claims.exp <= seconds + 600)) throw new Error(`exp is ${claims.exp}`);
  return claims;
}

export class Duo {
  /** What the endpoints were asked, as { path, claims }. */
  asked = [];
  /** Set to make it answer that status everywhere, or to change the id token's claims, or what signs them. */
  brokenStatus = null;
  changeToken = (claims) => claims;
  signToken = sign;
  now = () => Date.now();
  #codes = new Map();
  #assertions = new Set();

  async start() {
    this.http = createServer((request, response) => this.#serve(request, response));
    await new Promise((resolve) => this.http.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${this.http.address().port}`;
    return this;
  }

  stop() {
    this.http.closeAllConnections();
    return new Promise((resolve) => this.http.close(resolve));
  }

  async #serve(request, response) {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    const url = new URL(request.url, this.url);
    const reply = (status, value) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(value));
    };
    if (this.brokenStatus) return reply(this.brokenStatus, { stat: 'FAIL', code: 50000, message: 'broken' });
    try {
      if (request.method === 'GET' && url.pathname === '/oauth/v1/authorize') {
        const location = this.prompt(url);
        return response.writeHead(302, { location }).end();
      }
      const form = Object.fromEntries(new URLSearchParams(body));
      this.#authenticate(url, form);
      if (url.pathname === '/oauth/v1/health_check') return reply(200, { stat: 'OK', response: { timestamp: 1 } });
      if (url.pathname === '/oauth/v1/token') return reply(200, this.#redeem(form));
      return reply(404, { stat: 'FAIL', code: 40401 });
    } catch (error) {
      return reply(400, { error: 'invalid_grant', error_description: error.message, stat: 'FAIL', code: 40002 });
    }
  }

  #authenticate(url, form) {
    const claims = verified(form.client_assertion, this.now);
    this.asked.push({ path: url.pathname, claims });
    if (claims.iss !== application.ikey || claims.sub !== application.ikey || form.client_id !== application.ikey)
      throw new Error('another client');
    if (claims.aud !== `${this.url}${url.pathname}`) throw new Error('another endpoint');
    if (claims.jti.length < 22 || this.#assertions.has(claims.jti)) throw new Error('an assertion is good once');
    this.#assertions.add(claims.jti);
  }

  /** What a person does on the prompt that `url` shows: the address that Duo sends the browser to. */
  prompt(url, { result = 'allow', canceled = false } = {}) {
    const claims = verified(url.searchParams.get('request'), this.now);
    this.asked.push({ path: url.pathname, claims });
    if (url.searchParams.get('client_id') !== application.ikey || claims.client_id !== application.ikey)
      throw new Error('another client');
    if (claims.iss !== application.ikey || claims.aud !== this.url || claims.scope !== 'openid') throw new Error('request');
    if (claims.response_type !== 'code' || url.searchParams.get('response_type') !== 'code') throw new Error('no code');
    if (claims.state.length < 22 || claims.state.length > 1024) throw new Error('the state is too short or too long');
    const back = new URL(claims.redirect_uri);
    back.searchParams.set('state', claims.state);
    if (canceled) {
      back.searchParams.set('error', 'access_denied');
      return back.href;
    }
    const code = randomBytes(16).toString('hex');
    this.#codes.set(code, { claims, result });
    back.searchParams.set(claims.use_duo_code_attribute ? 'duo_code' : 'code', code);
    return back.href;
  }

  #redeem(form) {
    const known = this.#codes.get(form.code);
    this.#codes.delete(form.code);
    if (form.grant_type !== 'authorization_code' || !known) throw new Error('no such code');
    if (form.client_assertion_type !== 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer') throw new Error('type');
    if (form.redirect_uri !== known.claims.redirect_uri) throw new Error('redeemed elsewhere');
    const seconds = Math.floor(this.now() / 1000);
    const token = this.changeToken({
      iss: `${this.url}/oauth/v1/token`,
      aud: application.ikey,
      sub: known.claims.duo_uname,
      preferred_username: known.claims.duo_uname,
      iat: seconds,
      exp: seconds + 300,
      auth_time: seconds,
      nonce: known.claims.nonce,
      auth_result: { result: known.result, status: known.result, status_msg: 'Login' },
    });
    return { id_token: this.signToken(token), access_token: 'unused', token_type: 'Bearer', expires_in: 300 };
  }
}
