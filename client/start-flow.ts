/** Starts the flow of a connector, or finds the open flow. */
import { createHash } from 'node:crypto';
import {
  WorkflowExecutionAlreadyStartedError,
  type Client,
  type WorkflowExecutionDescription,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { InternalWorkflowStartOptionsSymbol } from '@temporalio/client/lib/internal';
import { workflowIdOf, type ConnectorKey } from '../workflows/connector';
import type { Input } from '../workflows/input';
import { searchAttributes } from '../workflows/messages';
import { type View } from '../workflows/view';
import { isOpen } from '../workflows/visibility';
import type { Started } from './answers';
import { ConnectorAuthError } from './connector-auth-error';
import { escapeMarkdown } from '../workflows/authenticate-connector/status';
import { inputOf } from './flow-history';

export interface FlowStart {
  input: Input;
  taskQueue: string;
  /** Stored in the memo of the run: a start with the same key returns this run, also after its end. */
  idempotencyKey?: string;
  /** The invitation that the run is started for, stored in its memo. */
  invitation?: string;
}

const MAX_TRIES = 5;

/** Starts a run, or returns the open run. Fails: `alreadyRunning`. */
export async function startFlow(client: Client, start: FlowStart): Promise<Started> {
  const earlier = await runOfIdempotencyKey(client, start);
  if (earlier) return earlier;
  // If the flow closes between `startRun` and `findOpenRun`, the next try starts a new flow.
  for (let tries = 1; tries <= MAX_TRIES; tries++) {
    const answer = (await startRun(client, start)) ?? (await findOpenRun(client, start.input));
    if (answer) return answer;
  }
  throw new ConnectorAuthError('temporalUnavailable', `${MAX_TRIES} flows of this connector closed during the start.`);
}

/** Starts a run. `undefined` if the workflow id is in use by a run of another request. */
async function startRun(client: Client, { input, taskQueue, ...memo }: FlowStart): Promise<Started | undefined> {
  const { accountId, connectorId, intent = 'authenticate' } = input;
  const workflowId = workflowIdOf(input);
  const requestId = memo.idempotencyKey && requestIdOf(memo.idempotencyKey);
  try {
    const handle = await client.workflow.start<(input: Input) => Promise<View>>('authenticateConnector', {
      taskQueue,
      workflowId,
      workflowIdConflictPolicy: 'FAIL',
      // A workflow task with 10,000 signals takes longer than the default of 10 s: it would time out and be retried
      // without end.
      workflowTaskTimeout: '30s',
      args: [input],
      memo: Object.fromEntries(Object.entries(memo).filter(([, value]) => value !== undefined)),
      staticSummary: `Authenticate connector ${connectorId} of ${accountId}`,
      staticDetails: detailsOf(input),
      typedSearchAttributes: [
        { key: searchAttributes.accountId, value: accountId },
        { key: searchAttributes.connectorId, value: String(connectorId) },
      ],
      ...(requestId && { [InternalWorkflowStartOptionsSymbol]: { requestId } }),
    });
    return { workflowId, runId: handle.firstExecutionRunId, started: true, intent };
  } catch (err) {
    if (err instanceof WorkflowExecutionAlreadyStartedError) return undefined;
    throw err;
  }
}

/**
 * Temporal answers a start with the latest run, open or closed, if that run was started with the same request id. So
 * two starts with the same key at the same moment start one run. The key is hashed, because Temporal limits the length
 * of a request id.
 */
const requestIdOf = (idempotencyKey: string): string => createHash('sha256').update(idempotencyKey).digest('base64url');

/** The open run of the connector. `undefined` if the latest run is closed. */
async function findOpenRun(client: Client, { intent, ...key }: Input): Promise<Started | undefined> {
  const run = await client.workflow.getHandle(workflowIdOf(key)).describe();
  if (!isOpen(run)) return undefined;
  const found = await existing(client, run);
  if (intent === 'reauthenticate' && found.intent === 'authenticate')
    throw new ConnectorAuthError(
      'alreadyRunning',
      'An authentication of this connector is running. Finish or cancel it first.',
    );
  return found;
}

/**
 * The latest run, if it was started with this `idempotencyKey`. A run after continue-as-new has the memo of its first
 * run.
 */
async function runOfIdempotencyKey(client: Client, { input, idempotencyKey }: FlowStart): Promise<Started | undefined> {
  if (idempotencyKey === undefined) return undefined;
  const latest = await latestRun(client, input);
  return latest?.memo?.idempotencyKey === idempotencyKey ? existing(client, latest) : undefined;
}

async function latestRun(client: Client, key: ConnectorKey): Promise<WorkflowExecutionDescription | undefined> {
  try {
    return await client.workflow.getHandle(workflowIdOf(key)).describe();
  } catch (err) {
    if (err instanceof WorkflowNotFoundError) return undefined;
    throw err;
  }
}

async function existing(client: Client, { workflowId, runId }: WorkflowExecutionDescription): Promise<Started> {
  const { intent = 'authenticate' } = await inputOf(client, { workflowId, runId });
  return { workflowId, runId, started: false, intent };
}

/** The static details of the run in Temporal Web, as Markdown. */
const detailsOf = ({ accountId, connectorId, intent = 'authenticate', by }: Input): string =>
  [
    `Takes the account connector **${connectorId}** of the account **${escapeMarkdown(accountId)}** through authentication.`,
    `- Intent: ${intent}`,
    by && `- Started by: ${escapeMarkdown(by)}`,
    '- The current details show the state and the awaited input. The query `timeline` lists all transitions.',
  ]
    .filter(Boolean)
    .join('\n');
