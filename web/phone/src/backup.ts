// The sealed backup: one-time-code accounts in a file that only its password opens. docs/phone.md has the format.

import { fromBase64, toBase64 } from './base64';
import type { Otp } from './otp';
import { checkedOtp, name } from './otpauth';

export interface BackupAccount {
  issuer: string;
  account: string;
  name: string;
  otp: Otp;
}

export type BackupFault = 'format' | 'password';

const FORMAT = 'countersign-authenticator-backup';
const VERSION = 1;
const ITERATIONS = 600_000;
/** Of a file from elsewhere: more would only keep the phone busy. */
const MOST_ITERATIONS = 10_000_000;
const MOST_ACCOUNTS = 10_000;
const LONGEST_FILE = 8 * 1024 * 1024;

async function keyOf(password: string, salt: Uint8Array, iterations: number): Promise<CryptoKey> {
  const bytes = new TextEncoder().encode(password.normalize('NFKC'));
  const base = await crypto.subtle.importKey('raw', bytes, 'PBKDF2', false, ['deriveKey']);
  const derivation = { name: 'PBKDF2', hash: 'SHA-256', salt: salt as BufferSource, iterations };
  return crypto.subtle.deriveKey(derivation, base, { name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
}

/** What is in clear is bound to what is sealed: another number of rounds or another version does not open it. */
function bound(iterations: number, salt: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${FORMAT}\n${VERSION}\nPBKDF2-SHA-256\n${iterations}\n${salt}`);
}

export async function seal(accounts: BackupAccount[], password: string, iterations = ITERATIONS): Promise<string> {
  const salt = crypto.getRandomValues(new Uint8Array(16));
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const saltText = toBase64(salt);
  const key = await keyOf(password, salt, iterations);
  const plain = new TextEncoder().encode(JSON.stringify({ accounts }));
  const additionalData = bound(iterations, saltText);
  const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData }, key, plain);
  const file = {
    format: FORMAT,
    version: VERSION,
    kdf: { name: 'PBKDF2-SHA-256', iterations, salt: saltText },
    cipher: { name: 'AES-256-GCM', iv: toBase64(iv) },
    sealed: toBase64(new Uint8Array(sealed)),
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}

interface File {
  iterations: number;
  saltText: string;
  salt: Uint8Array;
  iv: Uint8Array<ArrayBuffer>;
  sealed: Uint8Array<ArrayBuffer>;
}

function parse(text: string): File | null {
  if (text.length > LONGEST_FILE) return null;
  try {
    const { format, version, kdf, cipher, sealed } = JSON.parse(text);
    const { iterations } = kdf;
    const isOurs = format === FORMAT && version === VERSION && kdf.name === 'PBKDF2-SHA-256' && cipher.name === 'AES-256-GCM';
    if (!isOurs || !Number.isInteger(iterations) || iterations < 1 || iterations > MOST_ITERATIONS) return null;
    const salt = fromBase64(kdf.salt);
    const iv = fromBase64(cipher.iv);
    if (salt.length < 16 || iv.length !== 12) return null;
    return { iterations, saltText: kdf.salt, salt, iv, sealed: fromBase64(sealed) };
  } catch {
    return null;
  }
}

export async function open(text: string, password: string): Promise<BackupAccount[] | BackupFault> {
  const file = parse(text);
  if (!file) return 'format';
  let plain;
  try {
    const key = await keyOf(password, file.salt, file.iterations);
    const additionalData = bound(file.iterations, file.saltText);
    plain = await crypto.subtle.decrypt({ name: 'AES-GCM', iv: file.iv, additionalData }, key, file.sealed);
  } catch {
    return 'password';
  }
  try {
    const { accounts } = JSON.parse(new TextDecoder().decode(plain));
    return accounts.slice(0, MOST_ACCOUNTS).map(checked).filter((account: BackupAccount | null) => account !== null);
  } catch {
    return 'format';
  }
}

function checked(value: Record<string, unknown>): BackupAccount | null {
  const otp = checkedOtp(value?.otp);
  const text = (key: string) => (typeof value[key] === 'string' ? name(value[key] as string) : '');
  return otp && { issuer: text('issuer'), account: text('account'), name: text('name'), otp };
}
