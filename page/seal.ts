/** Seals the user's input in the page. Only a worker can open the sealed input. */
import type { Credentials } from '../workflows/messages';
import type { ConnectorKey, Sealed } from '../workflows/connector';
import { publicKeyOf } from '../sealing/keys';
import { sealCredentials, sealProperties } from '../sealing/seal';

/** True if WebCrypto exists. Browsers offer WebCrypto only to https pages and loopback pages. */
export const canSeal = (): boolean => globalThis.crypto?.subtle !== undefined;

export interface Sealer {
  values(values: { [name: string]: string }, submissionId: string): Promise<{ values: { [name: string]: Sealed } }>;
  credentials(credentials: Credentials, submissionId: string): Promise<{ credentials: Sealed }>;
}

/** A sealer for this connector, with the first key of a public JWK set (as text). */
export async function sealerOf(keySet: string, { accountId, connectorId }: ConnectorKey): Promise<Sealer> {
  const key = await publicKeyOf(keySet);
  const of = { accountId, connectorId };
  return {
    values: async (values, submissionId) => ({
      values: await sealProperties(values, { ...of, submissionId }, key),
    }),
    credentials: async (credentials, submissionId) => ({
      credentials: await sealCredentials(credentials, { ...of, submissionId }, key),
    }),
  };
}
