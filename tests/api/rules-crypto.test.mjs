// `crypto`, `zlib` and `bcrypt` of rules against Node's own: the same code runs in both, and must give the same.

import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { createRequire } from 'node:module';
import { after, before, describe, test } from 'node:test';
import zlib from 'node:zlib';
import { startServer } from '../harness/server.mjs';

const require = createRequire(import.meta.url);
const rsa = crypto.generateKeyPairSync('rsa', { modulusLength: 2048, publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' } });
const pkcs1 = crypto.createPrivateKey(rsa.privateKey).export({ type: 'pkcs1', format: 'pem' });
const locked = crypto.createPrivateKey(rsa.privateKey).export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open' });
const ec = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256', publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'sec1', format: 'pem' } });
const ed = crypto.generateKeyPairSync('ed25519', { publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' } });
const given = { rsa, pkcs1, locked, ec, ed };

let server;
before(async () => { server = await startServer(); });
after(async () => { await server?.stop(); });

async function inRule(body, more = {}) {
  const script = `async function (user, context, callback) { const given = user.given; context.idToken.value = await (async () => { ${body} })(); callback(null, user, context); }`;
  const outcome = await server.apiOk('POST', 'rules/try', { script, user: { user_id: 'auth0|1', given: { ...given, ...more } } });
  assert.equal(outcome.error, undefined, `${outcome.error_description} in: ${body}`);
  return outcome.id_token.value;
}

async function inNode(body, more = {}) {
  const run = new Function('require', 'crypto', 'given', `return (async () => { ${body} })();`);
  return JSON.parse(JSON.stringify(await run(require, crypto, { ...given, ...more })));
}

const outcomeOf = 'const outcome = (run) => { try { const v = run(); return Buffer.isBuffer(v) ? v.toString("hex") : v; } catch (e) { return e.message; } };';
const same = {
  'digests': `return ['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512', 'sha512-256', 'sha3-256', 'blake2b512', 'ripemd160', 'RSA-SHA256'].map((n) => crypto.createHash(n).update('grüß').update(Buffer.from([0, 255])).digest('hex'))`,
  'a digest of any length': `return crypto.createHash('shake256', {outputLength: 40}).update('a').digest('base64')`,
  'a digest copied midway': `const h = crypto.createHash('sha256').update('a'); const c = h.copy(); return [h.update('b').digest('hex'), c.update('c').digest('hex')]`,
  'digest encodings': `return ['hex', 'base64', 'base64url', 'latin1', 'binary'].map((e) => crypto.createHash('sha1').update('616263', 'hex').digest(e))`,
  'what a digest refuses': `${outcomeOf} const h = crypto.createHash('md5'); h.digest(); return [outcome(() => h.update('x')), outcome(() => crypto.createHash('nope')), outcome(() => h.digest())]`,
  'HMACs': `return ['md5', 'sha1', 'sha256', 'sha512'].map((n) => crypto.createHmac(n, 'kéy').update('data').digest('base64')).concat(crypto.createHmac('sha256', Buffer.alloc(0)).update('').digest('hex'), crypto.createHmac('sha256', crypto.createSecretKey(Buffer.from('k'))).update('x').digest('hex'))`,
  'ciphers': `return ['aes-128-cbc', 'aes-192-cbc', 'aes-256-cbc', 'aes-256-ctr', 'aes-256-cfb', 'aes-256-ofb', 'aes-128-ecb', 'des-ede3-cbc'].map((n) => {
    const size = /128/.test(n) ? 16 : /256/.test(n) ? 32 : 24; const iv = /ecb/.test(n) ? null : Buffer.alloc(/des/.test(n) ? 8 : 16, 7);
    const c = crypto.createCipheriv(n, Buffer.alloc(size, 1), iv); const parts = [c.update('grüß dich, ', 'utf8', 'hex'), c.update('und mehr als ein Block von Text', 'utf8', 'hex'), c.final('hex')];
    const d = crypto.createDecipheriv(n, Buffer.alloc(size, 1), iv); return [parts, d.update(parts.join(''), 'hex', 'utf8') + d.final('utf8')]; })`,
  'base64 in pieces': `const c = crypto.createCipheriv('aes-256-cbc', Buffer.alloc(32), Buffer.alloc(16)); return [c.update('x'.repeat(20), 'utf8', 'base64'), c.update('y'.repeat(30), 'utf8', 'base64'), c.final('base64')]`,
  'GCM': `const c = crypto.createCipheriv('aes-256-gcm', Buffer.alloc(32, 2), Buffer.alloc(12, 3)); c.setAAD(Buffer.from('head')); const out = c.update('secret', 'utf8', 'hex') + c.final('hex'); const tag = c.getAuthTag();
    const d = crypto.createDecipheriv('aes-256-gcm', Buffer.alloc(32, 2), Buffer.alloc(12, 3)); d.setAAD(Buffer.from('head')); d.setAuthTag(tag); const back = d.update(out, 'hex', 'utf8') + d.final('utf8');
    const e = crypto.createDecipheriv('aes-256-gcm', Buffer.alloc(32, 2), Buffer.alloc(12, 3)); e.setAAD(Buffer.from('other')); e.setAuthTag(tag); e.update(out, 'hex'); let bad; try { e.final(); } catch (f) { bad = f.message; }
    return [out, tag.toString('hex'), back, bad]`,
  'what a cipher refuses': `${outcomeOf} return [outcome(() => crypto.createCipheriv('nope', 'k', 'i')), outcome(() => crypto.createCipheriv('aes-256-cbc', 'short', Buffer.alloc(16))), outcome(() => crypto.createCipheriv('aes-256-cbc', Buffer.alloc(32), 'short'))]`,
  'padding off': `const c = crypto.createCipheriv('aes-128-cbc', Buffer.alloc(16), Buffer.alloc(16)); c.setAutoPadding(false); return c.update('0123456789abcdef', 'utf8', 'hex') + c.final('hex')`,
  'PBKDF2': `return [crypto.pbkdf2Sync('pässword', 'salt', 1000, 40, 'sha256').toString('hex'), crypto.pbkdf2Sync('p', 's', 1, 20, 'sha1').toString('hex'), await new Promise((done) => crypto.pbkdf2('p', Buffer.from('s'), 10, 64, 'sha512', (e, k) => done(k.toString('base64'))))]`,
  'scrypt': `return [crypto.scryptSync('p', 's', 32).toString('hex'), crypto.scryptSync('p', 's', 64, {N: 1024, r: 4, p: 2}).toString('hex'), await new Promise((done) => crypto.scrypt('p', 's', 16, (e, k) => done(k.toString('hex'))))]`,
  'HKDF': `return Buffer.from(crypto.hkdfSync('sha256', 'key', 'salt', 'info', 42)).toString('hex')`,
  'RSA signatures': `return [given.rsa.privateKey, given.pkcs1, {key: given.locked, passphrase: 'open'}, crypto.createPrivateKey(given.pkcs1)].map((k) => crypto.createSign('RSA-SHA256').update('a').update('b').sign(k, 'base64')).concat(crypto.sign('sha512', Buffer.from('x'), given.rsa.privateKey).toString('hex'))`,
  'Ed25519 signatures': `const s = crypto.sign(null, Buffer.from('x'), given.ed.privateKey); return [s.toString('hex'), crypto.verify(null, Buffer.from('x'), given.ed.publicKey, s), crypto.verify(null, Buffer.from('y'), given.ed.publicKey, s)]`,
  'privateEncrypt': `const s = crypto.privateEncrypt(given.rsa.privateKey, Buffer.from('x')); return [s.toString('hex'), crypto.publicDecrypt(given.rsa.publicKey, s).toString()]`,
  'keys in all forms': `const k = crypto.createPrivateKey(given.rsa.privateKey), p = crypto.createPublicKey(given.rsa.privateKey), e = crypto.createPrivateKey(given.ec.privateKey), d = crypto.createPrivateKey(given.ed.privateKey);
    return [k.type, k.asymmetricKeyType, p.type, k.export({type: 'pkcs1', format: 'pem'}), k.export({type: 'pkcs8', format: 'der'}).toString('hex'), p.export({type: 'spki', format: 'pem'}), p.export({type: 'pkcs1', format: 'der'}).toString('base64'), k.export({format: 'jwk'}), p.export({format: 'jwk'}),
      e.asymmetricKeyType, e.asymmetricKeyDetails, e.export({type: 'sec1', format: 'pem'}), e.export({format: 'jwk'}), d.asymmetricKeyType, d.export({format: 'jwk'}), k.asymmetricKeyDetails.modulusLength, crypto.createSecretKey(Buffer.from('abc')).symmetricKeySize]`,
  'keys from JWK': `const k = crypto.createPrivateKey({key: crypto.createPrivateKey(given.rsa.privateKey).export({format: 'jwk'}), format: 'jwk'}), e = crypto.createPrivateKey({key: crypto.createPrivateKey(given.ec.privateKey).export({format: 'jwk'}), format: 'jwk'}), d = crypto.createPublicKey({key: crypto.createPublicKey(given.ed.publicKey).export({format: 'jwk'}), format: 'jwk'});
    return [k.export({type: 'pkcs8', format: 'pem'}) === given.rsa.privateKey, e.export({type: 'sec1', format: 'pem'}) === given.ec.privateKey, d.export({type: 'spki', format: 'pem'}) === given.ed.publicKey]`,
  'timingSafeEqual': `${outcomeOf} return [crypto.timingSafeEqual(Buffer.from('a'), Buffer.from('a')), crypto.timingSafeEqual(Buffer.from('a'), Buffer.from('b')), outcome(() => crypto.timingSafeEqual(Buffer.from('a'), Buffer.from('ab')))]`,
  'randomness in form': `return [crypto.randomBytes(16).length, /^[0-9a-f-]{36}$/.test(crypto.randomUUID()), crypto.randomInt(5) < 5, crypto.randomInt(3, 4), crypto.randomFillSync(Buffer.alloc(8)).length, await new Promise((done) => crypto.randomBytes(3, (e, b) => done(b.length)))]`,
  'texts to bytes': `const texts = ['', 'a', 'grüß dich €', '😀x', 'a\\ud800b', '\\udc00', 'YQ==', 'YQ==YQ==', 'Y Q', 'a_-b+/', '=YQ', 'YWJj====ZA', '61zz62', 'ABCDEF0', 'zz', 'ÿ\\u0100\\u20ac']; const b = require('buffer').Buffer;
    return ['utf8', 'UTF-8', 'hex', 'base64', 'base64url', 'latin1', 'binary', 'ascii', 'utf16le', 'ucs2'].map((e) => texts.map((t) => [Buffer.from(t, e).toString('hex'), Buffer.byteLength(t, e), b.isEncoding(e)]))`,
  'bytes to texts': `const all = Buffer.from(Array.from({length: 256}, (x, i) => i)); const odd = [all, Buffer.from([0xf0, 0x9f, 0x98, 0x41, 0xff, 0xc3]), Buffer.from([0xe2, 0x82]), Buffer.alloc(0), Buffer.from([0xed, 0xa0, 0x80])];
    return ['utf8', 'hex', 'base64', 'base64url', 'latin1', 'ascii', 'utf16le', undefined].map((e) => odd.map((b) => [b.toString(e), b.toString(e, 1, 3), b.toString(e, -5, 2), b.toString(e, 3, 1), b.slice(1, 4).toString(e)].map((t) => Array.from({length: t.length}, (x, i) => t.charCodeAt(i).toString(16)).join())))`,
  'buffers as ever': `const b = Buffer.from('hello'); const c = new Buffer('aGk=', 'base64'); const d = new Buffer(3); d.fill(7); b.write('J'); return [b.toString(), c.toString(), [...d], Buffer.isBuffer(c), c instanceof Buffer, c instanceof Uint8Array, c.constructor === Buffer, Buffer.concat([b, c]).toString(), b.equals(Buffer.from('Jello')), JSON.stringify(c), Buffer.compare(b, c), b.indexOf('l'), b.readUInt16BE(1), Buffer.alloc(4, 'ab').toString(), [...Buffer.alloc(5).fill(300, 1, 3)], Buffer.from(new Uint16Array([1, 256])).toString('hex'), Buffer.from(new Uint8Array([1, 2, 3]).buffer, 1, 2).toString('hex'), Buffer.from({type: 'Buffer', data: [1, 2]}).length, b.subarray(1).toString('utf8', 0, 2)]`,
  'TextEncoder, TextDecoder, atob and btoa': `const o = (f) => { try { return f(); } catch (e) { return 'refused'; } }; return [[...new TextEncoder().encode('€\\ud800')], new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 0x61, 0xff])), o(() => new TextDecoder('utf-8', {fatal: true}).decode(new Uint8Array([0xff]))), atob(' aGVs bG8= '), o(() => atob('a')), o(() => atob('a*bc')), btoa('ÿa'), o(() => btoa('€')), new TextDecoder().decode(new Uint8Array([1, 0x61, 0x62, 2]).subarray(1, 3))]`,
  'compressing and expanding': `const zlib = require('zlib'); const text = 'abc'.repeat(1000); return [zlib.gunzipSync(zlib.gzipSync(text)).toString() === text, zlib.inflateSync(zlib.deflateSync(text)).toString().length, zlib.inflateRawSync(zlib.deflateRawSync(Buffer.from(text))).length, zlib.unzipSync(zlib.gzipSync('x')).toString(), zlib.deflateRawSync(text).toString('base64'), await new Promise((done) => zlib.gunzip(Buffer.from('nonsense'), (e) => done([e.code, e.message])))]`,
};

describe('the same as in Node', () => {
  for (const [name, body] of Object.entries(same))
    test(name, async () => assert.deepEqual(await inRule(body), await inNode(body)));
});

describe('across', () => {
  test('ECDSA and PSS signatures of the one hold for the other', async () => {
    const make = `return [crypto.createSign('sha256').update('x').sign(given.ec.privateKey, 'hex'), crypto.sign('sha256', Buffer.from('x'), {key: given.ec.privateKey, dsaEncoding: 'ieee-p1363'}).toString('hex'), crypto.sign('sha256', Buffer.from('x'), {key: given.rsa.privateKey, padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 32}).toString('hex')]`;
    const check = `const [a, b, c] = given.made.map((s) => Buffer.from(s, 'hex')); const x = Buffer.from('x'); return [crypto.createVerify('sha256').update('x').verify(given.ec.publicKey, a), crypto.verify('sha256', x, {key: given.ec.publicKey, dsaEncoding: 'ieee-p1363'}, b), b.length, crypto.verify('sha256', x, {key: given.rsa.publicKey, padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 32}, c), crypto.createVerify('sha256').update('y').verify(given.ec.publicKey, a)]`;
    const expected = [true, true, 64, true, false];
    for (let i = 0; i < 5; i++) {
      assert.deepEqual(await inNode(check, { made: await inRule(make) }), expected);
      assert.deepEqual(await inRule(check, { made: await inNode(make) }), expected);
    }
  });

  test('what is encrypted for a public key is decrypted with the private one', async () => {
    const make = `return [crypto.publicEncrypt(given.rsa.publicKey, Buffer.from('geheim')), crypto.publicEncrypt({key: given.rsa.publicKey, padding: crypto.constants.RSA_PKCS1_PADDING}, Buffer.from('geheim')), crypto.publicEncrypt({key: given.rsa.publicKey, oaepHash: 'sha256', oaepLabel: Buffer.from('l')}, Buffer.from('geheim'))].map((b) => b.toString('hex'))`;
    const open = `const [a, , c] = given.made.map((s) => Buffer.from(s, 'hex')); return [crypto.privateDecrypt(given.rsa.privateKey, a).toString(), crypto.privateDecrypt({key: given.rsa.privateKey, oaepHash: 'sha256', oaepLabel: Buffer.from('l')}, c).toString()]`;
    assert.deepEqual(await inNode(open, { made: await inRule(make) }), ['geheim', 'geheim']);
    assert.deepEqual(await inRule(open, { made: await inNode(make) }), ['geheim', 'geheim']);
  });

  test('keys agree', async () => {
    const body = `const a = crypto.generateKeyPairSync('x25519'), b = crypto.generateKeyPairSync('x25519'); return crypto.diffieHellman({privateKey: a.privateKey, publicKey: b.publicKey}).equals(crypto.diffieHellman({privateKey: b.privateKey, publicKey: a.publicKey}))`;
    assert.equal(await inRule(body), true);
  });

  test('bcrypt knows its own hashes and those of others', async () => {
    const known = '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'; // the password is U*U (crypt_blowfish's own test)
    assert.deepEqual(await inRule(`const h = bcrypt.hashSync('geheim', 4); return [h.length, h.slice(0, 7), bcrypt.compareSync('geheim', h), bcrypt.compareSync('Geheim', h), bcrypt.compareSync('U*U', '${known}'),
      await require('bcryptjs').compare('geheim', h), await new Promise((done) => require('bcrypt').hash('x', 4, (e, made) => require('bcrypt').compare('x', made, (f, holds) => done([e, holds])))), bcrypt.getRounds(h), bcrypt.compareSync('x', 'nonsense')]`),
    [60, '$2b$04$', true, false, true, true, [null, true], 4, false]);
  });

  test('what Node compressed a rule expands, and the other way round', async () => {
    assert.equal(await inRule(`return require('zlib').gunzipSync(Buffer.from(given.made, 'base64')).toString()`, { made: zlib.gzipSync('grüß dich').toString('base64') }), 'grüß dich');
    assert.equal(zlib.gunzipSync(Buffer.from(await inRule(`return require('zlib').gzipSync('grüß dich').toString('base64')`), 'base64')).toString(), 'grüß dich');
  });

  test('a small text that expands without end is refused', async () => {
    const bomb = zlib.deflateRawSync(Buffer.alloc(64 * 1024 * 1024)).toString('base64');
    assert.match(await inRule(`try { return require('zlib').inflateRawSync(Buffer.from(given.made, 'base64')).length; } catch (e) { return e.message; }`, { made: bomb }), /larger than/);
  });

  test('keys and ciphers without end are that login\'s own memory', async () => {
    for (const one of ['crypto.createPublicKey(user.given.ed.publicKey)', "crypto.createCipheriv('aes-128-cbc', Buffer.alloc(16), Buffer.alloc(16))"]) {
      const script = `function (user, context, callback) { var kept = []; for (;;) kept.push(${one}); }`;
      const { error_description: said } = await server.apiOk('POST', 'rules/try', { script, user: { user_id: 'auth0|1', given } });
      assert.equal(said, 'Request to Webtask exceeded allowed memory', one);
    }
    assert.equal(await inRule(`return crypto.createPublicKey(given.ed.publicKey).asymmetricKeyType`), 'ed25519');
  });
});
