// What `require` gives a rule: packages in the versions that rules pin, and our own modules over the server's HTTP and OpenSSL.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
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
