// An operator's own page with auth0-guardian-js in it, in Chromium: the package of npm, bundled as its users do.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { startApplication } from '../harness/application.mjs';
import { launch } from '../harness/chromium.mjs';
import { askFlaggedUsers, enableFactors, flaggedUser, newNumber } from '../harness/mfa.mjs';
import { totp } from '../harness/otp.mjs';
import { startServer } from '../harness/server.mjs';
import { setOwnPage } from '../harness/widget.mjs';

let server, application, chromium, client, script;

/** The operator's page: a select of factors, a field for what is typed, and the words that its tests wait for. */
const PAGE = `<!doctype html><html lang="en"><title>Second factor of {{userData.tenantFriendlyName}}</title>
<h1>Second factor</h1><p id="who">{{userData.friendlyUserId}}</p><p id="state" role="status">starting</p><p id="uri"></p>
<input id="typed" aria-label="code"><button id="go">Go on</button>
<form id="result" method="post" action="{{postActionURL}}"></form>
<script>
window.given = { serviceUrl: '{{mfaServerUrl}}', requestToken: '{{requestToken}}', ticket: '{{ticket}}',
  postActionURL: '{{postActionURL}}', mechanism: '{{stateCheckingMechanism}}' };
</script>
<script src="SCRIPT"></script></html>`;

const PAGE_SCRIPT = `
import guardian from 'auth0-guardian-js';
const { given } = window;
const show = (id, text) => (document.getElementById(id).textContent = text);
const typed = () => document.getElementById('typed').value;
const onGo = (work) => (document.getElementById('go').onclick = work);
const failed = (error) => show('state', 'error ' + (error.errorCode || error.message));
const widget = guardian({
  serviceUrl: given.serviceUrl,
  ...(given.ticket ? { ticket: given.ticket } : { requestToken: given.requestToken }),
  issuer: { label: 'Operator', name: 'operator' },
  stateCheckingMechanism: window.name || given.mechanism,
});
widget.start((error, transaction) => {
  if (error) return failed(error);
  transaction.on('error', failed);
  transaction.on('timeout', () => show('state', 'timed out'));
  transaction.on('enrollment-complete', ({ recoveryCode }) => show('uri', 'recovery ' + recoveryCode));
  transaction.on('auth-response', ({ accepted, signature, recoveryCode }) => {
    show('state', accepted ? 'accepted' : 'rejected');
    if (accepted) guardian.formPostHelper(given.postActionURL, { signature, recoveryCode, accepted });
  });
  if (transaction.isEnrolled()) {
    const [enrollment] = transaction.getEnrollments();
    show('state', 'asks ' + enrollment.getAvailableAuthenticatorTypes().join(' '));
    onGo(() => {
      const [method, code] = typed().split(' ');
      if (method === 'recovery') return transaction.recover({ recoveryCode: code }, (e) => e && failed(e));
      transaction.requestAuth(enrollment, { method }, (e, auth) => {
        if (e) return failed(e);
        show('state', 'sent ' + method);
        if (code) return auth.verify({ otpCode: code }, (e2) => e2 && failed(e2));
        onGo(() => auth.verify({ otpCode: typed() }, (e2) => e2 && failed(e2)));
      });
    });
    return;
  }
  show('state', 'enrolls ' + transaction.getAvailableEnrollmentMethods().join(' '));
  onGo(() => {
    const [method, phoneNumber] = typed().split(' ');
    transaction.enroll(method, { phoneNumber }, (e, step) => {
      if (e) return failed(e);
      show('uri', step.getUri ? step.getUri() : '');
      show('state', 'confirm ' + method);
      onGo(() => step.confirm({ otpCode: typed() }, (e2) => e2 && failed(e2)));
    });
  });
});
`;

before(async () => {
  server = await startServer();
  application = await startApplication();
  chromium = await launch(`--host-resolver-rules=MAP mfa.example.test:80 127.0.0.1:${new URL(server.issuer).port}`);
  client = await server.webClient({ callbacks: [application.callback] });
  await askFlaggedUsers(server);
  await enableFactors(server, 'sms', 'otp', 'recovery-code');
  const bundle = await build({
    stdin: { contents: PAGE_SCRIPT, resolveDir: fileURLToPath(new URL('..', import.meta.url)) },
    bundle: true,
    write: false,
    format: 'iife',
    platform: 'browser',
    define: { global: 'window', 'process.env.NODE_ENV': '"production"' },
  });
  script = bundle.outputFiles[0].text;
  await setOwnPage(server, PAGE.replace('SCRIPT', 'https://cdn.example.test/page.js'));
});

after(async () => {
  await chromium?.close();
  await application?.close();
  await server?.stop();
});

/** A person at the operator's page, after the password; what they do there. */
class Person {
  constructor(user) {
    this.user = user;
    this.console = [];
  }

