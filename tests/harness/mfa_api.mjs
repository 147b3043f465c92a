// The MFA API as an application's back end or a native app calls it.

import { randomBytes } from 'node:crypto';
import { totp } from './otp.mjs';
import { sql } from './sql.mjs';

export const GRANT = {
  realm: 'http://auth0.com/oauth/grant-type/password-realm',
  otp: 'http://auth0.com/oauth/grant-type/mfa-otp',
  oob: 'http://auth0.com/oauth/grant-type/mfa-oob',
  recovery: 'http://auth0.com/oauth/grant-type/mfa-recovery-code',
};
export const CONNECTION = 'Username-Password-Authentication';

/** An application that may use the password grants and the MFA grants, of a tenant whose default directory is set. */
export async function passwordClient(server, values = {}) {
  await server.apiOk('PATCH', 'tenants/settings', { default_directory: CONNECTION });
  return server.webClient({ grant_types: ['authorization_code', 'password', ...Object.values(GRANT)], ...values });
}

export class MfaApi {
  constructor(server, client) {
    Object.assign(this, { server, client });
    const { client_id, client_secret } = client;
    this.proof = { client_id, ...(client_secret ? { client_secret } : {}) };
  }

  token(form, headers) {
    return this.server.postForm('oauth/token', { ...this.proof, ...form }, headers);
  }

  password(user, form = {}, headers = {}) {
    return this.token(
      { grant_type: 'password', username: user.email, password: user.password, scope: 'openid', ...form },
      headers,
    );
  }

  /** The mfa_token of a user who needs one. */
  async mfaToken(user, form) {
    const { status, body } = await this.password(user, form);
    if (status !== 403 || body.error !== 'mfa_required')
      throw new Error(`no mfa_required: ${status} ${JSON.stringify(body)}`);
    return body.mfa_token;
  }

  otp(mfa_token, otp) {
    return this.token({ grant_type: GRANT.otp, mfa_token, otp });
  }

  oob(mfa_token, oob_code, binding_code) {
    return this.token({ grant_type: GRANT.oob, mfa_token, oob_code, ...(binding_code ? { binding_code } : {}) });
  }

  recovery(mfa_token, recovery_code) {
    return this.token({ grant_type: GRANT.recovery, mfa_token, recovery_code });
  }

  challenge(mfa_token, values = {}) {
    return this.server.postJson('mfa/challenge', { ...this.proof, mfa_token, ...values });
  }

  associate(token, values) {
    return this.server.postJson('mfa/associate', values, { authorization: `Bearer ${token}` });
  }

  associateOtp(token) {
    return this.associate(token, { authenticator_types: ['otp'] });
  }

  associateSms(token, phone_number) {
    return this.associate(token, { authenticator_types: ['oob'], oob_channels: ['sms'], phone_number });
  }

  async list(token) {
    const response = await this.server.fetch('mfa/authenticators', { headers: { authorization: `Bearer ${token}` } });
    return { status: response.status, body: await response.json() };
  }

  async remove(token, id) {
    const response = await this.server.fetch(`mfa/authenticators/${encodeURIComponent(id)}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${token}` },
    });
    return { status: response.status, text: await response.text() };
  }

  /** Enrols the user in one-time codes; the clock has moved past the code that was used. */
  async enrollOtp(user) {
    const mfaToken = await this.mfaToken(user);
    const { body } = await this.associateOtp(mfaToken);
    const { status, body: tokens } = await this.otp(mfaToken, totp(body.secret, this.server.now()));
    if (status !== 200) throw new Error(`mfa-otp: ${status} ${JSON.stringify(tokens)}`);
    await this.server.advanceClock(30_000);
    return { seed: body.secret, recoveryCode: body.recovery_codes?.[0], tokens };
  }
}

export function claimsOf(token) {
  return JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
}

/** The newest log entry of a user of that type; written in batches, so it is waited for. */
export async function logEntry(server, user, type) {
  for (let i = 0; i < 100; i++) {
    const row = await sql(
      server,
      `SELECT doc FROM logs WHERE type = '${type}' AND user_id = '${user.user_id}' ORDER BY log_id DESC LIMIT 1`,
    );
    if (row) return JSON.parse(row);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`no log entry ${type} of ${user.user_id}`);
}

export const someName = () => `nobody-${randomBytes(6).toString('hex')}@example.test`;

/**
 * A phone of the user, as the store sees one that was enrolled; for servers that no phone reaches. And its answer to what it is
 * asked.
 */
export async function addPhone(server, user) {
  const id = `dev_${randomBytes(8).toString('hex')}`;
  const doc = JSON.stringify({
    identifier: 'test',
    name: 'Ada’s phone',
    push_credentials: { service: 'NONE', token: '' },
    public_key: { kty: 'EC' },
  });
  const now = server.now();
  await sql(
    server,
    `INSERT INTO authenticators (id, user_id, kind, status, last_step, doc, version, created_at, confirmed_at)
     VALUES ('${id}', '${user.user_id}', 'push', 'confirmed', 0, '${doc}', 1, ${now}, ${now})`,
  );
  return id;
}

export const answerPush = (server, user, status) =>
  sql(
    server,
    `UPDATE push_challenges SET status = '${status}', answered_at = ${server.now()}
     WHERE user_id = '${user.user_id}' AND status = 'pending'`,
  );
