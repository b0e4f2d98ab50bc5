/** The keys that tokens are signed with: a JWK set of symmetric keys, the first signs, all verify. */
import { createHash } from 'node:crypto';
import { base64url } from 'jose';
import { z } from 'zod';
import { jsonOf } from '../sealing/json';
import { KeySetError } from '../sealing/keys';

export interface SessionKey {
  kid: string;
  secret: Uint8Array;
}

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

/** The keys of a set. Fails with a {@link KeySetError} that says which key is wrong, and quotes none. */
export function sessionKeysOf(text: string): SessionKeys {
  const { data } = JwkSet.safeParse(jsonOf(text));
  if (!data) throw new KeySetError('is not a JWK set: {"keys": […]} with 1 to 20 keys is expected');
  const keys = data.keys.map(sessionKeyOf);
  if (new Set(keys.map(({ kid }) => kid)).size < keys.length) throw new KeySetError('has two keys of the same kid');
  return keys as [SessionKey, ...SessionKey[]];
}

function sessionKeyOf(given: unknown, index: number): SessionKey {
  const { data } = Jwk.safeParse(given);
  const secret = data && base64url.decode(data.k);
  if (!data || !secret || secret.length < MIN_BYTES)
    throw new KeySetError(`has a key (${index + 1}) that is no symmetric one for HS256 of at least 256 bits`);
  return { kid: data.kid ?? nameOf(secret), secret };
}

/** A name for a key that has none: every instance finds the same. Too short to tell anything of the key. */
const nameOf = (secret: Uint8Array): string => createHash('sha256').update(secret).digest('base64url').slice(0, 8);
