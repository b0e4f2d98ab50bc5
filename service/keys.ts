/** The keys of the service: digests of the backends' API keys, and the keys that sign tokens. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { base64url } from 'jose';
import { z } from 'zod';
import { digestOf, isApiKeyName } from '../client/http/api-key';
import { jsonOf } from '../workflows/connector';
import { KeySetError } from '../sealing/keys';

/** A known API key. */
export interface ApiKey {
  /** The id for limits and idempotency: the beginning of the digest. */
  id: string;
  /** The name that the operator gave to the key. Timelines show this name. */
  name?: string;
}

export interface ApiKeys {
  /**
   * Returns the known key with the digest of `key`. Undefined if no known key has this digest. Compares the digest with
   * each known digest in constant time.
   */
  find(key: string): ApiKey | undefined;
}

/**
 * Reads a list of API keys. Each item is the SHA-256 digest of a key in hex, or a name and the digest (`name:digest`).
 * Fails with a {@link KeySetError} that quotes no item.
 */
export function apiKeysOf(items: readonly string[]): ApiKeys {
  const known = items.map(apiKeyOf);
  requireUnique('digest', known, ({ digest }) => digest.toString('hex'));
  requireUnique('name', known, ({ name }) => name?.toLowerCase());
  return {
    find(key) {
      // An empty key is never known, even if SERVICE_API_KEYS has the digest of an empty text.
      if (key === '') return undefined;
      const bytes = Buffer.from(digestOf(key), 'hex');
      const [found] = known.filter(({ digest }) => timingSafeEqual(digest, bytes));
      return found && { id: found.digest.toString('hex').slice(0, 16), name: found.name };
    },
  };
}

function apiKeyOf(item: string, index: number): { name?: string; digest: Buffer } {
  const [digest = '', name, ...more] = item.split(':').reverse();
  if (!/^[0-9a-f]{64}$/i.test(digest))
    throw new KeySetError(`item ${index + 1} has no SHA-256 digest in hex (64 characters)`);
  if (more.length > 0 || (name !== undefined && !isApiKeyName(name)))
    throw new KeySetError(`item ${index + 1} has a wrong name: 1 to 40 characters of A-Z, a-z, 0-9, ., _ and -`);
  return { name, digest: Buffer.from(digest, 'hex') };
}

function requireUnique<T>(what: string, all: readonly T[], valueOf: (one: T) => string | undefined): void {
  const values = all.map(valueOf).filter((value) => value !== undefined);
  if (new Set(values).size < values.length) throw new KeySetError(`two items have the same ${what}`);
}

export interface SessionKey {
  kid: string;
  secret: Uint8Array;
}

/** The first key signs tokens, and all keys verify tokens. */
export type SessionKeys = readonly [SessionKey, ...SessionKey[]];

/** The key with this kid. Fails if no key has this kid. */
export function sessionKeyWith(keys: SessionKeys, kid: string | undefined): SessionKey {
  const key = keys.find((one) => one.kid === kid);
  if (!key) throw new Error('unknown key');
  return key;
}

const MIN_BYTES = 32;

const Jwk = z.object({
  kty: z.literal('oct'),
  k: z.string().regex(/^[\w-]+$/),
  kid: z.string().min(1).max(100).optional(),
  alg: z.literal('HS256').optional(),
  use: z.literal('sig').optional(),
});
const JwkSet = z.object({ keys: z.array(z.unknown()).min(1).max(20) });

/**
 * The keys of a JWK set. Fails with a {@link KeySetError} that gives the position of the wrong key and quotes no key.
 */
export function sessionKeysOf(text: string): SessionKeys {
  const { data } = JwkSet.safeParse(jsonOf(text));
  if (!data) throw new KeySetError('it is no JWK set, {"keys": […]}, of 1 to 20 keys');
  const keys = data.keys.map(sessionKeyOf);
  if (new Set(keys.map(({ kid }) => kid)).size < keys.length) throw new KeySetError('two keys have the same kid');
  return keys as [SessionKey, ...SessionKey[]];
}

function sessionKeyOf(given: unknown, index: number): SessionKey {
  const { data } = Jwk.safeParse(given);
  const secret = data && base64url.decode(data.k);
  if (!data || !secret || secret.length < MIN_BYTES)
    throw new KeySetError(`key ${index + 1} is no symmetric key for HS256 of at least 256 bits`);
  return { kid: data.kid ?? kidOf(secret), secret };
}

/**
 * The kid for a key without a kid. Every instance of the service computes the same kid. The kid is too short to reveal
 * the key.
 */
const kidOf = (secret: Uint8Array): string => createHash('sha256').update(secret).digest('base64url').slice(0, 8);
