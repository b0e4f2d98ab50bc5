import { compactDecrypt, decodeProtectedHeader } from 'jose';
import type { Sealed } from '../workflows/connector';
import { algorithms, headerOf, MAX_SEALED_LENGTH, type Binding } from './binding';
import type { PrivateKeys } from './keys';
import { SealingError } from './sealing-error';

const MAX_AGE_MS = 8 * 24 * 60 * 60 * 1000;

/** Five parts in base64url, the second of them empty: ECDH-ES encrypts with the agreed key itself. */
const COMPACT_JWE = /^[\w-]+\.\.[\w-]+\.[\w-]*\.[\w-]+$/;

const HEADER_NAMES = 'acc alg con enc epk iat kid pur sub';

/** Fatal, so that a damaged text is no text; `ignoreBOM` keeps a leading U+FEFF, which is part of the text. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The text that was sealed for exactly this binding.
 * Fails with a {@link SealingError}: `unknownKey` where everything fits but the key; `notOpenable` for anything else:
 * damaged, other algorithms, sealed for something else, more than 8 days old. A date in the future is accepted, since
 * users' clocks are wrong.
 */
export async function open(value: Sealed, binding: Binding, keys: PrivateKeys, nowMs = Date.now()): Promise<string> {
  try {
    return await opened(value.sealed, binding, keys, nowMs);
  } catch (err) {
    // Replaced, never chained: a parser's error can quote the text.
    throw new SealingError(err instanceof SealingError ? err.code : 'notOpenable');
  }
}

/** The header decides before anything is decrypted; decrypting then proves that it is the one that was sealed. */
async function opened(jwe: string, binding: Binding, keys: PrivateKeys, nowMs: number): Promise<string> {
  if (jwe.length > MAX_SEALED_LENGTH || !COMPACT_JWE.test(jwe)) throw new SealingError('notOpenable');
  const header = decodeProtectedHeader(jwe);
  if (!fits(header, binding, nowMs)) throw new SealingError('notOpenable');
  const held = keys.find(({ kid }) => kid === header.kid);
  if (!held) throw new SealingError('unknownKey');
  return utf8.decode((await compactDecrypt(jwe, held.key)).plaintext);
}

const fits = (header: { [name: string]: unknown }, binding: Binding, nowMs: number): boolean =>
  Object.keys(header).sort().join(' ') === HEADER_NAMES &&
  Object.entries({ ...algorithms, ...headerOf(binding) }).every(([name, value]) => header[name] === value) &&
  typeof header.kid === 'string' &&
  Number.isSafeInteger(header.iat) &&
  nowMs - (header.iat as number) * 1000 <= MAX_AGE_MS;
