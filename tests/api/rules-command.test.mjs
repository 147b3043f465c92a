// `countersign rules`: a try of rules, and tests of a folder of them, without a server.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { binary } from '../harness/server.mjs';

const run = promisify(execFile);
let folder;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-rules-'));
});
after(() => rm(folder, { recursive: true, force: true }));

async function command(...words) {
  try {
    return { code: 0, ...(await run(binary, ['rules', ...words], { cwd: folder })) };
  } catch (error) {
    return { code: error.code, stdout: error.stdout, stderr: error.stderr };
  }
}

async function place(files) {
  const here = await mkdtemp(join(folder, 'case-'));
  for (const [name, content] of Object.entries(files))
    await writeFile(join(here, name), typeof content === 'string' ? content : JSON.stringify(content));
  return here;
}

const flagged = `function (user, context, callback) {
  console.log('flag', user.app_metadata && user.app_metadata.use_mfa);
  if (user.app_metadata && user.app_metadata.use_mfa)
    context.multifactor = { provider: 'any', allowRememberBrowser: false };
  callback(null, user, context);
}`;

test('a try tells what the rules did to user and context, and what they printed', async () => {
  const here = await place({ 'mfa.js': flagged, 'claim.js': `function claim(user, context, callback) {
    context.idToken['https://acme.test/from'] = context.clientName + configuration.END;
    user.nickname = 'changed';
    auth0.users.updateAppMetadata(user.user_id, { seen: true }).then(() => callback(null, user, context), callback);
  }`, 'user.json': { user_id: 'auth0|ada', nickname: 'ada', app_metadata: { use_mfa: true } } });
  const { code, stdout } = await command('try', join(here, 'mfa.js'), join(here, 'claim.js'), '--user', `@${join(here, 'user.json')}`,
    '--context', '{"clientName":"Shop"}', '--configuration', '{"END":"!"}');
  assert.equal(code, 0);
  const told = JSON.parse(stdout);
  assert.deepEqual(told.multifactor, { provider: 'any', allowRememberBrowser: false });
  assert.equal(told.id_token['https://acme.test/from'], 'Shop!');
  assert.equal(told.user.nickname, 'changed');
  assert.deepEqual(told.updates, [{ user_id: 'auth0|ada', app_metadata: { seen: true } }]);
  assert.deepEqual(told.run.map((entry) => entry.rule), ['mfa.js', 'claim.js']);
  assert.deepEqual(told.run[0].console, [{ level: 'log', text: 'flag true' }]);
  assert.deepEqual(told.run[0].changes, [{ path: 'context.multifactor', to: { provider: 'any', allowRememberBrowser: false } }]);
  assert.ok(told.run[1].changes.some((change) => change.path === 'user.nickname' && change.from === 'ada' && change.to === 'changed'));
});

test('a refusal, and a fault with its line and column, end with status 1', async () => {
  const here = await place({ 'refuse.js': 'function (user, context, callback) { callback(new UnauthorizedError("Not you")); }',
    'fault.js': 'function (user, context, callback) {\n  var nothing;\n  nothing.member = 1;\n}' });
  const refused = await command('try', join(here, 'refuse.js'));
  assert.equal(refused.code, 1);
  assert.equal(JSON.parse(refused.stdout).error, 'unauthorized');
  assert.equal(JSON.parse(refused.stdout).error_description, 'Not you');
  const fault = await command('try', join(here, 'fault.js'));
  assert.equal(fault.code, 1);
  assert.equal(JSON.parse(fault.stdout).run[0].error.line, 3);
});

