// A browser without an engine: a cookie jar, redirects, and forms filled in and sent as HTML says. For tests of what pages do;
// how they look is for tests/browser.

import { createHash, randomBytes } from 'node:crypto';
import { parse } from 'node-html-parser';
import { answer } from './server.mjs';

const MOST_REDIRECTS = 20;

/** Cookies as RFC 6265 keeps them, as far as one host needs. */
export class CookieJar {
  #cookies = new Map();

  store(response, url) {
    for (const line of response.headers.getSetCookie()) {
      const [pair, ...attributes] = line.split(';').map((part) => part.trim());
      const equals = pair.indexOf('=');
      const cookie = { name: pair.slice(0, equals), value: pair.slice(equals + 1), path: '/', host: url.host, line };
      for (const attribute of attributes) {
        const [name, value = ''] = attribute.split('=');
        if (name.toLowerCase() === 'path') cookie.path = value;
        if (name.toLowerCase() === 'max-age') cookie.maxAge = Number(value);
        if (name.toLowerCase() === 'expires') cookie.expires = Date.parse(value);
      }
      const key = `${cookie.host} ${cookie.path} ${cookie.name}`;
      const ends = cookie.maxAge !== undefined ? cookie.maxAge <= 0 : cookie.expires < Date.now();
      if (ends) this.#cookies.delete(key);
      else this.#cookies.set(key, cookie);
    }
  }