  async enter(mechanism = '') {
    this.context ??= await chromium.newContext();
    this.page = await this.context.newPage();
    this.page.on('console', (message) => this.console.push(message.text()));
    await this.page.addInitScript(`window.name = '${mechanism}'`);
    await this.page.route('https://cdn.example.test/page.js', (route) =>
      route.fulfill({ contentType: 'text/javascript', body: script }),
    );
    await this.page.goto(
      server.url(
        `authorize?${new URLSearchParams({
          client_id: client.client_id,
          redirect_uri: application.callback,
          response_type: 'code',
          scope: 'openid',
          prompt: 'login',
        })}`,
      ),
    );
    await this.page.fill('[name=username]', this.user.email);
    await this.page.click('button[type=submit]');
    await this.page.fill('[name=password]', this.user.password);
    await this.page.click('button[type=submit]');
    await this.page.waitForURL(/\/u\/mfa-widget/);
    assert.equal(await this.page.textContent('#who'), this.user.email);
  }

  state(text) {
    return this.page.waitForFunction(
      (wanted) => document.getElementById('state').textContent.startsWith(wanted),
      text,
    );
  }

  async type(text) {
    await this.page.fill('#typed', text);
    await this.page.click('#go');
  }

  async arrives() {
    await this.page.waitForURL((url) => url.href.startsWith(application.callback));
    assert.ok(new URL(this.page.url()).searchParams.get('code'));
    await this.page.close();
  }
}

test('a person enrolls one-time codes on the operator\'s page, and logs in by them and by the recovery code', async () => {
  const person = new Person(await flaggedUser(server));
  await person.enter();
  await person.state('enrolls otp sms');
  await person.type('otp');
  await person.state('confirm otp');
  const seed = new URL(await person.page.textContent('#uri')).searchParams.get('secret');
  await person.type('000000');
  await person.state('error invalid_otp');
  const recovery = new Promise((resolve) =>
    person.page.on('request', (request) => {
      if (request.method() === 'POST' && request.url().includes('/u/mfa-widget'))
        resolve(new URLSearchParams(request.postData()).get('signature'));
    }),
  );
  await person.type(totp(seed, server.now()));
  await person.arrives();
  assert.equal((await recovery).split('.').length, 3);

  await server.advanceClock(30_000);
  await person.enter();
  await person.state('asks otp recovery-code');
  await person.type(`otp ${totp(seed, server.now())}`);
  await person.arrives();

  const { recovery_code: code } = await server.apiOk(
    'POST',
    `users/${encodeURIComponent(person.user.user_id)}/recovery-code-regeneration`,
  );
  await person.enter();
  await person.state('asks otp recovery-code');
  await person.type(`recovery ${'B'.repeat(24)}`);
  await person.state('error invalid_recovery_code');
  await person.type(`recovery ${code}`);
  await person.arrives();
  assert.deepEqual(person.console.filter((text) => /Content Security Policy|CORS/.test(text)), []);
});

test('a person enrolls a phone and is texted', async () => {
  const person = new Person(await flaggedUser(server));
  const number = newNumber();
  await person.enter();
  await person.state('enrolls');
  await person.type(`sms ${number}`);
  await person.state('confirm sms');
  await person.type(await server.smsCode(number));
  await person.arrives();
  await person.enter();
  await person.state('asks sms');
  await person.type('sms');
  await person.state('sent sms');
  await person.type(await server.smsCode(number));
  await person.arrives();
});

// The package leaves the port out of the address of its socket (version 1.4.1): here the name's port 80 is the server's.
for (const [mechanism, serviceUrl] of [
  ['polling', () => server.url('guardian/')],
  ['socket', () => 'http://mfa.example.test/appliance-mfa'],
]) {
  test(`a page of another origin enrolls by ticket, and hears of it by ${mechanism}`, async () => {
    const { ticket_id: ticket } = await server.apiOk('POST', 'guardian/enrollments/ticket', {
      user_id: (await flaggedUser(server)).user_id,
    });
    const html = PAGE.replace('SCRIPT', '/page.js')
      .replaceAll('{{mfaServerUrl}}', serviceUrl())
      .replaceAll('{{ticket}}', ticket)
      .replaceAll('{{postActionURL}}', '/done')
      .replaceAll(/\{\{[^}]*\}\}/g, '');
    const elsewhere = createServer((request, response) => {
      response.setHeader('content-type', request.url === '/page.js' ? 'text/javascript' : 'text/html');
      response.end({ '/page.js': script, '/done': 'done' }[request.url] ?? html);
    });
    await new Promise((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
    const page = await (await chromium.newContext()).newPage();
    try {
      const state = (text) =>
        page.waitForFunction((wanted) => document.getElementById('state').textContent.startsWith(wanted), text);
      await page.addInitScript(`window.name = '${mechanism}'`);
      await page.goto(`http://localhost:${elsewhere.address().port}/`);
      await state('enrolls');
      await page.fill('#typed', 'otp');
      await page.click('#go');
      await state('confirm');
      const seed = new URL(await page.textContent('#uri')).searchParams.get('secret');
      await page.fill('#typed', '000000');
      await page.click('#go');
      await state('error invalid_otp');
      await page.fill('#typed', totp(seed, server.now()));
      const posted = page.waitForRequest((request) => request.url().endsWith('/done'));
      await page.click('#go');
      const form = new URLSearchParams((await posted).postData());
      assert.equal(form.get('accepted'), 'true');
      assert.equal(form.get('signature').split('.').length, 3);
      await page.waitForURL(/done$/);
    } finally {
      await page.close();
      elsewhere.closeAllConnections();
      elsewhere.close();
    }
  });
}
