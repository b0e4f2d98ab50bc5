/** Starts the flow of a connector, or finds the open flow. */
import { createHash } from 'node:crypto';
import {
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  type Client,
  type WorkflowExecutionDescription,
} from '@temporalio/client';
import { InternalWorkflowStartOptionsSymbol } from '@temporalio/client/lib/internal';
import { workflowIdOf, type ConnectorKey } from '../workflows/connector';
import { FLOW_TYPE, flowStartOptions, type FlowMemo } from '../workflows/flow-start';
import type { Input } from '../workflows/input';
import { searchAttributes } from '../workflows/messages';
import { finalOnboardingStates } from '../workflows/onboarding';
import { finalStates, type View } from '../workflows/view';
import { isOpen } from '../workflows/visibility';
import type { Started } from './answers';
import { ConnectorAuthError, undefinedIfNotFound } from './connector-auth-error';
import { inputOf } from '../temporal/start-input';

export interface FlowStart extends Pick<FlowMemo, 'idempotencyKey' | 'invitation'> {
  input: Input;
  taskQueue: string;
}

const MAX_TRIES = 5;
/**
 * If the open run is in a final state, a start waits at most this time until the run closes. If no worker is running,
 * the run closes later.
 */
const ENDS_WITHIN_MS = 5_000;

/** Starts a run, or returns the open run. Fails: `alreadyRunning`. */
export async function startFlow(client: Client, start: FlowStart): Promise<Started> {
  const earlier = await runOfIdempotencyKey(client, start);
  if (earlier) return earlier;
  return startedOrFound('flows of this connector', {
    start: () => startRun(client, start),
    find: () => findOpenRun(client, start.input),
  });
}

/**
 * Calls `start`, which starts a run. If Temporal already has an open run with the same workflow id, calls `find`, which
 * returns the open run. `find` returns `undefined` if the open run has closed since the call of `start`.
 */
export async function startedOrFound<T>(
  runs: string,
  { start, find }: { start: () => Promise<T>; find: () => Promise<T | undefined> },
): Promise<T> {
  // If the open run closes between `start` and `find`, the next try can start a new run.
  for (let tries = 1; tries <= MAX_TRIES; tries++) {
    const answer = (await start().catch(undefinedIfTaken)) ?? (await find());
    if (answer) return answer;
  }
  throw new ConnectorAuthError('temporalUnavailable', `${MAX_TRIES} ${runs} closed during the start.`);
}

function undefinedIfTaken(err: unknown): undefined {
  if (!(err instanceof WorkflowExecutionAlreadyStartedError)) throw err;
}

async function startRun(client: Client, { input, taskQueue, ...memo }: FlowStart): Promise<Started> {
  const { intent = 'authenticate' } = input;
  const workflowId = workflowIdOf(input);
  const requestId = memo.idempotencyKey && requestIdOf(memo.idempotencyKey);
  const handle = await client.workflow.start<(input: Input) => Promise<View>>(FLOW_TYPE, {
    ...flowStartOptions(input, taskQueue, memo),
    workflowIdConflictPolicy: 'FAIL',
    ...(requestId && { [InternalWorkflowStartOptionsSymbol]: { requestId } }),
  });
  return { workflowId, runId: handle.firstExecutionRunId, started: true, intent };
}

/**
 * The request id for an idempotency key. If the latest run, open or closed, was started with the same request id,
 * Temporal starts no new run, and answers with the latest run. So two starts with the same idempotency key at the same
 * moment start only one run. The key is hashed, because Temporal limits the length of a request id.
 */
const requestIdOf = (idempotencyKey: string): string => createHash('sha256').update(idempotencyKey).digest('base64url');

/** Finds the open run of the connector's flow. `undefined` if the latest run is closed. */
async function findOpenRun(client: Client, { intent, ...key }: Input): Promise<Started | undefined> {
  const run = await client.workflow.getHandle(workflowIdOf(key)).describe();
  if (!isOpen(run) || (await isEnding(client, run))) return undefined;
  const found = await existing(client, run);
  if (intent !== 'reauthenticate' || found.intent !== 'authenticate') return found;
  throw new ConnectorAuthError(
    'alreadyRunning',
    isFinalState(run)
      ? 'The authentication of this connector has ended, but a worker must still close its run. Try again later.'
      : 'An authentication of this connector is running. Finish or cancel it first.',
  );
}

/** The final states of flows and of onboardings. */
const ends: readonly (string | undefined)[] = [...finalStates, ...finalOnboardingStates];

const isFinalState = ({ typedSearchAttributes }: WorkflowExecutionDescription): boolean =>
  ends.includes(typedSearchAttributes.get(searchAttributes.state));

/**
 * Waits up to 5 s for the end of an open run of a flow or an onboarding whose state is final. Returns false if the
 * state is not final, or if the run does not end in this time.
 */
export async function isEnding(client: Client, run: WorkflowExecutionDescription): Promise<boolean> {
  // For a paused run, `result()` would poll Temporal again and again, without a pause between the polls.
  if (!isFinalState(run) || run.status.name === 'PAUSED') return false;
  // A run shows its final state before it starts the delivery of its final event and closes.
  const handle = client.workflow.getHandle(run.workflowId, run.runId);
  return client
    .withDeadline(Date.now() + ENDS_WITHIN_MS, () => handle.result())
    .then(
      () => true,
      (err: unknown) => err instanceof WorkflowFailedError,
    );
}

/**
 * Returns the latest run if this run was started with this `idempotencyKey`. The key is in the memo of the run, and
 * continue-as-new keeps the memo.
 */
async function runOfIdempotencyKey(client: Client, { input, idempotencyKey }: FlowStart): Promise<Started | undefined> {
  if (idempotencyKey === undefined) return undefined;
  const latest = await latestRun(client, input);
  return latest?.memo?.idempotencyKey === idempotencyKey ? existing(client, latest) : undefined;
}

const latestRun = (client: Client, key: ConnectorKey): Promise<WorkflowExecutionDescription | undefined> =>
  client.workflow.getHandle(workflowIdOf(key)).describe().catch(undefinedIfNotFound);

async function existing(client: Client, { workflowId, runId }: WorkflowExecutionDescription): Promise<Started> {
  const { intent = 'authenticate' } = (await inputOf<Input>(client, { workflowId, runId })) ?? {};
  return { workflowId, runId, started: false, intent };
}
