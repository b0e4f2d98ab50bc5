/** Sealing what was typed, in the page: only a worker can open it. */
import type { Credentials } from '../workflows/messages';
import type { ConnectorKey, Sealed } from '../workflows/connector';
import { publicKeyOf } from '../sealing/keys';
import { seal, sealCredentials } from '../sealing/seal';

/** Browsers give WebCrypto to secure pages alone: https, or this very machine. */
export const canSeal = (): boolean => globalThis.crypto?.subtle !== undefined;

export interface Sealer {
  values(values: { [name: string]: string }, submissionId: string): Promise<{ values: { [name: string]: Sealed } }>;
  credentials(credentials: Credentials, submissionId: string): Promise<{ credentials: Sealed }>;
}

/** Seals for this connector alone, to the first of these keys (a public JWK set as text). */
export async function sealerOf(keySet: string, { accountId, connectorId }: ConnectorKey): Promise<Sealer> {
  const key = await publicKeyOf(keySet);
  const of = { accountId, connectorId };
  return {
    async values(values, submissionId) {
      const sealed = Object.entries(values).map(async ([name, value]) => {
        return [name, await seal(value, { ...of, submissionId, purpose: `property:${name}` }, key)] as const;
      });
      return { values: Object.fromEntries(await Promise.all(sealed)) };
    },
    credentials: async (credentials, submissionId) => ({
      credentials: await sealCredentials(credentials, { ...of, submissionId }, key),
    }),
  };
}
