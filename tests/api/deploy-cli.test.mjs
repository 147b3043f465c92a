// Moving over: auth0-deploy-cli, Auth0's own tool, brings a directory of YAML here and takes it out again.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Browser, Login } from '../harness/browserless.mjs';
import { freePort, startServer } from '../harness/server.mjs';

const tool = fileURLToPath(new URL('../node_modules/auth0-deploy-cli/lib/index.js', import.meta.url));
const INCLUDED = ['rules', 'rulesConfigs', 'guardianFactors', 'guardianPolicies', 'clients', 'resourceServers', 'databases'];

const patience = `data:text/javascript,${encodeURIComponent(`
  await fetch('data:,');
  const name = Symbol.for('undici.globalDispatcher.1');
  globalThis[name] = new globalThis[name].constructor({ connect: { timeout: 120000 } });
`)}`;

let server, folder, environment;

before(async () => {
  const port = await freePort();
  server = await startServer({ flags: [`--dev-tls-listen=127.0.0.1:${port}`] });
  folder = await mkdtemp(join(tmpdir(), 'countersign-deploy-'));
  environment = {
    ...process.env,
    NODE_EXTRA_CA_CERTS: join(server.data, 'dev-ca.pem'),
    AUTH0_DOMAIN: `127.0.0.1:${port}`,
    AUTH0_CLIENT_ID: server.management.client_id,
    AUTH0_CLIENT_SECRET: server.management.client_secret,
    AUTH0_INCLUDED_ONLY: JSON.stringify(INCLUDED),
    AUTH0_ALLOW_DELETE: 'false',
    /* The tool compiles its schemas for some seconds while its connections begin: on a busy machine they would time out. */
    NODE_OPTIONS: `--import ${JSON.stringify(patience)}`,
  };
});
after(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Runs the tool; what it printed. */
function run(...words) {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [tool, ...words], { env: environment, cwd: folder }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${words[0]}: ${stdout}${stderr}`));
      else resolve(stdout + stderr);
    });
  });
}

async function exported(name) {
  await run('export', '--output_folder', join(folder, name), '--format', 'yaml');
  return readFile(join(folder, name, 'tenant.yaml'), 'utf8');
}

const rule = `function mfa(user, context, callback) {
  if (user.app_metadata && user.app_metadata.use_mfa)
    context.multifactor = { provider: configuration.PROVIDER, allowRememberBrowser: false };
  callback(null, user, context);
}
`;
const claims = `function claims(user, context, callback) {
  context.idToken['https://acme.test/nickname'] = user.nickname;
  callback(null, user, context);
}
`;
const tenant = `rules:
  - name: Ask flagged users
    script: ./rules/mfa.js
    stage: login_success
    enabled: true
    order: 2
  - name: Claims
    script: ./rules/claims.js
    stage: login_success
    enabled: true
    order: 1
rulesConfigs:
  - key: PROVIDER
    value: google-authenticator
guardianFactors:
  - name: otp
    enabled: true
  - name: sms
    enabled: false
guardianPolicies:
  policies: []
clients:
  - name: Acme Shop
    app_type: regular_web
    callbacks:
      - https://app.test/cb
    grant_types:
      - authorization_code
    oidc_conformant: true
    token_endpoint_auth_method: client_secret_post
    jwt_configuration:
      alg: RS256
resourceServers:
  - name: Acme API
    identifier: https://api.acme.test/
    signing_alg: RS256
    token_lifetime: 3600
    scopes:
      - value: read:orders
        description: Read orders
databases:
  - name: Username-Password-Authentication
    strategy: auth0
    enabled_clients:
      - Default App
      - Acme Shop
    options:
      passwordPolicy: good
      brute_force_protection: true
`;

test('a directory is imported twice, the second time changes nothing, and what comes out is what went in', async () => {
  const source = join(folder, 'source');
  await mkdir(join(source, 'rules'), { recursive: true });
  await writeFile(join(source, 'tenant.yaml'), tenant);
  await writeFile(join(source, 'rules/mfa.js'), rule);
  await writeFile(join(source, 'rules/claims.js'), claims);

  await run('import', '--input_file', join(source, 'tenant.yaml'));
  const first = await exported('first');
  const rules = await server.apiOk('GET', 'rules');
  const clients = await server.apiOk('GET', 'clients?is_global=false');
  assert.deepEqual(rules.map(({ name, order, enabled, script }) => [name, order, enabled, script]), [
    ['Claims', 1, true, claims],
    ['Ask flagged users', 2, true, rule],
  ]);
  assert.deepEqual(await server.apiOk('GET', 'rules-configs'), [{ key: 'PROVIDER' }]);
  assert.equal((await server.apiOk('GET', 'guardian/factors')).find(({ name }) => name === 'otp').enabled, true);
  const [api] = (await server.apiOk('GET', 'resource-servers')).filter(({ identifier }) => identifier === 'https://api.acme.test/');
  assert.deepEqual([api.name, api.token_lifetime, api.scopes], ['Acme API', 3600, [{ value: 'read:orders', description: 'Read orders' }]]);

  await run('import', '--input_file', join(source, 'tenant.yaml'));
  assert.equal(await exported('second'), first);
  assert.deepEqual(await server.apiOk('GET', 'rules'), rules);
  assert.deepEqual(await server.apiOk('GET', 'clients?is_global=false'), clients);
});

test('people sign in at what was imported, and its rules ask them for a second factor', async () => {
  const [client] = (await server.apiOk('GET', 'clients?is_global=false')).filter(({ name }) => name === 'Acme Shop');
  const user = await server.user({ app_metadata: { use_mfa: true } });
  const login = new Login(server, client, { browser: new Browser(server) });
  const page = await login.withPassword(user.email, user.password);
  assert.equal(page.path, '/u/mfa-otp-enrollment');
});

test('with deletions allowed, what the directory does not name goes', async () => {
  const source = join(folder, 'less');
  await mkdir(join(source, 'rules'), { recursive: true });
  await writeFile(join(source, 'tenant.yaml'), 'rules:\n  - name: Claims\n    script: ./rules/claims.js\n    stage: login_success\n    enabled: true\n    order: 1\n');
  await writeFile(join(source, 'rules/claims.js'), claims);
  environment.AUTH0_ALLOW_DELETE = 'true';
  await run('import', '--input_file', join(source, 'tenant.yaml'));
  assert.deepEqual((await server.apiOk('GET', 'rules')).map(({ name }) => name), ['Claims']);
  /* The tool never deletes configurations, whose values nobody can read back. */
  assert.deepEqual(await server.apiOk('GET', 'rules-configs'), [{ key: 'PROVIDER' }]);
});
