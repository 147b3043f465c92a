// Rules as people wrote them over the years: older and newer style, with the modules, globals and idioms that are found most in
// public repositories. Each is run as it stands, and must come to what it would have come to at Auth0.

import assert from 'node:assert/strict';
import { createDecipheriv, createHash, createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { startServer } from '../harness/server.mjs';

let server;
let upstream;
let base;
let received = [];

const answers = {
  'GET /roles/ann@example.test': [200, { roles: ['admin', 'editor'] }],
  'GET /roles/bob@example.test': [404, { message: 'not found' }],
  'POST /oauth/token': [200, { access_token: 'upstream-token', expires_in: 86400 }],
  'GET /profile': [200, { department: 'Sales', manager: null }],
  'POST /risk': [200, { score: 87, verdict: 'review' }],
  'POST /events': [202, ''],
  'GET /users?email=ann%40example.test': [200, [{ id: 7, plan: 'gold' }]],
  'PATCH /users/7': [200, { id: 7, plan: 'platinum' }],
  'GET /broken': [500, 'oops'],
  'GET /roles/broken': [500, 'oops'],
  'POST /slack': [200, 'ok'],
  'GET /feed.xml': [200, '<feed><entry id="1"><title>One</title></entry><entry id="2"><title>Two</title></entry></feed>'],
};

before(async () => {
  upstream = createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      received.push({ method: request.method, url: request.url, headers: request.headers, body: Buffer.concat(parts).toString() });
      const [status, body] = answers[`${request.method} ${request.url}`] ?? [404, { message: 'no such thing' }];
      response.writeHead(status, { 'content-type': typeof body === 'string' ? 'text/plain' : 'application/json' });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    });
  });
  await new Promise((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${upstream.address().port}`;
  server = await startServer({ flags: ['--egress-allow=127.0.0.0/8'] });
});

after(async () => {
  upstream?.close();
  await server?.stop();
});

const person = {
  user_id: 'auth0|5f7c8ec7c33c6c004bbafe82', email: 'ann@example.test', email_verified: true, name: 'Ann Example', given_name: 'Ann', family_name: 'Example',
  nickname: 'ann', picture: 'https://app.test/ann.png', created_at: '2020-01-02T03:04:05.678Z', updated_at: '2024-05-06T07:08:09.000Z',
  identities: [{ connection: 'Username-Password-Authentication', provider: 'auth0', user_id: '5f7c8ec7c33c6c004bbafe82', isSocial: false }],
};

/** What comes of a rule's text (BASE stands for the upstream's address). */
async function outcome(script, { user = {}, context = {} } = {}) {
  received = [];
  return server.apiOk('POST', 'rules/try', { script: script.replaceAll('BASE', base), user: { ...person, ...user }, context });
}

const idToken = async (...given) => {
  const { error_description: said, id_token: token } = await outcome(...given);
  assert.equal(said, undefined);
  return token;
};

test('roles by the domain of the address, in the oldest style', async () => {
  const script = `function (user, context, callback) {
    user.app_metadata = user.app_metadata || {};
    // You can add a Role based on what you want
    var addRolesToUser = function(user, cb) {
      if (user.email && (user.email.indexOf('@example.test') > -1)) {
        cb(null, ['admin']);
      } else {
        cb(null, ['user']);
      }
    };
    addRolesToUser(user, function(err, roles) {
      if (err) {
        callback(err);
      } else {
        user.app_metadata.roles = roles;
        auth0.users.updateAppMetadata(user.user_id, user.app_metadata)
          .then(function(){
            context.idToken['https://example.test/roles'] = user.app_metadata.roles;
            callback(null, user, context);
          })
          .catch(function(err){
            callback(err);
          });
      }
    });
  }`;
  const { id_token: token, updates } = await outcome(script);
  assert.deepEqual(token, { 'https://example.test/roles': ['admin'] });
  assert.deepEqual(updates, [{ user_id: person.user_id, app_metadata: { roles: ['admin'] } }]);
  assert.deepEqual(await idToken(script, { user: { email: 'x@other.test' } }), { 'https://example.test/roles': ['user'] });
});

test('request without require, JSON and a status check', async () => {
  const script = `function getRoles(user, context, callback) {
    request({ url: 'BASE/roles/' + user.email, json: true, timeout: 5000 }, function (err, resp, body) {
      if (err) return callback(err);
      if (resp.statusCode === 404) return callback(new UnauthorizedError('You are not on the list, ' + user.nickname + '.'));
      if (resp.statusCode !== 200) return callback(new Error('Status ' + resp.statusCode));
      user.roles = body.roles;
      context.idToken['https://example.test/claims/roles'] = body.roles.join(' ');
      callback(null, user, context);
    });
  } `;
  assert.deepEqual(await idToken(script), { 'https://example.test/claims/roles': 'admin editor' });
  const refused = await outcome(script, { user: { email: 'bob@example.test', nickname: 'bob' } });
  assert.deepEqual([refused.error, refused.error_description], ['unauthorized', 'You are not on the list, bob.']);
  assert.equal((await outcome(script, { user: { email: 'broken' } })).error_description, 'Status 500');
});

test('a signed token posted with request.post, jwt and minutes', async () => {
  await idToken(`function (user, context, callback) {
    var token = jwt.sign({ email: user.email, seen: new Date('2024-01-01').getTime() }, new Buffer('c2VjcmV0', 'base64'), { subject: user.user_id, expiresInMinutes: 600, audience: context.clientID, issuer: 'https://example.test' });
    request.post({ url: 'BASE/events', headers: { Authorization: 'Bearer ' + token }, form: { event: 'login', ip: context.request.ip || 'unknown' } }, function (err, response, body) {
      if (err || response.statusCode >= 300) return callback(new Error('no'));
      return callback(null, user, context);
    });
  }`, { context: { clientID: 'client1', request: { ip: '9.9.9.9' } } });
  const [{ headers, body }] = received;
  const [head, payload, signature] = headers.authorization.slice(7).split('.');
  assert.equal(createHmac('sha256', 'secret').update(`${head}.${payload}`).digest('base64url'), signature);
  const claims = JSON.parse(Buffer.from(payload, 'base64url'));
  assert.deepEqual([claims.sub, claims.aud, claims.exp - claims.iat, claims.email], [person.user_id, 'client1', 36000, person.email]);
  assert.equal(body, 'event=login&ip=9.9.9.9');
});

test('a token for another API, kept in global for later logins', async () => {
  const script = `function (user, context, callback) {
    const getToken = async () => {
      if (global.corpusToken && global.corpusTokenExpiry > Date.now()) return global.corpusToken;
      const axios = require('axios@0.21.1');
      const { data } = await axios.post('BASE/oauth/token', { grant_type: 'client_credentials', client_id: 'x', client_secret: 'y' });
      global.corpusToken = data.access_token;
      global.corpusTokenExpiry = Date.now() + data.expires_in * 1000;
      return data.access_token;
    };
    getToken().then((token) => require('axios@0.21.1').get('BASE/profile', { headers: { authorization: \`Bearer \${token}\` } }))
      .then(({ data }) => {
        context.idToken['https://example.test/department'] = data.department;
        context.accessToken['https://example.test/department'] = data.department;
        callback(null, user, context);
      })
      .catch((error) => callback(error));
  }`;
  let asked = 0;
  for (let i = 0; i < 6; i++) {
    assert.deepEqual(await idToken(script), { 'https://example.test/department': 'Sales' });
    asked += received.filter(({ url }) => url === '/oauth/token').length;
    assert.equal(received.at(-1).headers.authorization, 'Bearer upstream-token');
  }
  assert.ok(asked < 6, `${asked} of 6 logins asked for a token`);
});

test('clients kept in global work in the logins after', async () => {
  const script = `async function (user, context, callback) {
    global.corpusClients = global.corpusClients || { axios: require('axios').create({ baseURL: 'BASE' }), request: require('request').defaults({ baseUrl: 'BASE', json: true }), rp: require('request-promise'), made: context.clientID };
    const { axios, request, rp, made } = global.corpusClients;
    const one = await axios.get('/profile');
    const two = await new Promise((done, no) => request.get('/profile', (e, r, b) => (e ? no(e) : done(b))));
    const three = await rp({ uri: 'BASE/profile', json: true });
    context.idToken['https://example.test/kept'] = [one.data.department, two.department, three.department, made === context.clientID];
    callback(null, user, context);
  }`;
  let reused = 0;
  for (let i = 0; i < 6; i++) {
    const [a, b, c, isNew] = (await idToken(script, { context: { clientID: `client${i}` } }))['https://example.test/kept'];
    assert.deepEqual([a, b, c], ['Sales', 'Sales', 'Sales']);
    reused += isNew ? 0 : 1;
  }
  assert.ok(reused > 0);
});

test('async/await with node-fetch, and errors of the upstream that do not matter', async () => {
  const script = `async function (user, context, callback) {
    const fetch = require('node-fetch@2.6.0');
    try {
      const response = await fetch('BASE/PATH', { method: 'POST', body: JSON.stringify({ ip: context.request.ip, id: user.user_id }), headers: { 'Content-Type': 'application/json' }, timeout: 3000 });
      if (!response.ok) throw new Error(response.statusText);
      const { score, verdict } = await response.json();
      if (score > 80) context.multifactor = { provider: 'any', allowRememberBrowser: false };
      context.idToken['https://example.test/verdict'] = verdict;
    } catch (err) {
      console.log('risk service failed:', err.message);
    }
    return callback(null, user, context);
  }`;
  const risky = await outcome(script.replace('PATH', 'risk'), { context: { request: { ip: '1.1.1.1' } } });
  assert.deepEqual([risky.multifactor, risky.id_token], [{ provider: 'any', allowRememberBrowser: false }, { 'https://example.test/verdict': 'review' }]);
  const failing = await outcome(script.replace('PATH', 'gone'), { context: { request: { ip: '1.1.1.1' } } });
  assert.deepEqual([failing.multifactor, failing.run[0].console[0].text], [undefined, 'risk service failed: Not Found']);
});

test('lodash over groups, permissions and metadata', async () => {
  assert.deepEqual(await idToken(`function (user, context, callback) {
    const _ = require('lodash@4.17.10');
    const groups = _.get(user, 'app_metadata.authorization.groups', []);
    const roles = _.get(context, 'authorization.roles', []);
    const namespace = 'https://example.test/';
    const all = _.uniq(_.union(groups, roles)).map((g) => g.toLowerCase());
    if (_.includes(all, 'blocked')) return callback(new UnauthorizedError('blocked'));
    _.extend(context.idToken, _.mapKeys({ groups: _.intersection(all, ['staff', 'admins', 'it']), tier: _.find([{ n: 'a', t: 1 }, { n: 'b', t: 2 }], { n: 'b' }).t, isArray: _.isArray(groups) }, (v, k) => namespace + k));
    const copy = _.cloneDeep(user.app_metadata);
    copy.authorization.groups.push('x');
    context.idToken[namespace + 'untouched'] = user.app_metadata.authorization.groups.length;
    callback(null, user, context);
  }`, { user: { app_metadata: { authorization: { groups: ['Staff', 'Admins'] } } }, context: { authorization: { roles: ['IT', 'Staff'] } } }),
  { 'https://example.test/groups': ['staff', 'admins', 'it'], 'https://example.test/tier': 2, 'https://example.test/isArray': true, 'https://example.test/untouched': 2 });
});

test('accounts of the same address, merged with extend and eachSeries', async () => {
  const { id_token: token, run } = await outcome(`function (user, context, callback) {
    var request = require('request@2.56.0');
    var async = require('async@2.1.2');
    var extend = require('extend');
    if (!user.email || !user.email_verified) return callback(null, user, context);
    request({ url: 'BASE/users', qs: { email: user.email }, headers: { Authorization: 'Bearer x' } }, function (err, response, body) {
      if (err) return callback(err);
      if (response.statusCode !== 200) return callback(new Error(body));
      var data = JSON.parse(body);
      async.eachSeries(data, function (target, next) {
        user.app_metadata = extend(true, {}, user.app_metadata, { linked: { id: target.id } });
        request.patch({ url: 'BASE/users/' + target.id, json: { plan: 'platinum' } }, function (e, r, b) {
          context.idToken['https://example.test/plan'] = b.plan;
          next(e);
        });
      }, function (e) {
        context.primaryUser = 'auth0|primary';
        context.idToken['https://example.test/meta'] = user.app_metadata;
        callback(e, user, context);
      });
    });
  }`, { user: { app_metadata: { plan: 'gold', linked: { at: 1 } } } });
  assert.deepEqual(token, { 'https://example.test/plan': 'platinum', 'https://example.test/meta': { plan: 'gold', linked: { at: 1, id: 7 } } });
  assert.deepEqual(received.map(({ method, url }) => `${method} ${url}`), ['GET /users?email=ann%40example.test', 'PATCH /users/7']);
  assert.equal(run[0].console[0].text, 'async@2.1.2 is not here: async@2.6.4 takes its place');
});

test('a webhook that nobody waits for', async () => {
  const { error, id_token: token } = await outcome(`function (user, context, callback) {
    var slack = require('slack-notify')('BASE/slack');
    slack.success({ text: 'Login: ' + user.name + ' (' + user.email + ')', channel: '#logins' });
    // don’t wait for the Slack API call to finish, return right away (the request will continue on the sandbox)
    callback(null, user, context);
  }`);
  assert.deepEqual([error, token], [undefined, {}]);
});

test('a redirect with a token of its own, and the way back', async () => {
  const script = `function (user, context, callback) {
    var jwt = require('jsonwebtoken@5.7.0'), url = require('url'), qs = require('querystring');
    function verifyToken(clientId, clientSecret, issuer, token, cb) {
      jwt.verify(token, clientSecret, { audience: clientId, issuer: issuer }, cb);
    }
    if (context.protocol !== 'redirect-callback') {
      if (user.user_metadata && user.user_metadata.consent) return callback(null, user, context);
      var token = jwt.sign({ sub: user.user_id, email: user.email }, 'shared secret', { audience: 'app', issuer: 'urn:rules', expiresInMinutes: 5 });
      context.redirect = { url: url.format({ protocol: 'https', host: 'consent.app.test', pathname: '/ask', search: qs.stringify({ token: token }) }) };
      return callback(null, user, context);
    }
    verifyToken('app', 'shared secret', 'urn:rules', context.request.query.token, function (err, decoded) {
      if (err) return callback(new UnauthorizedError('Consent: ' + err.message));
      if (decoded.sub !== user.user_id) return callback(new UnauthorizedError('Token does not match the current user.'));
      context.idToken['https://example.test/consent'] = decoded.email;
      callback(null, user, context);
    });
  }`;
  const { redirect_url: address } = await outcome(script, { context: { protocol: 'oidc-basic-profile' } });
  assert.match(address, /^https:\/\/consent\.app\.test\/ask\?token=ey/);
  const token = new URL(address).searchParams.get('token');
  const back = (query, user) => outcome(script, { user, context: { protocol: 'redirect-callback', request: { query } } });
  assert.deepEqual((await back({ token })).id_token, { 'https://example.test/consent': person.email });
  assert.equal((await back({ token: token.slice(0, -2) })).error_description, 'Consent: invalid signature');
  assert.equal((await back({ token }, { user_id: 'auth0|other' })).error_description, 'Token does not match the current user.');
  assert.equal((await back({})).error_description, 'Consent: jwt must be provided');
});

test('a range of addresses, by ipaddr.js', async () => {
  const script = `function (user, context, callback) {
    const ipaddr = require('ipaddr.js');
    const corp_network = ipaddr.parseCIDR('10.20.0.0/16');
    const current_ip = ipaddr.process(context.request.ip);
    if (current_ip.kind() !== 'ipv4' || !current_ip.match(corp_network)) context.multifactor = { provider: 'guardian', ignoreCookie: true };
    callback(null, user, context);
  }`;
  assert.equal((await outcome(script, { context: { request: { ip: '10.20.30.40' } } })).multifactor, undefined);
  assert.equal((await outcome(script, { context: { request: { ip: '::ffff:10.20.30.40' } } })).multifactor, undefined);
  assert.deepEqual((await outcome(script, { context: { request: { ip: '2001:db8::1' } } })).multifactor, { provider: 'guardian', ignoreCookie: true });
});

test('hours, weekdays and ages by moment and moment-timezone', async () => {
  const script = `function (user, context, callback) {
    const moment = require('moment-timezone');
    const created = moment(new Date(user.created_at)).tz('Asia/Tokyo');
    context.idToken['https://example.test/since'] = created.format('dddd, MMMM Do YYYY, HH:mm Z');
    context.idToken['https://example.test/old'] = require('moment@2.11.2')('2024-05-06').diff(user.created_at, 'years');
    callback(null, user, context);
  }`;
  assert.deepEqual(await idToken(script), { 'https://example.test/since': 'Thursday, January 2nd 2020, 12:04 +09:00', 'https://example.test/old': 4 });
});

test('what is encrypted for an application, and a signature for a widget', async () => {
  const token = await idToken(`function (user, context, callback) {
    var crypto = require('crypto');
    var iv = new Buffer('000102030405060708090a0b0c0d0e0f', 'hex');
    var cipher = crypto.createCipheriv('aes-256-cbc', crypto.createHash('sha256').update('key').digest(), iv);
    var sealed = cipher.update(JSON.stringify({ email: user.email }), 'utf8', 'base64') + cipher.final('base64');
    context.idToken['https://example.test/sealed'] = sealed;
    context.idToken['https://example.test/hash'] = crypto.createHmac('sha256', 'intercom').update(user.user_id).digest('hex');
    context.idToken['https://example.test/gravatar'] = 'https://gravatar.test/' + crypto.createHash('md5').update(user.email.trim().toLowerCase()).digest('hex');
    context.idToken['https://example.test/id'] = require('uuid').v4().length + uuid().length;
    callback(null, user, context);
  }`);
  assert.deepEqual(token, {
    'https://example.test/sealed': token['https://example.test/sealed'],
    'https://example.test/hash': createHmac('sha256', 'intercom').update(person.user_id).digest('hex'),
    'https://example.test/gravatar': `https://gravatar.test/${createHash('md5').update(person.email).digest('hex')}`,
    'https://example.test/id': 72,
  });
  const decipher = createDecipheriv('aes-256-cbc', createHash('sha256').update('key').digest(), Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex'));
  assert.equal(decipher.update(token['https://example.test/sealed'], 'base64', 'utf8') + decipher.final('utf8'), `{"email":"${person.email}"}`);
});

test('promises by bluebird and q around callbacks', async () => {
  assert.deepEqual(await idToken(`function (user, context, callback) {
    var Promise = require('bluebird@3.4.6'), rp = require('request-promise@4.1.1'), Q = require('q');
    var ask = Promise.promisify(request);
    Promise.all([ask({ url: 'BASE/profile', json: true }), rp({ uri: 'BASE/roles/' + user.email, json: true }), Q.nfcall(request, 'BASE/profile')])
      .spread(function (first, second, third) {
        context.idToken['https://example.test/all'] = [first.body.department, second.roles.length, third[0].statusCode];
        return Promise.delay(5);
      })
      .then(function () { return rp('BASE/broken'); })
      .catch(function (e) { return e.statusCode === 500; }, function (e) { context.idToken['https://example.test/broken'] = e.error; })
      .finally(function () { callback(null, user, context); });
  }`), { 'https://example.test/all': ['Sales', 2, 200], 'https://example.test/broken': 'oops' });
});

test('XML of an old service, by xml2js and by xpath', async () => {
  assert.deepEqual(await idToken(`function (user, context, callback) {
    var request = require('request'), xml2js = require('xml2js'), xpath = require('xpath'), dom = require('xmldom').DOMParser;
    request('BASE/feed.xml', function (err, res, xml) {
      if (err) return callback(err);
      xml2js.parseString(xml, { explicitArray: false }, function (e, result) {
        if (e) return callback(e);
        context.idToken['https://example.test/xml'] = [result.feed.entry[1].title, xpath.select1('string(//entry[@id="1"]/title)', new dom().parseFromString(xml))];
        callback(null, user, context);
      });
    });
  }`), { 'https://example.test/xml': ['Two', 'One'] });
});

test('attributes for SAML, a renamed profile, an unguarded member', async () => {
  const { id_token: token, error, user } = await outcome(`function mapSamlAttributes(user, context, callback) {
    user.awsRole = 'arn:aws:iam::123456789012:role/' + user.groups[0] + ',arn:aws:iam::123456789012:saml-provider/auth0';
    user.awsRoleSession = user.nickname;
    context.samlConfiguration.mappings = { 'https://aws.amazon.com/SAML/Attributes/Role': 'awsRole', 'https://aws.amazon.com/SAML/Attributes/RoleSessionName': 'awsRoleSession' };
    user.name = user.given_name + ' ' + user.family_name[0] + '.';
    context.idToken['https://example.test/name'] = user.name;
    callback(null, user, context);
  }`, { user: { groups: ['ops'] } });
  assert.deepEqual([error, token, user.awsRoleSession], [undefined, { 'https://example.test/name': 'Ann E.' }, 'ann']);
  const bare = await outcome(`function (user, context, callback) { context.idToken.x = user.app_metadata.roles; callback(null, user, context); }`);
  assert.deepEqual([bare.error, bare.error_description], ['access_denied', "Cannot read properties of undefined (reading 'roles')"]);
});

test('a helper that an earlier rule left in global, templates and URLs', async () => {
  assert.deepEqual(await idToken(`function (user, context, callback) {
    global.corpusLink = global.corpusLink || function (path) { return new URL(path, 'https://app.test/base/').toString(); };
    const Handlebars = require('handlebars');
    const text = Handlebars.compile('Hello {{user.name}}, {{#if verified}}welcome{{else}}please verify{{/if}}!')({ user, verified: user.email_verified });
    const params = new URLSearchParams({ to: global.corpusLink('a/b?c=d'), text });
    context.idToken['https://example.test/link'] = corpusLink('../x');
    context.idToken['https://example.test/query'] = params.toString();
    context.idToken['https://example.test/node'] = typeof process.version + Buffer.from(user.nickname).toString('base64');
    callback(null, user, context);
  }`), {
    'https://example.test/link': 'https://app.test/x',
    'https://example.test/query': 'to=https%3A%2F%2Fapp.test%2Fbase%2Fa%2Fb%3Fc%3Dd&text=Hello+Ann+Example%2C+welcome%21',
    'https://example.test/node': 'stringYW5u',
  });
});

test('every way to say no', async () => {
  const ways = {
    "callback(new UnauthorizedError('no'))": ['unauthorized', 'no'], "callback(new Error('no'))": ['access_denied', 'no'], "callback('no')": ['access_denied', 'no'],
    "throw new Error('no')": ['access_denied', 'no'], "return Promise.reject(new Error('no'))": ['access_denied', 'no'],
    "require('request')('BASE/x', function () { throw new Error('no'); })": ['access_denied', 'no'],
    "setTimeout(function () { throw new UnauthorizedError('no'); }, 1)": ['unauthorized', 'no'],
    "require('axios').get('BASE/broken').then(function () {}, function (e) { callback(e); })": ['access_denied', 'Request failed with status code 500'],
    "require('async').parallel([function (cb) { cb(new Error('no')); }], function (e) { callback(e); })": ['access_denied', 'no'],
  };
  for (const [way, expected] of Object.entries(ways)) {
    const { error, error_description: said } = await outcome(`function (user, context, callback) { ${way}; }`);
    assert.deepEqual([error, said], expected, way);
  }
});
