/** One flow of a test: what its users send, and what can be read about it. */
import { randomUUID } from 'node:crypto';
import type { Client, WorkflowHandle } from '@temporalio/client';
import type { ConnectorAuth } from '../../client/connector-auth';
import type { AccountConnector } from '../../sandbox/answers';
import type { RecordedRequest } from '../../sandbox/requests';
import type { Sandbox } from '../../sandbox/server';
import type { SealingKey } from '../../sealing/keys';
import { sealCredentials } from '../../sealing/seal';
import type { ConnectorKey, Sealed } from '../../workflows/connector';
import type { Credentials, Input, TimelineEntry, View } from '../../workflows/messages';
import { eventually } from './eventually';
import type { HistoryEvent } from './histories';

export interface Scene {
  key: ConnectorKey;
  workflowId: string;
  runId: string;
  /** Of the run that the test started, not of a later one. */
  handle: WorkflowHandle;
  /** The view once no workflow task is pending. */
  view(): Promise<View>;
  /** Waits until the flow is in this state. */
  reaches(state: View['state']): Promise<View>;
  /** Sends credentials as an update. */
  gives(credentials: Credentials, submissionId?: string): Promise<View>;
  /** Sends properties as an update. */
  sets(values: { [name: string]: Sealed | string }, submissionId?: string): Promise<View>;
  /** Sends a signal without any check. */
  signals(name: string, ...args: unknown[]): Promise<void>;
  /** The timeline once no workflow task is pending. */
  timeline(): Promise<TimelineEntry[]>;
  history(): Promise<HistoryEvent[]>;
  /** The account connector as the sandbox stores it. */
  cyclr(): AccountConnector;
  /** The requests to Cyclr for this account, as `METHOD last-part-of-the-path`. */
  calls(): string[];
  requests(): RecordedRequest[];
}

/** The members of a stage that a scene uses. */
export interface Surroundings {
  sandbox: Sandbox;
  client: Client;
  auth: ConnectorAuth;
  publicKey: SealingKey;
}

/** Starts a flow for a connector that is installed. */
export async function startScene(stage: Surroundings, key: ConnectorKey, input: Partial<Input>): Promise<Scene> {
  const { auth, client, sandbox } = stage;
  const { workflowId, runId } = await auth.start(key, input);
  const handle = client.workflow.getHandle(workflowId, runId);
  const newest = client.workflow.getHandle(workflowId);
  const view = () => settled(newest, () => auth.view(key));
  const requests = () => sandbox.requests.filter(({ account }) => account === key.accountId);
  return {
    key,
    workflowId,
    runId,
    handle,
    view,
    reaches: async (state) => {
      const seen = await eventually(
        () => auth.view(key),
        (view) => view.state === state,
      );
      const later = await eventually(view, () => true);
      return later.state === state ? later : seen; // the flow may have left the state already
    },
    gives: async (credentials, submissionId = randomUUID()) => {
      const sealed = await sealCredentials(credentials, { ...key, submissionId }, stage.publicKey);
      return auth.submitCredentials(key, { submissionId, credentials: sealed });
    },
    sets: (values, submissionId = randomUUID()) => auth.submitProperties(key, { submissionId, values }),
    signals: (name, ...args) => handle.signal(name, ...args),
    timeline: async () => (await settled(newest, () => auth.timeline(key))).entries,
    history: async () => (await handle.fetchHistory()).events ?? [],
    cyclr: () => sandbox.connectorOf(key.accountId, key.connectorId),
    calls: () => requests().map(({ method, path }) => `${method} ${path.split('/').at(-1)}`),
    requests,
  };
}

/**
 * The answer of a query at a moment when no workflow task is pending. A query on an uncached run also applies the
 * events of a pending task: its answer would be ahead of the flow, with the time of the query in place of the task's.
 */
async function settled<T>(flow: WorkflowHandle, query: () => Promise<T>): Promise<T> {
  const before = await eventually(
    () => flow.describe(),
    // A run that was terminated during a workflow task keeps it as pending (server 1.32).
    ({ status, raw }) => status.name !== 'RUNNING' || !raw.pendingWorkflowTask,
  );
  const answer = await query();
  const { historyLength } = await flow.describe();
  return historyLength === before.historyLength ? answer : settled(flow, query);
}
