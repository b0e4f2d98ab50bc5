/** Seals what a user typed, in a browser as in Node: nothing here needs more than WebCrypto. */
import { CompactEncrypt } from 'jose';
import type { Sealed } from '../workflows/connector';
import type { Credentials } from '../workflows/messages';
import { algorithms, headerOf, isBinding, MAX_PLAINTEXT_BYTES, MAX_SEALED_LENGTH, type Binding } from './binding';
import type { SealingKey } from './keys';
import { SealingError } from './sealing-error';

/** UTF-8 has no lone surrogates: they would be replaced on the way, and a password would silently be another one. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Seals a text to a public key, for this binding alone. Sealing twice gives two different values.
 * Fails: `malformed` for a text over 64 KiB, one with lone surrogates, or a binding that can't be.
 */
export async function seal(
  plaintext: string,
  binding: Binding,
  { kid, key }: SealingKey,
  nowMs = Date.now(),
): Promise<Sealed> {
  const bytes = new TextEncoder().encode(plaintext);
  const bound = isBinding(binding) && !LONE_SURROGATE.test(binding.purpose);
  if (!bound || bytes.length > MAX_PLAINTEXT_BYTES || LONE_SURROGATE.test(plaintext))
    throw new SealingError('malformed');
  const sealed = await new CompactEncrypt(bytes)
    .setProtectedHeader({ ...algorithms, kid, ...headerOf(binding), iat: Math.floor(nowMs / 1000) })
    .encrypt(key);
  if (sealed.length > MAX_SEALED_LENGTH) throw new SealingError('malformed'); // a property's name can be long
  return { sealed };
}

/** Seals credentials for one submission alone: as {@link seal}. */
export const sealCredentials = (
  credentials: Credentials,
  { accountId, connectorId, submissionId }: Omit<Binding, 'purpose'>,
  key: SealingKey,
): Promise<Sealed> =>
  seal(JSON.stringify(credentials), { accountId, connectorId, submissionId, purpose: 'credentials' }, key);
