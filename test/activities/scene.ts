/** A sandbox with one account connector, a Cyclr client for the sandbox, and the activities in a Temporal context. */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ApplicationFailure, noopMetricMeter, type MetricMeter } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createActivities } from '../../activities';
import { CyclrClient } from '../../activities/cyclr/client';
import { Policies, policiesOf } from '../../activities/policies/policies';
import type { CyclrErrorKind } from '../../activities/cyclr/errors';
import { generateKey, privateKeysOf, publicKeyOf, type PrivateKeys, type SealingKey } from '../../sealing/keys';
import { seal } from '../../sealing/seal';
import { startSandbox, type Sandbox } from '../../sandbox/server';
import type { ConnectorKey, Sealed } from '../../workflows/connector';
import type { Credentials } from '../../workflows/messages';
import type { ConnectorActivities } from '../../workflows/ports';

export const ACCOUNT = 'acme-1';
export const SUBMISSION = 'sub-1';

const running: { close(): unknown }[] = [];

/** Stops all servers that `scene` and `answering` have started. Call this function in `afterEach`. */
export async function stopAll(): Promise<void> {
  await Promise.all(running.splice(0).map((server) => server.close()));
}

export interface Scene {
  sandbox: Sandbox;
  key: ConnectorKey;
  /** The path of the account connector in the API. */
  path: string;
  cyclr: CyclrClient;
  activities: ConnectorActivities;
  /** The lines that the activities have logged. */
  log: { message: string; meta?: object }[];
  /** The names of the counters that the activities have increased. */
  counted: string[];
  /** The account connector as Cyclr stores it. */
  stored(): ReturnType<Sandbox['connectorOf']>;
  /**
   * The requests to Cyclr for this connector, as `METHOD /rest`. `/rest` is the part of the path after the connector's
   * path.
   */
  calls(): string[];
}

interface SceneOptions {
  timeoutMs?: number;
  startToCloseTimeoutMs?: number;
  /** The text of the file of policies. */
  policies?: string;
}

/** Starts a sandbox with a connector of the catalogue. `timeoutMs`: the time limit of each call of the Cyclr client. */
export async function scene(
  connector = 'Brightdesk',
  { timeoutMs = 5000, startToCloseTimeoutMs = 60_000, policies }: SceneOptions = {},
): Promise<Scene> {
  const sandbox = await startSandbox();
  running.push(sandbox);
  const [installed] = sandbox.createAccount(ACCOUNT, { connectors: [connector] });
  const key = { accountId: ACCOUNT, connectorId: installed!.id };
  const path = `/v1.0/account/connectors/${key.connectorId}`;
  const { url: apiUrl, clientId, clientSecret } = sandbox;
  const cyclr = new CyclrClient({
    apiUrl,
    clientId,
    clientSecret,
    timeoutMs,
    ...(policies !== undefined && { policies: new Policies(policiesOf(policies)) }),
  });
  const log: Scene['log'] = [];
  const counted: string[] = [];
  const consent = { serviceUrl: sandbox.url };
  const activities = createActivities({ cyclr, keys: keys.private, consent });
  const run = inContext({ log, counted, startToCloseTimeoutMs });
  return {
    sandbox,
    key,
    path,
    cyclr,
    activities: {
      fetchConnector: run(activities.fetchConnector),
      sendEvent: run(activities.sendEvent),
      applyProperties: run(activities.applyProperties),
      applyCredentials: run(activities.applyCredentials),
      mintLink: run(activities.mintLink),
      verifyAuthorization: run(activities.verifyAuthorization),
      checkConnection: run(activities.checkConnection),
    },
    log,
    counted,
    stored: () => sandbox.connectorOf(ACCOUNT, key.connectorId),
    calls: () =>
      sandbox.requests
        .filter((request) => request.path.startsWith(path))
        .map((request) => `${request.method} ${request.path.slice(path.length)}`.trim()),
  };
}

/** Runs functions as a worker runs activities: each call has its own Temporal context. */
export function inContext({
  log = [],
  counted = [],
  startToCloseTimeoutMs = 60_000,
}: Partial<Pick<Scene, 'log' | 'counted'>> & { startToCloseTimeoutMs?: number }) {
  const logger = new DefaultLogger('TRACE', ({ message, meta }) => void log.push({ message, ...(meta && { meta }) }));
  const metricMeter: MetricMeter = Object.assign(Object.create(noopMetricMeter) as MetricMeter, {
    createCounter: (name: string) => ({
      ...noopMetricMeter.createCounter(name),
      add: () => void counted.push(name),
    }),
  });
  return <A extends unknown[], R>(activity: (...args: A) => Promise<R>) => {
    return (...args: A): Promise<R> =>
      new MockActivityEnvironment({ startToCloseTimeoutMs }, { logger, metricMeter }).run(activity, ...args);
  };
}

/** The worker's private keys, and the public key to which the tests seal values. */
export const keys: { private: PrivateKeys; public: SealingKey } = { private: [], public: undefined as never };

beforeAll(async () => {
  const text = JSON.stringify({ keys: [await generateKey()] });
  [keys.private, keys.public] = [await privateKeysOf(text), await publicKeyOf(text)];
});

export const sealedProperty = (key: ConnectorKey, name: string, value: string): Promise<Sealed> =>
  seal(value, { ...key, purpose: `property:${name}`, submissionId: SUBMISSION }, keys.public);

/** Seals credentials, or any text in place of credentials, for tests of wrong inputs. */
export const sealedCredentials = (key: ConnectorKey, given: Credentials | string): Promise<Sealed> =>
  seal(
    typeof given === 'string' ? given : JSON.stringify(given),
    { ...key, purpose: 'credentials', submissionId: SUBMISSION },
    keys.public,
  );

/** Returns the error with which the promise is rejected. Fails if the promise is not rejected. */
export async function rejection(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => Promise.reject(new Error('the promise was not rejected')),
    (err: Error) => err,
  );
}

/** Returns the failure with which an activity ends. Fails if the activity ends in another way. */
export async function failure(promise: Promise<unknown>): Promise<ApplicationFailure> {
  const err = await rejection(promise);
  if (err instanceof ApplicationFailure) return err;
  throw err;
}

export const cyclrError = (kind: CyclrErrorKind, more: object = {}): object => ({ name: 'CyclrError', kind, ...more });

export const BEARER = 'bearer-4711-of-the-day';

/**
 * Starts a server that makes tokens at /oauth/token, and handles all other requests by `answer`. Returns the URL of the
 * server.
 */
export async function answering(answer: RequestListener): Promise<string> {
  return listening(
    createServer((request, response) => {
      if (request.url !== '/oauth/token') return answer(request, response);
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ access_token: BEARER, expires_in: 1000 }));
    }),
  );
}

export async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  running.push({
    close: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
