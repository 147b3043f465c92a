// Second factors in tests: a tenant that asks for them, people who have them.

import { Browser, Login } from './browserless.mjs';
import { totp } from './otp.mjs';

/** Turns factors on (and all others off). */
export async function enableFactors(server, ...names) {
  for (const name of ['sms', 'otp', 'push-notification', 'recovery-code'])
    await server.apiOk('PUT', `guardian/factors/${name}`, { enabled: names.includes(name) });
}

/** A rule that asks flagged users for a second factor; gives the rule. */
export function askFlaggedUsers(server, multifactor = { provider: 'any' }) {
  return server.apiOk('POST', 'rules', {
    name: 'ask flagged users',
    script: `function (user, context, callback) {
      if (user.app_metadata && user.app_metadata.use_mfa) context.multifactor = ${JSON.stringify(multifactor)};
      callback(null, user, context);
    }`,
  });
}

export function flaggedUser(server, values = {}) {
  return server.user({ app_metadata: { use_mfa: true }, ...values });
}

let lastNumber = 0;
/** A number that no other test uses (of the range for drama, Ofcom). */
export function newNumber() {
  return `+44163296${String(++lastNumber).padStart(4, '0')}`;
}

/** Logs in as far as the page after the password. */
export async function logIn(server, client, user, { browser = new Browser(server), parameters } = {}) {
  const login = new Login(server, client, { browser, parameters });
  return { login, browser, page: await login.withPassword(user.email, user.password) };
}

/** The key that an enrolment page shows. */
export function seedOf(page) {
  const link = page.html.querySelector('a[href^="otpauth:"]').getAttribute('href').replaceAll('&amp;', '&');
  return new URL(link).searchParams.get('secret');
}

/** From the options page, or the enrolment page itself, through one-time codes: the key, and the page that follows. */
export async function enrollOtp(server, page) {
  if (page.path === '/u/mfa-begin-enroll-options') page = await page.submit({}, { button: 'otp' });
  const seed = seedOf(page);
  return { seed, page: await page.submit({ code: totp(seed, server.now()) }) };
}

/** The same by text message. */
export async function enrollSms(server, page, number = newNumber()) {
  if (page.path === '/u/mfa-begin-enroll-options') page = await page.submit({}, { button: 'sms' });
  page = await page.submit({ phone: number });
  return { number, page: await page.submit({ code: await server.smsCode(number) }) };
}

/** The recovery code that a page shows. */
export function recoveryCodeOf(page) {
  return page.html.querySelector('.secret').text.replace(/\s/g, '');
}

/** A user who has enrolled in one-time codes by a login of theirs; the clock has moved past the code that was used. */
export async function userWithOtp(server, client, values) {
  const user = await flaggedUser(server, values);
  const { page, login, browser } = await logIn(server, client, user);
  const enrolled = await enrollOtp(server, page);
  let end = enrolled.page;
  let recoveryCode;
  if (end.path === '/u/mfa-recovery-code-enrollment') {
    recoveryCode = recoveryCodeOf(end);
    end = await end.submit({ saved: 'on' });
  }
  await login.tokens(end);
  await server.advanceClock(30_000);
  return { user, seed: enrolled.seed, recoveryCode, browser };
}

/** Some code that is not the right one now. */
export function wrongCode(seed, ms) {
  const near = [-1, 0, 1].map((steps) => totp(seed, ms, steps));
  return ['000000', '111111', '222222', '333333'].find((code) => !near.includes(code));
}
