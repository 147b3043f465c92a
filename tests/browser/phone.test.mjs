// Countersign Authenticator in Chromium, against a server that speaks the Guardian phone protocol and checks what the phone signs.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test as define } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launch } from '../harness/chromium.mjs';
import { startGuardian } from '../harness/guardian.mjs';
import { totp } from '../harness/otp.mjs';
import { startServer } from '../harness/server.mjs';

const SEED = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';
const axe = await readFile(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');

// The app keeps nothing in the server's store: once is enough.
const test = (name, body) => define(name, { skip: process.env.COUNTERSIGN_TEST_DATABASE === 'postgres' }, body);

let server, guardian, chromium;
before(async () => {
  [server, guardian, chromium] = await Promise.all([startServer(), startGuardian(), launch()]);
});
after(async () => {
  await chromium?.close();
  await guardian?.close();
  await server?.stop();
});

/** A phone: a browser of its own that has the app open. What its policy refused, or failed, is in `complaints`. */
class Phone {
  complaints = [];

  static async open(options = {}, prepare = async () => {}) {
    const phone = new Phone();
    phone.context = await chromium.newContext({ viewport: { width: 360, height: 740 }, locale: 'en-GB', ...options });
    await prepare(phone.context);
    phone.page = await phone.context.newPage();
    phone.page.on('pageerror', (error) => phone.complaints.push(String(error)));
    phone.page.on('console', (message) => /Content Security|Trusted/.test(message.text()) && phone.complaints.push(message.text()));
    await phone.page.goto(server.url('phone'));
    await phone.heading();
    return phone;
  }

  async close() {
    await this.context.close();
    assert.deepEqual(this.complaints, []);
  }

  heading() {
    return this.page.locator('h1').innerText();
  }

  at(heading) {
    return this.page.getByRole('heading', { level: 1, name: heading }).waitFor();
  }

  press(name) {
    return this.page.getByRole('button', { name, exact: true }).click();
  }

  link(uri) {
    return this.page.goto(`${server.url('phone')}#${encodeURIComponent(uri)}`);
  }

  /** Adds the account of a link; the phone as the server knows it. */
  async enrol(uri = guardian.enrolmentUri()) {
    await this.link(uri);
    await this.at('Answer sign-ins with this device?');
    await this.press('Add');
    await this.at(/Keep your recovery code|Accounts/);
    if ((await this.heading()) !== 'Accounts') {
      await this.page.getByRole('checkbox').check();
      await this.press('Continue');
      await this.at('Accounts');
    }
    const known = [...guardian.phones.values()].at(-1);
    await guardian.until(() => guardian.hasStream(known));
    return known;
  }

  async addCodes(uri) {
    await this.link(uri);
    await this.at('Add this account?');
    await this.press('Add');
    await this.at('Accounts');
  }

  async codes() {
    return (await this.page.locator('.code').allInnerTexts()).map((code) => code.replace(/\s/g, ''));
  }
}

test('a link enrols the phone: it asks first, shows the recovery code once, and makes codes', async () => {
  const phone = await Phone.open();
  await phone.link(guardian.enrolmentUri());
  await phone.at('Answer sign-ins with this device?');
  assert.equal(new URL(phone.page.url()).hash, '', 'the ticket stays in the address');
  const facts = await phone.page.locator('.facts').innerText();
  assert.ok(facts.includes(new URL(guardian.origin).host) && facts.includes('ada@example.test'), facts);
  assert.equal(guardian.phones.size, 0);
  await phone.press('Add');
  await phone.at('Keep your recovery code');
  assert.equal((await phone.page.locator('.secret').innerText()).replace(/\s/g, ''), 'ABCDEFGHJKLMNPQRSTUVWXYZ');
  await phone.press('Continue');
  await phone.page.getByRole('alert').waitFor();
  await phone.page.getByRole('checkbox').check();
  await phone.press('Continue');
  await phone.at('Accounts');
  await phone.page.getByText('Acme Inc', { exact: true }).waitFor();
  assert.deepEqual((await phone.codes()).map((code) => code === totp(SEED, Date.now())), [true]);
  await phone.page.reload();
  await phone.at('Accounts');
  assert.ok(!(await phone.page.innerText('body')).includes('ABCD'));
  const [known] = guardian.phones.values();
  assert.equal(known.credentials.service, 'NONE');
  await phone.close();
});

test('a ticket that was used is told apart from a server that cannot be reached', async () => {
  const phone = await Phone.open();
  const uri = guardian.enrolmentUri();
  await phone.enrol(uri);
  await phone.link(uri);
  await phone.press('Add');
  await phone.page.getByText('was used already, or has expired').waitFor();
  await phone.link(uri.replace(/base_url=.*/, `base_url=${encodeURIComponent('http://127.0.0.1:9/appliance-mfa')}`));
  await phone.press('Add');
  await phone.page.getByText('The server cannot be reached').waitFor();
  await phone.close();
});

test('a login that asks is shown with who, where, which application; the right number allows it', async () => {
  const phone = await Phone.open();
  await phone.enrol();
  const login = guardian.ask({ consent: 'Pay 5 EUR to Ben' });
  await phone.at('Are you signing in?');
  await phone.page.getByText('Pay 5 EUR to Ben').waitFor();
  const facts = await phone.page.locator('.facts').innerText();
  for (const fact of ['ada@example.test', 'Acme Inc', 'Acme Shop', 'Lund, SE', '192.0.2.7', 'Firefox 140.0 on Linux', 'now']) assert.ok(facts.includes(fact), `${fact} in ${facts}`);
  await phone.press('Allow');
  await phone.page.getByText('Enter the two digits').waitFor();
  assert.equal(login.state, 'pending');
  await phone.page.getByLabel('Number on the sign-in page').fill('42');
  await phone.press('Allow');
  await phone.at('Allowed');
  assert.equal(login.state, 'accepted');
  await phone.press('Done');
  await phone.at('Accounts');
  await phone.close();
});

test('a wrong number refuses the login', async () => {
  const phone = await Phone.open();
  await phone.enrol();
  const login = guardian.ask();
  await phone.page.getByLabel('Number on the sign-in page').fill('24');
  await phone.page.keyboard.press('Enter');
  await phone.at('That was not the number');
  assert.equal(login.state, 'rejected');
  await phone.close();
});

test('digits of other keyboards are the same digits', async () => {
  const phone = await Phone.open();
  await phone.enrol();
  const login = guardian.ask();
  await phone.page.getByLabel('Number on the sign-in page').fill('٤２');
  await phone.press('Allow');
  await phone.at('Allowed');
  assert.equal(login.state, 'accepted');
  await phone.close();
});

test('a login without a number to show is allowed by a touch', async () => {
  const phone = await Phone.open();
  await phone.enrol();
  const login = guardian.ask({ nm: undefined, number: null });
  await phone.at('Are you signing in?');
  assert.equal(await phone.page.getByRole('textbox').count(), 0);
  await phone.press('Allow');
  await phone.at('Allowed');
  assert.equal(login.state, 'accepted');
  await phone.close();
});

test('deny, and deny and report', async () => {
  const phone = await Phone.open();
  await phone.enrol();
  const denied = guardian.ask();
  await phone.press('Deny');
  await phone.at('Denied');
  assert.deepEqual([denied.state, denied.reason], ['rejected', undefined]);
  await phone.press('Done');
  const reported = guardian.ask();
  await phone.press('Deny and report: this was not me');
  await phone.at('Denied and reported');
  assert.deepEqual([reported.state, reported.reason], ['rejected', 'hack']);
  await phone.close();
});

test('a login that ends while it is looked at, or was answered elsewhere', async () => {
  const phone = await Phone.open();
  await phone.enrol();
  guardian.ask({ seconds: 2 });
  await phone.at('Are you signing in?');
  await phone.at('Too late');
  await phone.press('Done');
  const login = guardian.ask();
  await phone.at('Are you signing in?');
  login.state = 'accepted';
  await phone.press('Deny');
  await phone.at('Already answered');
  await phone.press('Done');
  const another = guardian.ask();
  await phone.at('Are you signing in?');
  another.state = 'rejected';
  guardian.tell(another.phone);
  await phone.at('Already answered');
  await phone.close();
});

test('a network that is gone leaves the answer to be given again', async () => {
  const phone = await Phone.open();
  await phone.enrol();
  const login = guardian.ask();
  await phone.at('Are you signing in?');
  await phone.context.setOffline(true);
  await phone.press('Deny');
  await phone.page.getByText('Your answer did not arrive').waitFor();
  await phone.context.setOffline(false);
  await phone.press('Deny');
  await phone.at('Denied');
  assert.equal(login.state, 'rejected');
  await phone.close();
});

test('where streams do not come through, the app asks', async () => {
  const phone = await Phone.open();
  const known = await phone.enrol();
  guardian.transport = 'none';
  try {
    await phone.page.reload();
    await guardian.until(() => !guardian.hasStream(known));
    guardian.ask({ phone: known });
    await phone.at('Are you signing in?');
  } finally {
    guardian.transport = 'stream';
  }
  await phone.close();
});

test('two phones, and each answers for itself; removing one leaves the server and the list', async () => {
  const one = await Phone.open();
  const two = await Phone.open();
  const first = await one.enrol();
  const second = await two.enrol(guardian.enrolmentUri('ben@example.test'));
  const login = guardian.ask({ phone: first });
  await one.at('Are you signing in?');
  assert.equal(await two.heading(), 'Accounts');
  await one.press('Deny');
  await one.at('Denied');
  assert.equal(login.state, 'rejected');
  await two.page.locator('.account-name').click();
  await two.press('Remove this account');
  await two.press('Remove');
  await two.at('Your second check at sign-in');
  assert.ok(!guardian.phones.has(second.id) && guardian.phones.has(first.id));
  await one.close();
  await two.close();
});

test('a phone that was removed at the server says so', async () => {
  const phone = await Phone.open();
  const known = await phone.enrol();
  guardian.phones.delete(known.id);
  await phone.page.reload();
  await phone.page.getByText('Removed at the server').waitFor();
  await phone.close();
});

test('codes work without a network, and the app opens without one', async () => {
  const phone = await Phone.open();
  await phone.addCodes(`otpauth://totp/Bank:ada?secret=${SEED}&digits=8&period=60&algorithm=SHA256`);
  await phone.page.evaluate(() => navigator.serviceWorker.ready);
  await phone.context.setOffline(true);
  await phone.page.reload();
  await phone.at('Accounts');
  await phone.page.getByText('No network').waitFor();
  assert.match((await phone.codes())[0], /^\d{8}$/);
  await phone.close();
});

test('codes change with their period, and are copied', async () => {
  const phone = await Phone.open({ permissions: ['clipboard-read', 'clipboard-write'] });
  await phone.page.clock.install({ time: 1_700_000_010_000 });
  await phone.addCodes(`otpauth://totp/Bank:ada?secret=${SEED}`);
  const expected = totp(SEED, 1_700_000_010_000);
  await phone.page.clock.runFor(100);
  await phone.page.getByText(`${expected.slice(0, 3)} ${expected.slice(3)}`).waitFor();
  await phone.page.locator('.code-button').click();
  await phone.page.getByText('Copied', { exact: true }).waitFor();
  assert.equal(await phone.page.evaluate(() => navigator.clipboard.readText()), expected);
  await phone.page.clock.runFor(30_000);
  const next = totp(SEED, 1_700_000_010_000, 1);
  await phone.page.getByText(`${next.slice(0, 3)} ${next.slice(3)}`).waitFor();
  // The clock of this device is years behind the server's: the app says so.
  await phone.page.reload();
  await phone.page.getByText('min slow').waitFor();
  await phone.close();
});

test('a counted code is used once', async () => {
  const phone = await Phone.open();
  await phone.addCodes(`otpauth://hotp/Key:ada?secret=${SEED}`);
  const seen = [];
  for (const expected of ['755224', '287082', '359152']) {
    await phone.press('Next code');
    await phone.page.getByText(`${expected.slice(0, 3)} ${expected.slice(3)}`).waitFor();
    seen.push((await phone.codes())[0]);
  }
  assert.deepEqual(seen, ['755224', '287082', '359152']);
  await phone.page.reload();
  await phone.press('Next code');
  await phone.page.getByText('969 429').waitFor();
  await phone.close();
});

test('pasting: what is wrong is told beside the field; a key alone is enough', async () => {
  const phone = await Phone.open();
  await phone.press('Add an account');
  const field = phone.page.getByLabel('Link or key');
  await phone.press('Continue');
  await phone.page.getByText('Paste the link or the key first').waitFor();
  await field.fill('otpauth://totp/x?secret=1');
  await phone.press('Continue');
  await phone.page.getByText('missing or damaged').waitFor();
  assert.equal(await field.getAttribute('aria-invalid'), 'true');
  await field.fill('gezd gnbv gy3t qojq gezd gnbv gy3t qojq');
  await phone.press('Continue');
  await phone.press('Add');
  await phone.at('Accounts');
  assert.equal((await phone.codes()).length, 1);
  await phone.close();
});

test('a QR code is read from a picture, by the decoder of the app', async () => {
  const phone = await Phone.open();
  const { default: encodeQR } = await import(new URL('../../web/phone/node_modules/qr/index.js', import.meta.url));
  const picture = Buffer.from(encodeQR(`otpauth://totp/Bank:ada?secret=${SEED}`, 'gif', { scale: 6 }));
  await phone.press('Add an account');
  await phone.page.locator('input[type=file]').setInputFiles({ name: 'code.gif', mimeType: 'image/gif', buffer: picture });
  await phone.at('Add this account?');
  await phone.close();
});

test('rename and reorder, by keyboard too', async () => {
  const phone = await Phone.open();
  await phone.addCodes(`otpauth://totp/One:ada?secret=${SEED}`);
  await phone.addCodes(`otpauth://totp/Two:ada?secret=${SEED}`);
  const titles = () => phone.page.locator('.title').allInnerTexts();
  assert.deepEqual(await titles(), ['One', 'Two']);
  await phone.page.locator('.account-name').nth(1).press('Enter');
  await phone.at('Two');
  await phone.page.getByRole('button', { name: 'Move up' }).press('Enter');
  await phone.page.getByText('Now 1 of 2').waitFor();
  await phone.page.getByLabel('Name in this app').fill('Second');
  await phone.page.keyboard.press('Enter');
  await phone.at('Second');
  await phone.press('Back');
  await phone.at('Accounts');
  assert.deepEqual(await titles(), ['Second', 'One']);
  await phone.close();
});

test('a backup opens in a fresh profile, with its password alone, and has no keys of logins in it', async () => {
  const old = await Phone.open();
  await old.enrol();
  await old.addCodes(`otpauth://totp/Bank:ada?secret=JBSWY3DPEHPK3PXP`);
  await old.press('Settings');
  await old.press('Backup');
  await old.page.getByText('The keys that answer sign-ins are not in it').waitFor();
  await old.page.getByLabel('Password of the backup').fill('correct horse battery');
  await old.page.getByLabel('The same password again').fill('correct horse');
  await old.press('Save the backup');
  await old.page.getByText('are not the same').waitFor();
  await old.page.getByLabel('The same password again').fill('correct horse battery');
  const [download] = await Promise.all([old.page.waitForEvent('download'), old.press('Save the backup')]);
  const folder = await mkdtemp(join(tmpdir(), 'countersign-backup-'));
  const file = join(folder, 'backup.json');
  await download.saveAs(file);
  const text = await readFile(file, 'utf8');
  assert.ok(!text.includes('JBSWY3DPEHPK3PXP') && !text.includes('Bank'));
  await old.close();

  const fresh = await Phone.open();
  await fresh.press('Restore a backup');
  await fresh.page.locator('input[type=file]').setInputFiles(file);
  await fresh.page.getByLabel('Its password').fill('wrong');
  await fresh.press('Restore a backup');
  await fresh.page.getByText('does not open it').waitFor();
  await fresh.page.getByLabel('Its password').fill('correct horse battery');
  await fresh.press('Restore a backup');
  await fresh.at('Accounts');
  await fresh.page.getByText('2 of 2 accounts added').waitFor();
  assert.deepEqual(await fresh.page.locator('.title').allInnerTexts(), ['Acme Inc', 'Bank']);
  assert.equal(await fresh.page.getByText('Answers sign-ins').count(), 0);
  await rm(folder, { recursive: true });
  await fresh.close();
});

/** A push service that is not there: Chromium's own is out of reach of tests. */
function stubPushService(context) {
  return context.addInitScript(() => {
    const subscription = (options) => ({
      endpoint: 'https://push.example.test/send/1',
      options,
      unsubscribe: async () => true,
      toJSON: () => ({ endpoint: 'https://push.example.test/send/1', keys: { p256dh: 'BPk', auth: 'YXV0aA' } }),
    });
    PushManager.prototype.getSubscription = async () => null;
    PushManager.prototype.subscribe = async (options) => subscription(options);
  });
}

test('web push: the subscription goes to the server; a push wakes the worker; deny from the notification, allow in the app', async () => {
  guardian.vapidKey = Buffer.from([4, ...Array(64).keys()]).toString('base64url');
  const phone = await Phone.open({ permissions: ['notifications'] }, stubPushService);
  const known = await phone.enrol();
  assert.equal(known.credentials.service, 'WEBPUSH');
  assert.equal(JSON.parse(known.credentials.token).endpoint, 'https://push.example.test/send/1');

  const session = await phone.context.newCDPSession(phone.page);
  const registrations = new Map();
  session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations: list }) => {
    for (const { registrationId, scopeURL } of list) registrations.set(scopeURL, registrationId);
  });
  await session.send('ServiceWorker.enable');
  await guardian.until(() => [...registrations.keys()].some((scope) => scope.includes('/phone/push/')));
  const [, registrationId] = [...registrations].find(([scope]) => scope.includes('/phone/push/'));
  const deliver = (payload) => session.send('ServiceWorker.deliverPushMessage', { origin: new URL(server.issuer).origin, registrationId, data: JSON.stringify(payload) });
  const notifications = () =>
    phone.page.evaluate(async () => {
      const shown = [];
      for (const registration of await navigator.serviceWorker.getRegistrations())
        for (const { title, body, data, actions } of await registration.getNotifications()) shown.push({ title, body, request: data?.request, actions: actions.map(({ action }) => action) });
      return shown;
    });

  await phone.press('Settings');
  const login = guardian.ask({ phone: known });
  await deliver(login.payload);
  let shown = [];
  for (let i = 0; i < 100 && shown.length === 0; i++) {
    shown = await notifications();
    await new Promise((later) => setTimeout(later, 30));
  }
  assert.equal(shown.length, 1);
  assert.equal(shown[0].title, 'Sign-in to Acme Shop');
  assert.match(shown[0].body, /ada@example\.test\nFirefox 140\.0, Lund, SE/);
  assert.deepEqual([shown[0].request, shown[0].actions], [login.c, ['open', 'deny']]);

  /** As a touch on the notification, or on one of its actions. */
  const touch = async (request, action) => {
    for (const worker of phone.context.serviceWorkers())
      await worker.evaluate(
        async ([tag, chosen]) => {
          const [notification] = await registration.getNotifications({ tag });
          if (notification) dispatchEvent(new NotificationEvent('notificationclick', { notification, action: chosen }));
        },
        [request, action],
      );
  };
  await touch(login.c, 'deny');
  await guardian.until(() => login.state === 'rejected');
  assert.equal(login.reason, undefined);

  const second = guardian.ask({ phone: known });
  await deliver(second.payload);
  for (let i = 0; i < 100 && !(await notifications()).some(({ request }) => request === second.c); i++) await new Promise((later) => setTimeout(later, 30));
  await touch(second.c, '');
  // As long as it waits, a push shows it, also where the stream told of it first.
  await deliver(second.payload);
  for (let i = 0; i < 100 && (await notifications()).length === 0; i++) await new Promise((later) => setTimeout(later, 30));
  assert.deepEqual((await notifications()).map(({ request }) => request), [second.c]);
  await phone.page.getByLabel('Number on the sign-in page').fill('42');
  await phone.press('Allow');
  await phone.at('Allowed');
  assert.equal(second.state, 'accepted');
  for (let i = 0; i < 100 && (await notifications()).length > 0; i++) await new Promise((later) => setTimeout(later, 30));
  assert.deepEqual(await notifications(), []);
  delete guardian.vapidKey;
  await phone.close();
});

