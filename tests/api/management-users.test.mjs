// Users through the Management API: by the official SDK where it shows what happens, by fetch where bodies must be exact.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startServer } from '../harness/server.mjs';

const CONNECTION = 'Username-Password-Authentication';
const TUTORIAL_BODY =
  '{ "blocked": false, "email_verified": false, "email": "", "verify_email": false, "phone_number": "", "phone_verified": false, "verify_phone_number": false, "password": "", "verify_password": false,"user_metadata": {},"app_metadata": { "use_mfa": true }, "connection": "", "username": "","client_id": "DaM8...rdyX"}';

function error(statusCode, name, message, errorCode) {
  return { statusCode, error: name, message, ...(errorCode && { errorCode }) };
}

function badBody(message) {
  return error(400, 'Bad Request', message, 'invalid_body');
}

describe('users', () => {
  let server;
  let sdk;

  before(async () => {
    server = await startServer();
    sdk = server.sdk();
  });
  after(() => server?.stop());

  const path = (user) => `users/${encodeURIComponent(user.user_id)}`;
  const patch = (user, body, token) => server.api('PATCH', path(user), body, token);

  describe('a new user', () => {
    test('has the members and defaults of Auth0', async () => {
      const user = await sdk.users.create({
        connection: CONNECTION,
        email: 'Marjorie@Example.test',
        password: 'Correct-Horse-1',
        app_metadata: { plan: 'gold' },
      });
      assert.match(user.user_id, /^auth0\|[0-9a-f]{24}$/);
      assert.equal(user.email, 'marjorie@example.test');
      assert.equal(user.name, 'marjorie@example.test');
      assert.equal(user.nickname, 'marjorie');
      assert.equal(user.email_verified, false);
      assert.match(user.picture, /^https:\/\/s\.gravatar\.com\/avatar\/[0-9a-f]{32}\?s=480&r=pg&d=/);
      assert.match(user.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      assert.deepEqual(user.app_metadata, { plan: 'gold' });
      assert.deepEqual(user.identities, [
        { connection: CONNECTION, user_id: user.user_id.slice(6), provider: 'auth0', isSocial: false },
      ]);
      for (const absent of ['password', 'user_metadata', 'blocked', 'last_login', 'logins_count', 'connection', 'verify_email'])
        assert.ok(!(absent in user), absent);
      const read = await sdk.users.get(user.user_id);
      assert.deepEqual({ ...read }, { ...user });
    });

    test('is asked to confirm the address, unless it is confirmed or nobody wants it', async () => {
      const mails = async (values) => {
        const user = await server.user(values);
        return (await server.outbox({ to: user.email, channel: 'email' })).length;
      };
      await server.user({ email: 'unconfirmed@example.test', email_verified: false });
      const mail = await server.message({ to: 'unconfirmed@example.test', channel: 'email' });
      assert.match(mail.text, /email-verification\?ticket=/);
      assert.equal(await mails({ email_verified: false, verify_email: false }), 0);
      assert.equal(await mails({ email_verified: true }), 0);
    });

    test('is made once, however many ask at once', async () => {
      const body = { connection: CONNECTION, email: 'race@example.test', password: 'Correct-Horse-1' };
      const answers = await Promise.all(Array.from({ length: 8 }, () => server.api('POST', 'users', body)));
      assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 409, 409, 409, 409, 409, 409, 409]);
    });

    test('takes the id that the request supplies', async () => {
      const user = await server.user({ user_id: 'import-7' });
      assert.equal(user.user_id, 'auth0|import-7');
      assert.equal(user.identities[0].user_id, 'import-7');
    });

    test('needs connection, e-mail address and password', async () => {
      const create = async (body) => (await server.api('POST', 'users', body)).body;
      assert.deepEqual(await create({}), badBody("Payload validation error: 'Missing required property: connection'."));
      assert.deepEqual(
        await create({ connection: CONNECTION, email: 'x@y.test' }),
        badBody("Payload validation error: 'Missing required property: password'."),
      );
      assert.deepEqual(
        await create({ connection: CONNECTION, password: 'Correct-Horse-1' }),
        badBody("Payload validation error: 'Missing required property: email'."),
      );
      assert.deepEqual(
        await create({ connection: 'nowhere', email: 'x@y.test', password: 'Correct-Horse-1' }),
        error(400, 'Bad Request', 'The connection does not exist.', 'inexistent_connection'),
      );
      assert.deepEqual(
        await create({ connection: CONNECTION, email: 'x@y.test', password: 'Correct-Horse-1', username: 'x' }),
        badBody('Cannot set username for connection without requires_username.'),
      );
      assert.deepEqual(
        await create({ connection: CONNECTION, email: 'x', password: 'Correct-Horse-1' }),
        badBody("Payload validation error: 'Object didn't pass validation for format email: x' on property email (The user's email.)."),
      );
    });

    test('cannot take an address that another has, in whatever case or spelling (A13)', async () => {
      await server.user({ email: 'Vincent@Example.Test' });
      await server.user({ email: 'u@bücher.test' });
      const create = (email) => server.api('POST', 'users', { connection: CONNECTION, email, password: 'Correct-Horse-1' });
      for (const email of ['vincent@EXAMPLE.test', 'u@xn--bcher-kva.test']) {
        const { status, body } = await create(email);
        assert.equal(status, 409, email);
        assert.deepEqual(body, error(409, 'Conflict', 'The user already exists.', 'auth0_idp_error'));
      }
      for (const email of ['vincent\u200b@example.test', 'vincent@example.test\u200b', 'vinc\u0435nt@example.test'])
        assert.ok([400, 409].includes((await create(email)).status), JSON.stringify(email));
      const found = await server.apiOk('GET', 'users-by-email?email=VINCENT@example.test');
      assert.equal(found.length, 1);
      assert.equal(found[0].email, 'vincent@example.test');
    });

    test("must have a password that the connection's policy allows", async () => {
      const { status, body } = await server.api('POST', 'users', {
        connection: CONNECTION,
        email: 'weak@example.test',
        password: 'password',
      });
      assert.equal(status, 400);
      assert.equal(body.message, 'PasswordStrengthError: Password is too weak');
    });

    test('may have a password of any length up to the one limit, all bytes of which count (A14)', async () => {
      const longest = 'Aa1!' + 'é'.repeat(2046);
      const user = await server.user({ password: longest });
      assert.equal((await patch(user, { password: longest })).status, 200);
      for (const password of ['Aa1!' + 'x'.repeat(68), 'Aa1!' + 'x'.repeat(69), 'Aa1' + '漢'.repeat(23), 'Aa1' + '漢'.repeat(24)])
        assert.equal((await patch(user, { password })).status, 200, String(password.length));
      assert.equal((await patch(user, { password: longest + 'x' })).status, 400);
      const created = await server.api('POST', 'users', {
        connection: CONNECTION,
        email: 'too-long@example.test',
        password: longest + 'x',
      });
      assert.equal(created.status, 400);
    });

    test('may not hold members or metadata names that are not for it', async () => {
      const create = async (values) =>
        (
          await server.api('POST', 'users', {
            connection: CONNECTION,
            email: 'names@example.test',
            password: 'Correct-Horse-1',
            ...values,
          })
        ).body.message;
      assert.match(await create({ created_at: 1 }), /^Payload validation error: 'Additional properties not allowed: created_at \(consider/);
      assert.match(await create({ app_metadata: { email: 1 } }), /Additional properties not allowed: email' on property app_metadata/);
      assert.match(await create({ user_metadata: { 'a.b': 1 } }), /Additional properties not allowed: a\.b' on property user_metadata/);
      assert.match(await create({ user_metadata: { a$: 1 } }), /Additional properties not allowed: a\$' on property user_metadata/);
    });
  });

  describe('a change of metadata', () => {
    test('merges at the first level, and null deletes (A10)', async () => {
      const user = await server.user({ app_metadata: { a: ['x'], b: { c: 1, d: 2 } } });
      const first = await sdk.users.update(user.user_id, { app_metadata: { b: { c: 3 } } });
      assert.deepEqual(first.app_metadata, { a: ['x'], b: { c: 3 } });
      const second = await sdk.users.update(user.user_id, { app_metadata: { a: null } });
      assert.deepEqual(second.app_metadata, { b: { c: 3 } });
    });

    test('is a clearing one where it is empty (A11)', async () => {
      const user = await server.user({ app_metadata: { use_mfa: true }, user_metadata: { hobby: 'x' } });
      const { body } = await patch(user, { app_metadata: {} });
      assert.ok(!('app_metadata' in body));
      assert.deepEqual(body.user_metadata, { hobby: 'x' });
      assert.ok(!('app_metadata' in (await server.apiOk('GET', path(user)))));
    });

    test('keeps digits and odd names as they are (C4, C7)', async () => {
      const user = await server.user();
      const body = '{"user_metadata":{"n":9007199254740993,"big":123456789012345678901234567890,"__proto__":{"use_mfa":false},"constructor":{"prototype":{"x":1}}}}';
      assert.equal((await patch(user, body)).status, 200);
      const text = await (
        await server.fetch(`api/v2/${path(user)}`, { headers: { authorization: `Bearer ${await server.managementToken()}` } })
      ).text();
      assert.ok(text.includes('"n":9007199254740993,"big":123456789012345678901234567890,"__proto__":{"use_mfa":false}'), text);
      assert.equal({}.use_mfa, undefined);
    });

    test('is refused where its JSON is broken, doubled or too deep (C4)', async () => {
      const user = await server.user();
      const bodies = {
        '{"app_metadata":{"use_mfa":true,"use_mfa":false}}': 400,
        [`{"app_metadata":{"a":${'['.repeat(100_000)}`]: 400,
        '{"app_metadata":{"a":"\\ud800"}}': 400,
        '{"app_metadata":{"a\\u0000":1}}': 400,
        '{"app_metadata":': 400,
        '': 400,
      };
      for (const [body, status] of Object.entries(bodies))
        assert.equal((await patch(user, body)).status, status, body.slice(0, 60));
      assert.equal((await server.api('GET', path(user))).status, 200);
    });

    test('survives others at the same time', async () => {
      const user = await server.user();
      const names = Array.from({ length: 20 }, (_, i) => `k${i}`);
      const answers = await Promise.all(names.map((name) => patch(user, { app_metadata: { [name]: 1 } })));
      assert.deepEqual(
        answers.map(({ status }) => status),
        names.map(() => 200),
      );
      const { app_metadata } = await server.apiOk('GET', path(user));
      assert.deepEqual(Object.keys(app_metadata).sort(), [...names].sort());
    });
  });

  describe('a change of a user', () => {
    test("with the tutorial's body as printed gets Auth0's error", async () => {
      const user = await server.user();
      const { status, body } = await patch(user, TUTORIAL_BODY);
      assert.equal(status, 400);
      assert.deepEqual(
        body,
        badBody(
          "Payload validation error: 'String is too short (0 chars), minimum 1' on property username (The user's username. Only valid if the connection requires a username.).",
        ),
      );
      assert.equal((await patch(user, { email: '' })).body.message.startsWith("Payload validation error: 'Object didn't pass validation for format email: '"), true);
      assert.match((await patch(user, { phone_number: '' })).body.message, /'String does not match pattern \^\\\+\[0-9\]\{1,15\}\$: ' on property phone_number/);
    });

    test('by POST is no route', async () => {
      const user = await server.user();
      const { status, body } = await server.api('POST', path(user), TUTORIAL_BODY);
      assert.equal(status, 404);
      assert.deepEqual(body, error(404, 'Not Found', 'Not Found'));
    });

    test('needs only update:users_app_metadata for app_metadata, which opens nothing else', async () => {
      const user = await server.user();
      const token = await server.managementToken(['update:users_app_metadata']);
      const changed = await patch(user, { app_metadata: { use_mfa: true } }, token);
      assert.equal(changed.status, 200);
      assert.deepEqual(changed.body.app_metadata, { use_mfa: true });
      const members = [
        { blocked: true },
        { user_metadata: { a: 1 } },
        { name: 'x' },
        { email: 'other@example.test' },
        { password: 'Correct-Horse-2' },
        { verify_email: true },
        { connection: CONNECTION },
        { client_id: 'x' },
      ];
      for (const member of members) {
        const { status, body } = await patch(user, { app_metadata: { use_mfa: false }, ...member }, token);
        assert.equal(status, 403, JSON.stringify(member));
        assert.deepEqual(body, error(403, 'Forbidden', 'Insufficient scope, expected any of: update:users', 'insufficient_scope'));
      }
      assert.deepEqual((await server.apiOk('GET', path(user))).app_metadata, { use_mfa: true });
      assert.equal((await server.api('GET', path(user), undefined, token)).status, 403);
    });

    test('is checked in its order: scope, body, content, existence', async () => {
      const token = await server.managementToken(['update:users_app_metadata']);
      const nobody = { user_id: 'auth0|nobody' };
      assert.equal((await patch(nobody, { email: '' }, await server.managementToken(['read:users']))).status, 403);
      assert.equal((await patch(nobody, { email: '' }, token)).status, 400);
      assert.equal((await patch(nobody, { email: 'a@b.test' }, token)).status, 403);
      const { status, body } = await patch(nobody, { app_metadata: { a: 1 } }, token);
      assert.equal(status, 404);
      assert.deepEqual(body, error(404, 'Not Found', 'The user does not exist.', 'inexistent_user'));
    });

    test('refuses members that do not go together', async () => {
      const user = await server.user();
      const pairs = [
        ['password', 'email'],
        ['password', 'email_verified'],
        ['username', 'email'],
        ['username', 'email_verified'],
        ['username', 'password'],
        ['password', 'phone_number'],
        ['username', 'phone_number'],
      ];
      const values = {
        password: 'Correct-Horse-2',
        email: 'a@b.test',
        email_verified: true,
        username: 'someone',
        phone_number: '+15551234567',
      };
      for (const [one, other] of pairs) {
        const { status, body } = await patch(user, { [one]: values[one], [other]: values[other] });
        assert.equal(status, 400);
        assert.deepEqual(body, badBody(`Cannot update ${one} and ${other} simultaneously`));
      }
      assert.equal((await patch(user, { password: 'Correct-Horse-2', app_metadata: { a: 1 } })).status, 200);
    });

    test('refuses members that it does not know, and an empty body', async () => {
      const user = await server.user();
      assert.deepEqual(
        (await patch(user, { created_at: 'x', user_id: 'y', email: '' })).body,
        badBody(
          'Payload validation error: \'Additional properties not allowed: created_at,user_id (consider storing them in app_metadata or user_metadata. See "Users Metadata" in https://auth0.com/docs/api/v2/changes for more details)\'.',
        ),
      );
      const empty = await patch(user, {});
      assert.equal(empty.status, 400);
      assert.match(empty.body.message, /^Payload validation error: 'None of the valid schemas were met'\. Inner errors: \[ 'Missing required property: /);
    });

    test('makes a new address unconfirmed, and sends mail when asked', async () => {
      const user = await server.user();
      const { body } = await patch(user, { email: 'New@Example.test', verify_email: true, client_id: server.default_client.client_id });
      assert.equal(body.email, 'new@example.test');
      assert.equal(body.email_verified, false);
      assert.match((await server.message({ to: 'new@example.test', channel: 'email' })).text, /email-verification\?ticket=/);
      const confirmed = await patch(user, { email: 'newer@example.test', email_verified: true });
      assert.equal(confirmed.body.email_verified, true);
      const other = await server.user();
      const taken = await patch(other, { email: 'NEWER@example.test' });
      assert.equal(taken.status, 400);
      assert.deepEqual(taken.body, error(400, 'Bad Request', 'The specified new email already exists', 'auth0_idp_error'));
    });

    test('unsets what is null, and understands every member of the tutorial', async () => {
      const user = await server.user({ given_name: 'A', family_name: 'B' });
      const { status, body } = await patch(user, {
        blocked: true,
        given_name: null,
        nickname: 'n',
        phone_number: '+15551230001',
        phone_verified: true,
        verify_phone_number: false,
        verify_email: false,
        verify_password: false,
        connection: CONNECTION,
        user_metadata: { a: 1 },
      });
      assert.equal(status, 200);
      assert.equal(body.blocked, true);
      assert.ok(!('given_name' in body));
      assert.equal(body.phone_number, '+15551230001');
      assert.equal(body.phone_verified, true);
      assert.equal((await patch(user, { blocked: false })).body.blocked, false);
      assert.equal((await patch(user, { connection: 'elsewhere', blocked: true })).status, 400);
    });

    test('of a user name keeps names apart, where the connection has them', async () => {
      await server.apiOk('POST', 'connections', { name: 'named', strategy: 'auth0', options: { requires_username: true } });
      const make = (username) => server.user({ connection: 'named', username });
      const missing = await server.api('POST', 'users', { connection: 'named', email: 'n@example.test', password: 'Correct-Horse-1' });
      assert.equal(missing.body.message, "Payload validation error: 'Missing required property: username'.");
      const [one, other] = [await make('Ada'), await make('grace')];
      assert.equal(one.username, 'Ada');
      assert.equal((await patch(other, { username: 'ADA' })).body.message, 'The specified new username already exists');
      assert.equal((await patch(other, { username: 'hopper' })).body.username, 'hopper');
      const plain = await server.user();
      assert.equal(
        (await patch(plain, { username: 'x' })).body.message,
        'Cannot set username for connection without requires_username.',
      );
    });

    test('takes no telephone number without its country (A5)', async () => {
      const user = await server.user();
      for (const phone_number of ['07911 123456', '4407911123456', '+44 7911 123456'])
        assert.equal((await patch(user, { phone_number })).status, 400, phone_number);
    });

    test('of the password sets its time, and the new one alone works', async () => {
      const client = await server.webClient({ grant_types: ['authorization_code'] });
      assert.ok(client.client_id);
      const user = await server.user();
      const { body } = await patch(user, { password: 'Another-Horse-9' });
      assert.match(body.last_password_reset, /Z$/);
      assert.equal((await patch(user, { password: 'weak' })).body.message, 'PasswordStrengthError: Password is too weak');
    });

    test('that meant another version is refused', async () => {
      const user = await server.user();
      const read = await server.api('GET', path(user));
      const etag = read.headers.get('etag');
      assert.match(etag, /^"\d+"$/);
      const token = await server.managementToken();
      const change = (match) =>
        server.fetch(`api/v2/${path(user)}`, {
          method: 'PATCH',
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'if-match': match },
          body: '{"blocked":false}',
        });
      assert.equal((await change(etag)).status, 200);
      assert.equal((await change(etag)).status, 412);
    });
  });

  test('are removed with all that is theirs, and removing is always a success', async () => {
    const user = await server.user();
    assert.equal((await server.api('DELETE', path(user))).status, 204);
    assert.equal((await server.api('DELETE', path(user))).status, 204);
    assert.equal((await server.api('GET', path(user))).status, 404);
    const again = await server.user({ email: user.email });
    assert.notEqual(again.user_id, user.user_id);
  });

  test('show the members that fields names, or all others', async () => {
    const user = await server.user({ user_metadata: { x: 1, y: 2 } });
    assert.deepEqual(await server.apiOk('GET', `${path(user)}?fields=email,user_metadata.x,identities.connection`), {
      email: user.email,
      user_metadata: { x: 1 },
      identities: [{ connection: CONNECTION }],
    });
    const without = await server.apiOk('GET', `${path(user)}?fields=email,identities&include_fields=false`);
    assert.ok(!('email' in without) && !('identities' in without) && 'user_id' in without);
    const { body } = await server.api('GET', `${path(user)}?fields=nonsense`);
    assert.equal(body.errorCode, 'invalid_query_string');
    assert.match(
      body.message,
      /^Query validation error: 'String 'nonsense' does not match pattern\. Must be a comma separated list of the following values: phone_number,email,/,
    );
  });

  test('have ids with a bar: other paths are refused', async () => {
    const { status, body } = await server.api('GET', 'users/123');
    assert.equal(status, 400);
    assert.deepEqual(
      body,
      error(
        400,
        'Bad Request',
        "Path validation error: 'String does not match pattern ^.+\\|.+$: 123' on property id (ID of the user to retrieve.).",
        'invalid_uri',
      ),
    );
  });
});
