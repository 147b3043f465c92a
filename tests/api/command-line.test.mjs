// What an operator meets on the command line.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { binary, freshDatabase, store } from '../harness/server.mjs';

/** Runs the binary to its end: { code, out, err }. */
function countersign(...args) {
  return new Promise((resolve) => {
    execFile(binary, args, (error, out, err) => resolve({ code: error ? (error.code ?? error.signal) : 0, out, err }));
  });
}

test('docs/configuration.md holds the table of settings as the binary has it', async () => {
  const { out } = await countersign('settings');
  const document = await readFile(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
  assert.ok(document.includes(out), 'docs/configuration.md is out of date: run scripts/document-settings');
});

test('serve --help explains every setting', async () => {
  const { code, out } = await countersign('serve', '--help');
  const { out: table } = await countersign('settings');
  assert.equal(code, 0);
  for (const [, name] of table.matchAll(/^\| `(\w+)`/gm)) {
    assert.ok(out.includes(`--${name.replaceAll('_', '-')}`), name);
    assert.ok(out.includes(`COUNTERSIGN_${name.toUpperCase()}`), name);
  }
});

test('an unknown command, and an unknown flag, are refused in words', async () => {
  const command = await countersign('sevre');
  assert.equal(command.code, 2);
  assert.match(command.err, /^countersign: sevre is not a command\n/);
  const flag = await countersign('serve', '--port', '1');
  assert.equal(flag.code, 1);
  assert.equal(flag.err, 'countersign: --port is not a setting; `countersign serve --help` lists them\n');
});

describe('a data directory', () => {
  let directory;
  let database;
  let flags;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'countersign-cli-'));
    database = store === 'postgres' ? await freshDatabase() : null;
    flags = ['--data', join(directory, 'data'), ...(database ? ['--database', database.uri] : [])];
  });

  after(async () => {
    await rm(directory, { recursive: true, force: true });
    await database?.drop();
  });

  test('without a tenant is not served, and told how to get one', async () => {
    const { code, err } = await countersign('serve', '--dev', '--listen', '127.0.0.1:0', '--issuer', 'http://localhost:1', ...flags);
    assert.equal(code, 1);
    assert.match(err, /countersign init/);
    assert.equal(err.trimEnd().split('\n').length, 1);
  });

  test('gets a tenant by init, which prints its first credentials as one object', async () => {
    const { code, out } = await countersign('init', '--json', ...flags);
    assert.equal(code, 0);
    const birth = JSON.parse(out);
    assert.deepEqual(Object.keys(birth), ['issuer', 'management', 'default_client', 'admin']);
    assert.match(birth.management.client_id, /^[A-Za-z0-9]{32}$/);
    assert.match(birth.management.client_secret, /^[A-Za-z0-9_-]{64}$/);
    assert.match(birth.default_client.client_id, /^[A-Za-z0-9]{32}$/);
    assert.ok(birth.admin.sign_in_url.startsWith(birth.issuer));
  });

  test('gets a tenant once', async () => {
    const { code, err } = await countersign('init', ...flags);
    assert.equal(code, 1);
    assert.equal(err, 'countersign: this store holds a tenant already\n');
  });

  test('keeps its keyring to itself', async () => {
    const { mode } = await stat(join(directory, 'data', 'keyring'));
    assert.equal(mode & 0o777, 0o600);
    const { mode: of } = await stat(join(directory, 'data'));
    assert.equal(of & 0o777, 0o700);
  });

  test('is not served with http away from this machine, nor without --dev', async () => {
    const away = await countersign('serve', '--dev', '--issuer', 'http://login.example.com', ...flags);
    assert.equal(away.code, 1);
    assert.match(away.err, /^countersign: issuer /);
    const without = await countersign('serve', '--issuer', 'http://localhost:3000', ...flags);
    assert.equal(without.code, 1);
    assert.match(without.err, /^countersign: issuer .*https/);
  });

  test('is not served with a settings file that is wrong, whose line is named', async () => {
    const file = join(directory, 'countersign.toml');
    await writeFile(file, 'dev = true\n\nworkers = "many"\n');
    const { code, err } = await countersign('serve', '--config', file, ...flags);
    assert.equal(code, 1);
    assert.equal(err, `countersign: ${file}, line 3: workers must be a whole number\n`);
  });
});
