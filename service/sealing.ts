/** Seals on arrival what backends send in clear, before it goes anywhere else. */
import { isSealed, type Sealed } from '../workflows/connector';
import type { View } from '../workflows/messages';
import { credentialsOf } from '../sealing/credentials';
import type { SealingKey } from '../sealing/keys';
import { sealCredentials, sealProperties, secretsIn, type Submission } from '../sealing/seal';

export type Values = { [targetName: string]: Sealed | string };

/** The values, each secret one sealed. Reads the view only where a value can be secret. Fails: `malformed`. */
export async function withSealedSecrets(
  values: Values,
  submission: Submission,
  key: SealingKey,
  view: () => Promise<View>,
): Promise<Values> {
  if (Object.keys(secretsIn(values)).length === 0) return values;
  const secrets = secretsIn(values, (await view()).fields);
  return { ...values, ...(await sealProperties(secrets, submission, key)) };
}

/** The credentials, checked and sealed where they are in clear. Fails: `malformed`, without quoting them. */
export async function withSealedCredentials(
  credentials: Sealed | object,
  submission: Submission,
  key: SealingKey,
): Promise<Sealed> {
  if (isSealed(credentials)) return credentials;
  return sealCredentials(credentialsOf(JSON.stringify(credentials)), submission, key);
}
