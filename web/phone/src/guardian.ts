// The Guardian phone protocol (docs/guardian.md): enrolment, this phone's own record, logins that wait, and their answers.

import { sign, sha256, publicJwk, makeKeys } from './jwt';
import { checkedOtp, name, type Enrolment } from './otpauth';
import type { Otp } from './otp';
import type { Account, LoginRequest, PushAccount } from './store';

/** `code` is the server's errorCode, or 'network' where nothing answered. */
export class GuardianError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
  ) {
    super(`${status} ${code}`);
  }
}

const TIMEOUT_MS = 15_000;
const DEVICE_TOKEN_SECONDS = 7200;
const ANSWER_SECONDS = 30;
const CHALLENGE_MS = 300_000;

const now = () => Math.floor(Date.now() / 1000);

async function call(method: string, url: string, authorization: string, body?: object, headers: Record<string, string> = {}): Promise<Record<string, any>> {
  let response;
  let text;
  try {
    response = await fetch(url, {
      method,
      headers: {
        ...(authorization ? { authorization } : {}),
        ...(body ? { 'content-type': 'application/json' } : {}),
        ...headers,
      },
      body: body ? JSON.stringify(body) : null,
      credentials: 'omit',
      cache: 'no-store',
      redirect: 'error',
      referrerPolicy: 'no-referrer',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    text = await response.text();
  } catch {
    throw new GuardianError(0, 'network');
  }
  let value;
  try {
    value = text === '' ? {} : JSON.parse(text);
  } catch {
    value = {};
  }
  if (!response.ok) throw new GuardianError(response.status, String(value?.errorCode ?? 'unknown'));
  return typeof value === 'object' && value !== null ? value : {};
}

export interface TenantInfo {
  name: string;
  /** Base64url, or '' where the server sends no web push. */
  vapidKey: string;
}

/** What the server says of itself; of no other server than ours it says anything. */
export async function tenantInfo(base: string): Promise<TenantInfo> {
  const info = await call('GET', `${base}/api/tenant-info`, '').catch(() => ({}) as Record<string, unknown>);
  const key = info.vapid_key ?? info.vapid_public_key ?? '';
  return { name: name(String(info.friendly_name ?? info.name ?? '')), vapidKey: typeof key === 'string' ? key : '' };
}

export interface PushCredentials {
  service: 'WEBPUSH' | 'NONE';
  token: string;
}

export interface Enrolled {
  issuer: string;
  userId: string;
  otp: Otp | null;
  recoveryCode: string;
  push: PushAccount;
}

/** Makes this browser a phone of the user whose ticket it is. */
export async function enrol({ base, ticket }: Enrolment, phone: string, credentials: PushCredentials): Promise<Enrolled> {
  const keys = await makeKeys();
  const identifier = crypto.randomUUID();
  const reply = await call('POST', `${base}/api/enroll`, `Ticket id="${ticket}"`, {
    identifier,
    name: phone,
    push_credentials: credentials,
    public_key: await publicJwk(keys),
  });
  if (typeof reply.id !== 'string' || typeof reply.user_id !== 'string') throw new GuardianError(0, 'unknown');
  return {
    issuer: name(String(reply.issuer ?? '')),
    userId: reply.user_id,
    otp: checkedOtp(reply.totp),
    recoveryCode: typeof reply.recovery_code === 'string' ? name(reply.recovery_code) : '',
    push: { base, deviceId: reply.id, userId: reply.user_id, identifier, keys, ...credentials },
  };
}

export async function deviceToken(push: PushAccount): Promise<string> {
  const iat = now();
  const claims = { sub: push.userId, iss: push.deviceId, aud: `${push.base}/api/device-accounts`, iat, exp: iat + DEVICE_TOKEN_SECONDS };
  return `Bearer ${await sign(push.keys, claims)}`;
}

function deviceUrl(push: PushAccount): string {
  return `${push.base}/api/device-accounts/${encodeURIComponent(push.deviceId)}`;
}

export async function updateCredentials(push: PushAccount, credentials: PushCredentials): Promise<void> {
  await call('PATCH', deviceUrl(push), await deviceToken(push), { push_credentials: credentials });
}

export async function renameDevice(push: PushAccount, to: string): Promise<void> {
  await call('PATCH', deviceUrl(push), await deviceToken(push), { name: to });
}

/** Removes the phone at the server; that the server knows it no more is as good. */
export async function removeDevice(push: PushAccount): Promise<void> {
  try {
    await call('DELETE', deviceUrl(push), await deviceToken(push));
  } catch (error) {
    if (!(error instanceof GuardianError) || ![401, 404].includes(error.status)) throw error;
  }
}

/** Opens the stream of logins that wait for this phone. */
export async function events(push: PushAccount, signal: AbortSignal): Promise<Response> {
  return fetch(`${deviceUrl(push)}/events`, {
    headers: { authorization: await deviceToken(push), accept: 'text/event-stream' },
    credentials: 'omit',
    cache: 'no-store',
    redirect: 'error',
    referrerPolicy: 'no-referrer',
    signal,
  });
}

/** The logins that wait now, where streams do not come through. */
export async function pending(push: PushAccount): Promise<unknown[]> {
  const reply = await call('GET', `${deviceUrl(push)}/pending`, await deviceToken(push));
  return Array.isArray(reply) ? reply : [];
}

/** A member that is an object, or (as through Google's service) the JSON text of one. */
function member(payload: Record<string, unknown>, key: string): Record<string, any> {
  let value = payload[key];
  if (typeof value === 'string') {
    try {
      value = JSON.parse(value);
    } catch {
      return {};
    }
  }
  return typeof value === 'object' && value !== null ? value : {};
}

const words = (...parts: unknown[]) => name(parts.filter((part) => typeof part === 'string').join(' '));

/** What a push or an event says; null where it is no login that waits for one of these accounts. */
export function readRequest(value: unknown, accounts: Account[]): LoginRequest | null {
  if (typeof value !== 'object' || value === null) return null;
  const outer = value as Record<string, unknown>;
  const payload = (typeof outer.mfa === 'object' && outer.mfa !== null ? outer.mfa : outer) as Record<string, unknown>;
  const { c: id, txtkn: token, dai } = payload;
  if (typeof id !== 'string' || typeof token !== 'string' || typeof dai !== 'string' || !id || !token) return null;
  const owner = accounts.find(({ push }) => push?.deviceId === dai);
  if (!owner) return null;
  const heard = Date.now();
  const at = typeof payload.d === 'string' ? Date.parse(payload.d) || heard : heard;
  const source = member(payload, 's');
  const ends = typeof payload.e === 'string' ? Date.parse(payload.e) || at + CHALLENGE_MS : at + CHALLENGE_MS;
  return {
    id,
    accountId: owner.id,
    token,
    consentId: typeof payload.txlnkid === 'string' && payload.txlnkid !== '' ? payload.txlnkid : null,
    at,
    until: Math.min(ends, at + CHALLENGE_MS),
    heard,
    application: words(payload.app),
    browser: words(source.b?.n, source.b?.v),
    system: words(source.os?.n, source.os?.v),
    place: words(member(payload, 'l').n),
    ip: words(payload.ip),
    asksNumber: payload.nm === true || payload.nm === 'true',
    bindingMessage: '',
    state: 'pending',
  };
}

export interface Answer {
  accepted: boolean;
  /** The two digits that the login shows, with an approval. */
  number?: string;
  reason?: string;
}

export async function resolve(push: PushAccount, request: LoginRequest, { accepted, number, reason }: Answer): Promise<void> {
  const url = `${push.base}/api/resolve-transaction`;
  const iat = now();
  const claims = {
    sub: request.id,
    iss: push.identifier,
    aud: url,
    iat,
    exp: iat + ANSWER_SECONDS,
    auth0_guardian_method: 'push',
    auth0_guardian_accepted: accepted,
    ...(accepted && number !== undefined ? { auth0_guardian_number: number } : {}),
    ...(!accepted && reason ? { auth0_guardian_reason: reason } : {}),
  };
  await call('POST', url, `Bearer ${request.token}`, { challenge_response: await sign(push.keys, claims) });
}

export interface Consent {
  audience: string;
  scopes: string[];
  bindingMessage: string;
}

/** What the login asks this person to agree to; null where it asks for nothing more than the login. */
export async function consent(push: PushAccount, request: LoginRequest): Promise<Consent | null> {
  if (!request.consentId) return null;
  const url = `${push.base.replace(/\/appliance-mfa(?=\/|$)/, '')}/rich-consents/${encodeURIComponent(request.consentId)}`;
  const claims = { htu: url, htm: 'GET', ath: await sha256(request.token), jti: crypto.randomUUID(), iat: now() };
  const proof = await sign(push.keys, claims, { typ: 'dpop+jwt', jwk: await publicJwk(push.keys) });
  try {
    const { requested_details: details } = await call('GET', url, `MFA-DPoP ${request.token}`, undefined, { 'mfa-dpop': proof });
    const scopes = Array.isArray(details?.scope) ? details.scope : [];
    return {
      audience: words(details?.audience),
      scopes: scopes.filter((scope: unknown) => typeof scope === 'string').map((scope: string) => name(scope)),
      bindingMessage: words(details?.binding_message),
    };
  } catch (error) {
    if (error instanceof GuardianError && error.status === 404) return null;
    throw error;
  }
}
