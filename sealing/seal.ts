/** Seals and opens values. This module needs only WebCrypto, so it runs in browsers and in Node. */
import { CompactEncrypt, compactDecrypt, decodeProtectedHeader } from 'jose';
import {
  isAccountId,
  isConnectorId,
  isSubmissionId,
  type ConnectorKey,
  type Field,
  type Sealed,
} from '../workflows/connector';
import type { Credentials } from '../workflows/messages';
import type { PrivateKeys, SealingKey } from './keys';

/** Identifies one input, or one link, of a connector. */
export interface Submission extends ConnectorKey {
  /** The id of the submission. For a link: the id of the attempt. */
  submissionId: string;
}

/** The data to which a sealed value is bound. The value can be opened only with the same binding. */
export interface Binding extends Submission {
  purpose: 'credentials' | 'link' | `property:${string}`;
}

/** The limit of a plaintext, in bytes of UTF-8. */
export const MAX_PLAINTEXT_BYTES = 64 * 1024;
/**
 * The limit of a sealed value, in characters: enough for the longest plaintext in base64url, and 10 KiB for the header.
 */
export const MAX_SEALED_LENGTH = 96 * 1024;

/**
 * - `unknownKey`: the value is sealed to a key that is not in the key set.
 * - `notOpenable`: the value can't be opened for another reason, such as damage or another binding.
 * - `malformed`: the value can't be sealed, or an opened value has the wrong shape.
 */
export type SealingErrorCode = 'unknownKey' | 'notOpenable' | 'malformed';

const messages: Record<SealingErrorCode, string> = {
  unknownKey: 'The value is sealed to a key that is not in this key set.',
  notOpenable: 'The sealed value can not be opened: it is damaged, older than 8 days, or has another binding.',
  malformed: 'The value is too long, or not of the expected shape.',
};

/**
 * The error for a value that can't be sealed or opened. The error has no cause, and its message never quotes the value,
 * because a log can print cause and message.
 */
export class SealingError extends Error {
  override readonly name = 'SealingError';
  constructor(
    readonly code: SealingErrorCode,
    message = messages[code],
    /** The thumbprint of the key that is not in the key set, for `unknownKey`. */
    readonly kid?: string,
  ) {
    super(message);
  }
}

const MAX_AGE_MS = 8 * 24 * 60 * 60 * 1000;

/** The only accepted algorithms. */
const algorithms = { alg: 'ECDH-ES', enc: 'A256GCM' } as const;

const HEADER_NAMES = 'acc alg con enc epk iat kid pur sub';

/**
 * The five base64url parts of a compact JWE. The second part, for an encrypted key, is empty, because ECDH-ES encrypts
 * the text with the agreed key itself.
 */
const COMPACT_JWE = /^[\w-]+\.\.[\w-]+\.[\w-]*\.[\w-]+$/;

/** Finds a lone surrogate. The UTF-8 encoder would replace a lone surrogate, and Cyclr would get another password. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** `fatal`: a value with damaged UTF-8 can't be opened. `ignoreBOM`: a leading U+FEFF stays in the text. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The members of the protected JWE header that hold the binding. */
const headerOf = ({ accountId, connectorId, purpose, submissionId }: Binding) => ({
  acc: accountId,
  con: connectorId,
  pur: purpose,
  sub: submissionId,
});

/**
 * Seals a text to a public key, for one binding. Each call returns a different sealed value, even for the same text.
 * Fails with a {@link SealingError} of the code `malformed` for a text over 64 KiB, a lone surrogate, or an invalid
 * binding.
 */
export async function seal(
  plaintext: string,
  binding: Binding,
  { kid, key }: SealingKey,
  nowMs = Date.now(),
): Promise<Sealed> {
  const bytes = new TextEncoder().encode(plaintext);
  if (!isBinding(binding) || bytes.length > MAX_PLAINTEXT_BYTES || LONE_SURROGATE.test(plaintext))
    throw new SealingError('malformed');
  const sealed = await new CompactEncrypt(bytes)
    .setProtectedHeader({ ...algorithms, kid, ...headerOf(binding), iat: Math.floor(nowMs / 1000) })
    .encrypt(key);
  // The value is longer than the limit only if the name of the property is too long.
  if (sealed.length > MAX_SEALED_LENGTH) throw new SealingError('malformed');
  return { sealed };
}

