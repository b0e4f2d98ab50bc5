/** Who calls as a backend. The service knows digests of its keys alone. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { KeySetError } from '../sealing/keys';

export interface ApiKeys {
  /** The id of the key, good for limits and logs; undefined where it is none of ours. Takes the same time for each. */
  idOf(key: string): string | undefined;
}

/** What the service is given in place of a key: SHA-256, in hex. */
export const digestOf = (key: string): string => createHash('sha256').update(key).digest('hex');

/** Of SHA-256 digests in hex. Fails with a {@link KeySetError} that quotes none of them. */
export function apiKeysOf(digests: readonly string[]): ApiKeys {
  const wrong = digests.findIndex((digest) => !/^[0-9a-f]{64}$/i.test(digest));
  if (wrong >= 0) throw new KeySetError(`has an item (${wrong + 1}) that is no SHA-256 digest in hex: 64 characters`);
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
