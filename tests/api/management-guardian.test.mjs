// Second factors through the Management API: settings, enrolment tickets, and the factors of a user.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startServer } from '../harness/server.mjs';

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
});
