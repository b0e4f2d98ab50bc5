/** The service on a port, with everything behind it, and who calls it: a backend, a browser. */
import { createHash, randomBytes } from 'node:crypto';
import type { Connection } from '@temporalio/client';
import type { ConnectorAuth } from '../../client/connector-auth';
import { apiKeysOf, sessionKeysOf, type SessionKeys } from '../../service/keys';
import { createApp } from '../../service/app';
import { createLog, logAnswer } from '../../service/log';
import { createMetrics, type Metrics } from '../../service/metrics';
import { Tokens } from '../../service/tokens';
import { keySetOf, publicHalf } from '../../sealing/keys';
import { freePort } from '../../scripts/local/ports';
import { callTemporal, reachability } from '../../temporal/readiness';
import type { ConnectorKey } from '../../workflows/connector';
import { newSessionKeys as newSessionKeySet } from '../../scripts/local/settings';
import { callerOf, type Answer, type Caller } from '../support/http';
import { openStage, type Stage } from '../support/stage';

export { pathOf, type Answer, type Call } from '../support/http';

export const ORIGIN = 'https://app.acme.example';
export const OTHER_ORIGIN = 'https://app.other.example';

export interface Service {
  stage: Stage;
  url: string;
  apiKey: string;
  tokens: Tokens;
  sessionKeys: SessionKeys;
  metrics: Metrics;
  /** Everything that it has logged. */
  log: string[];
  /** Sends JSON; a text goes as it is. */
  call: Caller;
  /** The same, as a backend. */
  asBackend(method: string, path: string, body?: unknown, headers?: { [name: string]: string }): Promise<Answer>;
  /** The token of a session for these connectors of one account. */
  session(keys: ConnectorKey | ConnectorKey[], more?: object): Promise<string>;
  close(): Promise<void>;
}

export const newSessionKeys = (): SessionKeys => sessionKeysOf(JSON.stringify(newSessionKeySet()));

export interface Options {
  /** Where browsers find it, if not where it listens. */
  publicUrl?: string;
  /** Another way to Temporal than the stage's. */
  auth?: ConnectorAuth;
  connection?: Connection;
  /** Beside ORIGIN and OTHER_ORIGIN. */
  allowedOrigins?: readonly string[];
  /** What time it is when tokens are signed and read. */
  now?: () => number;
}

export async function openService(given: Options = {}): Promise<Service> {
  const stage = await openStage();
  const apiKey = randomBytes(24).toString('base64url');
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const publicUrl = given.publicUrl ?? url;
  const sessionKeys = newSessionKeys();
  const tokens = new Tokens({ keys: sessionKeys, publicUrl, now: given.now });
  const log: string[] = [];
  const logger = createLog({ write: (line) => void log.push(line) });
  const metrics = createMetrics();
  const app = await createApp({
    auth: given.auth ?? stage.auth,
    tokens,
    apiKeys: apiKeysOf([digestOf('another key'), digestOf(apiKey)]),
    config: {
      publicUrl,
      allowedOrigins: [ORIGIN, OTHER_ORIGIN, ...(given.allowedOrigins ?? [])],
      sealing: { set: publicHalf(await keySetOf(stage.keys)), key: stage.publicKey },
    },
    trouble: reachability(() => callTemporal(given.connection ?? stage.connection, stage.namespace)),
    report(answered) {
      logAnswer(logger, answered);
      metrics.count(answered);
    },
  });
  await app.listen({ port, host: '127.0.0.1' });

  const call = callerOf(url);
  const asBackend: Service['asBackend'] = (method, path, body, headers) =>
    call(method, path, { token: apiKey, body, headers });

  return {
    stage,
    url,
    apiKey,
    tokens,
    sessionKeys,
    metrics,
    log,
    call,
    asBackend,
    async session(keys, more = {}) {
      const all = [keys].flat();
      const body = { accountId: all[0]?.accountId, connectorIds: all.map(({ connectorId }) => connectorId), ...more };
      return (await asBackend('POST', '/v1/sessions', body)).body.token as string;
    },
    async close() {
      await app.close();
      await stage.close();
    },
  };
}

export const digestOf = (key: string): string => createHash('sha256').update(key).digest('hex');