  header(url) {
    return [...this.#cookies.values()]
      .filter((cookie) => cookie.host === url.host && pathMatches(url.pathname, cookie.path))
      .map((cookie) => `${cookie.name}=${cookie.value}`)
      .join('; ');
  }

  all() {
    return [...this.#cookies.values()];
  }

  get(name) {
    return this.all().find((cookie) => cookie.name === name)?.value;
  }

  /** As a browser does at its end: cookies without a lifetime go. */
  endSession() {
    for (const [key, cookie] of this.#cookies)
      if (cookie.maxAge === undefined && cookie.expires === undefined) this.#cookies.delete(key);
  }
}

function pathMatches(path, of) {
  return path === of || (path.startsWith(of) && (of.endsWith('/') || path[of.length] === '/'));
}

/** A page that was reached. `redirect` is set instead where the server sent the browser to another host. */
export class Page {
  constructor(browser, url, response, text) {
    this.browser = browser;
    this.url = new URL(url);
    this.status = response.status;
    this.headers = response.headers;
    this.text = text;
    this.html = parse(text);
  }

  get path() {
    return this.url.pathname;
  }

  get title() {
    return this.html.querySelector('title')?.text.trim();
  }

  /** The visible words, blanks made one. */
  get words() {
    const body = this.html.querySelector('body') ?? this.html;
    return body.textContent.replace(/\s+/g, ' ').trim();
  }

  /** What the page says is wrong: all alerts. */
  get errors() {
    return this.html.querySelectorAll('[role=alert], .error').map((node) => node.text.replace(/\s+/g, ' ').trim());
  }

  get forms() {
    return this.html.querySelectorAll('form');
  }

  /** The form that has a control of that name or value, or the first one. */
  form(name) {
    if (!name) return this.forms[0];
    return this.forms.find((form) => form.querySelector(`[name="${name}"]`) ?? form.querySelector(`[value="${name}"]`));
  }

  /** What a browser would send of the form, untouched and without a button. */
  static values(form) {
    const values = [];
    for (const control of form.querySelectorAll('input, select, textarea')) {
      const name = control.getAttribute('name');
      const type = (control.getAttribute('type') ?? 'text').toLowerCase();
      if (!name || control.hasAttribute('disabled') || ['submit', 'button', 'image', 'reset'].includes(type)) continue;
      if ((type === 'checkbox' || type === 'radio') && !control.hasAttribute('checked')) continue;
      if (control.tagName === 'SELECT') {
        const option = control.querySelector('option[selected]') ?? control.querySelector('option');
        values.push([name, option?.getAttribute('value') ?? option?.text ?? '']);
      } else if (control.tagName === 'TEXTAREA') {
        values.push([name, control.text]);
      } else {
        values.push([name, control.getAttribute('value') ?? (type === 'checkbox' ? 'on' : '')]);
      }
    }
    return values;
  }

  /**
   * Fills in and sends a form. `fields` sets values by name (null leaves one out); `button` is the value of the button that
   * is pressed, by default the form's first one; `form` a form element, by default the one that has the first field.
   */
  submit(fields = {}, { button, form } = {}) {
    const chosen = form ?? this.form(button) ?? this.form(Object.keys(fields)[0]) ?? this.form();
    if (!chosen) throw new Error(`no form on ${this.url}: ${this.words.slice(0, 500)}`);
    const body = new URLSearchParams();
    for (const [name, value] of Page.values(chosen)) if (!(name in fields)) body.append(name, value);
    for (const [name, value] of Object.entries(fields)) if (value !== null) body.append(name, value);
    const buttons = chosen.querySelectorAll('button, input[type=submit]');
    const pressed = button ? buttons.find((node) => node.getAttribute('value') === button) : buttons[0];
    if (pressed?.getAttribute('name')) body.append(pressed.getAttribute('name'), pressed.getAttribute('value') ?? '');
    const action = new URL(pressed?.getAttribute('formaction') ?? chosen.getAttribute('action') ?? '', this.url);
    if ((chosen.getAttribute('method') ?? 'get').toLowerCase() === 'post')
      return this.browser.open(action, { method: 'POST', body });
    action.search = body.toString();
    return this.browser.open(action);
  }

  /** Follows the link whose href or words match. */
  follow(match) {
    const link = this.html
      .querySelectorAll('a[href]')
      .find((node) => node.getAttribute('href').match(match) || node.text.match(match));
    if (!link) throw new Error(`no link ${match} on ${this.url}: ${this.words.slice(0, 500)}`);
    return this.browser.open(new URL(decodeEntities(link.getAttribute('href')), this.url));
  }
}

function decodeEntities(text) {
  return text.replaceAll('&amp;', '&');
}

export class Browser {
  constructor(server, { headers = {}, jar = new CookieJar() } = {}) {
    this.server = server;
    this.headers = headers;
    this.jar = jar;
  }

  /** Opens a URL and follows redirects as far as they stay with the server. */
  async open(url, init = {}) {
    let at = new URL(url, this.server.issuer);
    let request = { method: 'GET', ...init };
    for (let hop = 0; hop < MOST_REDIRECTS; hop++) {
      const headers = { accept: 'text/html', 'accept-language': 'en', ...this.headers, ...request.headers };
      const cookies = this.jar.header(at);
      if (cookies) headers.cookie = cookies;
      if (request.method === 'POST') headers.origin ??= at.origin;
      const response = await fetch(at, { ...request, headers, redirect: 'manual' });
      this.jar.store(response, at);
      const location = response.headers.get('location');
      if (response.status < 300 || response.status >= 400 || !location)
        return new Page(this, at, response, await response.text());
      await response.arrayBuffer();
      at = new URL(location, at);
      if (at.host !== this.server.host) return { redirect: at, path: null, status: response.status };
      if (response.status !== 307 && response.status !== 308) request = { method: 'GET' };
    }
    throw new Error(`too many redirects, last to ${at}`);
  }
}

/** A verifier and its S256 challenge (RFC 7636). */
export function pkce() {
  const verifier = randomBytes(32).toString('base64url');
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') };
}

/** A login by authorization code and PKCE in one browser, step by step. */
export class Login {
  constructor(server, client, { browser = new Browser(server), redirectUri, parameters = {} } = {}) {
    this.server = server;
    this.client = client;
    this.browser = browser;
    this.redirectUri = redirectUri ?? client.callbacks[0];
    this.pkce = pkce();
    this.state = randomBytes(8).toString('hex');
    this.nonce = randomBytes(8).toString('hex');
    this.parameters = parameters;
  }

  get authorizeUrl() {
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: this.client.client_id,
      redirect_uri: this.redirectUri,
      scope: 'openid profile email',
      state: this.state,
      nonce: this.nonce,
      code_challenge: this.pkce.challenge,
      code_challenge_method: 'S256',
      ...this.parameters,
    });
    return this.server.url(`authorize?${query}`);
  }

  /** Opens /authorize: a page, or { redirect } at once where a session suffices. */
  begin() {
    return this.browser.open(this.authorizeUrl);
  }

  /** Begins and passes identifier and password: the page after them (a second factor, an error), or { redirect }. */
  async withPassword(username, password) {
    const identifier = await this.begin();
    if (identifier.redirect) return identifier;
    const next = await identifier.submit({ username });
    if (next.redirect || !next.form('password')) return next;
    return next.submit({ password });
  }

  /** What arrived at the application: the query as an object; a state that is not ours is a failure. */
  arrived(outcome) {
    if (!outcome.redirect)
      throw new Error(`not back at the application, but on ${outcome.url}: ${outcome.words.slice(0, 500)}`);
    const query = Object.fromEntries(outcome.redirect.searchParams);
    if (query.state !== this.state) throw new Error(`another state came back: ${outcome.redirect}`);
    return query;
  }

  /** Redeems the code that arrived: { status, body } of /oauth/token. */
  redeem(code, more = {}) {
    return this.server.postForm('oauth/token', {
      grant_type: 'authorization_code',
      client_id: this.client.client_id,
      ...(this.client.client_secret && this.client.token_endpoint_auth_method !== 'none'
        ? { client_secret: this.client.client_secret }
        : {}),
      code,
      code_verifier: this.pkce.verifier,
      redirect_uri: this.redirectUri,
      ...more,
    });
  }

  /** The tokens of a finished login; anything else is a failure. */
  async tokens(outcome) {
    const arrived = this.arrived(outcome);
    if (!arrived.code) throw new Error(`no code: ${JSON.stringify(arrived)}`);
    const { status, body } = await this.redeem(arrived.code);
    if (status !== 200) throw new Error(`/oauth/token: ${status} ${JSON.stringify(body)}`);
    return body;
  }
}

/** The claims of a JWT, unverified. */
export function claims(token) {
  return JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());
}

export { answer };
