// What the phone app takes from QR codes, links and pasted texts, hostile ones included.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from '../harness/typescript.mjs';

const { read, checkedOtp } = await load('web/phone/src/otpauth.ts');
const OWN = 'https://login.example.test/appliance-mfa';
const SECRET = 'JBSWY3DPEHPK3PXP';
const TICKET = 'aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY';

test('a one-time-code account with everything said', () => {
  const uri = `otpauth://totp/Acme%20Inc:ada%40acme.test?secret=${SECRET}&issuer=Acme%20Inc&algorithm=SHA256&digits=8&period=60`;
  assert.deepEqual(read(uri, OWN), {
    issuer: 'Acme Inc',
    account: 'ada@acme.test',
    otp: { type: 'totp', secret: SECRET, algorithm: 'SHA256', digits: 8, period: 60, counter: 0 },
    enrolment: null,
  });
});

test('the issuer before the colon counts where it is not named; SHA-1, six digits and 30 s are the rule', () => {
  const found = read(`  otpauth://totp/Acme:ada?secret=${SECRET.toLowerCase()} `, OWN);
  assert.deepEqual([found.issuer, found.account], ['Acme', 'ada']);
  assert.deepEqual(found.otp, { type: 'totp', secret: SECRET, algorithm: 'SHA1', digits: 6, period: 30, counter: 0 });
});

test('counted codes keep their counter', () => {
  const { otp } = read(`otpauth://hotp/x?secret=${SECRET}&counter=41`, OWN);
  assert.deepEqual([otp.type, otp.counter], ['hotp', 41]);
});

test('the enrolment of a phone, as the widget and the Authentication API write it', () => {
  const widget = `otpauth://totp/acme:ada?secret=${SECRET}&enrollment_tx_id=${TICKET}&issuer=acme&id=dev_1&base_url=https%3A%2F%2Fmfa.example.test%3A8443%2Fappliance-mfa%2F&algorithm=sha1&digits=6&counter=0&period=30`;
  const found = read(widget, OWN);
  assert.deepEqual(found.enrolment, { ticket: TICKET, base: 'https://mfa.example.test:8443/appliance-mfa' });
  assert.equal(found.otp.secret, SECRET);
  const bare = read(`otpauth://totp/?enrollment_tx_id=${TICKET}&base_url=mfa.example.test`, OWN);
  assert.deepEqual(bare.enrolment, { ticket: TICKET, base: 'https://mfa.example.test/appliance-mfa' });
  assert.equal(bare.issuer, 'mfa.example.test');
  assert.equal(bare.otp, null);
});

test('without an address the server is the one that serves the app', () => {
  assert.equal(read(`otpauth://totp/x?enrollment_tx_id=${TICKET}`, OWN).enrolment.base, OWN);
  assert.deepEqual(read(TICKET, OWN).enrolment, { ticket: TICKET, base: OWN });
});

test('the link of a page on the phone itself', () => {
  const uri = `otpauth://totp/x?enrollment_tx_id=${TICKET}`;
  for (const link of [`${OWN.replace('appliance-mfa', 'phone')}#${encodeURIComponent(uri)}`, `https://login.example.test/phone#${uri}`])
    assert.equal(read(link, OWN).enrolment.ticket, TICKET);
});

