// The tutorial "User-Initiated Multifactor Authentication", its three steps literally: the official Node SDK is the application,
// Chromium the user. Everything below happens in the order in which the tutorial tells it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { claims, pkce } from '../harness/browserless.mjs';
import { startApplication } from '../harness/application.mjs';
import { launch } from '../harness/chromium.mjs';
import { totp } from '../harness/otp.mjs';
import { startServer } from '../harness/server.mjs';

const DAY_MS = 24 * 3600 * 1000;
const PHONE = '+441632960123';

// The tutorial's rule as printed, but for the client id.
const RULE = `function (user, context, callback) {

    // run only for the specified applications
    var CLIENTS_WITH_MFA = ['REPLACE_WITH_YOUR_CLIENT_ID'];
    
    if (CLIENTS_WITH_MFA.indexOf(context.clientID) !== -1) {
        if (user.app_metadata && user.app_metadata.use_mfa){

            context.multifactor = {
                // required
                provider: 'guardian', 

                // set to false to force Guardian authentication every login
                allowRememberBrowser: false
            };
        }
    }

    callback(null, user, context);
}
`;

let server, application, chromium, management, client, otherClient, ada, ben, rule;

before(async () => {
  server = await startServer();
  application = await startApplication();
  chromium = await launch();
  management = server.sdk();
  client = await server.webClient({ callbacks: [application.callback] });
  otherClient = await server.webClient({ callbacks: [application.callback] });
  ada = await server.user({ email: 'ada@example.test' });
  ben = await server.user({ email: 'ben@example.test' });
});

after(async () => {
  await chromium?.close();
  await application?.close();
  await server?.stop();
});

/** A person: a browser of their own, and what they do in it. */
class Person {
  constructor(user, context, page) {
    Object.assign(this, { user, context, page });
  }

  static async of(user) {
    const context = await chromium.newContext({ locale: 'en-GB' });
    return new Person(user, context, await context.newPage());
  }

  get path() {
    return new URL(this.page.url()).pathname;
  }

  /** Opens the application's login and passes identifier and password where they are asked for. */
  async logIn(app = client) {
    this.app = app;
    this.pkce = pkce();
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: app.client_id,
      redirect_uri: application.callback,
      scope: 'openid profile email',
      state: 'tutorial',
      code_challenge: this.pkce.challenge,
      code_challenge_method: 'S256',
    });
    await this.page.goto(server.url(`authorize?${query}`));
    if (this.path === '/u/login/identifier') {
      await this.page.fill('[name=username]', this.user.email);
      await this.main();
      await this.page.fill('[name=password]', this.user.password);
      await this.main();
    }
  }

  /** Presses the page's main button. */
  async main() {
    await this.page.click('button[value=default]');
  }

  async press(action) {
    await this.page.click(`button[value="${action}"]`);
  }

  async enterCode(code) {
    await this.page.fill('[name=code]', code);
    await this.main();
  }

  /** The ID token of a login that has ended at the application. */
  async arrived() {
    const url = new URL(this.page.url());
    assert.equal(url.origin + url.pathname, application.callback, `not at the application: ${url} ${await this.page.innerText('body')}`);
    assert.equal(url.searchParams.get('error'), null, url.href);
    assert.equal(url.searchParams.get('state'), 'tutorial');
    const { status, body } = await server.postForm('oauth/token', {
      grant_type: 'authorization_code',
      client_id: this.app.client_id,
      client_secret: this.app.client_secret,
      code: url.searchParams.get('code'),
      code_verifier: this.pkce.verifier,
      redirect_uri: application.callback,
    });
    assert.equal(status, 200, JSON.stringify(body));
    assert.equal(claims(body.id_token).sub, this.user.user_id);
    return body;
  }

  async logOut() {
    await this.page.goto(server.url(`v2/logout?client_id=${client.client_id}`));
  }
}

let adasBrowser, bensBrowser, bensSeed, bensRecoveryCode;

test('Enable MFA: the factors are off in a new tenant, and the sliders turn SMS and one-time codes on', async () => {
  const factors = await management.guardian.factors.list();
  assert.deepEqual(
    factors.map(({ name, enabled }) => [name, enabled]),
    ['sms', 'push-notification', 'otp', 'email', 'duo', 'webauthn-roaming', 'webauthn-platform', 'recovery-code'].map(
      (name) => [name, false],
    ),
  );
  assert.deepEqual(await management.guardian.factors.set('sms', { enabled: true }), { enabled: true });
  assert.deepEqual(await management.guardian.factors.set('otp', { enabled: true }), { enabled: true });
});

