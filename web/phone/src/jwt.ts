// What the phone signs: JWS compact (RFC 7515) with ES256, by a key that no script can read.

import { textToBase64url, toBase64url } from './base64';

const EC = { name: 'ECDSA', namedCurve: 'P-256' };

export interface PublicJwk {
  kty: 'EC';
  crv: 'P-256';
  x: string;
  y: string;
  use: 'sig';
  alg: 'ES256';
}

export async function makeKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(EC, false, ['sign', 'verify']);
}

export async function publicJwk(keys: CryptoKeyPair): Promise<PublicJwk> {
  const { x, y } = await crypto.subtle.exportKey('jwk', keys.publicKey);
  return { kty: 'EC', crv: 'P-256', x: x!, y: y!, use: 'sig', alg: 'ES256' };
}

export async function sign(keys: CryptoKeyPair, claims: object, header: object = { typ: 'JWT' }): Promise<string> {
  const head = textToBase64url(JSON.stringify({ alg: 'ES256', ...header }));
  const input = `${head}.${textToBase64url(JSON.stringify(claims))}`;
  const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, keys.privateKey, new TextEncoder().encode(input));
  return `${input}.${toBase64url(new Uint8Array(signature))}`;
}

export async function sha256(text: string): Promise<string> {
  return toBase64url(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))));
}
