/**
 * Flows that a flood, an operator or a broken connection disturbs. Each flow must end as `authenticated`, and Cyclr
 * must have its API key.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { ConnectorAuthError, translated } from '../../client/connector-auth-error';
import type { ConnectionState, ConnectionView } from '../../workflows/connection';
import { workflowIdOf, type ConnectorKey } from '../../workflows/connector';
import { finalStates, type StateName } from '../../workflows/view';
import { each } from '../each';
import { persistently } from '../user/persistent';
import { credentialInputOf, sealerOf, sendSignal } from '../user/transports';
import { kindOf } from './histories';
import { credentialsFor } from './mistakes';
import type { TestSecrets } from './secret-search';
import type { FaultStack } from './stack';

/** The number of signals in a flood. A flood of this size does not delay the other flows. */
const FLOOD = 1000;
const PAUSE_MS = 3000;
const CALL_MS = 10_000;
export const READ_EVERY_MS = 1000;
/** The time limit for the test of one flow. Only a flow that hangs reaches this limit. */
const LIMIT_MS = 10 * 60_000;

export interface Flow {
  stack: FaultStack;
  secrets: TestSecrets;
  key: ConnectorKey;
  /** Aborts after the time limit. */
  signal: AbortSignal;
}

/**
 * The functions that disturb a flow, by the name of the disturbance. Each disturbance begins and ends while a run of
 * the flow waits for its API key.
 */
export const operations = {
  'flow flooded': (flow: Flow) =>
    each(Array.from({ length: FLOOD }, randomUUID), 20, (attemptId) =>
      persistently(() => sendSignal(flow.stack.client, flow.key, 'oauthCallback', { attemptId }), flow),
    ),
  'flow paused': async (flow: Flow) => {
    // a pause while a workflow task waits for a worker would stop the run (docs/operating.md, "stopped by a pause")
    await idle(flow);
    const [pause, unpause] = [requestOf(flow), requestOf(flow)];
    await call(flow, ({ workflowService }) => workflowService.pauseWorkflowExecution(pause));
    await delay(PAUSE_MS);
    await call(flow, ({ workflowService }) => workflowService.unpauseWorkflowExecution(unpause));
  },
  'flow reset': async (flow: Flow) => {
    const { runId, firstTask } = await call(flow, async ({ workflow }) => {
      const handle = workflow.getHandle(workflowIdOf(flow.key));
      const [{ events }, run] = [await handle.fetchHistory(), await handle.describe()];
      const task = events?.find((event) => kindOf(event) === 'workflowTaskCompleted');
      return { runId: run.runId, firstTask: task!.eventId! };
    });
    const { workflowId: _workflowId, ...request } = requestOf(flow);
    const workflowExecution = { workflowId: workflowIdOf(flow.key), runId };
    const reset = { ...request, workflowExecution, workflowTaskFinishEventId: firstTask };
    await call(flow, ({ workflowService }) => workflowService.resetWorkflowExecution(reset));
  },
  'flow deleted': async (flow: Flow) => {
    const workflowExecution = { workflowId: workflowIdOf(flow.key) };
    const request = { namespace: flow.stack.client.options.namespace, workflowExecution };
    await call(flow, ({ workflowService }) => workflowService.deleteWorkflowExecution(request));
    while (!(await isNotStarted(flow))) await delay(READ_EVERY_MS, undefined, flow);
    await persistently(() => flow.stack.auth.start(flow.key), flow);
  },
  'connection broken': async (flow: Flow) => {
    const { stack, key } = flow;
    await giveKey(flow);
    await connectionReaches(flow, 'connected', () => stack.auth.connection(key));
    stack.sandbox.update(key.accountId, key.connectorId, { Authenticated: false });
    await connectionReaches(flow, 'broken', () => stack.auth.monitor(key));
    await reauthenticate(flow);
  },
} satisfies { [kind: string]: (flow: Flow) => Promise<unknown> };
export type Operation = keyof typeof operations;

/** A flow that an operation disturbed, with its faults as texts. */
export interface OperatedFlow {
  key: ConnectorKey;
  faults: string[];
}

/**
 * Starts a flow in a new account, disturbs the flow by an operation, and then gives the API key. Never fails, but puts
 * an error into `faults` of the result.
 */
export async function operateFlow(stack: FaultStack, secrets: TestSecrets, how: Operation): Promise<OperatedFlow> {
  const key = stack.install(`operated-${randomUUID()}`, 'Brightdesk');
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), LIMIT_MS);
  const flow: Flow = { stack, secrets, key, signal: limit.signal };
  let step = 'start';
  try {
    await persistently(() => stack.auth.start(key), flow);
    step = 'first wait';
    await reaches(flow, ['awaitingCredentials']);
    step = 'operation';
    await operations[how](flow);
    step = 'key';
    await giveKey(flow);
    step = 'end';
    await reaches(flow, finalStates);
    return { key, faults: keyFaults(flow).map((fault) => `${how}, ${key.accountId}: ${fault}`) };
  } catch (err) {
    return { key, faults: [`${how}, ${key.accountId}: ${step}: ${String(err)}`] };
  } finally {
    clearTimeout(timer);
  }
}

