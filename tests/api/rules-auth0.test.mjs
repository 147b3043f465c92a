// The Management API from within rules: `auth0` as a global and as a module, against this very server.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { Browser, claims, Login } from '../harness/browserless.mjs';
import { startServer } from '../harness/server.mjs';

let server;
let client;
let user;
let machine;

before(async () => {
  // No loopback in the egress policy: calls to the tenant's own API never leave the server.
  server = await startServer({ flags: ['--script-seconds=5'] });
  client = await server.webClient();
  user = await server.user({ nickname: 'ann', app_metadata: { plan: 'gold' } });
  machine = await server.machineClient(['read:users', 'update:users', 'read:clients', 'create:guardian_enrollment_tickets']);
  for (const [key, value] of Object.entries({ ID: machine.client_id, SECRET: machine.client_secret, EMAIL: user.email }))
    await server.apiOk('PUT', `rules-configs/${key}`, { value });
});

after(async () => { await server?.stop(); });

let made = [];
afterEach(async () => {
  for (const id of made) await server.apiOk('DELETE', `rules/${id}`);
  made = [];
});

/** What the body gives, run as a rule of a login. */
async function inLogin(body) {
  const script = `async function (user, context, callback) { const value = await (async () => { ${body} })(); context.idToken['https://app.test/value'] = value; callback(null, user, context); }`;
  made.push((await server.apiOk('POST', 'rules', { name: `Rule ${Date.now()}`, script })).id);
  const attempt = new Login(server, client, { browser: new Browser(server) });
  const arrived = attempt.arrived(await attempt.withPassword(user.email, user.password));
  assert.equal(arrived.error, undefined, `${arrived.error_description} in: ${body}`);
  const { body: tokens } = await attempt.redeem(arrived.code);
  return claims(tokens.id_token)['https://app.test/value'];
}

const stored = () => server.apiOk('GET', `users/${encodeURIComponent(user.user_id)}`);

test('the ManagementClient by token and domain: promise, callback, errors', async () => {
  const value = await inLogin(`
    const {ManagementClient} = require('auth0@2.9.1');
    const management = new ManagementClient({token: auth0.accessToken, domain: auth0.domain});
    const got = await management.getUser({id: user.user_id});
    const again = await new Promise((done, no) => management.users.get({id: user.user_id}, (e, u) => (e ? no(e) : done(u))));
    await management.updateAppMetadata({id: user.user_id}, {seen: 1});
    await management.users.updateUserMetadata({id: user.user_id}, {colour: 'red'});
    await management.updateUser({id: user.user_id}, {nickname: 'anna'});
    const byEmail = await management.getUsersByEmail(user.email);
    const missing = await management.users.get({id: 'auth0|nobody'}).catch((e) => [e.statusCode, e.name, e.message]);
    const denied = await new Promise((done) => management.clients.getAll((e) => done([e.statusCode, e.name])));
    const all = await management.users.getAll({per_page: 1, page: 0, include_totals: true, fields: 'user_id'});
    let bad; try { new ManagementClient({domain: auth0.domain}); } catch (e) { bad = e.name; }
    return [got.email === user.email, again.user_id === user.user_id, byEmail.length, missing, denied, all.users.length, bad];`);
  assert.deepEqual(value, [true, true, 1, [404, 'Not Found', 'The user does not exist.'], [403, 'Forbidden'], 1, 'ArgumentError']);
  const { app_metadata: app, user_metadata: own, nickname } = await stored();
  assert.deepEqual([app.seen, app.plan, own.colour, nickname], [1, 'gold', 'red', 'anna']);
});

test('the ManagementClient by an application of its own', async () => {
  assert.deepEqual(await inLogin(`
    const {ManagementClient} = require('auth0');
    const management = new ManagementClient({domain: auth0.domain, clientId: configuration.ID, clientSecret: configuration.SECRET});
    const clients = await management.getClients();
    const one = await management.clients.get({client_id: configuration.ID, fields: ['client_id', 'name'].join(','), include_fields: true});
    const ticket = await management.createGuardianEnrollmentTicket({user_id: user.user_id});
    const enrollments = await management.users.getGuardianEnrollments({id: user.user_id});
    const beyond = await management.getRules().catch((e) => [e.statusCode, /Insufficient scope/.test(e.message)]);
    return [Array.isArray(clients), Object.keys(one), typeof ticket.ticket_url, enrollments, beyond];`),
  [true, ['client_id', 'name'], 'string', [], [403, true]]);
});

test('the global auth0 is a client too, within its two scopes', async () => {
  assert.deepEqual(await inLogin(`
    const got = await auth0.users.get({id: user.user_id});
    const byEmail = await auth0.getUsersByEmail(user.email);
    const denied = await auth0.clients.getAll().catch((e) => e.statusCode);
    return [got.user_id === user.user_id, byEmail.length, denied, auth0.users.nothing === undefined, 'domain' in auth0];`),
  [true, 1, 403, true, true]);
});

test('calls of old rules to the API by auth0.baseUrl or auth0.domain', async () => {
  const value = await inLogin(`
    const headers = {Authorization: 'Bearer ' + auth0.accessToken};
    const one = await new Promise((done) => request.get({url: auth0.baseUrl + '/users/' + user.user_id, headers, json: true}, (e, r, b) => done([e && e.message, r && r.statusCode, b && b.user_id === user.user_id])));
    const two = await require('axios').get('https://' + auth0.domain + '/api/v2/users-by-email', {params: {email: user.email}, headers}).then((r) => r.data.length, (e) => e.message);
    const three = await require('axios').patch('https://' + auth0.domain + '/api/v2/users/' + encodeURIComponent(user.user_id), {app_metadata: {by: 'axios'}}, {headers}).then((r) => r.status, (e) => e.message);
    return [one, two, three];`);
  assert.deepEqual(value, [[null, 200, true], 1, 200]);
  assert.equal((await stored()).app_metadata.by, 'axios');
});

test('what is not the API is not called past the egress policy', async () => {
  assert.match(await inLogin(`return fetch(auth0.baseUrl.replace('/api/v2', '/dev/outbox')).then((r) => r.status, (e) => e.message)`), /may not be called/);
});

test('metadata through @auth0/rule-utilities', async () => {
  await inLogin(`
    const {Auth0UserUpdateUtilities} = require('@auth0/rule-utilities@0.2.0');
    const update = new Auth0UserUpdateUtilities(user, auth0, 'shop');
    update.setAppMeta('level', 3); update.setUserMeta('colour', 'blue');
    await update.updateAppMeta(); await update.updateUserMeta();
    return [update.getAppMeta('level'), user.app_metadata.shop.level];`);
  const { app_metadata: app, user_metadata: own } = await stored();
  assert.deepEqual([app.shop, own.shop], [{ level: 3 }, { colour: 'blue' }]);
});

test('the keys of an issuer, and a token checked with them', async () => {
  assert.deepEqual(await inLogin(`
    const client = require('jwks-rsa')({jwksUri: auth0.baseUrl.replace('/api/v2', '/.well-known/jwks.json')});
    const token = auth0.accessToken;
    const verified = await new Promise((done, no) => require('jsonwebtoken').verify(token, (header, next) => client.getSigningKey(header.kid, (e, key) => next(e, key && key.getPublicKey())), {algorithms: ['RS256']}, (e, payload) => (e ? no(e) : done(payload))));
    const unknown = await client.getSigningKey('nope').catch((e) => e.name);
    return [verified.gty, unknown];`), ['client-credentials', 'SigningKeyNotFoundError']);
});
