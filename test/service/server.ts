/** The service in the process of the test, and its callers: a backend and browsers. */
import { createHash, randomBytes } from 'node:crypto';
import type { ConnectorAuth } from '../../client/connector-auth';
import { createApp } from '../../service/app';
import type { SealingKeys } from '../../service/config';
import { apiKeysOf, sessionKeysOf, type SessionKeys } from '../../service/keys';
import { createLog, logAnswer } from '../../service/log';
import { createMetrics, type Metrics } from '../../service/metrics';
import { Tokens } from '../../service/tokens';
import { freePort } from '../../scripts/local/ports';
import { newSessionKeys as newSessionKeySet } from '../../scripts/local/settings';
import { callerOf, type Answer, type Caller } from '../support/http';

export const ORIGIN = 'https://app.acme.example';
/** The last part of the path of Cyclr's webhook. */
export const CYCLR_WEBHOOK_SECRET = 'marked-secret-of-the-webhook-path-1';
/** An API key without a name. */
export const UNNAMED_KEY = 'unnamed-key';
export const OTHER_ORIGIN = 'https://app.other.example';

export interface ServerSettings {
  auth: ConnectorAuth;
  sealing: SealingKeys;
  /** The reason why Temporal does not answer, for `/readyz`. Undefined if Temporal answers. */
  trouble?: () => Promise<string | undefined>;
  /** The PUBLIC_URL of the service. The default is the address on which the server listens. */
  publicUrl?: string;
  /** Allowed origins in addition to ORIGIN and OTHER_ORIGIN. */
  allowedOrigins?: readonly string[];
  /** The clock by which the service makes and checks the times in tokens. */
  now?: () => number;
}

export interface Server {
  url: string;
  /** The API key with the name `crm`. */
  apiKey: string;
  tokens: Tokens;
  sessionKeys: SessionKeys;
  metrics: Metrics;
  /** The lines of the log. */
  log: string[];
  /** Sends a request. A body that is a string is sent unchanged, and any other body as JSON. */
  call: Caller;
  /** Sends a request with the API key `apiKey`, and the body as JSON. */
  asBackend(method: string, path: string, body?: unknown, headers?: { [name: string]: string }): Promise<Answer>;
  close(): Promise<void>;
}

export const newSessionKeys = (): SessionKeys => sessionKeysOf(JSON.stringify(newSessionKeySet()));

export const digestOf = (key: string): string => createHash('sha256').update(key).digest('hex');

export async function startServer(settings: ServerSettings): Promise<Server> {
  const { auth, sealing, trouble = async () => undefined, allowedOrigins = [], now } = settings;
  const apiKey = randomBytes(24).toString('base64url');
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const publicUrl = settings.publicUrl ?? url;
  const sessionKeys = newSessionKeys();
  const tokens = new Tokens({ keys: sessionKeys, publicUrl, now });
  const log: string[] = [];
  const logger = createLog('info', { write: (line) => void log.push(line) });
  const metrics = createMetrics();
  const app = await createApp({
    auth,
    tokens,
    apiKeys: apiKeysOf([digestOf(UNNAMED_KEY), `crm:${digestOf(apiKey)}`]),
    config: {
      publicUrl,
      allowedOrigins: [ORIGIN, OTHER_ORIGIN, ...allowedOrigins],
      sealing,
      cyclrWebhookSecret: CYCLR_WEBHOOK_SECRET,
    },
    trouble,
    metrics,
    report(answered) {
      logAnswer(logger, answered);
      metrics.count(answered);
    },
  });
  await app.listen({ port, host: '127.0.0.1' });
  const call = callerOf(url);
  const asBackend: Server['asBackend'] = (method, path, body, headers) =>
    call(method, path, { token: apiKey, body, headers });
  return { url, apiKey, tokens, sessionKeys, metrics, log, call, asBackend, close: () => app.close() };
}
