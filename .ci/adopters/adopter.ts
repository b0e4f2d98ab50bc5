/** Uses each entry of `exports` in package.json as an adopter does. CI only compiles this file. */
import { Client } from '@temporalio/client';
import type { NativeConnection, WorkerOptions } from '@temporalio/worker';
import {
  ConnectorAuth,
  ConnectorAuthError,
  publicKeyOf,
  registerSearchAttributes,
  sealCredentials,
  workflowIdOf,
  type FailureCode,
  type ProblemCode,
  type StartOptions,
  type StateName,
  type TimelineEntry,
  type View,
} from 'cyclr-connect';
import { CyclrClient, createActivities, privateKeysOf } from 'cyclr-connect/activities';
import type { CyclrConnect } from 'cyclr-connect/element';
import { OnboardingError, OnboardingService, type View as HttpView } from 'cyclr-connect/http';
import { ConnectorAuthPlugin, createWorker } from 'cyclr-connect/worker';
import { authenticateConnector } from 'cyclr-connect/workflows';

const key = { accountId: 'acme', connectorId: 1002 };
const cyclr = { apiUrl: 'https://api.cyclr.example', clientId: 'id', clientSecret: 'secret' };
const consent = { serviceUrl: 'https://acme.cyclr.example' };

export async function connect(client: Client, keySet: string): Promise<View> {
  const auth = new ConnectorAuth(client, { taskQueue: 'flows' });
  const options: StartOptions = { patience: { credentials: '2 days' }, by: 'adopter', idempotencyKey: 'order-1' };
  const { runId, started } = await auth.start(key, options);
  const entries: TimelineEntry[] = [];
  for await (const entry of auth.timelineEntries(key)) entries.push(entry);
  for await (const view of auth.views(key)) if (view.runId === runId || started) break;
  const submissionId = 'submission-1';
  const publicKey = await publicKeyOf(keySet);
  const credentials = await sealCredentials({ kind: 'apiKey', key: 'k' }, { ...key, submissionId }, publicKey);
  return auth.submitCredentials(key, { submissionId, credentials });
}

/** Does not compile if the type `StateName` lacks one of these states, or has another state. */
export const states: Record<StateName, true> = {
  fetchingConnector: true,
  awaitingProperties: true,
  applyingProperties: true,
  awaitingCredentials: true,
  awaitingAuthorization: true,
  applyingCredentials: true,
  verifyingAuthorization: true,
  authenticated: true,
  expired: true,
  cancelled: true,
  failed: true,
  unsupported: true,
};
export const problemOf = ({ problem }: View): ProblemCode | undefined => problem?.code;
export const failureOf = ({ failure }: HttpView): FailureCode | undefined => failure?.code;
export const sameView = (view: HttpView): View => view;

export const codeOf = (err: unknown): string | undefined =>
  err instanceof ConnectorAuthError || err instanceof OnboardingError ? err.code : undefined;

export async function byService(): Promise<string[]> {
  const service = new OnboardingService({ url: 'https://connect.acme.example', apiKey: 'k' });
  const { url } = await service.createSession({ accountId: 'acme', connectorIds: [1002] });
  const names = [url];
  for await (const { name } of service.list('acme', { state: 'expired' })) names.push(name ?? '');
  await service.submitCredentials(key, { credentials: { kind: 'basic', username: 'u', password: '' } });
  // @ts-expect-error: no credentials have this kind
  await service.submitCredentials(key, { credentials: { kind: 'password', key: 'k' } });
  // @ts-expect-error: a session needs an account
  await service.createSession({ connectorIds: [1002] });
  return names;
}

export async function ownWorker(connection: NativeConnection, keySet: string): Promise<WorkerOptions> {
  const keys = await privateKeysOf(keySet);
  await createWorker({
    cyclr,
    keys,
    consent,
    connection,
    namespace: 'default',
    workerOptions: { maxCachedWorkflows: 1 },
  });
  const activities = createActivities({ cyclr: new CyclrClient(cyclr), keys, consent });
  const plugins = [new ConnectorAuthPlugin({ cyclr, keys, consent, taskQueue: 'flows' })];
  return { taskQueue: 'flows', activities, plugins };
}

export const start = (client: Client) =>
  client.workflow.start(authenticateConnector, { taskQueue: 'flows', workflowId: workflowIdOf(key), args: [key] });
export const register = (client: Client) => registerSearchAttributes(client.connection as never, 'default');
export const tokenOf = (element: CyclrConnect): string | null => element.session;
