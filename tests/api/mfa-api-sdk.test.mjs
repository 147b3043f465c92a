// The MFA API as Auth0's own SDK for back ends calls it: unchanged, over the issuer's https address.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { AuthClient, isMfaRequiredError } from '@auth0/auth0-auth-js';
import { askFlaggedUsers, enableFactors, flaggedUser, wrongCode } from '../harness/mfa.mjs';
import { claimsOf, passwordClient } from '../harness/mfa_api.mjs';
import { totp } from '../harness/otp.mjs';
import { startServer } from '../harness/server.mjs';

let server, auth;

before(async () => {
  server = await startServer({ dev: false });
  // The issuer is an address that only a proxy would serve: requests go to the listener.
  const listener = (url) => String(url).replace(server.issuer, `http://${server.listen}/`);
  server.url = (path) => listener(new URL(path, server.issuer));
  await askFlaggedUsers(server);
  await enableFactors(server, 'otp', 'recovery-code');
  const client = await passwordClient(server);
  auth = new AuthClient({
    domain: server.host,
    clientId: client.client_id,
    clientSecret: client.client_secret,
    customFetch: (url, init) => fetch(listener(url), init),
  });
});

after(() => server?.stop());

const logIn = (user) => auth.getTokenByPassword({ username: user.email, password: user.password, scope: 'openid email' });

/** What the SDK says to a user who needs a second factor. */
async function refusal(user) {
  const error = await logIn(user).then(
    () => assert.fail('a second factor was to be asked for'),
    (thrown) => thrown,
  );
  assert.ok(isMfaRequiredError(error), String(error));
  return error.cause;
}

test('a user without a second factor logs in by password', async () => {
  const user = await server.user();
  const tokens = await logIn(user);
  assert.equal(tokens.claims.email, user.email);
  await assert.rejects(logIn({ ...user, password: 'not it' }), (error) => {
    assert.equal(error.cause.error_description, 'Wrong email or password.');
    return true;
  });
});

test('enrol, list, challenge, a wrong code, a right one, and the recovery code', async () => {
  const user = await flaggedUser(server);
  const first = await refusal(user);
  assert.deepEqual(first.mfa_requirements, { enroll: [{ type: 'otp' }] });
  const mfaToken = first.mfa_token;
  const enrollment = await auth.mfa.enrollAuthenticator({ mfaToken, authenticatorTypes: ['otp'] });
  assert.equal(enrollment.authenticatorType, 'otp');
  assert.match(enrollment.barcodeUri, /^otpauth:\/\/totp\//);
  assert.equal(enrollment.recoveryCodes.length, 1);
  const now = Date.now();
  const tokens = await auth.mfa.verify({ mfaToken, factorType: 'otp', otp: totp(enrollment.secret, now, -1) });
  assert.deepEqual(claimsOf(tokens.idToken).amr, ['mfa']);

  const second = await refusal(user);
  const [authenticator] = await auth.mfa.listAuthenticators({ mfaToken: second.mfa_token });
  assert.equal(authenticator.id, enrollment.id);
  assert.deepEqual([authenticator.authenticatorType, authenticator.type, authenticator.active], ['otp', 'otp', true]);
  const challenge = await auth.mfa.challengeAuthenticator({
    mfaToken: second.mfa_token,
    challengeType: 'otp',
    authenticatorId: authenticator.id,
  });
  assert.equal(challenge.challengeType, 'otp');
  const verify = (otp) => auth.mfa.verify({ mfaToken: second.mfa_token, factorType: 'otp', otp });
  await assert.rejects(verify(wrongCode(enrollment.secret, now)), (error) => {
    assert.equal(error.cause.error, 'invalid_grant');
    assert.equal(error.message, 'Invalid otp_code.');
    return true;
  });
  assert.ok((await verify(totp(enrollment.secret, now, 1))).accessToken);

  const third = await refusal(user);
  const recovered = await auth.mfa.verify({
    mfaToken: third.mfa_token,
    factorType: 'recovery-code',
    recoveryCode: enrollment.recoveryCodes[0],
  });
  assert.match(recovered.recoveryCode, /^[A-Z0-9]{24}$/);
});
