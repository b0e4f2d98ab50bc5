/** One flow of a test: functions that send inputs, and functions that read the flow, its history and its connector. */
import { randomUUID } from 'node:crypto';
import type { Client, WorkflowHandle } from '@temporalio/client';
import type { ConnectorAuth } from '../../client/connector-auth';
import type { AccountConnector } from '../../sandbox/answers';
import type { RecordedRequest } from '../../sandbox/requests';
import type { Sandbox } from '../../sandbox/server';
import { persistently } from '../../scripts/user/persistent';
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
  /** The handle of the run that the test started, and not of a later run. */
  handle: WorkflowHandle;
  /** Waits until no workflow task is pending. Returns the view. */
  view(): Promise<View>;
  /** Waits until the flow is in the state `state`. */
  reaches(state: View['state']): Promise<View>;
  /** Sends credentials as an update. Repeats the update if the library gets no answer in time. */
  gives(credentials: Credentials, submissionId?: string): Promise<View>;
  /** Sends properties as an update. Repeats the update if the library gets no answer in time. */
  sets(values: { [name: string]: Sealed | string }, submissionId?: string): Promise<View>;
  /** Sends a signal without any check. */
  signals(name: string, ...args: unknown[]): Promise<void>;
  /** Waits until no workflow task is pending. Returns the timeline. */
  timeline(): Promise<TimelineEntry[]>;
  history(): Promise<HistoryEvent[]>;
  /** The account connector as the sandbox stores it. */
  cyclr(): AccountConnector;
  /** The requests to Cyclr for this account, as `METHOD last-part-of-the-path`. */
  calls(): string[];
  requests(): RecordedRequest[];
}

/** The parts of a stage that the functions of a scene use. */
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
      return later.state === state ? later : seen; // after `seen`, the flow can have gone to another state
    },
    gives: async (credentials, submissionId = randomUUID()) => {
      const sealed = await sealCredentials(credentials, { ...key, submissionId }, stage.publicKey);
      return persistently(() => auth.submitCredentials(key, { submissionId, credentials: sealed }));
    },
    sets: (values, submissionId = randomUUID()) =>
      persistently(() => auth.submitProperties(key, { submissionId, values })),
    signals: (name, ...args) => handle.signal(name, ...args),
    timeline: async () => (await settled(newest, () => auth.timeline(key))).entries,
    history: async () => (await handle.fetchHistory()).events ?? [],
    cyclr: () => sandbox.connectorOf(key.accountId, key.connectorId),
    calls: () => requests().map(({ method, path }) => `${method} ${path.split('/').at(-1)}`),
    requests,
  };
}

/**
 * Queries the workflow at a time when no workflow task is pending, because a query on an uncached run also applies the
 * events of a pending task. During a pending task, the answer would show events that the flow has not handled yet, with
 * the time of the query as their time.
 */
export async function settled<T>(flow: WorkflowHandle, query: () => Promise<T>): Promise<T> {
  const before = await eventually(
    () => flow.describe(),
    // For a closed run, a pending task does not matter: if a run was terminated during a task, Temporal (server 1.32)
    // shows this task as pending forever.
    ({ status, raw }) => status.name !== 'RUNNING' || !raw.pendingWorkflowTask,
  );
  const answer = await eventually(query, () => true); // a busy worker can answer only after the library's time limit
  const { historyLength } = await flow.describe();
  return historyLength === before.historyLength ? answer : settled(flow, query);
}
