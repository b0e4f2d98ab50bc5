import { z } from 'zod';
import type { Credentials } from '../workflows/messages';
import { jsonOf } from '../workflows/connector';
import { MAX_PLAINTEXT_BYTES, SealingError } from './seal';

/**
 * A text without lone surrogates. The UTF-8 encoder would replace a lone surrogate, and Cyclr would get another
 * password.
 */
const text = z
  .string()
  .max(MAX_PLAINTEXT_BYTES)
  .refine((value) => !/\p{Surrogate}/u.test(value));
const nonEmpty = text.min(1);
const MAX_NAME = 200;

/** The shape of credentials. The schema is strict, so that a misspelt `refreshToken` is refused and not dropped. */
export const CredentialsShape = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('apiKey'), key: nonEmpty }),
  // A password can be empty. A user name can't contain `:`, because in HTTP Basic the first `:` ends the user name.
  z.strictObject({ kind: z.literal('basic'), username: nonEmpty.regex(/^[^:]+$/), password: text }),
  z.strictObject({
    kind: z.literal('tokens'),
    accessToken: nonEmpty,
    refreshToken: nonEmpty.optional(),
    expires: nonEmpty.optional(),
    refreshExpires: nonEmpty.optional(),
  }),
  z.strictObject({ kind: z.literal('fields'), values: z.record(nonEmpty.max(MAX_NAME), text) }),
]);

/**
 * Reads credentials from a JSON text. Fails with a {@link SealingError} of the code `malformed` that does not quote the
 * text.
 */
export function credentialsOf(plaintext: string): Credentials {
  const given = plaintext.length <= MAX_PLAINTEXT_BYTES ? jsonOf(plaintext) : undefined;
  const { success, data } = CredentialsShape.safeParse(given);
  if (success) return data;
  throw new SealingError(
    'malformed',
    'Not the JSON of an API key, a user name and password, tokens, or the fields of a policy.',
  );
}
