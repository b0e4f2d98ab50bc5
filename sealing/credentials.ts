import { z } from 'zod';
import type { Credentials } from '../workflows/messages';
import { MAX_PLAINTEXT_BYTES } from './binding';
import { SealingError } from './sealing-error';

/** UTF-8 has no lone surrogates: Cyclr would be given another password than the one that was typed. */
const wellFormed = z.string().refine((value) => !/\p{Surrogate}/u.test(value));
const text = wellFormed.min(1);

/** Strict: a misspelt `refreshToken` must not be lost on the way. */
const shape = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('apiKey'), key: text }),
  // An empty password is an explicit choice. A `:` can only stand in the password: in HTTP Basic it ends the user name.
  z.strictObject({ kind: z.literal('basic'), username: text.regex(/^[^:]+$/), password: wellFormed }),
  z.strictObject({
    kind: z.literal('tokens'),
    accessToken: text,
    refreshToken: text.optional(),
    expires: text.optional(),
    refreshExpires: text.optional(),
  }),
]);

/** The credentials that an opened (or typed) JSON text holds. Fails: `malformed`, without quoting any of it. */
export function credentialsOf(plaintext: string): Credentials {
  const { success, data } = shape.safeParse(jsonOf(plaintext));
  if (success) return data;
  throw new SealingError('malformed', 'Not the JSON of an API key, a user name and password, or tokens.');
}

function jsonOf(plaintext: string): unknown {
  try {
    if (plaintext.length <= MAX_PLAINTEXT_BYTES) return JSON.parse(plaintext);
  } catch {
    // replaced by the caller's error: V8's quotes the text
  }
  return undefined;
}