test('Customize MFA: the rule is saved as the tutorial prints it', async () => {
  const script = RULE.replace('REPLACE_WITH_YOUR_CLIENT_ID', client.client_id);
  rule = await management.rules.create({ name: 'user-initiated-mfa', script });
  assert.equal(rule.script, script);
  assert.equal(rule.enabled, true);
});

test('a user who is not flagged logs in without a second factor', async () => {
  adasBrowser = await Person.of(ada);
  await adasBrowser.logIn();
  const tokens = await adasBrowser.arrived();
  assert.equal(claims(tokens.id_token).amr, undefined);
  await adasBrowser.logOut();
});

test('Flag users: a token with update:users_app_metadata alone sets use_mfa, and nothing else', async () => {
  const app = server.sdk(await server.managementToken(['update:users_app_metadata']));
  for (const user of [ada, ben]) {
    const updated = await app.users.update(user.user_id, { app_metadata: { use_mfa: true } });
    assert.equal(updated.app_metadata.use_mfa, true);
  }
  await assert.rejects(app.users.update(ada.user_id, { user_metadata: { x: 1 } }), (error) => {
    assert.equal(error.statusCode, 403);
    assert.equal(error.body.message, 'Insufficient scope, expected any of: update:users');
    return true;
  });
});

test('Initiate enrollment: a token with create:guardian_enrollment_tickets alone makes a ticket; Ada enrolls by SMS', async () => {
  const app = server.sdk(await server.managementToken(['create:guardian_enrollment_tickets']));
  const ticket = await app.guardian.enrollments.createTicket({ user_id: ada.user_id, send_mail: true });
  assert.match(ticket.ticket_id, /^[A-Za-z0-9]{32}$/);
  assert.equal(ticket.ticket_url, server.url(`mfa/enrollment?ticket=${ticket.ticket_id}`));
  const mail = await server.message({ to: ada.email, channel: 'email' });
  assert.ok(mail.html.includes(ticket.ticket_id) && mail.text.includes(ticket.ticket_url));

  const { page } = adasBrowser;
  await page.goto(ticket.ticket_url);
  await adasBrowser.press('sms');
  await page.fill('[name=phone]', PHONE);
  await adasBrowser.main();
  await adasBrowser.enterCode(await server.smsCode(PHONE));
  assert.equal(adasBrowser.path, '/u/mfa-enroll-result');

  const [enrollment] = await management.users.enrollments.get(ada.user_id);
  assert.equal(enrollment.status, 'confirmed');
  assert.equal(enrollment.auth_method, 'sms');
  assert.equal(enrollment.phone_number, 'XXXXXXXXX0123');
});

test('a ticket works once', async () => {
  const app = server.sdk(await server.managementToken(['create:guardian_enrollment_tickets']));
  const { ticket_url } = await app.guardian.enrollments.createTicket({ user_id: ada.user_id });
  const response = await adasBrowser.page.goto(ticket_url);
  assert.equal(response.status(), 400);
});

test('Ada is asked for a code at every login, and the box to remember the browser is not there', async () => {
  for (let login = 0; login < 2; login++) {
    await server.advanceClock(60_000);
    await adasBrowser.logIn();
    assert.equal(adasBrowser.path, '/u/mfa-sms-challenge');
    assert.equal(await adasBrowser.page.locator('[name=rememberBrowser]').count(), 0);
    await adasBrowser.enterCode(await server.smsCode(PHONE));
    const tokens = await adasBrowser.arrived();
    assert.deepEqual(claims(tokens.id_token).amr ?? ['mfa'], ['mfa']);
  }
  await adasBrowser.logOut();
});

test('the rule speaks for its application alone', async () => {
  await adasBrowser.logIn(otherClient);
  await adasBrowser.arrived();
  await adasBrowser.logOut();
});

test('Ben, who is flagged, enrolls in one-time codes at his first login', async () => {
  bensBrowser = await Person.of(ben);
  await bensBrowser.logIn();
  await bensBrowser.press('otp');
  assert.equal(bensBrowser.path, '/u/mfa-otp-enrollment');
  await bensBrowser.page.locator('svg').first().waitFor();
  const link = await bensBrowser.page.getAttribute('a[href^="otpauth:"]', 'href');
  bensSeed = new URL(link).searchParams.get('secret');
  assert.match(bensSeed, /^[A-Z2-7]{32}$/);
  await bensBrowser.enterCode(totp(bensSeed, server.now()));
  await bensBrowser.arrived();
  await bensBrowser.logOut();
});