const isBinding = ({ accountId, connectorId, purpose, submissionId }: Binding): boolean =>
  isAccountId(accountId) &&
  isConnectorId(connectorId) &&
  isSubmissionId(submissionId) &&
  (purpose === 'credentials' || purpose === 'link' || /^property:./s.test(purpose)) &&
  !LONE_SURROGATE.test(purpose);

/** Seals credentials for one submission. Fails as {@link seal} does. */
export const sealCredentials = (credentials: Credentials, submission: Submission, key: SealingKey): Promise<Sealed> =>
  seal(JSON.stringify(credentials), { ...submission, purpose: 'credentials' }, key);

/**
 * Seals values of properties for one submission. `values`: the value in clear of each property, by `TargetName`. Fails
 * as {@link seal} does.
 */
export async function sealProperties(
  values: { [targetName: string]: string },
  submission: Submission,
  key: SealingKey,
): Promise<{ [targetName: string]: Sealed }> {
  const sealed = Object.entries(values).map(
    async ([name, value]) => [name, await seal(value, { ...submission, purpose: `property:${name}` }, key)] as const,
  );
  return Object.fromEntries(await Promise.all(sealed));
}

/**
 * The values in clear that must be sealed: the values of secret fields, and the values whose names `fields` lacks,
 * because such a value can be a secret. An empty value needs no sealing.
 */
export const secretsIn = (
  values: { [targetName: string]: Sealed | string },
  fields: Field[] = [],
): { [targetName: string]: string } =>
  Object.fromEntries(
    Object.entries(values).filter(
      (entry): entry is [string, string] =>
        typeof entry[1] === 'string' &&
        entry[1] !== '' &&
        (fields.find(({ name }) => name === entry[0])?.secret ?? true),
    ),
  );

/**
 * Opens a value that was sealed for this binding. Fails with a {@link SealingError}: `unknownKey` if the value has this
 * binding, but its key is not in the key set. `notOpenable` for a damaged value, another algorithm, another binding, or
 * an age over 8 days. An issue time in the future is accepted, because users' clocks differ.
 */
export async function open(value: Sealed, binding: Binding, keys: PrivateKeys, nowMs = Date.now()): Promise<string> {
  try {
    return await opened(value.sealed, binding, keys, nowMs);
  } catch (err) {
    // The new error has no cause, because a parser's error can quote the text.
    const { code, kid } = err instanceof SealingError ? err : { code: 'notOpenable' as const };
    throw new SealingError(code, undefined, kid);
  }
}

/** Checks the header, then decrypts. Decryption proves that the header was not changed. */
async function opened(jwe: string, binding: Binding, keys: PrivateKeys, nowMs: number): Promise<string> {
  if (jwe.length > MAX_SEALED_LENGTH || !COMPACT_JWE.test(jwe)) throw new SealingError('notOpenable');
  const header = decodeProtectedHeader(jwe);
  if (!fits(header, binding, nowMs)) throw new SealingError('notOpenable');
  const held = keys.find(({ kid }) => kid === header.kid);
  if (!held) throw new SealingError('unknownKey', undefined, header.kid);
  return utf8.decode((await compactDecrypt(jwe, held.key)).plaintext);
}

/** True if `kid` has the form of a SHA-256 digest in base64url. Each kid in a set of sealing keys has this form. */
const isThumbprint = (kid: unknown): kid is string => typeof kid === 'string' && /^[\w-]{43}$/.test(kid);

const fits = (header: { [name: string]: unknown }, binding: Binding, nowMs: number): boolean =>
  Object.keys(header).sort().join(' ') === HEADER_NAMES &&
  Object.entries({ ...algorithms, ...headerOf(binding) }).every(([name, value]) => header[name] === value) &&
  isThumbprint(header.kid) &&
  Number.isSafeInteger(header.iat) &&
  nowMs - (header.iat as number) * 1000 <= MAX_AGE_MS;
