// A change of the key that seals secrets, while the server runs and people log in.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { askFlaggedUsers, enableFactors, logIn, userWithOtp } from '../harness/mfa.mjs';
import { totp } from '../harness/otp.mjs';
import { binary, startServer } from '../harness/server.mjs';

const run = promisify(execFile);

let server, client, person;

before(async () => {
  server = await startServer();
  client = await server.webClient();
  await askFlaggedUsers(server);
  await enableFactors(server, 'otp');
  person = await userWithOtp(server, client);
});

after(() => server?.stop());

const keyring = () => join(server.data, 'keyring');

const keys = async () => (await readFile(keyring(), 'utf8')).trim().split('\n');

const rekey = (...flags) =>
  run(binary, ['rekey', ...flags, '--data', server.data, ...(server.database ? ['--database', server.database.uri] : [])]);

async function loginWorks() {
  const { login, page } = await logIn(server, client, person.user);
  assert.equal(page.path, '/u/mfa-otp-challenge');
  await login.tokens(await page.submit({ code: totp(person.seed, server.now()) }));
  await server.advanceClock(30_000);
}

test('rekey seals everything under a new key, and the running server goes on', async () => {
  const [old] = await keys();
  const { stdout } = await rekey();
  assert.match(stdout, /[1-9][0-9]* secrets were sealed anew/);
  const now = await keys();
  assert.equal(now.length, 2);
  assert.equal(now[1], old);
  await loginWorks();
  await userWithOtp(server, client);
});

test('the old key is kept while a server may not have seen the new one', async () => {
  await assert.rejects(rekey('--retire'), /try again in \d+ seconds/);
  assert.equal((await keys()).length, 2);
});

test('rekey --retire leaves the new key alone, which opens everything', async () => {
  const [fresh] = await keys();
  const anHourAgo = new Date(Date.now() - 3_600_000);
  await utimes(keyring(), anHourAgo, anHourAgo);
  await rekey('--retire');
  assert.deepEqual(await keys(), [fresh]);
  const { clockOffset } = server;
  assert.equal((await server.terminate()).code, 0);
  server.clockOffset = 0;
  await server.start();
  await server.advanceClock(clockOffset);
  await loginWorks();
});

test('a rekey that was cut off is continued, not begun again', async () => {
  // As after a kill between the new key and the sealing: a key that nothing is sealed under yet.
  const before = await keys();
  await writeFile(keyring(), `fresh:${Buffer.alloc(32, 7).toString('base64')}\n${before.join('\n')}\n`, { mode: 0o600 });
  await rekey();
  const now = await keys();
  assert.equal(now.length, before.length + 1);
  assert.match(now[0], /^fresh:/);
  await loginWorks();
});
