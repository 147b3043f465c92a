// What `require` gives a rule: packages in the versions that rules pin, and our own modules over the server's HTTP and OpenSSL.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { startServer } from '../harness/server.mjs';

let server;
let upstream;
let base;
let received = [];

before(async () => {
  upstream = createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      const seen = { method: request.method, url: request.url, headers: request.headers, body: Buffer.concat(parts).toString() };
      received.push(seen);
      const path = request.url.split('?')[0];
      const status = Number(/^\/status\/(\d+)/.exec(path)?.[1] ?? 200);
      if (path === '/slow') {
        setTimeout(() => response.end('late'), 1500);
        return;
      }
      if (path === '/gzip') {
        response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
        response.end(gzipSync('{"packed":true}'));
        return;
      }
      if (path === '/hook') {
        response.end('ok');
        return;
      }
      if (path === '/text') {
        response.writeHead(200, { 'content-type': 'text/plain' });
        response.end('grüß dich');
        return;
      }
      if (path === '/moved') {
        response.writeHead(302, { location: '/arrived' });
        response.end();
        return;
      }
      response.writeHead(status, { 'content-type': 'application/json', 'set-cookie': ['a=1', 'b=2'], 'x-seen': 'yes' });
      response.end(JSON.stringify({ ok: status < 400, ...seen }));
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

/** Runs a rule, and what it left in context.idToken.value; lines of its log are in .lines. */
async function run(body) {
  received = [];
  const script = `async function (user, context, callback) { const base = ${JSON.stringify(base)}; const value = await (async () => { ${body} })(); context.idToken.value = value; callback(null, user, context); }`;
  return server.apiOk('POST', 'rules/try', { script, user: { user_id: 'auth0|1' } });
}

async function valueOf(body) {
  const outcome = await run(body);
  assert.equal(outcome.error, undefined, `${outcome.error_description} in: ${body}`);
  return outcome.id_token.value;
}

describe('packages', () => {
  for (const [version, expected] of [['', '4.17.21'], ['@4.17.10', '4.17.10'], ['@4.17.19', '4.17.19'], ['@4.8.2', '4.8.2'], ['@3.10.1', '3.10.1'], ['@2.4.2', '2.4.2']])
    test(`lodash${version}`, async () => {
      assert.equal(await valueOf(`const _ = require('lodash${version}'); return _.VERSION + _.uniq([1, 1, 2]).length + _.find([{a: 1}, {a: 2}], {a: 2}).a`), expected + '22');
    });
  for (const version of ['', '@5.7.0', '@7.1.9', '@8.5.0', '@8.5.1', '@9.0.2'])
    test(`jsonwebtoken${version} HS256`, async () => {
      assert.deepEqual(await valueOf(`const jwt = require('jsonwebtoken${version}'); const t = jwt.sign({a: 1}, 'secret', {audience: 'x', issuer: 'me', subject: 's', expiresIn: 60});
        const c = jwt.verify(t, 'secret', {audience: 'x', issuer: 'me'}); let bad; try { jwt.verify(t, 'other'); } catch (e) { bad = e.name + e.message; } return [c.a, c.aud, c.iss, c.sub, c.exp - c.iat, bad, jwt.decode(t).a]`),
      [1, 'x', 'me', 's', 60, 'JsonWebTokenErrorinvalid signature', 1]);
    });
  for (const version of ['', '@0.19.2', '@0.21.1', '@0.22.0', '@0.27.2', '@1.12.2'])
    test(`axios${version}`, async () => {
      assert.deepEqual(await valueOf(`const axios = require('axios${version}');
        const a = await axios.get(base + '/x', {params: {q: 'a b'}, headers: {'x-test': '1'}});
        const b = await axios({method: 'post', url: base + '/y', data: {z: 1}, auth: {username: 'u', password: 'p'}});
        const c = await axios.create({baseURL: base, timeout: 100}).get('/slow').catch((e) => e.code + e.message);
        const d = await axios.post(base + '/status/404', 'a=1').catch((e) => [e.message, e.response.status, e.response.data.body, e.response.data.headers['content-type']]);
        return [a.status, a.data.url, a.data.headers['x-test'], a.headers['x-seen'], a.headers['set-cookie'].length, b.data.body, b.data.headers['content-type'].split(';')[0], b.data.headers.authorization, c, d]`),
      [200, '/x?q=a+b', '1', 'yes', 2, '{"z":1}', 'application/json', 'Basic dTpw', 'ECONNABORTEDtimeout of 100ms exceeded',
        ['Request failed with status code 404', 404, 'a=1', 'application/x-www-form-urlencoded']]);
    });
  for (const version of ['', '@2.11.2', '@2.24.0'])
    test(`moment${version}`, async () => {
      assert.equal(await valueOf(`return require('moment${version}').utc('2020-02-03T04:05:06Z').add(1, 'month').format('YYYY-MM-DD HH:mm ddd')`), '2020-03-03 04:05 Tue');
    });
  for (const version of ['', '@3.3.2', '@8.3.2', '@9.0.1'])
    test(`uuid${version}`, async () => {
      assert.match(await valueOf(`return require('uuid${version}').v4()`), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    });
});

const plain = [
  ['uuid() itself', `return require('uuid')().length + require('uuid/v4')().length`, 72],
  ['underscore', `return require('underscore').pluck([{a: 1}, {a: 2}], 'a')`, [1, 2]],
  ['underscore@1.8.3', `return require('underscore@1.8.3').VERSION`, '1.8.3'],
  ['lodash/get', `return require('lodash/get')({a: {b: 5}}, 'a.b') + require('lodash@4.17.10/get')({a: {b: 5}}, 'a.b')`, 10],
  ['async', `return new Promise((done) => require('async').eachSeries([1, 2, 3], (x, next) => setTimeout(next, 1), (e) => done(String(e))))`, 'null'],
  ['async@1.5.2', `return new Promise((done) => require('async@1.5.2').waterfall([(n) => n(null, 1), (x, n) => n(null, x + 1)], (e, r) => done(r)))`, 2],
  ['async@3', `return new Promise((done) => require('async@3').map([1, 2], (x, n) => n(null, x * 2), (e, r) => done(r)))`, [2, 4]],
  ['bluebird', `const P = require('bluebird'); const d = P.defer(); d.resolve(2); return P.map([1, d.promise], (x) => x * 2).then((l) => P.promisify((x, cb) => cb(null, x.concat('end')))(l))`, [2, 4, 'end']],
  ['q', `const d = q.defer(); setTimeout(() => d.resolve(7), 1); return require('q').all([d.promise, Q(1)])`, [7, 1]],
  ['promise', `const P = require('promise'); return new P((r) => r(3)).then((x) => x + 1)`, 4],
  ['native-or-bluebird', `const P = require('native-or-bluebird'); return P.resolve(3)`, 3],
  ['moment-timezone', `return require('moment-timezone').tz('2020-07-01T12:00:00Z', 'Europe/Berlin').format('HH:mm z')`, '14:00 CEST'],
  ['oauth-sign', `return require('oauth-sign').hmacsign('GET', 'http://a.test/x', {b: '1', a: '2'}, 'k', 't')`, 'zUWnPv+6idmOPnYL9/wziPNIQok='],
  ['ipaddr.js', `const ip = require('ipaddr.js'); return [ip.parse('192.168.1.140').match(ip.parseCIDR('192.168.1.128/26')), ip.process('::ffff:10.0.0.1').kind(), ip.isValid('x')]`, [true, 'ipv4', false]],
  ['ip', `return [ip.isPrivate('10.1.2.3'), require('ip').cidrSubnet('10.0.0.0/8').contains('11.0.0.1')]`, [true, false]],
  ['xml2js', `return new Promise((done, no) => require('xml2js').parseString('<a><b c="1">x</b></a>', (e, r) => e ? no(e) : done(r)))`, { a: { b: [{ _: 'x', $: { c: '1' } }] } }],
  ['xmldom and xpath', `const doc = new (require('xmldom').DOMParser)().parseFromString('<a><b>x</b><b>y</b></a>'); return require('xpath').select('//b/text()', doc).map(String)`, ['x', 'y']],
  ['@xmldom/xmldom', `const {DOMParser, XMLSerializer} = require('@xmldom/xmldom'); return new XMLSerializer().serializeToString(new DOMParser().parseFromString('<a b="1"/>', 'text/xml'))`, '<a b="1"/>'],
  ['useragent', `const a = require('useragent').parse('Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/90.0.4430.93 Safari/537.36'); return [a.family, a.major, a.os.family]`, ['Chrome', '90', 'Windows']],
  ['cookie', `return [require('cookie').parse('a=1; b=x%20y').b, require('cookie').serialize('k', 'v', {httpOnly: true})]`, ['x y', 'k=v; HttpOnly']],
  ['validator', `const v = require('validator'); return [v.isEmail('a@b.test'), v.isURL('nope'), v.escape('<b>')]`, [true, false, '&lt;b&gt;']],
  ['handlebars', `return require('handlebars').compile('Hi {{#each l}}{{this}} {{/each}}{{{raw}}}{{raw}}')({l: [1, 2], raw: '<'})`, 'Hi 1 2 <&lt;'],
  ['extend', `return require('extend')(true, {a: {b: 1}}, {a: {c: 2}})`, { a: { b: 1, c: 2 } }],
  ['xtend', `return xtend({a: 1}, {b: 2})`, { a: 1, b: 2 }],
  ['deep-equal', `return [require('deep-equal')({a: [1]}, {a: [1]}), require('deep-equal')(1, 2)]`, [true, false]],
  ['qs', `const qs = require('qs'); return [qs.stringify({a: {b: [1]}}, {encode: false}), qs.parse('a[b]=1')]`, ['a[b][0]=1', { a: { b: '1' } }]],
  ['ms', `return require('ms')('2 days')`, 172800000],
  ['base64url', `return require('base64url')('a?>') + require('base64url').decode('YQ')`, 'YT8-a'],
  ['node-uuid', `return require('node-uuid').v1().length`, 36],
  ['string_decoder', `const d = new (require('string_decoder').StringDecoder)('utf8'); return d.write(Buffer.from([0xe2, 0x82])) + d.write(Buffer.from([0xac]))`, '€'],
  ['path', `return require('path').join('a', '..', 'b', 'c.js') + require('path').extname('x.tar.gz')`, 'b/c.js.gz'],
  ['punycode', `return require('punycode').toASCII('bücher.test')`, 'xn--bcher-kva.test'],
  ['events', `const E = require('events').EventEmitter; const e = new E(); let n = 0; e.once('x', () => n++); e.emit('x'); e.emit('x'); return n`, 1],
  ['stream', `const {Readable, Transform} = require('stream'); const up = new Transform({transform(c, e, cb) { cb(null, String(c).toUpperCase()); }}); return new Promise((done) => { let s = ''; Readable.from(['a', 'b']).pipe(up).on('data', (c) => { s += c; }).on('end', () => done(s)); })`, 'AB'],
  ['util', `const util = require('util'); return [util.isDeepStrictEqual({a: [1, {b: 2}]}, {a: [1, {b: 2}]}), util.isDeepStrictEqual([1], ['1']), util.types.isDate(new Date()), await util.promisify((a, cb) => cb(null, a))(4)]`, [true, false, true, 4]],
];
describe('small things', () => {
  for (const [name, body, expected] of plain) test(name, async () => assert.deepEqual(await valueOf(body), expected));
});

describe('HTTP', () => {
  const calls = {
    'request: plain': [`return new Promise((done) => request({url: base + '/a', qs: {b: 'c d', e: ['f']}, json: true, headers: {'X-A': '1'}}, (err, res, body) => done([err, res.statusCode, res.headers['x-seen'], body.url, body.headers['x-a'], body.headers.accept])))`,
      [null, 200, 'yes', '/a?b=c%20d&e%5B0%5D=f', '1', 'application/json']],
    'request: post json': [`return new Promise((done) => require('request').post({uri: base + '/a', json: {x: 1}}, (err, res, body) => done([body.method, body.body, body.headers['content-type']])))`, ['POST', '{"x":1}', 'application/json']],
    'request: address, options, callback': [`return new Promise((done) => request.put(base + '/a', {body: 'plain', headers: {'content-type': 'text/x'}}, (err, res, body) => done([typeof body, JSON.parse(body).body, JSON.parse(body).headers['content-type']])))`, ['string', 'plain', 'text/x']],
    'request: form, chained': [`return new Promise((done) => request.post(base + '/a', (err, res, body) => done(JSON.parse(body).body)).form({a: 'x y', b: {c: 1}}))`, 'a=x%20y&b%5Bc%5D=1'],
    'request: auth': [`const ask = (auth) => new Promise((done) => request.get({url: base, auth, json: true}, (e, r, b) => done(b.headers.authorization))); return [await ask({user: 'u', pass: 'p'}), await ask({username: 'u', password: 'p'}), await ask({bearer: 't'}), await new Promise((done) => request.get({url: base, json: true}, (e, r, b) => done(b.headers.authorization)).auth('x', 'y'))]`,
      ['Basic dTpw', 'Basic dTpw', 'Bearer t', 'Basic eDp5']],
    'request: defaults and baseUrl': [`const r = require('request@2.56.0').defaults({baseUrl: base + '/v1/', json: true, headers: {a: '1'}, qs: {k: 'v'}}); return new Promise((done) => r.get('/users', {headers: {b: '2'}}, (e, res, body) => done([body.url, body.headers.a, body.headers.b])))`, ['/v1/users?k=v', '1', '2']],
    'request: patch, del, head': [`const ask = (name) => new Promise((done) => request[name](base + '/a', (e, r, b) => done([r.request.method, r.statusCode, (b || '').length > 0]))); return [await ask('patch'), await ask('del'), await ask('delete'), await ask('head')]`,
      [['PATCH', 200, true], ['DELETE', 200, true], ['DELETE', 200, true], ['HEAD', 200, false]]],
    'request: redirects': [`const ask = (options) => new Promise((done) => request({url: base + '/moved', json: true, ...options}, (e, r, b) => done([r.statusCode, b.url]))); return [await ask({}), await ask({followRedirect: false}), await ask({method: 'POST'}), await ask({method: 'POST', followAllRedirects: true})]`,
      [[200, '/arrived'], [302, null], [302, null], [200, '/arrived']]],
    'request: faults': [`const ask = (options) => new Promise((done) => request(options, (e, r) => done(e ? [e.code, e.message] : r.statusCode))); return [(await ask({url: base + '/slow', timeout: 50})), (await ask({url: 'http://127.0.0.1:1/'}))[0], (await ask({url: 'nonsense'}))[1], await ask({url: base + '/status/500'})]`,
      [['ETIMEDOUT', 'ETIMEDOUT'], 'ECONNREFUSED', 'Invalid URI "nonsense"', 500]],
    'request: listeners and bytes': [`return new Promise((done) => { const seen = []; request({url: base + '/text', encoding: null}).on('response', (r) => seen.push(r.statusCode)).on('data', (d) => seen.push(Buffer.isBuffer(d), d.toString())).on('end', () => done(seen)); })`, [200, true, 'grüß dich']],
    'request: formData': [`return new Promise((done) => request.post({url: base, json: true, formData: {a: 'x', f: {value: Buffer.from('data'), options: {filename: 'n.txt', contentType: 'text/plain'}}}}, (e, r, b) => done([/^multipart\\/form-data; boundary=/.test(b.headers['content-type']), b.body.split('\\r\\n').filter((l) => !l.startsWith('--'))])))`,
      [true, ['Content-Disposition: form-data; name="a"', '', 'x', 'Content-Disposition: form-data; name="f"; filename="n.txt"', 'Content-Type: text/plain', '', 'data', '']]],
    'request-promise': [`const rp = require('request-promise'); const body = await rp({uri: base + '/a', json: true}); const whole = await rp.post({uri: base, body: {x: 1}, json: true, resolveWithFullResponse: true}); const bad = await rp(base + '/status/404').catch((e) => [e.name, e.statusCode, e.message.slice(0, 6), e.response.statusCode]); const mild = await rp({uri: base + '/status/404', simple: false, resolveWithFullResponse: true}); const turned = await rp({uri: base + '/x', json: true, transform: (b) => b.url}); const down = await rp('http://127.0.0.1:1').catch((e) => [e.name, e.error.code, e instanceof require('request-promise/errors').RequestError]); return [body.url, whole.statusCode, whole.body.body, bad, mild.statusCode, turned, down]`,
      ['/a', 200, '{"x":1}', ['StatusCodeError', 404, '404 - ', 404], 404, '/x', ['RequestError', 'ECONNREFUSED', true]]],
    'request-promise-native': [`return require('request-promise-native@1.0.5').get(base + '/text')`, 'grüß dich'],
    'node-fetch': [`const fetch = require('node-fetch@2.6.0'); const r = await fetch(base + '/a', {method: 'POST', body: JSON.stringify({a: 1}), headers: {'Content-Type': 'application/json'}}); const j = await r.json(); const bad = await fetch(base + '/status/503'); const slow = await fetch(base + '/slow', {timeout: 50}).catch((e) => [e.name, e.type]); const form = await (await fetch(base, {method: 'POST', body: new URLSearchParams({a: 'b c'})})).json(); return [r.ok, r.status, r.headers.get('X-Seen'), j.body, bad.ok, bad.statusText, slow, form.body, form.headers['content-type'], await (await fetch(base + '/text')).text()]`,
      [true, 200, 'yes', '{"a":1}', false, 'Service Unavailable', ['FetchError', 'request-timeout'], 'a=b+c', 'application/x-www-form-urlencoded;charset=UTF-8', 'grüß dich']],
    'fetch': [`const c = new AbortController(); setTimeout(() => c.abort(), 20); const gone = await fetch(base + '/slow', {signal: c.signal}).catch((e) => e.name); const r = await fetch(new Request(base + '/x', {headers: {a: 'b'}})); return [gone, (await r.json()).headers.a, r.headers instanceof Headers, await new Response('x', {status: 201}).text()]`, ['AbortError', 'b', true, 'x']],
    'superagent': [`const s = require('superagent'); const a = await s.get(base + '/a').query({b: 'c'}).set('X-A', '1').accept('json'); const b = await s.post(base).send({x: 1}).auth('u', 'p'); const f = await s.post(base).type('form').send({x: 1}).send({y: 2}); const bad = await s.get(base + '/status/404').catch((e) => [e.status, e.message, e.response.body.ok]); const cb = await new Promise((done) => s('GET', base + '/cb').end((e, r) => done([e, r.body.url]))); const slow = await s.get(base + '/slow').timeout(50).catch((e) => [e.code, e.timeout]); const fine = await s.get(base + '/status/404').ok((r) => r.status < 500); return [a.status, a.body.url, a.body.headers['x-a'], b.body.body, b.body.headers.authorization, f.body.body, bad, cb, slow, fine.status, a.type]`,
      [200, '/a?b=c', '1', '{"x":1}', 'Basic dTpw', 'x=1&y=2', [404, 'Not Found', false], [null, '/cb'], ['ECONNABORTED', 50], 404, 'application/json']],
    'got': [`const got = require('got@10.7.0'); const a = await got(base + '/a', {searchParams: {b: 1}}).json(); const b = await got.post(base, {json: {x: 1}, responseType: 'json', headers: {authorization: 'Bearer t'}}); const c = await got(base + '/status/404').catch((e) => [e.name, e.response.statusCode]); const d = await got.extend({prefixUrl: base + '/v1'})('users').text(); const old = await require('got@9')(base, {method: 'POST', json: true, body: {y: 2}}); const slow = await got(base + '/slow', {timeout: 50}).catch((e) => e.name); return [a.url, b.body.body, b.body.headers.authorization, c, JSON.parse(d).url, old.body.body, slow]`,
      ['/a?b=1', '{"x":1}', 'Bearer t', ['HTTPError', 404], '/v1/users', '{"y":2}', 'TimeoutError']],
    'https and http': [`const http = require('http'); const ask = (options, body) => new Promise((done, no) => { const r = http.request(options, (res) => { let s = ''; res.setEncoding('utf8'); res.on('data', (d) => { s += d; }); res.on('end', () => done([res.statusCode, JSON.parse(s)])); }); r.on('error', no); if (body) r.write(body); r.end(); }); const u = new URL(base); const [status, seen] = await ask({hostname: u.hostname, port: u.port, path: '/p?q=1', method: 'POST', headers: {'Content-Type': 'text/plain', 'Content-Length': 4}}, 'body'); const down = await ask({host: '127.0.0.1', port: 1}).catch((e) => e.code); const got = await new Promise((done) => http.get(base + '/g', (res) => { res.resume(); res.on('end', () => done(res.headers['x-seen'])); })); return [status, seen.url, seen.body, seen.headers['content-type'], down, got, typeof require('https').get, require('https').Agent.name.length > 0, await new Promise((done) => { const r = http.request({hostname: u.hostname, port: u.port, path: '/late', method: 'PUT'}, (res) => done(res.statusCode)); r.once('socket', (socket) => { if (!socket.connecting) { r.write('x'); r.end(); } }); })]`,
      [200, '/p?q=1', 'body', 'text/plain', 'ECONNREFUSED', 'yes', 'function', true, 200]],
    'addresses as written and as meant': [`const of = async (u) => (await fetch(base + u)).json().then((b) => b.url); return [await of('/a/b?c=d&e=%20'), await of('/a/../b'), await of('/a/./b'), await of('/ä?ö= x'), await of('?x=1'), await of('/a#frag'), await of('/%2e%2e/x'), new Request('HTTPS://App.TEST:443/x').url, new Request('https://app.test').url, new Request('http://127.1/').url]`, ['/a/b?c=d&e=%20', '/b', '/a/b', '/%C3%A4?%C3%B6=%20x', '/?x=1', '/a', '/x', 'https://app.test/x', 'https://app.test/', 'http://127.0.0.1/']],
    'streams as bodies': [`const {Readable} = require('stream'); const made = () => Readable.from(['a', Buffer.from('b')]); const form = {pipe() {}, getBuffer: () => Buffer.from('whole'), getHeaders: () => ({'content-type': 'multipart/form-data; boundary=x'})}; const a = (await require('axios').post(base, made())).data.body; const b = await (await require('node-fetch')(base, {method: 'POST', body: form})).json(); const c = await new Promise((done) => request.post({url: base, body: made(), json: false}, (e, r, x) => done(JSON.parse(x).body))); const d = (await require('axios@1.12.2').post(base, form, {headers: form.getHeaders()})).data; return [a, b.body, b.headers['content-type'], c, d.body, d.headers['content-type']]`, ['ab', 'whole', 'multipart/form-data; boundary=x', 'ab', 'whole', 'multipart/form-data; boundary=x']],
    'compressed answers': [`const ask = (options) => new Promise((done) => request({url: base + '/gzip', json: true, ...options}, (e, r, b) => done(b.packed))); return [await ask({gzip: true}), await ask({}), (await require('axios').get(base + '/gzip')).data.packed, (await require('superagent').get(base + '/gzip')).body.packed, (await (await fetch(base + '/gzip')).json()).packed]`, [true, true, true, true, true]],
    'where redirects led to': [`const f = await fetch(base + '/moved'); const r = await new Promise((done) => request(base + '/moved', (e, res) => done(res.request.uri.path))); const a = await require('axios').get(base + '/moved'); return [f.url === base + '/arrived', f.redirected, r, a.request.res.responseUrl === base + '/arrived', (await fetch(base + '/moved', {redirect: 'manual'})).status, (await fetch(base + '/x')).redirected]`, [true, true, '/arrived', true, 302, false]],
    'what went wrong, in the codes of Node': [`const codeOf = (url) => require('axios').get(url).then(() => 'fine', (e) => e.code); return [await codeOf('http://127.0.0.1:1/'), await codeOf('http://nowhere.invalid/'), await codeOf('http://10.1.2.3/'), await codeOf('https://' + new URL(base).host + '/')]`, ['ECONNREFUSED', 'ENOTFOUND', 'EACCES', 'ECONNRESET']],
    'slack-notify': [`return new Promise((done) => require('slack-notify')(base + '/hook').success({text: 'hi', channel: '#c', fields: {a: 1}}, (e) => done(e ? e.message : 'sent')))`, 'sent'],
  };
  for (const [name, [body, expected]] of Object.entries(calls))
    test(name, async () => assert.deepEqual(await valueOf(body), expected));

  test('slack-notify sent what Slack expects', async () => {
    await valueOf(`return new Promise((done) => require('slack-notify')(base + '/hook').alert({text: 'hi', fields: {a: 1}}, (e) => done(1)))`);
    const [{ method, url, body }] = received;
    assert.deepEqual([method, url], ['POST', '/hook']);
    assert.match(decodeURIComponent(body), /"text":"hi"/);
  });
});

describe('what comes with Node or Auth0', () => {
  const calls = {
    'assert': [`const a = require('assert'); const f = (run) => { try { run(); return 'fine'; } catch (e) { return e.code + (e.message === 'no'); } }; return [f(() => a(1)), f(() => a.strictEqual(1, 2, 'no')), f(() => a.deepStrictEqual({b: [1]}, {b: [1]})), f(() => a.throws(() => { throw new TypeError('x'); }, TypeError)), f(() => a.throws(() => 1))]`,
      ['fine', 'ERR_ASSERTIONtrue', 'fine', 'fine', 'ERR_ASSERTIONfalse']],
    'os, fs and others load': [`require('os').hostname(); try { require('fs').readFileSync('/etc/passwd'); } catch (e) { return e.code + ': ' + e.message; }`, 'ERR_NOT_AVAILABLE: fs.readFileSync is not offered in rules'],
    'timers as in Node': [`const t = setTimeout(() => 1, 1000); t.unref().ref(); clearTimeout(t); let n = 0; const i = setInterval(() => { n++; }, 1); await require('util').promisify(setTimeout)(20); clearInterval(i); const seen = n; await require('timers/promises').setTimeout(10); let bad; try { setTimeout('code', 1); } catch (e) { bad = e.name; } return [typeof t, seen > 0, n === seen, await require('util').promisify(setTimeout)(1, 'v'), bad, performance.now() > 0, require('querystring').escape('a b'), require('assert/strict').equal === require('assert').strictEqual]`, ['object', true, true, 'v', 'TypeError', true, 'a%20b', true]],
    'the old global _': [`return [_.pluck([{a: 1}], 'a'), _.contains([1], 1), _.where([{a: 1}, {a: 2}], {a: 2}), _.get({a: {b: 1}}, 'a.b'), _.rest([1, 2, 3]), _.any([0, 1]), _.first([1, 2, 3], 2), _.max([{a: 1}, {a: 3}], (x) => x.a)]`, [[1], true, [{ a: 2 }], 1, [2, 3], true, [1, 2], { a: 3 }]],
    'old globals': [`return [jwt.decode(jwt.sign({a: 1}, 's', {expiresInMinutes: 5})).a, uuid.v4().length, querystring.stringify({a: 1}), typeof async.eachSeries, typeof xml2js.parseString, typeof xmldom.DOMParser, typeof xpath.select, typeof pbkdf2.pbkdf2Sync, typeof bcrypt.compare, typeof Q.defer]`,
      [1, 36, 'a=1', 'function', 'function', 'function', 'function', 'function', 'function', 'function']],
    'RS256, ES256 and PS256 tokens': [`const {publicKey, privateKey} = crypto.generateKeyPairSync('rsa', {modulusLength: 2048, publicKeyEncoding: {type: 'spki', format: 'pem'}, privateKeyEncoding: {type: 'pkcs1', format: 'pem'}}); const e = crypto.generateKeyPairSync('ec', {namedCurve: 'P-256', publicKeyEncoding: {type: 'spki', format: 'pem'}, privateKeyEncoding: {type: 'pkcs8', format: 'pem'}});
      const run = (v, alg, key, pub) => { const j = require('jsonwebtoken' + v); return j.verify(j.sign({a: alg}, key, {algorithm: alg}), pub, {algorithms: [alg]}).a; };
      return [run('', 'RS256', privateKey, publicKey), run('@5.7.0', 'RS256', privateKey, publicKey), run('@7.1.9', 'RS512', privateKey, publicKey), run('@8.5.1', 'PS256', privateKey, publicKey), run('', 'PS384', privateKey, publicKey), run('', 'ES256', e.privateKey, e.publicKey), run('@8.5.0', 'ES256', e.privateKey, e.publicKey), run('@8.5.1', 'HS512', 's', 's')]`,
      ['RS256', 'RS256', 'RS512', 'PS256', 'PS384', 'ES256', 'ES256', 'HS512']],
    'jsonwebtoken with callbacks, and its errors': [`const jwt = require('jsonwebtoken'); const t = await new Promise((done) => jwt.sign({a: 1}, 's', {expiresIn: -10}, (e, x) => done(x))); const e = await new Promise((done) => jwt.verify(t, 's', (f) => done(f))); return [e instanceof jwt.TokenExpiredError, e.name, e.message, jwt.decode(t, {complete: true}).header.alg]`, [true, 'TokenExpiredError', 'jwt expired', 'HS256']],
    '@auth0/rule-utilities': [`const {Auth0RedirectRuleUtilities} = require('@auth0/rule-utilities@0.1.0'); const context2 = {request: {ip: '1.2.3.4', hostname: 'h.test', query: {}}, protocol: 'oidc-basic-profile'}; const u = new Auth0RedirectRuleUtilities({user_id: 'auth0|1'}, context2, {SESSION_TOKEN_SECRET: 'secret'}); const before = u.canRedirect; u.doRedirect('https://app.test/x'); const token = new URL(context2.redirect.url).searchParams.get('session_token'); const back = new Auth0RedirectRuleUtilities({user_id: 'auth0|1'}, {protocol: 'redirect-callback', request: {hostname: 'h.test', query: {session_token: token}}}, {SESSION_TOKEN_SECRET: 'secret'}); const c = back.validateSessionToken(); let twice; try { u.doRedirect('x'); } catch (e) { twice = e.message; } return [before, u.canRedirect, c.sub, c.iss, c.ip, c.exp - c.iat, back.isRedirectCallback, back.canRedirect, twice]`,
      [true, false, 'auth0|1', 'https://h.test/', '1.2.3.4', 259200, true, false, 'Cannot redirect']],
  };
  for (const [name, [body, expected]] of Object.entries(calls))
    test(name, async () => assert.deepEqual(await valueOf(body), expected));
});

describe('versions', () => {
  const linesOf = async (body) => (await run(body)).run.flatMap(({ console = [] }) => console.map(({ text }) => text));

  test('an unlisted version falls to the nearest compatible one, and the run says so', async () => {
    assert.deepEqual(await linesOf(`require('lodash@4.17.15'); require('axios@0.21.4'); require('uuid@8.0.0'); require('moment@1.0.0'); require('lodash@4.17.15')`), [
      'lodash@4.17.15 is not here: lodash@4.17.19 takes its place',
      'axios@0.21.4 is not here: axios@0.21.1 takes its place',
      'uuid@8.0.0 is not here: uuid@8.3.2 takes its place',
      'moment@1.0.0 is not here: moment@2.11.2 takes its place',
      'lodash@4.17.15 is not here: lodash@4.17.19 takes its place',
    ]);
  });

  test('what is there, ranges, tags, and modules of our own need no word', async () => {
    assert.deepEqual(await linesOf(`['lodash@4.17.10', 'lodash@4', 'lodash@4.x', 'lodash@^4.17.0', 'lodash@~4.17.10', 'lodash@latest', 'request@2.56.0', 'request@2.81.0', 'auth0@2.9.1', 'node-fetch@2.6.0', 'bcrypt@1.0.3', 'crypto', 'node:crypto', 'url@0.10.3'].forEach((name) => require(name))`), []);
    assert.deepEqual(await valueOf(`return ['4', '4.x', '^4.17.0', '^4.8.0', '3', '4.8', 'latest', '2.4.2'].map((v) => require('lodash@' + v).VERSION)`),
      ['4.17.21', '4.17.21', '4.17.21', '4.17.21', '3.10.1', '4.8.2', '4.17.21', '2.4.2']);
  });

  test('one module, one object; two versions, two', async () => {
    assert.deepEqual(await valueOf(`return [require('lodash') === require('lodash'), require('lodash@4.17.10') === require('lodash@4.17.10'), require('lodash@4.17.10') === require('lodash'), require('moment-timezone').tz !== undefined && require('moment').tz !== undefined]`), [true, true, false, true]);
  });

  test('docs/rules.md names every package and version', async () => {
    const packages = JSON.parse(await readFile(new URL('../../web/script/modules.json', import.meta.url)));
    const rows = (await readFile(new URL('../../docs/rules.md', import.meta.url), 'utf8')).split('\n').filter((line) => line.startsWith('|'));
    for (const [name, { versions, default: usual }] of Object.entries(packages)) {
      const row = rows.find((line) => line.split('|')[1].includes(`\`${name}\``) && line.includes(usual));
      assert.ok(row, name);
      for (const version of versions) assert.ok(row.includes(version), `${name}@${version}`);
      assert.ok(row.includes(`**${usual}**`), `${name}: ${usual} in bold`);
    }
  });
});

describe('what is not there', () => {
  for (const name of ['mongodb@3.1.4', 'mysql', 'pg@7.17.1', 'mssql', 'redis', 'couchbase', 'cassandra-driver', 'tedious'])
    test(`${name}: what to do instead`, async () => {
      const { error, error_description: said } = await run(`require('${name}')`);
      assert.equal(error, 'access_denied');
      assert.match(said, new RegExp(`^Cannot find module '${name}'\\. Rules can not open connections to a database\\. Put an HTTP API in front of it`));
    });
  test('a database that was a global says the same, and only when it is used', async () => {
    assert.match((await run(`return mysql.createConnection({})`)).error_description, /Cannot find module 'mysql'\. Rules can not open connections/);
  });
  for (const [asked, command] of [['stripe@8.126.0', 'stripe@8.126.0'], ['@octokit/rest', '@octokit/rest@VERSION'], ['aws-sdk@2.5.0/clients/s3', 'aws-sdk@2.5.0/clients/s3'], ['aws-sdk/clients/s3', 'aws-sdk@VERSION/clients/s3'], ['lodash/nothing', 'lodash@VERSION/nothing']])
    test(`${asked}: how the operator adds it`, async () => {
      assert.equal(await valueOf(`try { require('${asked}'); } catch (e) { return [e.code, e.message]; }`).then(String),
        `MODULE_NOT_FOUND,Cannot find module '${asked}'. The operator of this server can add it: countersign module add ${command}`);
    });
  test('nonsense is refused as such', async () => {
    assert.deepEqual(await valueOf(`return ['', '..', './x', '/etc/passwd', '@', 'a@b@c', '__proto__', 'constructor', 'own/crypto', 'countersign:http/x', undefined, null, {}, 7].map((name) => { try { require(name); return 'loaded'; } catch (e) { return e.code; } })`),
      Array(14).fill('MODULE_NOT_FOUND'));
  });
});

describe('what a login does to modules stays in it', () => {
  test('changed exports and prototypes are those of that login', async () => {
    await run(`require('lodash').get = () => 'changed'; require('crypto').createHash = null; Array.prototype.map = null; require('request').post = null; String.prototype.split = null; return 1`);
    assert.deepEqual(await valueOf(`return [require('lodash').get({a: 1}, 'a'), typeof require('crypto').createHash, [1].map((x) => x + 1), typeof request.post]`), [1, 'function', [2], 'function']);
  });
  test('what packages write to their global is not the rule\'s', async () => {
    assert.deepEqual(await valueOf(`require('lodash@2.4.2'); require('bluebird'); require('moment@2.11.2'); return Object.keys(global).concat(Object.keys(globalThis)).filter((n) => !/Timeout|Interval|Immediate/.test(n))`), []);
  });
});
