// What a QR code, a link or a pasted text says: a one-time-code account, or the enrolment of this phone with a server.
// All of it comes from outside and is believed in nothing: everything is bounded, everything is checked.

import { decodeBase32 } from './base32';
import type { Algorithm, Otp } from './otp';

export interface Found {
  issuer: string;
  account: string;
  /** What makes one-time codes, where it says it. */
  otp: Otp | null;
  /** How to become a phone that is asked, where it says it. */
  enrolment: Enrolment | null;
}

export interface Enrolment {
  ticket: string;
  /** The server's address of the phone protocol, without a slash at its end: https://login.example.com/appliance-mfa */
  base: string;
}

export type Fault = 'empty' | 'unknown' | 'secret' | 'parameters' | 'server';

const LONGEST = 4096;
const LONGEST_NAME = 256;

/** What the text means; `ownBase` is where a bare ticket is taken to. */
export function read(text: string, ownBase: string): Found | Fault {
  const clean = text.trim();
  if (clean === '') return 'empty';
  if (clean.length > LONGEST) return 'unknown';
  if (/^otpauth:/i.test(clean)) return readUri(clean, ownBase);
  if (/^https?:/i.test(clean)) return readLink(clean, ownBase);
  if (/^[A-Za-z0-9]{32}$/.test(clean) && !isLikelySecret(clean))
    return { issuer: '', account: '', otp: null, enrolment: { ticket: clean, base: ownBase } };
  return readBareSecret(clean);
}

/** A ticket has 32 characters of both cases and all digits; a key of 32 characters is one of Base32. */
function isLikelySecret(text: string): boolean {
  return /^([A-Z2-7]+|[a-z2-7]+)$/.test(text);
}

/** The link that a page on the phone itself gives: https://server/phone#otpauth://… */
function readLink(text: string, ownBase: string): Found | Fault {
  const hash = text.indexOf('#');
  if (hash < 0) return 'unknown';
  const inner = decoded(text.slice(hash + 1));
  return inner !== null && /^otpauth:/i.test(inner) ? readUri(inner, ownBase) : 'unknown';
}

/** A key without anything around it, as sites print it beside their QR code. */
function readBareSecret(text: string): Found | Fault {
  const secret = tidySecret(text);
  if (secret === null || secret.length < 16) return 'unknown';
  const otp: Otp = { type: 'totp', secret, algorithm: 'SHA1', digits: 6, period: 30, counter: 0 };
  return { issuer: '', account: '', otp, enrolment: null };
}

function readUri(text: string, ownBase: string): Found | Fault {
  // Not by URL: how browsers take schemes that they do not know apart has changed over time.
  const match = /^otpauth:\/\/(totp|hotp)\/?([^?#]*)(?:\?([^#]*))?/i.exec(text);
  if (!match) return 'unknown';
  const type = match[1]!.toLowerCase() as Otp['type'];
  const label = decoded(match[2]!) ?? '';
  const query = new URLSearchParams(match[3] ?? '');
  const colon = label.indexOf(':');
  const issuer = name(query.get('issuer') ?? '') || (colon > 0 ? name(label.slice(0, colon)) : '');
  const account = name(label.slice(colon + 1));

  const ticket = query.get('enrollment_tx_id');
  const enrolment = ticket === null ? null : readEnrolment(ticket, query.get('base_url'), ownBase);
  if (typeof enrolment === 'string') return enrolment;
  const otp = query.has('secret') ? readOtp(type, query) : null;
  if (typeof otp === 'string') return otp;
  if (!otp && !enrolment) return 'secret';
  return { issuer: issuer || (enrolment ? new URL(enrolment.base).hostname : ''), account, otp, enrolment };
}

function readEnrolment(ticket: string, base: string | null, ownBase: string): Enrolment | Fault {
  if (!/^[\w.-]{8,512}$/.test(ticket)) return 'unknown';
  const address = base === null ? ownBase : readBase(base);
  return address === null ? 'server' : { ticket, base: address };
}

/** An address that may be spoken to: https, or http on this very machine; no names and passwords, queries or fragments. */
function readBase(text: string): string | null {
  let url;
  try {
    url = new URL(/^https?:/i.test(text) ? text : `https://${text}`);
  } catch {
    return null;
  }
  const isLocal = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLocal)) return null;
  if (url.username || url.password || url.search || url.hash) return null;
  const path = url.pathname.replace(/\/+$/, '');
  return url.origin + (path === '' ? '/appliance-mfa' : path);
}

function readOtp(type: Otp['type'], query: URLSearchParams): Otp | Fault {
  const secret = tidySecret(query.get('secret') ?? '');
  if (secret === null) return 'secret';
  const algorithm = (query.get('algorithm') || 'SHA1').toUpperCase().replace('-', '');
  const digits = whole(query.get('digits') || '6', 6, 8);
  const period = type === 'totp' ? whole(query.get('period') || '30', 1, 3600) : 30;
  const counter = type === 'hotp' ? whole(query.get('counter') || '0', 0, Number.MAX_SAFE_INTEGER - 1) : 0;
  if (!['SHA1', 'SHA256', 'SHA512'].includes(algorithm) || digits === null || period === null || counter === null)
    return 'parameters';
  return { type, secret, algorithm: algorithm as Algorithm, digits, period, counter };
}

/** Checks what is kept or came from a server or a backup as readOtp checks what came from a QR code. */
export function checkedOtp(value: unknown): Otp | null {
  if (typeof value !== 'object' || value === null) return null;
  const record = value as Record<string, unknown>;
  const query = new URLSearchParams();
  for (const key of ['secret', 'algorithm', 'digits', 'period', 'counter'])
    if (record[key] !== undefined) query.set(key, String(record[key]));
  const otp = readOtp(record.type === 'hotp' ? 'hotp' : 'totp', query);
  return typeof otp === 'string' ? null : otp;
}

function tidySecret(text: string): string | null {
  const secret = text.replace(/[\s-]/g, '').replace(/=+$/, '').toUpperCase();
  return secret.length <= 1024 && decodeBase32(secret)?.length ? secret : null;
}

function whole(text: string, least: number, most: number): number | null {
  if (!/^\d{1,16}$/.test(text)) return null;
  const number = Number(text);
  return number >= least && number <= most ? number : null;
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/** A name that may be shown: on one line, without characters that turn or hide what stands beside it. */
export function name(text: string): string {
  const shown = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ').replace(/\s+/g, ' ').trim();
  return Array.from(shown).slice(0, LONGEST_NAME).join('');
}
