// The phone app's sealed backup: what goes in comes out, with the password alone, and nothing else opens it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from '../harness/typescript.mjs';

const { open, seal } = await load('web/phone/src/backup.ts');
const PASSWORD = 'correct horse battery';
const accounts = [
  { issuer: 'Acme', account: 'ada', name: '', otp: { type: 'totp', secret: 'JBSWY3DPEHPK3PXP', algorithm: 'SHA256', digits: 8, period: 60, counter: 0 } },
  { issuer: 'Bücher', account: 'عدا', name: '本', otp: { type: 'hotp', secret: 'MZXW6YTBOI', algorithm: 'SHA1', digits: 6, period: 30, counter: 7 } },
];

test('a backup opens with its password', async () => {
  const file = await seal(accounts, PASSWORD);
  const { version, kdf } = JSON.parse(file);
  assert.equal(version, 1);
  assert.ok(kdf.iterations >= 600_000);
  assert.ok(!file.includes('JBSWY3DPEHPK3PXP'));
  assert.deepEqual(await open(file, PASSWORD), accounts);
});

test('two backups of the same have nothing in common', async () => {
  const [one, two] = await Promise.all([seal(accounts, PASSWORD, 1000), seal(accounts, PASSWORD, 1000)]).then((files) => files.map((file) => JSON.parse(file)));
  for (const value of [(file) => file.kdf.salt, (file) => file.cipher.iv, (file) => file.sealed]) assert.notEqual(value(one), value(two));
});

test('another password does not open it; the same one typed by another keyboard does', async () => {
  const file = await seal(accounts, 'Kaffee-Häuschen', 1000);
  assert.equal(await open(file, 'kaffee-Häuschen'), 'password');
  assert.deepEqual(await open(file, 'Kaffee-Häuschen'.normalize('NFD')), accounts);
});

test('what was changed in it does not open', async () => {
  const file = JSON.parse(await seal(accounts, PASSWORD, 1000));
  const flipped = Buffer.from(file.sealed, 'base64');
  flipped[3] ^= 1;
  assert.equal(await open(JSON.stringify({ ...file, sealed: flipped.toString('base64') }), PASSWORD), 'password');
  assert.equal(await open(JSON.stringify({ ...file, kdf: { ...file.kdf, iterations: 1001 } }), PASSWORD), 'password');
});

test('what is no backup, or asks for endless work, is refused before any work', async () => {
  const file = JSON.parse(await seal(accounts, PASSWORD, 1000));
  const wrong = ['', '{', 'null', '[]', '{}', 'x'.repeat(9_000_000)];
  wrong.push(JSON.stringify({ ...file, version: 2 }), JSON.stringify({ ...file, sealed: '?' }));
  for (const kdf of [{ iterations: 1e12 }, { iterations: 0 }, { iterations: 1.5 }, { salt: '' }, { name: 'none' }])
    wrong.push(JSON.stringify({ ...file, kdf: { ...file.kdf, ...kdf } }));
  for (const text of wrong) assert.equal(await open(text, PASSWORD), 'format', text.slice(0, 200));
});

test('accounts in it that make no codes are left out', async () => {
  const file = await seal([accounts[0], { issuer: 'x', account: 'y', name: '', otp: { secret: '1' } }, null], PASSWORD, 1000);
  assert.deepEqual(await open(file, PASSWORD), [accounts[0]]);
});
