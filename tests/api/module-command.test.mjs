// `countersign module`: packages of npm that rules may require beside the built-in ones. npm is given tarballs and a registry
// of this test's own.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { binary, startServer } from '../harness/server.mjs';

const run = promisify(execFile);
const esbuild = fileURLToPath(new URL('../../web/script/node_modules/esbuild', import.meta.url));

let server;
let folder;
let registry;
let environment;
const packuments = {};
const tarballs = {};

before(async () => {
  server = await startServer();
  folder = await mkdtemp(join(tmpdir(), 'countersign-modules-'));
  registry = createServer((request, response) => {
    const path = decodeURIComponent(request.url.slice(1));
    const found = packuments[path] ? JSON.stringify(packuments[path]) : tarballs[path];
    response.writeHead(found ? 200 : 404);
    response.end(found ?? '{}');
  });
  await new Promise((resolve) => registry.listen(0, '127.0.0.1', resolve));
  environment = { ...process.env, npm_config_registry: `http://127.0.0.1:${registry.address().port}/`, npm_config_cache: join(folder, 'cache'), npm_config_fetch_retries: '0' };
});

after(async () => {
  registry?.close();
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A package of these files as a tarball; its path. */
async function pack(manifest, files) {
  const place = await mkdtemp(join(folder, 'package-'));
  for (const [name, text] of Object.entries({ 'package.json': JSON.stringify(manifest), ...files })) {
    await mkdir(join(place, name, '..'), { recursive: true });
    await writeFile(join(place, name), text);
  }
  const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', folder, place], { cwd: folder, env: environment });
  return join(folder, stdout.trim().split('\n').pop());
}

/** The same, in the registry. */
async function publish(manifest, files) {
  const tarball = await readFile(await pack(manifest, files));
  const { name, version } = manifest;
  const path = `${name}/-/${version}.tgz`;
  tarballs[path] = tarball;
  packuments[name] ??= { name, versions: {}, 'dist-tags': {} };
  packuments[name]['dist-tags'].latest = version;
  packuments[name].versions[version] = {
    ...manifest, dist: { tarball: environment.npm_config_registry + path, shasum: createHash('sha1').update(tarball).digest('hex') } };
}

async function module(...given) {
  const done = await run(binary, ['module', ...given, '--data', server.data], { env: environment }).catch((fault) => fault);
  return { status: done.code ?? 0, out: done.stdout, error: done.stderr };
}
const add = (...given) => module('add', ...given, '--esbuild', esbuild);

async function inRule(body) {
  const script = `async function (user, context, callback) { context.idToken.value = await (async () => { ${body} })(); callback(null, user, context); }`;
  const outcome = await server.apiOk('POST', 'rules/try', { script, user: { user_id: 'auth0|1' } });
  return outcome.error === undefined ? outcome.id_token.value : outcome.error_description;
}

test('a tarball: its module is there for rules at once, and gone at once', async () => {
  const tarball = await pack({ name: 'greeter', version: '1.2.3', main: 'lib/index.js' },
    { 'lib/index.js': `const {hello} = require('./words'); module.exports = (name) => hello + ' ' + name + ' ' + require('crypto').createHash('md5').update(name).digest('hex').length;`, 'lib/words.js': `exports.hello = 'grüß';` });
  assert.match(await inRule(`return require('greeter')('ann')`), /^Cannot find module 'greeter'. .*countersign module add greeter@VERSION$/);
  assert.deepEqual(await add(tarball), { status: 0, out: "Rules can require('greeter@1.2.3').\n", error: '' });
  for (let i = 0; i < 3; i++) assert.equal(await inRule(`return require('greeter')('ann')`), 'grüß ann 32');
  assert.equal(await inRule(`return require('greeter@1.2.3')('b')`), 'grüß b 32');
  assert.equal((await module('list')).out, 'greeter@1.2.3\n');
  assert.equal((await module('remove', 'greeter@1.2.3')).status, 0);
  assert.match(await inRule(`return require('greeter')('ann')`), /^Cannot find module 'greeter'/);
});

test('a package of the registry with its dependencies, in two versions', async () => {
  await publish({ name: 'inner', version: '2.0.0' }, { 'index.js': 'exports.double = (x) => 2 * x;' });
  for (const [version, by] of [['1.0.0', 1], ['1.4.0', 10]])
    await publish({ name: '@team/outer', version, dependencies: { inner: '^2.0.0' }, main: 'main.js' }, { 'main.js': `exports.run = (x) => require('inner').double(x) * ${by};` });
  assert.equal((await add('@team/outer@1.0.0')).status, 0);
  assert.equal((await add('@team/outer@1.4.0')).status, 0);
  assert.deepEqual(await inRule(`return ['', '@1.0.0', '@1.4.0', '@1.3.9', '@1'].map((v) => require('@team/outer' + v).run(3))`), [60, 6, 60, 60, 60]);
  assert.match((await module('list')).out, /@team\/outer@1\.0\.0\n@team\/outer@1\.4\.0\n/);
});

test('a file beside the main one, and ECMAScript modules', async () => {
  await publish({ name: 'cloud', version: '3.1.0' }, { 'index.js': 'exports.all = 1;', 'clients/s3.js': 'exports.S3 = class { name() { return "s3"; } };' });
  await publish({ name: 'modern', version: '1.0.0', type: 'module', exports: './index.js' }, { 'index.js': 'export const a = 1; export default function run() { return "ran"; }' });
  assert.equal((await add('cloud@3.1.0/clients/s3')).status, 0);
  assert.equal((await add('modern@1.0.0')).status, 0);
  assert.equal(await inRule(`return new (require('cloud/clients/s3').S3)().name() + new (require('cloud@3.1.0/clients/s3').S3)().name()`), 's3s3');
  assert.match(await inRule(`return require('cloud')`), /^Cannot find module 'cloud'/);
  assert.equal(await inRule(`const modern = require('modern'); return typeof modern === 'function' ? modern() : modern.a`), 'ran');
});

test('a version of a built-in module that is not built in', async () => {
  await publish({ name: 'lodash', version: '4.17.15' }, { 'index.js': `exports.VERSION = 'the operator\\'s 4.17.15';` });
  assert.equal(await inRule(`return require('lodash@4.17.15').VERSION`), '4.17.19');
  assert.equal((await add('lodash@4.17.15')).status, 0);
  assert.equal(await inRule(`return require('lodash@4.17.15').VERSION + require('lodash').VERSION`), "the operator's 4.17.154.17.21");
});

test('a changed file is seen', async () => {
  for (const text of ['one', 'another']) {
    assert.equal((await add(await pack({ name: 'changing', version: '1.0.0' }, { 'index.js': `module.exports = '${text}';` }))).status, 0);
    assert.equal(await inRule(`return require('changing')`), text);
  }
});

test('what fails says why, and leaves nothing behind', async () => {
  const attempts = [
    ['nonsense', /nonsense is not NAME@VERSION/], ['../evil@1.0.0', /is not NAME@VERSION/], ['nowhere.tgz', /cannot be read/],
    ['missing@1.0.0', /npm did not install missing@1.0.0/],
    [await pack({ name: 'broken', version: '1.0.0' }, { 'index.js': 'module.exports = ;' }), /could not be bundled/],
    [await pack({ name: 'lacking', version: '1.0.0' }, { 'index.js': `require('not-a-dependency');` }), /could not be bundled/],
  ];
  for (const [given, said] of attempts) {
    const { status, error } = await add(given);
    assert.equal(status, 1, given);
    assert.match(error, said);
  }
  assert.equal((await module('remove', 'never@1.0.0')).status, 1);
  assert.equal((await module('add')).status, 2);
  assert.deepEqual((await readdir(join(server.data, 'modules'))).filter((name) => name.startsWith('.')), []);
});

test('a module that fails when it is loaded fails that login alone', async () => {
  await add(await pack({ name: 'failing', version: '1.0.0' }, { 'index.js': `throw new Error('not today');` }));
  assert.equal(await inRule(`return require('failing')`), 'not today');
  assert.equal(await inRule(`try { require('failing'); } catch (e) { return 'caught ' + e.message; }`), 'caught not today');
});

test('a rule that changes built-in objects changes no module for the logins after it', async () => {
  await add(await pack({ name: 'trusted', version: '1.0.0' }, { 'index.js': `module.exports = 'trusted';` }));
  await add(await pack({ name: 'other', version: '1.0.0' }, { 'index.js': `module.exports = 'other';` }));
  await inRule(`const key = 'other@1.0.0.js'; Object.prototype.toJSON = function () { return this.key ? {key} : this; }; JSON.parse = () => [{version: '1.0.0', key}]; JSON.stringify = () => '{"name":"other"}'; String.prototype.split = null; try { return require('trusted'); } catch (e) { return 1; }`);
  for (let i = 0; i < 4; i++) assert.deepEqual(await inRule(`return [require('trusted'), require('other'), typeof request.get, typeof Buffer.from]`), ['trusted', 'other', 'function', 'function']);
});
