/** Encrypts claims of signed tokens that are in URLs, so that only this service can read these claims. */
import { hkdfSync } from 'node:crypto';
import { compactDecrypt, CompactEncrypt } from 'jose';
import { sessionKeyWith, type SessionKey, type SessionKeys } from './keys';

const [alg, enc] = ['dir', 'A256GCM'] as const;

/** The key for the encryption of claims, derived from a session key. The session key itself only signs tokens. */
const encryptionKeyOf = ({ secret }: SessionKey): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', secret, '', 'cyclr-connect encrypted claim', 32));

/** Encrypts a claim by a key that is derived from the session key. */
export const encryptClaim = (key: SessionKey, claim: string): Promise<string> =>
  new CompactEncrypt(new TextEncoder().encode(claim))
    .setProtectedHeader({ alg, enc, kid: key.kid })
    .encrypt(encryptionKeyOf(key));

/** Decrypts a claim of {@link encryptClaim}. Undefined if none of the keys opens the claim. */
export async function decryptClaim(keys: SessionKeys, encrypted: string): Promise<string | undefined> {
  const keyOf = ({ kid }: { kid?: string }): Uint8Array => encryptionKeyOf(sessionKeyWith(keys, kid));
  const options = { keyManagementAlgorithms: [alg], contentEncryptionAlgorithms: [enc] };
  const opened = await compactDecrypt(encrypted, keyOf, options).catch(() => undefined);
  return opened && new TextDecoder().decode(opened.plaintext);
}
