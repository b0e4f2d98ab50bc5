/** What the demo's user does with a connector: by the library, or by the service's HTTP. */
import { randomUUID } from 'node:crypto';
import type { ConnectorAuth } from '../../client/connector-auth';
import type { SealingKey } from '../../sealing/keys';
import { seal, sealCredentials } from '../../sealing/seal';
import type { ConnectorKey } from '../../workflows/connector';
import type { Credentials, View } from '../../workflows/messages';
import { postJson } from '../post-json';
import type { RunningService } from '../local/service';

export interface User {
  start(key: ConnectorKey): Promise<unknown>;
  giveProperties(key: ConnectorKey, values: { [name: string]: string }, view: View): Promise<unknown>;
  giveCredentials(key: ConnectorKey, credentials: Credentials): Promise<unknown>;
  /** Follows a fresh link as a browser would, consents, and comes back. */
  consent(key: ConnectorKey): Promise<unknown>;
}

interface Parts {
  auth: ConnectorAuth;
  publicKey: SealingKey;
  sandboxUrl: string;
}

export function byLibrary({ auth, publicKey, sandboxUrl }: Parts): User {
  return {
    start: (key) => auth.start(key, { by: 'demo' }),
    async giveProperties(key, given, { fields = [] }) {
      const submissionId = randomUUID();
      const secrets = new Set(fields.filter(({ secret }) => secret).map(({ name }) => name));
      const values = Object.entries(given).map(async ([name, value]) => {
        const binding = { ...key, purpose: `property:${name}`, submissionId } as const;
        return [name, secrets.has(name) ? await seal(value, binding, publicKey) : value] as const;
      });
      const all = Object.fromEntries(await Promise.all(values));
      await auth.submitProperties(key, { submissionId, values: all, by: 'demo' });
    },
    async giveCredentials(key, given) {
      const submissionId = randomUUID();
      const credentials = await sealCredentials(given, { ...key, submissionId }, publicKey);
      await auth.submitCredentials(key, { submissionId, credentials, by: 'demo' });
    },
    async consent(key) {
      const returnTo = `${sandboxUrl}/return`;
      const { attemptId, url } = await auth.requestAuthorization(key, { returnTo, by: 'demo' });
      await approve(sandboxUrl, url);
      await auth.confirmAuthorization(key, { attemptId, by: 'demo' });
    },
  };
}

/** As a backend does: secrets go in clear to the service, which seals them on arrival. */
export function byService({ url, apiKey }: RunningService, sandboxUrl: string): User {
  const headers = { Authorization: `Bearer ${apiKey}` };
  const post = ({ accountId, connectorId }: ConnectorKey, what: string, body: object = {}) =>
    postJson(`${url}/v1/accounts/${encodeURIComponent(accountId)}/connectors/${connectorId}${what}`, body, headers);
  return {
    start: (key) => post(key, '', { by: 'demo' }),
    giveProperties: (key, values) => post(key, '/properties', { values }),
    giveCredentials: (key, credentials) => post(key, '/credentials', { credentials }),
    async consent(key) {
      const link = (await post(key, '/authorization')) as { url: string };
      const { location } = await approve(sandboxUrl, link.url);
      if (location) await fetch(location); // the service's own page, which has Cyclr asked
    },
  };
}

const approve = (sandboxUrl: string, url: string) =>
  postJson(`${sandboxUrl}/_sandbox/consent`, { url, decision: 'approve' }) as Promise<{ location?: string }>;