const labelOf = ({ accountId }: ConnectorKey): string => `operated-${accountId.slice(-8)}`;

/**
 * Sends the API key until the flow accepts it. In a flood, the flow refuses the key as `notNow` while its inbox is
 * full. The flow may close before its answer arrives, so the error `closed` is no fault.
 */
export async function giveKey(flow: Flow): Promise<void> {
  const { stack, secrets, key } = flow;
  const credentials = credentialsFor('ApiKey', secrets, { label: labelOf(key) });
  const submission = { submissionId: randomUUID(), credentials };
  const input = await credentialInputOf(sealerOf(stack.publicKey), key, submission);
  const submit = () => persistently(() => stack.auth.submitCredentials(key, input), flow).catch(unlessCode('closed'));
  await repeatAfter('notNow', submit, flow);
}

/**
 * Starts a re-authentication. If a worker is killed during the last workflow task of the first run, this run stays open
 * until Temporal repeats the task, and the start fails with `alreadyRunning`.
 */
async function reauthenticate(flow: Flow): Promise<void> {
  const start = () => persistently(() => flow.stack.auth.start(flow.key, { intent: 'reauthenticate' }), flow);
  await repeatAfter('alreadyRunning', start, flow);
}

export async function reaches(flow: Flow, states: readonly StateName[]): Promise<void> {
  for (;;) {
    const view = await persistently(() => flow.stack.auth.view(flow.key), flow);
    if (states.includes(view.state)) return;
    await delay(READ_EVERY_MS, undefined, flow);
  }
}

/** Waits until the flow has no open activity and no pending workflow task. */
async function idle(flow: Flow): Promise<void> {
  for (;;) {
    const { raw } = await call(flow, ({ workflow }) => workflow.getHandle(workflowIdOf(flow.key)).describe());
    if (!raw.pendingWorkflowTask && !raw.pendingActivities?.length) return;
    await delay(READ_EVERY_MS, undefined, flow);
  }
}

/** Waits until the monitor has read the connector, and the connection is in the state `state`. */
async function connectionReaches(
  flow: Flow,
  state: ConnectionState,
  read: () => Promise<ConnectionView>,
): Promise<void> {
  for (;;) {
    const connection = await persistently(read, flow);
    if (connection.checkedAt && connection.state === state) return;
    await delay(READ_EVERY_MS, undefined, flow);
  }
}

/** Returns a fault unless Cyclr reports the connector as authenticated and has the flow's API key. */
export function keyFaults({ stack, secrets, key }: Flow): string[] {
  const stored = stack.stored(key);
  const credentials = credentialsFor('ApiKey', secrets, { label: labelOf(key) });
  const isStored = credentials.kind === 'apiKey' && stored?.AuthValue?.includes(credentials.key);
  return stored?.Authenticated && isStored ? [] : [`Cyclr does not have the key of the connector ${key.connectorId}`];
}

const isNotStarted = ({ stack, key, signal }: Flow): Promise<boolean> =>
  persistently(() => stack.auth.progress(key), { signal }).then(() => false, unlessCode('notStarted'));

/** Repeats a call each second while it fails with this code. */
async function repeatAfter(
  code: ConnectorAuthError['code'],
  act: () => Promise<unknown>,
  { signal }: Flow,
): Promise<void> {
  while (await act().then(() => false, unlessCode(code))) await delay(READ_EVERY_MS, undefined, { signal });
}

/** Returns true for an error of the library that has this code, and throws any other error. */
const unlessCode =
  (code: ConnectorAuthError['code']) =>
  (err: unknown): true => {
    if (err instanceof ConnectorAuthError && err.code === code) return true;
    throw err;
  };

type Client = FaultStack['client'];

/** Repeats a call to Temporal until Temporal answers. Each repetition has the request id of the first call. */
const call = <T>({ stack: { client }, signal }: Flow, act: (client: Client) => Promise<T>): Promise<T> =>
  persistently(() => translated(() => client.withDeadline(Date.now() + CALL_MS, () => act(client))), { signal });

const requestOf = ({ stack: { client }, key }: Flow) => ({
  ...{ namespace: client.options.namespace, workflowId: workflowIdOf(key) },
  ...{ identity: 'operator', reason: 'npm run faults', requestId: randomUUID() },
});
