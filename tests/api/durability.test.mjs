// What was acknowledged is there after kill -9, and nothing is there by half: signups, enrolments and tickets are under way
// when the server dies.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser } from '../harness/browserless.mjs';
import { askFlaggedUsers, enableFactors, enrollOtp, flaggedUser, logIn } from '../harness/mfa.mjs';
import { totp } from '../harness/otp.mjs';
import { startServer } from '../harness/server.mjs';

const CONNECTION = 'Username-Password-Authentication';
const ROUNDS = 3;
// The server dies as soon as so many of each kind were acknowledged in a round.
const ENOUGH = { signups: 24, enrolments: 5, tickets: 24 };

let server, client;

before(async () => {
  server = await startServer({ flags: ['--password-memory-kib=8192', '--password-passes=1'] });
  client = await server.webClient();
  await askFlaggedUsers(server);
  await enableFactors(server, 'otp');
});

after(() => server?.stop());

/** Runs `work` over and over until the server is gone; an answer that says no is a failure of the test, a lost one is not. */
async function untilDeath(life, work) {
  while (!life.over) {
    try {
      await work();
    } catch (error) {
      if (!life.over && !(error instanceof TypeError)) throw error;
      if (!life.over) await life.death;
    }
  }
}

let lastNumber = 0;
const newPerson = () => {
  const number = ++lastNumber;
  return { email: `durable-${number}@example.test`, password: `Correct-Horse-${number}-Battery` };
};

async function signUp(record) {
  const person = newPerson();
  record.tried.push(person);
  const { status, body } = await server.postJson('dbconnections/signup', {
    client_id: client.client_id,
    connection: CONNECTION,
    ...person,
  });
  assert.equal(status, 200, JSON.stringify(body));
  record.signups.push({ ...person, user_id: `auth0|${body._id}` });
}

async function enroll(record) {
  const person = newPerson();
  record.tried.push(person);
  const user = await flaggedUser(server, person);
  const { ticket_url } = await server.apiOk('POST', 'guardian/enrollments/ticket', { user_id: user.user_id });
  const enrolment = { ...person, user_id: user.user_id, ticket_url };
  record.enrolmentsTried.push(enrolment);
  const options = await new Browser(server).open(ticket_url);
  const { seed, page } = await enrollOtp(server, options);
  assert.equal(page.path, '/u/mfa-enroll-result');
  record.enrolments.push({ ...enrolment, seed });
}

async function makeTicket(record, users) {
  const user = users[record.tickets.length % users.length];
  const { ticket_url } = await server.apiOk('POST', 'guardian/enrollments/ticket', { user_id: user.user_id });
  record.tickets.push({ ticket_url, user_id: user.user_id });
}

/** Loads the server until enough was acknowledged, and kills it in the midst of the rest. */
async function loadAndKill(users) {
  const record = { tried: [], signups: [], enrolmentsTried: [], enrolments: [], tickets: [] };
  let end;
  const life = { over: false, death: new Promise((resolve) => (end = resolve)) };
  const loops = [
    ...Array.from({ length: 4 }, () => untilDeath(life, () => signUp(record))),
    ...Array.from({ length: 3 }, () => untilDeath(life, () => enroll(record))),
    ...Array.from({ length: 2 }, () => untilDeath(life, () => makeTicket(record, users))),
  ];
  const load = Promise.all(loops);
  const enough = (async () => {
    while (Object.entries(ENOUGH).some(([kind, count]) => record[kind].length < count))
      await new Promise((resolve) => setImmediate(resolve));
  })();
  await Promise.race([enough, load]);
  const killed = server.kill();
  life.over = true;
  end();
  await killed;
  await load;
  return record;
}

/** Whether the password is right: the page after it is another one, or the application. */
async function canLogIn(person) {
  const { page } = await logIn(server, client, person);
  return page.path !== '/u/login/password';
}

const confirmedFactors = async (user) =>
  (await server.apiOk('GET', `users/${encodeURIComponent(user.user_id)}/enrollments`)).filter(
    ({ status }) => status === 'confirmed',
  );

const isOpen = async ({ ticket_url }) => (await new Browser(server).open(ticket_url)).path.startsWith('/u/mfa-');

async function everyUser() {
  const users = [];
  for (let page = 0; ; page++) {
    const body = await server.apiOk('GET', `users?include_totals=true&per_page=100&page=${page}`);
    users.push(...body.users);
    if (body.users.length < 100) {
      assert.equal(body.total, users.length);
      return users;
    }
  }
}

async function checkSignups(record) {
  const stored = new Map((await everyUser()).map((user) => [user.email, user]));
  for (const { email, user_id } of [...record.signups, ...record.enrolments])
    assert.equal(stored.get(email)?.user_id, user_id, `${email} was acknowledged`);
  // Whoever is there, acknowledged or not, is there with a password.
  for (const person of record.tried)
    if (stored.has(person.email)) assert.ok(await canLogIn(person), `${person.email} has no password`);
}

async function checkEnrolments(record) {
  for (const enrolment of record.enrolments)
    assert.equal((await confirmedFactors(enrolment)).length, 1, `${enrolment.email} was enrolled`);
  // The ticket is spent exactly where the factor is there, acknowledged or not.
  for (const enrolment of record.enrolmentsTried)
    assert.equal(await isOpen(enrolment), (await confirmedFactors(enrolment)).length === 0, enrolment.email);
  const [enrolment] = record.enrolments;
  await server.advanceClock(30_000);
  const { login, page } = await logIn(server, client, enrolment);
  assert.equal(page.path, '/u/mfa-otp-challenge');
  await login.tokens(await page.submit({ code: totp(enrolment.seed, server.now()) }));
}

for (let round = 1; round <= ROUNDS; round++) {
  test(`kill -9, round ${round}: what was acknowledged is there, and nothing by half`, async () => {
    const users = await Promise.all([1, 2, 3].map(() => flaggedUser(server)));
    const record = await loadAndKill(users);
    const { clockOffset } = server;
    server.clockOffset = 0;
    await server.start();
    await server.advanceClock(clockOffset);
    await checkSignups(record);
    for (const ticket of record.tickets) assert.ok(await isOpen(ticket), `${ticket.ticket_url} was acknowledged`);
    await checkEnrolments(record);
  });
}
