/** Who calls as a backend. The service knows digests of its keys alone. */
import { timingSafeEqual } from 'node:crypto';
import { digestOf } from '../client/http/service-key';
import { KeySetError } from '../sealing/keys';

export interface ApiKeys {
  /** The id of the key, good for limits and logs; undefined where it is none of ours. Takes the same time for each. */
  idOf(key: string): string | undefined;
}

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