test('HTTP calls get the answers that are given, and no other', async () => {
  const here = await place({ 'call.js': `async function (user, context, callback) {
    const answer = await fetch('https://risk.acme.test/score?user=' + user.user_id);
    context.idToken['https://acme.test/score'] = (await answer.json()).score;
    try { await fetch('https://elsewhere.test/'); } catch (error) { console.warn(error.message); }
    callback(null, user, context);
  }` });
  const { stdout } = await command('try', join(here, 'call.js'), '--user', '{"user_id":"u1"}', '--http', '[{"url":"https://risk.acme.test/*","body":{"score":7}}]');
  const told = JSON.parse(stdout);
  assert.equal(told.id_token['https://acme.test/score'], 7);
  assert.equal(told.run[0].http[0].status, 200);
  assert.match(told.run[0].console[0].text, /no answer is given for GET https:\/\/elsewhere\.test\//);
});

test('without given answers a try calls out, under the egress policy', async () => {
  const service = createServer((request, response) => response.end('"here"'));
  await new Promise((resolve) => service.listen(0, '127.0.0.1', resolve));
  const here = await place({ 'call.js': `async function (user, context, callback) {
    context.idToken['https://acme.test/said'] = await (await fetch(configuration.URL)).json();
    callback(null, user, context);
  }` });
  const wish = ['try', join(here, 'call.js'), '--configuration', JSON.stringify({ URL: `http://127.0.0.1:${service.address().port}/` })];
  const allowed = await command(...wish, '--egress-allow', '127.0.0.0/8');
  const refused = await command(...wish);
  service.close();
  assert.equal(JSON.parse(allowed.stdout).id_token['https://acme.test/said'], 'here');
  assert.equal(refused.code, 1);
});

test('a folder whose rules do what their fixtures expect passes', async () => {
  const here = await place({ 'mfa.js': flagged, 'mfa.test.json': { cases: [
    { name: 'flagged users', user: { user_id: 'u', app_metadata: { use_mfa: true } }, expect: { multifactor: { provider: 'any' }, error: null } },
    { name: 'all others', user: { user_id: 'u' }, expect: { multifactor: null } },
  ] } });
  const { code, stdout } = await command('test', here);
  assert.equal(code, 0);
  assert.match(stdout, /^ok {5}mfa\.js: compiles$/m);
  assert.match(stdout, /^ok {5}mfa\.test\.json: flagged users$/m);
  assert.match(stdout, /\n3 passed, 0 failed\n$/);
});

test('what a fixture expects and does not get is named, and fails', async () => {
  const here = await place({ 'mfa.js': flagged, 'broken.js': 'function (user, context, callback) {\n  callback(null, user, context;\n}',
    'both.test.json': { rules: ['mfa.js'], cases: [{ name: 'other provider', user: { app_metadata: { use_mfa: true } }, expect: { multifactor: { provider: 'duo' } } }] } });
  const { code, stdout } = await command('test', here);
  assert.equal(code, 1);
  assert.match(stdout, /not ok both\.test\.json: other provider\n +\/multifactor\/provider must be "duo", and is "any"/);
  assert.match(stdout, /not ok broken\.js: compiles\n +SyntaxError: .*line 2, column \d+/);
  assert.match(stdout, /1 passed, 2 failed/);
});

test('fixtures that say nothing, or name what is not there, fail instead of passing', async () => {
  const cases = [{}, { cases: [] }, { cases: [{ user: {} }] }, { rules: ['../mfa.js'], cases: [{ expect: {} }] }, { rules: ['gone.js'], cases: [{ expect: {} }] }];
  for (const fixture of cases) {
    const here = await place({ 'mfa.js': flagged, 'mfa.test.json': fixture });
    assert.equal((await command('test', here)).code, 1, JSON.stringify(fixture));
  }
  assert.equal((await command('test', await place({}))).code, 1);
  assert.equal((await command('test', join(folder, 'nowhere'))).code, 1);
});

test('faults of the command line are told in one sentence', async () => {
  const here = await place({ 'mfa.js': flagged });
  for (const words of [[], ['try'], ['try', join(here, 'gone.js')], ['try', join(here, 'mfa.js'), '--user'], ['try', join(here, 'mfa.js'), '--user', '{']]) {
    const { code, stderr } = await command(...words);
    assert.equal(code, 1, words.join(' '));
    assert.match(stderr, /^countersign: [^\n]+\n$/);
  }
});