test('axe finds nothing on any screen, in light and dark, in every language, and nothing is wider than 320 px', async () => {
  for (const [colorScheme, locale] of [['light', 'en'], ['dark', 'ar'], ['light', 'de'], ['dark', 'fr'], ['light', 'ja'], ['dark', 'es']]) {
    const phone = await Phone.open({ locale, colorScheme, viewport: { width: 320, height: 640 }, bypassCSP: true });
    const { page } = phone;
    const look = async (name) => {
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => globalThis.axe.run(document));
      assert.deepEqual(violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id} ${html} ${failureSummary}`)), [], `${name} ${locale}`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `${name} ${locale} is ${wide} px too wide`);
    };
    assert.equal(await page.evaluate(() => document.documentElement.dir), locale === 'ar' ? 'rtl' : 'ltr');
    await look('welcome');
    await page.locator('main .main').click();
    await page.locator('form button[type=submit]').click();
    await page.getByRole('alert').waitFor();
    await look('add');
    await phone.link(guardian.enrolmentUri());
    await page.locator('.facts').waitFor();
    await look('confirm');
    await page.locator('main .main').click();
    await page.locator('.secret').waitFor();
    await look('recovery');
    await page.getByRole('checkbox').check();
    await page.locator('main .main').click();
    await page.locator('.accounts').waitFor();
    await look('home');
    await page.locator('.account-name').click();
    await page.locator('.link.danger').click();
    await look('account');
    await page.locator('.house').click();
    await page.locator('.accounts').waitFor();
    const known = [...guardian.phones.values()].at(-1);
    await guardian.until(() => guardian.hasStream(known));
    guardian.ask({ consent: 'Pay 5 EUR to Ben' });
    await page.locator('.message').waitFor();
    await look('question');
    await page.locator('.answers .quiet').click();
    await page.locator('.emblem').waitFor();
    await look('end');
    await page.locator('.icon-button').click();
    await page.locator('select').waitFor();
    await look('settings');
    await page.locator('.menu button').first().click();
    await page.locator('#backup-file').waitFor();
    await look('backup');
    await page.locator('.icon-button').click();
    await page.locator('.menu button').nth(1).click();
    await page.locator('.steps').waitFor();
    await look('lost');
    await phone.close();
  }
});

test('the app loads nothing from elsewhere, and may be installed', async () => {
  const phone = await Phone.open();
  const foreign = [];
  phone.page.on('request', (request) => new URL(request.url()).origin !== new URL(server.issuer).origin && foreign.push(request.url()));
  await phone.page.reload();
  await phone.at('Your second check at sign-in');
  const manifest = await (await server.fetch('phone/manifest.webmanifest')).json();
  assert.equal(manifest.display, 'standalone');
  for (const { src, sizes, type } of manifest.icons) {
    const icon = await server.fetch(`phone/${src}`);
    assert.equal(icon.status, 200);
    assert.equal(icon.headers.get('content-type').split(';')[0], type);
    if (type !== 'image/png') continue;
    const bytes = Buffer.from(await icon.arrayBuffer());
    assert.equal(`${bytes.readUInt32BE(16)}x${bytes.readUInt32BE(20)}`, sizes);
  }
  assert.deepEqual(foreign, []);
  const page = await server.fetch('phone');
  assert.match(page.headers.get('content-security-policy'), /default-src 'none'.*script-src 'self';.*require-trusted-types-for 'script'/);
  const [script] = (await page.text()).match(/main\.[A-Z0-9]+\.js/);
  const asset = await server.fetch(`phone/${script}`, { headers: { 'accept-encoding': 'gzip' } });
  assert.equal(asset.headers.get('content-encoding'), 'gzip');
  assert.match(asset.headers.get('cache-control'), /immutable/);
  assert.equal((await server.fetch('phone/nothing.js')).status, 404);
  await phone.close();
});
