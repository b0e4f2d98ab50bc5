/** JWK sets of sealing keys. The first key seals values, and all keys open values. No error quotes key material. */
import { base64url, calculateJwkThumbprint, type KeyLike } from 'jose';
import { jsonOf } from '../workflows/connector';

/** An imported key. */
export interface SealingKey {
  /** The RFC 7638 thumbprint of the public half. */
  kid: string;
  key: KeyLike;
}

type CryptoKey = Awaited<ReturnType<typeof crypto.subtle.deriveKey>>;

/** An imported private key. */
export interface OpeningKey extends SealingKey {
  /** HMAC-SHA-256 key of fingerprints, derived from the private part. */
  fingerprintKey: CryptoKey;
}

/** The keys of a worker. All keys open sealed values, and the first key also makes fingerprints. */
export type PrivateKeys = readonly OpeningKey[];

/** A P-256 key as JWK. A key with `d` is a private key. */
export interface Jwk {
  kty: 'EC';
  crv: 'P-256';
  x: string;
  y: string;
  d?: string;
  kid: string;
  use: 'enc';
  alg: 'ECDH-ES';
}

export interface KeySet {
  keys: Jwk[];
}

/** The error for a text that is no usable set of sealing keys. The message names the key and its fault. */
export class KeySetError extends Error {
  override readonly name = 'KeySetError';
}

const MAX_KEYS = 20;
const MAX_TEXT_LENGTH = 64 * 1024;
/** True for 32 bytes in canonical base64url, in which the unused bits of the last character are 0. */
const isCoordinate = (part: unknown) => typeof part === 'string' && /^[\w-]{42}[AEIMQUYcgkosw048]$/.test(part);
const ecdh = { name: 'ECDH', namedCurve: 'P-256' } as const;

/** Makes a private key. */
export async function generateKey(): Promise<Jwk> {
  const { privateKey } = await crypto.subtle.generateKey(ecdh, true, ['deriveBits']);
  return (await checkedKey(await crypto.subtle.exportKey('jwk', privateKey))).jwk;
}

/**
 * Adds a new first key. The old keys stay in the set, so values that were sealed to them can be opened. Fails with a
 * {@link KeySetError} if a key is not private, or the set is full.
 */
export async function rotate(set: KeySet): Promise<KeySet> {
  requirePrivate(set);
  check(set.keys.length < MAX_KEYS, `the JWK set has ${MAX_KEYS} keys: remove old ones first`);
  return { keys: [await generateKey(), ...set.keys] };
}

/** The set without the private parts. */
export const publicHalf = ({ keys }: KeySet): KeySet => ({
  keys: keys.map(({ kty, crv, x, y, kid, use, alg }) => ({ kty, crv, x, y, kid, use, alg })),
});

/**
 * Imports the keys of a private set. Fails with a {@link KeySetError} if the set is not valid, or if a key is not
 * private.
 */
export async function privateKeysOf(text: string): Promise<PrivateKeys> {
  const checked = await checkedKeys(text);
  requirePrivate({ keys: checked.map(({ jwk }) => jwk) });
  return Promise.all(
    checked.map(async ({ jwk: { kid, d }, key }) => ({ kid, key, fingerprintKey: await fingerprintKeyOf(d ?? '') })),
  );
}

/** Derives the fingerprint key by HKDF (RFC 5869), so that the HMAC key is independent of the ECDH key. */
async function fingerprintKeyOf(d: string): Promise<CryptoKey> {
  const secret = await crypto.subtle.importKey('raw', Uint8Array.from(base64url.decode(d)), 'HKDF', false, [
    'deriveKey',
  ]);
  const info = new TextEncoder().encode('cyclr-connect fingerprint');
  const derivation = { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info };
  return crypto.subtle.deriveKey(derivation, secret, { name: 'HMAC', hash: 'SHA-256', length: 256 }, false, ['sign']);
}

/**
 * The key that seals: the public half of the first key of a public or private set. Fails with a {@link KeySetError}.
 */
export async function publicKeyOf(text: string): Promise<SealingKey> {
  const [first] = publicHalf(await keySetOf(text)).keys;
  const { jwk, key } = await checkedKey(first);
  return { kid: jwk.kid, key };
}

/** Parses a set and checks each key. Fails with a {@link KeySetError}. */
export const keySetOf = async (text: string): Promise<KeySet> => ({
  keys: (await checkedKeys(text)).map(({ jwk }) => jwk),
});

async function checkedKeys(text: string) {
  const jwks = jwksIn(text);
  const checked = await Promise.all(jwks.map((jwk, index) => checkedKey(jwk, `key ${index + 1} of the JWK set`)));
  check(new Set(checked.map(({ jwk }) => jwk.kid)).size === checked.length, 'a key is in the JWK set twice');
  return checked;
}

function jwksIn(text: string): unknown[] {
  check(text.length <= MAX_TEXT_LENGTH, 'not a JWK set: over 64 KiB');
  const { keys } = Object(jsonOf(text)) as { keys?: unknown };
  const isCountable = Array.isArray(keys) && keys.length >= 1 && keys.length <= MAX_KEYS;
  check(isCountable, `not a JWK set: {"keys": […]} with 1 to ${MAX_KEYS} keys is expected`);
  return keys;
}

/**
 * Checks and imports a key. The import by WebCrypto checks that the point is on the curve, and that the private part
 * belongs to the point.
 */
async function checkedKey(given: unknown, which = 'the key'): Promise<{ jwk: Jwk; key: KeyLike }> {
  const { kty, crv, x, y, d, kid, use = 'enc', alg = 'ECDH-ES' } = Object(given);
  check(kty === 'EC' && crv === 'P-256', `${which} is no P-256 key`);
  check(use === 'enc' && alg === 'ECDH-ES', `${which} is not for ECDH-ES`);
  const point = d === undefined ? { kty, crv, x, y } : { kty, crv, x, y, d };
  const parts = d === undefined ? [x, y] : [x, y, d];
  check(parts.every(isCoordinate), `${which} has a part that is not 32 bytes in base64url`);
  const thumbprint = await calculateJwkThumbprint(point);
  check(kid === undefined || kid === thumbprint, `${which} has a kid that is not its RFC 7638 thumbprint`);
  const usages = d === undefined ? [] : ['deriveBits' as const];
  // The key is extractable, because jose 5 converts the key into a KeyObject. For a key that is not extractable, Node
  // 24 prints the warning DEP0204 at this conversion.
  const key = await crypto.subtle.importKey('jwk', point, ecdh, true, usages).catch(() => undefined);
  check(key, `${which} is no point on P-256, or its private part belongs to another point`);
  return { jwk: { ...point, kid: thumbprint, use, alg }, key };
}

function requirePrivate({ keys }: KeySet): void {
  const index = keys.findIndex(({ d }) => d === undefined);
  check(index < 0, `key ${index + 1} of the JWK set has no private part`);
}

function check(holds: unknown, problem: string): asserts holds {
  if (!holds) throw new KeySetError(problem);
}