test('a key alone', () => {
  assert.equal(read('jbsw y3dp ehpk 3pxp', OWN).otp.secret, SECRET);
  assert.equal(read('ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', OWN).otp.secret, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567');
});

test('what is none of it says why', () => {
  const faults = {
    '': 'empty',
    '   ': 'empty',
    hello: 'unknown',
    'https://example.test/': 'unknown',
    'https://example.test/#javascript:alert(1)': 'unknown',
    'https://example.test/#%E0%A4%A': 'unknown',
    'javascript:alert(1)': 'unknown',
    'otpauth://steam/x?secret=JBSWY3DPEHPK3PXP': 'unknown',
    'otpauth://totp/x': 'secret',
    'otpauth://totp/x?secret=': 'secret',
    'otpauth://totp/x?secret=10189': 'secret',
    'otpauth://totp/x?secret=JBSWY3DPEHPK3PXP&digits=5': 'parameters',
    'otpauth://totp/x?secret=JBSWY3DPEHPK3PXP&digits=9': 'parameters',
    'otpauth://totp/x?secret=JBSWY3DPEHPK3PXP&digits=6.5': 'parameters',
    'otpauth://totp/x?secret=JBSWY3DPEHPK3PXP&period=0': 'parameters',
    'otpauth://totp/x?secret=JBSWY3DPEHPK3PXP&period=-30': 'parameters',
    'otpauth://totp/x?secret=JBSWY3DPEHPK3PXP&period=1e9': 'parameters',
    'otpauth://totp/x?secret=JBSWY3DPEHPK3PXP&algorithm=MD5': 'parameters',
    'otpauth://hotp/x?secret=JBSWY3DPEHPK3PXP&counter=99999999999999999': 'parameters',
    [`otpauth://totp/x?enrollment_tx_id=${TICKET}&base_url=http%3A%2F%2Fevil.test`]: 'server',
    [`otpauth://totp/x?enrollment_tx_id=${TICKET}&base_url=javascript%3Aalert(1)`]: 'server',
    [`otpauth://totp/x?enrollment_tx_id=${TICKET}&base_url=https%3A%2F%2Fa%3Ab%40evil.test`]: 'server',
    [`otpauth://totp/x?enrollment_tx_id=${TICKET}&base_url=https%3A%2F%2Fevil.test%2F%3Fx`]: 'server',
    'otpauth://totp/x?enrollment_tx_id=a%22%0d%0aX-Y%3A%20z': 'unknown',
    [`otpauth://totp/x?secret=${'A'.repeat(5000)}`]: 'unknown',
  };
  for (const [text, fault] of Object.entries(faults)) assert.equal(read(text, OWN), fault, text);
});

test('plain http is for this machine alone', () => {
  const base = (url) => read(`otpauth://totp/x?enrollment_tx_id=${TICKET}&base_url=${encodeURIComponent(url)}`, OWN).enrolment?.base;
  assert.equal(base('http://127.0.0.1:3000'), 'http://127.0.0.1:3000/appliance-mfa');
  assert.equal(base('http://localhost.evil.test'), undefined);
  assert.equal(base('http://127.0.0.1.evil.test'), undefined);
});

test('names lose what turns or hides text, and their length', () => {
  const label = encodeURIComponent('Ac\u202eme\u0000\n:ada\u200b<script>');
  const found = read(`otpauth://totp/${label}?secret=${SECRET}`, OWN);
  assert.deepEqual([found.issuer, found.account], ['Ac me', 'ada <script>']);
  assert.equal(read(`otpauth://totp/x?secret=${SECRET}&issuer=${'😀'.repeat(300)}`, OWN).issuer, '😀'.repeat(256));
});

test('garbage never throws', () => {
  let state = 1;
  const random = () => (state = (state * 48271) % 2147483647) / 2147483647;
  const pieces = ['otpauth://', 'totp/', 'hotp/', '?', '&', '=', '%', '%00', '%E0', '#', ':', 'secret', 'base_url', 'enrollment_tx_id', 'JBSWY3DP', '\u202e', '\ud800', 'https://', '//', '@', '[', ' '];
  for (let round = 0; round < 20000; round++) {
    const text = Array.from({ length: Math.floor(random() * 14) }, () => pieces[Math.floor(random() * pieces.length)]).join('');
    const found = read(random() < 0.5 ? `otpauth://totp/${text}` : text, OWN);
    assert.ok(typeof found === 'string' || found.otp || found.enrolment);
  }
});

test('what a server or a backup says of codes is checked in the same way', () => {
  assert.equal(checkedOtp({ secret: SECRET, algorithm: 'sha1', digits: 6, period: 30 }).algorithm, 'SHA1');
  for (const wrong of [null, 'x', {}, { secret: 5 }, { secret: SECRET, digits: 99 }, { secret: SECRET, period: {} }]) assert.equal(checkedOtp(wrong), null);
});