test('with allowRememberBrowser and the box ticked, Ben is asked once in 30 days', async () => {
  await management.rules.update(rule.id, {
    script: RULE.replace('REPLACE_WITH_YOUR_CLIENT_ID', client.client_id).replace('allowRememberBrowser: false', 'allowRememberBrowser: true'),
  });
  await server.advanceClock(60_000);
  await bensBrowser.logIn();
  assert.equal(bensBrowser.path, '/u/mfa-otp-challenge');
  const box = bensBrowser.page.locator('[name=rememberBrowser]');
  assert.equal(await box.isChecked(), false);
  await box.check();
  await bensBrowser.enterCode(totp(bensSeed, server.now()));
  await bensBrowser.arrived();

  for (let days = 6; days < 30; days += 6) {
    await bensBrowser.logOut();
    await server.advanceClock(6 * DAY_MS);
    await bensBrowser.logIn();
    await bensBrowser.arrived();
  }
  await bensBrowser.logOut();
  await server.advanceClock(6 * DAY_MS + 60_000);
  await bensBrowser.logIn();
  assert.equal(bensBrowser.path, '/u/mfa-otp-challenge');
  await bensBrowser.enterCode(totp(bensSeed, server.now()));
  await bensBrowser.arrived();
  await bensBrowser.logOut();
});

test('a browser that was not remembered is asked', async () => {
  const elsewhere = await Person.of(ben);
  await server.advanceClock(60_000);
  await elsewhere.logIn();
  assert.equal(elsewhere.path, '/u/mfa-otp-challenge');
  await elsewhere.context.close();
});

test('with the recovery-code factor on, a new enrollment shows a code; it is used once and replaced', async () => {
  // A month has passed: the SDK, whose clock did not move, still holds the token of its beginning.
  management = server.sdk();
  await management.guardian.factors.set('recovery-code', { enabled: true });
  const app = server.sdk(await server.managementToken(['create:guardian_enrollment_tickets']));
  const { ticket_url } = await app.guardian.enrollments.createTicket({
    user_id: ben.user_id,
    factor: 'phone',
    allow_multiple_enrollments: true,
  });
  const { page } = bensBrowser;
  await page.goto(ticket_url);
  await page.fill('[name=phone]', '+441632960456');
  await bensBrowser.main();
  await bensBrowser.enterCode(await server.smsCode('+441632960456'));
  assert.equal(bensBrowser.path, '/u/mfa-recovery-code-enrollment');
  bensRecoveryCode = (await page.innerText('body')).match(/\b[A-Z0-9]{24}\b/)[0];
  await page.check('[name=saved]');
  await bensBrowser.main();

  await server.advanceClock(60_000);
  await bensBrowser.logIn();
  await bensBrowser.press('pick-authenticator');
  await bensBrowser.press('recovery-code');
  await bensBrowser.enterCode(bensRecoveryCode);
  assert.equal(bensBrowser.path, '/u/mfa-recovery-code-challenge-new-code');
  const next = (await page.innerText('body')).match(/\b[A-Z0-9]{24}\b/)[0];
  assert.notEqual(next, bensRecoveryCode);
  await page.check('[name=saved]');
  await bensBrowser.main();
  await bensBrowser.arrived();
  await bensBrowser.logOut();

  await bensBrowser.logIn();
  await bensBrowser.press('pick-authenticator');
  await bensBrowser.press('recovery-code');
  await bensBrowser.enterCode(bensRecoveryCode);
  assert.equal(bensBrowser.path, '/u/mfa-recovery-code-challenge');
});

test('when his factors are removed, Ben is asked to enroll again', async () => {
  const enrollments = await management.users.enrollments.get(ben.user_id);
  await management.guardian.enrollments.delete(enrollments[0].id);
  await management.users.authenticators.deleteAll(ben.user_id);
  assert.deepEqual(await management.users.enrollments.get(ben.user_id), []);
  const { multifactor } = await management.users.get(ben.user_id);
  assert.equal(multifactor?.length ?? 0, 0);
  await bensBrowser.logIn();
  assert.match(bensBrowser.path, /^\/u\/mfa-(begin-enroll-options|otp-enrollment|sms-enrollment)$/);
});
