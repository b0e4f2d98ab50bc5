/** The keys of the service: digests of the backends' API keys, and the keys that sign tokens. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { base64url } from 'jose';
import { z } from 'zod';
import { digestOf } from '../client/http/api-key';
import { jsonOf } from '../workflows/connector';
import { KeySetError } from '../sealing/keys';

export interface ApiKeys {
  /**
   * The id of a known key, for limits and logs; undefined for an unknown key. The comparison takes the same time for
   * each key.
   */
  idOf(key: string): string | undefined;
}

/** API keys by their SHA-256 digests in hex. Fails with a {@link KeySetError} that quotes no digest. */
export function apiKeysOf(digests: readonly string[]): ApiKeys {
  const wrong = digests.findIndex((digest) => !/^[0-9a-f]{64}$/i.test(digest));
  if (wrong >= 0) throw new KeySetError(`item ${wrong + 1} is no SHA-256 digest in hex (64 characters)`);
  const known = digests.map((digest) => Buffer.from(digest, 'hex'));
  return {
    idOf(key) {
      const digest = digestOf(key);
      const bytes = Buffer.from(digest, 'hex');
      const matching = known.filter((candidate) => timingSafeEqual(candidate, bytes));
      return matching.length > 0 ? digest.slice(0, 16) : undefined;
    },
  };
}

export interface SessionKey {
  kid: string;
  secret: Uint8Array;
}

/** The first key signs tokens, and all keys verify tokens. */
export type SessionKeys = readonly [SessionKey, ...SessionKey[]];

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
