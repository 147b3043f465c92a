// One-time codes: HOTP (RFC 4226) and TOTP (RFC 6238) with the browser's own HMAC.

import { decodeBase32 } from './base32';

export type Algorithm = 'SHA1' | 'SHA256' | 'SHA512';

export interface Otp {
  type: 'totp' | 'hotp';
  /** Base32. */
  secret: string;
  algorithm: Algorithm;
  digits: number;
  /** Seconds; of no meaning with hotp. */
  period: number;
  /** The next counter; of no meaning with totp. */
  counter: number;
}

const HASHES = { SHA1: 'SHA-1', SHA256: 'SHA-256', SHA512: 'SHA-512' };

async function code(otp: Otp, counter: number): Promise<string> {
  const secret = decodeBase32(otp.secret);
  if (!secret?.length) throw new Error('no Base32');
  const hmac = { name: 'HMAC', hash: HASHES[otp.algorithm] };
  const key = await crypto.subtle.importKey('raw', secret as BufferSource, hmac, false, ['sign']);
  const message = new DataView(new ArrayBuffer(8));
  message.setBigUint64(0, BigInt(counter));
  const mac = new DataView(await crypto.subtle.sign('HMAC', key, message));
  const offset = mac.getUint8(mac.byteLength - 1) & 15;
  const number = (mac.getUint32(offset) & 0x7fffffff) % 10 ** otp.digits;
  return String(number).padStart(otp.digits, '0');
}

/** The code of a counter. */
export function hotp(otp: Otp, counter: number): Promise<string> {
  return code(otp, counter);
}

/** The code that counts at that time. */
export function totp(otp: Otp, ms: number): Promise<string> {
  return code(otp, step(otp, ms));
}

export function step(otp: Otp, ms: number): number {
  return Math.floor(ms / 1000 / otp.period);
}

/** How many seconds the code of that time still counts, whole ones, at least 1. */
export function secondsLeft(otp: Otp, ms: number): number {
  return otp.period - (Math.floor(ms / 1000) % otp.period);
}

/** In groups that are read at once: 123 456, 1234 5678. */
export function grouped(digits: string): string {
  const size = digits.length === 8 ? 4 : 3;
  return digits.replace(new RegExp(`(.{${size}})(?=.)`, 'g'), '$1 ');
}
