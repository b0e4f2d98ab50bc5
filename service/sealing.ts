/** Sealing on arrival, for backends: what they send in clear is sealed before it goes anywhere. */
import { isSealed, type ConnectorKey, type Sealed } from '../workflows/connector';
import type { View } from '../workflows/messages';
import { credentialsOf } from '../sealing/credentials';
import type { SealingKey } from '../sealing/keys';
import { seal, sealCredentials } from '../sealing/seal';

/** What values are for: nowhere else do they open. */
export interface Submission extends ConnectorKey {
  submissionId: string;
}

export type Values = { [targetName: string]: Sealed | string };

/**
 * The values, the secret ones sealed; so is what the flow does not list, since that may be a secret. An empty text
 * gives nothing away. Asks for the view only where there is something to decide. Fails: `malformed`.
 */
export async function withSealedSecrets(
  values: Values,
  { accountId, connectorId, submissionId }: Submission,
  key: SealingKey,
  view: () => Promise<View>,
): Promise<Values> {
  const inClear = Object.entries(values).filter(
    (entry): entry is [string, string] => !isSealed(entry[1]) && entry[1] !== '',
  );
  if (inClear.length === 0) return values;
  const { fields = [] } = await view();
  const isSecret = (name: string) => fields.find((field) => field.name === name)?.secret ?? true;
  const sealed = inClear
    .filter(([name]) => isSecret(name))
    .map(async ([name, value]): Promise<[string, Sealed]> => {
      const binding = { accountId, connectorId, submissionId, purpose: `property:${name}` } as const;
      return [name, await seal(value, binding, key)];
    });
  return Object.fromEntries([...Object.entries(values), ...(await Promise.all(sealed))]);
}

/** The credentials, checked and sealed where they are in clear. Fails: `malformed`, without quoting any of it. */
export async function withSealedCredentials(
  credentials: Sealed | object,
  submission: Submission,
  key: SealingKey,
): Promise<Sealed> {
  if (isSealed(credentials)) return credentials;
  return sealCredentials(credentialsOf(JSON.stringify(credentials)), submission, key);
}
