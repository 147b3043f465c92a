// Logins through an operator's own page for second factors, with auth0-guardian-js in it: guardian.md B2 to B7.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { askFlaggedUsers, enableFactors, flaggedUser, logIn, newNumber, userWithOtp, wrongCode } from '../harness/mfa.mjs';
import { totp } from '../harness/otp.mjs';
import { startServer } from '../harness/server.mjs';
import { attempt, done, givenTo, setOwnPage, startWidget, until } from '../harness/widget.mjs';

let server, client, otpUser;

before(async () => {
  server = await startServer({ rateLimits: true });
  client = await server.webClient();
  await askFlaggedUsers(server);
  await enableFactors(server, 'sms', 'otp', 'recovery-code');
  otpUser = await userWithOtp(server, client);
  await setOwnPage(server);
});

after(() => server?.stop());

/** A login at the operator's page, its widget started. */
async function atOwnPage(user) {
  const { login, page } = await logIn(server, client, user);
  assert.equal(page.path, '/u/mfa-widget');
  assert.equal(page.status, 200);
  const given = givenTo(page);
  const { transaction } = await startWidget(server, { requestToken: given.requestToken });
  return { login, page, given, transaction };
}

test('an enrolled person passes by a one-time code, once', async () => {
  const { login, page, given, transaction } = await atOwnPage(otpUser.user);
  assert.equal(given.mfaServerUrl, server.url('appliance-mfa'));
  assert.equal(given.userId, otpUser.user.user_id);
  assert.equal(given.friendlyUserId, otpUser.user.email);
  assert.equal(given.ticket, '');
  assert.equal(transaction.isEnrolled(), true);
  const [enrollment] = transaction.getEnrollments();
  assert.deepEqual(enrollment.getAvailableAuthenticatorTypes(), ['otp', 'recovery-code']);

  const wrong = await attempt((callback) =>
    transaction.requestAuth(enrollment, { method: 'otp' }, (error, auth) =>
      error ? callback(error) : auth.verify({ otpCode: wrongCode(otpUser.seed, server.now()) }, callback),
    ),
  );
  assert.equal(wrong.errorCode, 'invalid_otp');

  const response = until(transaction, 'auth-response');
  await done((callback) =>
    transaction.requestAuth(enrollment, { method: 'otp' }, (error, auth) =>
      error ? callback(error) : auth.verify({ otpCode: totp(otpUser.seed, server.now()) }, callback),
    ),
  );
  const { accepted, signature } = await response;
  assert.equal(accepted, true);

  // Another login's page does not take it.
  const other = await logIn(server, client, otpUser.user);
  const refused = await other.page.submit({ signature });
  assert.equal(refused.status, 400);
  assert.match(givenTo(refused).errors, /not valid/);

  const tokens = await login.tokens(await page.submit({ signature, rememberBrowser: null }));
  assert.equal(typeof tokens.id_token, 'string');
  // Nor does the same one again.
  assert.equal((await page.submit({ signature })).status, 400);
  await server.advanceClock(30_000);
});

test('a text message is sent, and its code passes', async () => {
  const user = await flaggedUser(server);
  const number = newNumber();
  {
    const { login, page, transaction } = await atOwnPage(user);
    const enrollment = await done((callback) => transaction.enroll('sms', { phoneNumber: number }, callback));
    const complete = until(transaction, 'enrollment-complete');
    const response = until(transaction, 'auth-response');
    await done(async (callback) => enrollment.confirm({ otpCode: await server.smsCode(number) }, callback));
    assert.match((await complete).recoveryCode, /^[A-Z0-9]{24}$/);
    await login.tokens(await page.submit({ signature: (await response).signature }));
  }
  const { login, page, transaction } = await atOwnPage(user);
  const [enrollment] = transaction.getEnrollments();
  assert.match(enrollment.getPhoneNumber(), /^X+\d{4}$/);
  const auth = await done((callback) => transaction.requestAuth(enrollment, { method: 'sms' }, callback));
  const response = until(transaction, 'auth-response');
  await done(async (callback) => auth.verify({ otpCode: await server.smsCode(number) }, callback));
  await login.tokens(await page.submit({ signature: (await response).signature }));
});

