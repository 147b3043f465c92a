// Second factors through the Management API: settings, enrolment tickets, and the factors of a user.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Login } from '../harness/browserless.mjs';
import { enableFactors, askFlaggedUsers, enrollSms, userWithOtp } from '../harness/mfa.mjs';
import { startServer } from '../harness/server.mjs';
import { sql } from '../harness/sql.mjs';

const FACTORS = ['sms', 'push-notification', 'otp', 'email', 'duo', 'webauthn-roaming', 'webauthn-platform', 'recovery-code'];

describe('guardian', () => {
  let server;
  let sdk;

  before(async () => {
    server = await startServer();
    sdk = server.sdk();
  });
  after(() => server?.stop());

  const path = (user) => `users/${encodeURIComponent(user.user_id)}`;

  describe('settings', () => {
    test('of a new tenant are those of Auth0', async () => {
      const expected = {
        'guardian/factors': FACTORS.map((name) => ({ name, enabled: false, trial_expired: false })),
        'guardian/policies': [],
        'guardian/settings': {
          display_remember_me_checkbox: true,
          remember_me_default_value: false,
          mfa_session_inactivity_timeout: 604800,
          mfa_session_overall_timeout: 2592000,
        },
        'guardian/factors/phone/message-types': { message_types: [] },
        'guardian/factors/phone/selected-provider': { provider: 'auth0' },
        'guardian/factors/sms/selected-provider': { provider: 'auth0' },
        'guardian/factors/phone/providers/twilio': {},
        'guardian/factors/sms/providers/twilio': {},
        'guardian/factors/phone/settings': { otp_length: 6, otp_expiration_time: 300 },
        'guardian/factors/sms/templates': {
          enrollment_message:
            '{{code}} is your verification code for {{tenant.friendly_name}}. Please enter this code to verify your enrollment.',
          verification_message: '{{code}} is your verification code for {{tenant.friendly_name}}',
        },
      };
      for (const [name, value] of Object.entries(expected)) assert.deepEqual(await server.apiOk('GET', name), value, name);
    });

    test('switch factors, several at once too', async () => {
      const answers = await Promise.all(
        ['sms', 'otp', 'recovery-code'].map((name) => server.api('PUT', `guardian/factors/${name}`, { enabled: true })),
      );
      for (const { status, body } of answers) {
        assert.equal(status, 200);
        assert.deepEqual(body, { enabled: true });
      }
      const on = (await sdk.guardian.factors.list()).filter(({ enabled }) => enabled).map(({ name }) => name);
      assert.deepEqual(on, ['sms', 'otp', 'recovery-code']);
      const { status, body } = await server.api('PUT', 'guardian/factors/carrier-pigeon', { enabled: true });
      assert.equal(status, 400);
      assert.match(body.message, /^Path validation error: 'No enum match for: carrier-pigeon' on property name/);
      assert.deepEqual((await server.api('PUT', 'guardian/factors/sms', {})).body.message, "Payload validation error: 'Missing required property: enabled'.");
    });

    test('are echoed when set, and the two names of one thing agree', async () => {
      assert.deepEqual(await server.apiOk('PUT', 'guardian/policies', ['all-applications']), ['all-applications']);
      assert.deepEqual(await server.apiOk('GET', 'guardian/policies'), ['all-applications']);
      await server.apiOk('PUT', 'guardian/policies', []);
      await server.apiOk('PUT', 'guardian/factors/sms/selected-provider', { provider: 'twilio' });
      assert.deepEqual(await server.apiOk('GET', 'guardian/factors/phone/selected-provider'), { provider: 'twilio' });
      await server.apiOk('PUT', 'guardian/factors/sms/selected-provider', { provider: 'auth0' });
      const twilio = { from: '+15550001111', sid: 'AC1', auth_token: 'secret' };
      assert.deepEqual(await server.apiOk('PUT', 'guardian/factors/phone/providers/twilio', twilio), twilio);
      assert.deepEqual(await server.apiOk('GET', 'guardian/factors/sms/providers/twilio'), { ...twilio, messaging_service_sid: null });
      assert.deepEqual(await server.apiOk('PUT', 'guardian/factors/phone/message-types', { message_types: ['sms'] }), { message_types: ['sms'] });
      const webhook = await server.apiOk('PUT', 'guardian/factors/phone/providers/webhook', { url: 'https://hook.test/sms', secret: 's3' });
      assert.deepEqual(webhook, { url: 'https://hook.test/sms' });
      assert.deepEqual(await server.apiOk('GET', 'guardian/factors/phone/providers/webhook'), webhook);
    });

    test('are refused out of their ranges', async () => {
      const bad = async (name, body) => {
        const { status, body: answer } = await server.api('PUT', `guardian/${name}`, body);
        assert.equal(status, 400, JSON.stringify(body));
        return answer.message;
      };
      assert.equal(
        await bad('factors/phone/settings', { otp_length: 3, otp_expiration_time: 300 }),
        "Payload validation error: 'Value 3 is less than minimum 4' on property otp_length.",
      );
      await bad('factors/phone/settings', { otp_length: 6, otp_expiration_time: 3601 });
      await bad('settings', { mfa_session_inactivity_timeout: 7200, mfa_session_overall_timeout: 3600 });
      await bad('policies', ['sometimes']);
      assert.match(
        await bad('factors/phone/templates', { enrollment_message: '{{ code', verification_message: '{{code}}' }),
        /^Invalid enrollment_message template: /,
      );
      assert.match(
        await bad('factors/phone/templates', { enrollment_message: '{{code}}', verification_message: '{% if %}{% endfor %}' }),
        /^Invalid verification_message template: /,
      );
    });
  });

  describe('an enrolment ticket', () => {
    test('needs create:guardian_enrollment_tickets alone', async () => {
      const user = await server.user();
      const token = await server.managementToken(['create:guardian_enrollment_tickets']);
      const { status, body } = await server.api('POST', 'guardian/enrollments/ticket', { user_id: user.user_id }, token);
      assert.equal(status, 200);
      assert.deepEqual(Object.keys(body), ['ticket_id', 'ticket_url']);
      assert.match(body.ticket_id, /^[A-Za-z0-9]{32}$/);
      assert.equal(body.ticket_url, `${server.issuer}mfa/enrollment?ticket=${body.ticket_id}`);
      const other = await server.api('POST', 'guardian/enrollments/ticket', { user_id: user.user_id }, await server.managementToken(['update:users']));
      assert.equal(other.status, 403);
      assert.equal(other.body.message, 'Insufficient scope, expected any of: create:guardian_enrollment_tickets');
    });

    test('is for a user who exists, and its body is checked', async () => {
      const post = (body) => server.api('POST', 'guardian/enrollments/ticket', body);
      const message = async (body) => (await post(body)).body.message;
      assert.equal(
        await message({ user_id: '', email: '', send_mail: false }),
        "Payload validation error: 'Object didn't pass validation for format user-id: ' on property user_id (user_id for the enrollment ticket).",
      );
      assert.match(await message({ user_id: 'auth0|1', email: '' }), /'Object didn't pass validation for format email: ' on property email \(/);
      assert.equal(await message({}), "Payload validation error: 'Missing required property: user_id'.");
      assert.match(await message({ user_id: 'auth0|1', send_email: true }), /'Additional properties not allowed: send_email'/);
      assert.match(await message({ user_id: 'auth0|1', factor: 'duo' }), /'No enum match for: duo' on property factor \(/);
      assert.match(await message({ user_id: 'auth0|1', send_mail: 'yes' }), /'Expected type boolean but found type string' on property send_mail/);
      const { status, body } = await post({ user_id: 'auth0|nobody' });
      assert.equal(status, 404);
      assert.deepEqual(body, { statusCode: 404, error: 'Not Found', message: 'The user does not exist.', errorCode: 'inexistent_user' });
    });

    test('is mailed only when asked, to the address asked for', async () => {
      const user = await server.user();
      await sdk.guardian.enrollments.createTicket({ user_id: user.user_id });
      assert.equal((await server.outbox({ to: user.email })).length, 0);
      const ticket = await sdk.guardian.enrollments.createTicket({ user_id: user.user_id, send_mail: true });
      assert.ok((await server.message({ to: user.email, channel: 'email' })).text.includes(ticket.ticket_url));
      await sdk.guardian.enrollments.createTicket({ user_id: user.user_id, send_mail: true, email: 'other@example.test', email_locale: 'de' });
      await server.message({ to: 'other@example.test', channel: 'email' });
    });

    test('stands in a list until it is revoked or over (beyond Auth0)', async () => {
      const user = await server.user();
      const list = () => server.apiOk('GET', `guardian/enrollments/tickets?user_id=${encodeURIComponent(user.user_id)}`);
      const ticket = await server.apiOk('POST', 'guardian/enrollments/ticket', {
        user_id: user.user_id,
        factor: 'phone',
        allow_multiple_enrollments: true,
      });
      await server.apiOk('POST', 'guardian/enrollments/ticket', { user_id: user.user_id });
      const open = await list();
      assert.equal(open.length, 2);
      assert.ok(!JSON.stringify(open).includes(ticket.ticket_id), 'the secret is not in the list');
      const mine = open.find(({ factor }) => factor === 'phone');
      assert.equal(mine.allow_multiple_enrollments, true);
      assert.equal(Date.parse(mine.expires_at) - Date.parse(mine.created_at), 432_000_000);
      assert.equal((await server.api('DELETE', `guardian/enrollments/tickets/${mine.id}`)).status, 204);
      assert.equal((await server.api('DELETE', `guardian/enrollments/tickets/${mine.id}`)).status, 404);
      assert.equal((await list()).length, 1);
      const page = await server.fetch(`mfa/enrollment?ticket=${ticket.ticket_id}`);
      assert.equal(page.status, 400);
    });
  });

  describe('the factors of a user without any', () => {
    test('are none', async () => {
      const user = await server.user();
      assert.deepEqual(await sdk.users.enrollments.get(user.user_id), []);
      assert.deepEqual(await server.apiOk('GET', `${path(user)}/authentication-methods`), []);
      const answers = {
        [`DELETE ${path(user)}/authenticators`]: 204,
        [`DELETE ${path(user)}/authentication-methods`]: 204,
        [`DELETE ${path(user)}/authentication-methods/${encodeURIComponent('totp|dev_0000000000000000')}`]: 404,
        [`DELETE ${path(user)}/multifactor/google-authenticator`]: 404,
        [`DELETE ${path(user)}/multifactor/pigeon`]: 400,
        [`POST ${path(user)}/multifactor/actions/invalidate-remember-browser`]: 204,
        [`POST ${path(user)}/recovery-code-regeneration`]: 404,
        'GET users/auth0%7Cnobody/enrollments': 404,
        'GET users/auth0%7Cnobody/authentication-methods': 404,
        'DELETE users/auth0%7Cnobody/authenticators': 204,
        'GET guardian/enrollments/dev_0000000000000000': 404,
        'DELETE guardian/enrollments/dev_0000000000000000': 404,
        'GET guardian/enrollments/x': 400,
      };
      for (const [call, status] of Object.entries(answers)) {
        const [method, target] = call.split(' ');
        assert.equal((await server.api(method, target)).status, status, call);
      }
      const { body } = await server.api('GET', 'guardian/enrollments/dev_0000000000000000');
      assert.deepEqual(body, { statusCode: 404, error: 'Not Found', message: 'Enrollment not found', errorCode: 'enrollment_not_found' });
    });
  });

  describe('the factors of an enrolled user', () => {
    let client;

    before(async () => {
      client = await server.webClient();
      await enableFactors(server, 'sms', 'otp', 'recovery-code');
      await askFlaggedUsers(server);
    });

    test('show without their secrets, and go one by one', async () => {
      const { user } = await userWithOtp(server, client);
      const ticket = await server.apiOk('POST', 'guardian/enrollments/ticket', {
        user_id: user.user_id,
        factor: 'phone',
        allow_multiple_enrollments: true,
      });
      const { number } = await enrollSms(server, await new Login(server, client).browser.open(ticket.ticket_url));
      const masked = 'X'.repeat(number.length - 4) + number.slice(-4);

      const shown = await server.apiOk('GET', path(user));
      assert.deepEqual(shown.multifactor, ['guardian']);
      assert.match(shown.multifactor_last_modified, /Z$/);

      const [enrollment, ...more] = await sdk.users.enrollments.get(user.user_id);
      assert.equal(more.length, 0);
      assert.match(enrollment.id, /^dev_[A-Za-z0-9]{16}$/);
      const { id, enrolled_at, last_auth, ...rest } = enrollment;
      assert.deepEqual(rest, { status: 'confirmed', type: 'authenticator', auth_method: 'authenticator' });
      assert.match(String(enrolled_at) + String(last_auth), /Z.*Z$/);

      const single = await server.apiOk('GET', `guardian/enrollments/${encodeURIComponent(`totp|${id}`)}`);
      assert.deepEqual(Object.keys(single).sort(), ['enrolled_at', 'id', 'last_auth', 'status']);

      const methods = await server.apiOk('GET', `${path(user)}/authentication-methods`);
      assert.deepEqual(methods.map(({ type }) => type).sort(), ['phone', 'recovery-code', 'totp']);
      const phone = methods.find(({ type }) => type === 'phone');
      assert.equal(phone.phone_number, masked);
      assert.equal(phone.preferred_authentication_method, 'sms');
      assert.equal(phone.authentication_methods[0].id, phone.id.replace('phone|', 'sms|'));
      for (const method of methods) {
        const one = await server.apiOk('GET', `${path(user)}/authentication-methods/${encodeURIComponent(method.id)}`);
        assert.deepEqual(one, method);
      }
      const sms = await server.apiOk('GET', `guardian/enrollments/${phone.id.split('|')[1]}`);
      assert.equal(sms.phone_number, masked);

      const { recovery_code } = await server.apiOk('POST', `${path(user)}/recovery-code-regeneration`, {});
      assert.match(recovery_code, /^[A-Z0-9]{24}$/);

      assert.equal((await server.api('DELETE', `${path(user)}/multifactor/google-authenticator`)).status, 204);
      assert.equal((await server.apiOk('GET', `${path(user)}/enrollments`))[0].type, 'sms');
      assert.equal((await server.api('DELETE', `guardian/enrollments/${phone.id.split('|')[1]}`)).status, 204);
      assert.deepEqual(await server.apiOk('GET', `${path(user)}/enrollments`), []);
      assert.deepEqual(await server.apiOk('GET', `${path(user)}/authentication-methods`), []);
      assert.ok(!('multifactor' in (await server.apiOk('GET', path(user)))) || (await server.apiOk('GET', path(user))).multifactor.length === 0);
    });

    test('stay, where they are an administrator’s', async () => {
      const { user } = await userWithOtp(server, client);
      const [{ id }] = await server.apiOk('GET', `${path(user)}/enrollments`);
      await sql(server, `UPDATE users SET connection = 'Administrators' WHERE user_id = '${user.user_id}'`);
      const answers = {
        [`DELETE ${path(user)}/authenticators`]: 204, // as for a user who does not exist
        [`DELETE ${path(user)}/authentication-methods`]: 204,
        [`GET guardian/enrollments/${id}`]: 404,
        [`DELETE guardian/enrollments/${id}`]: 404,
      };
      for (const [call, status] of Object.entries(answers)) {
        const [method, target] = call.split(' ');
        assert.equal((await server.api(method, target)).status, status, call);
      }
      const kept = await sql(server, `SELECT count(*) FROM authenticators WHERE id = '${id}'`);
      assert.equal(kept, '1');
    });

    test('go all at once', async () => {
      const { user } = await userWithOtp(server, client);
      assert.equal((await server.api('DELETE', `${path(user)}/authenticators`)).status, 204);
      assert.deepEqual(await server.apiOk('GET', `${path(user)}/authentication-methods`), []);
    });
  });

  describe("the tenant's log", () => {
    /** The details of the newest entry of that description; entries are written a moment after their cause. */
    async function entry(description) {
      for (let i = 0; i < 100; i++) {
        const rows = await sql(server, "SELECT doc FROM logs WHERE type = 'sapi' ORDER BY log_id DESC LIMIT 50");
        const found = rows.split('\n').map((row) => JSON.parse(row)).find((log) => log.description === description);
        if (found) return found;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      throw new Error(`no entry ${description}`);
    }

    test('has an entry of every change, without secrets', async () => {
      const user = await server.user();
      const log = await entry('Create a User');
      assert.equal(log.details.request.method, 'post');
      assert.equal(log.details.request.path, '/api/v2/users');
      assert.equal(log.details.request.channel, 'api');
      assert.equal(log.details.request.body.connection, 'Username-Password-Authentication');
      assert.equal(log.details.response.statusCode, 201);
      assert.equal(log.client_id, server.management.client_id);
      const client = await server.apiOk('POST', 'clients', { name: 'logged' });
      await entry('Create a client');
      const ticket = await server.apiOk('POST', 'guardian/enrollments/ticket', { user_id: user.user_id });
      await entry('Create a multi-factor authentication enrollment ticket');
      await server.apiOk('PUT', 'rules-configs/KEY', { value: 'config-secret' });
      await server.apiOk('PUT', 'guardian/factors/phone/providers/twilio', { sid: 'AC', auth_token: 'twilio-secret', from: '+1' });
      await entry('Update Twilio configuration');
      const everything = await sql(server, 'SELECT doc FROM logs');
      for (const secret of [user.password, client.client_secret, ticket.ticket_id, 'config-secret', 'twilio-secret'])
        assert.ok(!everything.includes(secret), secret.slice(0, 8));
    });

    test('tells which keys a clearing change took away (A11)', async () => {
      const user = await server.user({ app_metadata: { use_mfa: true, plan: 'gold' } });
      await server.apiOk('PATCH', path(user), { app_metadata: {} });
      const log = await entry('Update a User');
      assert.deepEqual(log.details.cleared, { app_metadata: ['use_mfa', 'plan'] });
      assert.equal(log.user_id, user.user_id);
    });
  });

  describe("a user's own token", () => {
    test('opens what is about that user, and nothing else', async () => {
      const client = await server.webClient();
      const token = async (user, scope) => {
        const login = new Login(server, client, { parameters: { audience: server.audience, scope: `openid ${scope}` } });
        return (await login.tokens(await login.withPassword(user.email, user.password))).access_token;
      };
      const [one, other] = [await server.user(), await server.user()];
      const own = await token(one, 'read:current_user update:current_user_metadata read:users update:users');
      assert.equal((await server.api('GET', path(one), undefined, own)).status, 200);
      assert.deepEqual((await server.api('GET', `${path(one)}/enrollments`, undefined, own)).body, []);
      const changed = await server.api('PATCH', path(one), { user_metadata: { color: 'blue' } }, own);
      assert.deepEqual(changed.body.user_metadata, { color: 'blue' });
      for (const body of [{ app_metadata: { use_mfa: false } }, { email_verified: true }, { password: 'Correct-Horse-7' }])
        assert.equal((await server.api('PATCH', path(one), body, own)).status, 403, JSON.stringify(body));
      const foreign = await server.api('GET', path(other), undefined, own);
      assert.equal(foreign.status, 403);
      assert.equal(foreign.body.message, 'User to be acted on does not match subject in bearer token.');
      assert.equal((await server.api('PATCH', path(other), { user_metadata: { a: 1 } }, own)).status, 403);
      assert.equal((await server.api('GET', 'users', undefined, own)).status, 403);
      assert.equal((await server.api('GET', 'rules', undefined, own)).status, 403);
    });
  });
});
