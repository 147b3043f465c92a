// The phone app's one-time codes, against the vectors of RFC 4226 (appendix D), RFC 6238 (appendix B) and RFC 4648.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from '../harness/typescript.mjs';

const { hotp, totp, secondsLeft, grouped } = await load('web/phone/src/otp.ts');
const { decodeBase32 } = await load('web/phone/src/base32.ts');

/** The ASCII digits 1234567890… as the RFCs use them, in Base32. */
function seed(bytes) {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...Array(bytes).keys()].map((i) => (0x30 + ((i + 1) % 10)).toString(2).padStart(8, '0')).join('');
  return bits.match(/.{1,5}/g).map((five) => alphabet[parseInt(five.padEnd(5, '0'), 2)]).join('');
}

const account = (values) => ({ type: 'totp', secret: seed(20), algorithm: 'SHA1', digits: 6, period: 30, counter: 0, ...values });

test('the codes of RFC 4226', async () => {
  const expected = ['755224', '287082', '359152', '969429', '338314', '254676', '287922', '162583', '399871', '520489'];
  for (const [counter, code] of expected.entries()) assert.equal(await hotp(account({ type: 'hotp' }), counter), code);
});

test('the codes of RFC 6238, with each of its hashes', async () => {
  const seeds = { SHA1: seed(20), SHA256: seed(32), SHA512: seed(64) };
  const vectors = [
    [59, '94287082', '46119246', '90693936'],
    [1111111109, '07081804', '68084774', '25091201'],
    [1111111111, '14050471', '67062674', '99943326'],
    [1234567890, '89005924', '91819424', '93441116'],
    [2000000000, '69279037', '90698825', '38618901'],
    [20000000000, '65353130', '77737706', '47863826'],
  ];
  for (const [time, ...codes] of vectors)
    for (const [index, algorithm] of ['SHA1', 'SHA256', 'SHA512'].entries())
      assert.equal(await totp(account({ secret: seeds[algorithm], algorithm, digits: 8 }), time * 1000), codes[index]);
});

test('a counter past 32 bits', async () => {
  assert.notEqual(await hotp(account({}), 2 ** 40), await hotp(account({}), 0));
});

test('another period makes other steps', async () => {
  const minute = account({ period: 60 });
  assert.equal(await totp(minute, 59_999), await totp(minute, 0));
  assert.equal(secondsLeft(minute, 59_999), 1);
  assert.equal(secondsLeft(minute, 60_000), 60);
});

test('Base32 as RFC 4648 has it, and as people type it', () => {
  const vectors = { '': '', MY: 'f', MZXQ: 'fo', MZXW6: 'foo', MZXW6YQ: 'foob', MZXW6YTB: 'fooba', MZXW6YTBOI: 'foobar' };
  for (const [text, plain] of Object.entries(vectors)) assert.equal(Buffer.from(decodeBase32(text)).toString(), plain);
  assert.equal(Buffer.from(decodeBase32('mzxw 6yt-b oi======')).toString(), 'foobar');
  for (const wrong of ['M', 'MZX', 'MZXW6Y', 'MZXW0', 'MZ1W', 'MZÄW', '========A']) assert.equal(decodeBase32(wrong), null, wrong);
});

test('digits in groups that are read at once', () => {
  assert.deepEqual(['123456', '1234567', '12345678'].map(grouped), ['123 456', '123 456 7', '1234 5678']);
});