test('a recovery code passes, and its successor is handed to the page', async () => {
  const { user, recoveryCode } = await (async () => {
    await setOwnPage(server, undefined, false);
    const made = await userWithOtp(server, client);
    await setOwnPage(server);
    return made;
  })();
  const { login, page, transaction } = await atOwnPage(user);
  const [enrollment] = transaction.getEnrollments();
  const wrong = await attempt((callback) =>
    transaction.recover({ recoveryCode: 'A'.repeat(24) }, callback),
  );
  assert.equal(wrong.errorCode, 'invalid_recovery_code');
  const response = until(transaction, 'auth-response');
  await done((callback) => transaction.recover({ recoveryCode: recoveryCode.toLowerCase() }, callback));
  const { signature, recoveryCode: next } = await response;
  assert.match(next, /^[A-Z0-9]{24}$/);
  assert.notEqual(next, recoveryCode);
  assert.equal(typeof enrollment, 'object');
  await login.tokens(await page.submit({ signature }));
});

test('too many wrong codes are told apart, and say when again', async () => {
  await setOwnPage(server, undefined, false);
  const { user, seed } = await userWithOtp(server, client);
  await setOwnPage(server);
  const { transaction } = await atOwnPage(user);
  const [enrollment] = transaction.getEnrollments();
  const auth = await done((callback) => transaction.requestAuth(enrollment, { method: 'otp' }, callback));
  const errors = [];
  for (let i = 0; i < 11; i++)
    errors.push(await attempt((callback) => auth.verify({ otpCode: wrongCode(seed, server.now()) }, callback)));
  assert.equal(errors[0].errorCode, 'invalid_otp');
  const last = errors.at(-1);
  assert.equal(last.errorCode, 'too_many_otp_attempts');
  assert.equal(last.statusCode, 429);
  // A right code helps no more.
  const right = await attempt((callback) => auth.verify({ otpCode: totp(seed, server.now()) }, callback));
  assert.equal(right.errorCode, 'too_many_otp_attempts');
});

test('a page that is loaded again goes on with the same transaction, and after ten minutes it has ended', async () => {
  const user = await flaggedUser(server);
  const { page, given, transaction } = await atOwnPage(user);
  const first = await done((callback) => transaction.enroll('otp', {}, callback));
  const again = await page.browser.open(page.url);
  const { transaction: second } = await startWidget(server, { requestToken: givenTo(again).requestToken });
  const same = await done((callback) => second.enroll('otp', {}, callback));
  assert.equal(same.getUri(), first.getUri());

  const ended = until(second, 'error');
  await server.advanceClock(601_000);
  // Of a poll the package hands out what its HTTP library said.
  assert.equal((await ended).response.statusCode, 401);
  const late = await attempt(() => startWidget(server, { requestToken: given.requestToken }));
  assert.equal(late.errorCode, 'transaction_expired');
});

test('a template that cannot be rendered is refused; the page can be switched off', async () => {
  const refused = await server.api('PATCH', 'tenants/settings', { guardian_mfa_page: { enabled: true, html: '{% if %' } });
  assert.equal(refused.status, 400);
  await setOwnPage(server, undefined, false);
  const { page } = await logIn(server, client, await flaggedUser(server));
  assert.equal(page.path, '/u/mfa-begin-enroll-options');
  await setOwnPage(server);
});

test('a ticket opens the page too, which cannot log in by it', async () => {
  const user = await flaggedUser(server);
  const { ticket_url: url } = await server.apiOk('POST', 'guardian/enrollments/ticket', { user_id: user.user_id });
  const { Browser } = await import('../harness/browserless.mjs');
  const page = await new Browser(server).open(url);
  const { ticket, requestToken } = givenTo(page);
  assert.equal(requestToken, '');
  const { transaction } = await startWidget(server, { ticket });
  const enrollment = await done((callback) => transaction.enroll('otp', {}, callback));
  const seed = new URL(enrollment.getUri()).searchParams.get('secret');
  const response = until(transaction, 'auth-response');
  await done((callback) => enrollment.confirm({ otpCode: totp(seed, server.now()) }, callback));
  const { signature } = await response;
  assert.equal((await page.submit({ signature })).path, '/mfa/enrollment');
  const other = await logIn(server, client, user);
  assert.equal((await other.page.submit({ signature })).status, 400);
});
