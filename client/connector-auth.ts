/** The library: the only door to Temporal for everybody outside the worker. */
import { setTimeout as delay } from 'node:timers/promises';
import {
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  WorkflowNotFoundError,
  type Client,
  type WorkflowExecutionDescription,
  type WorkflowHandle,
} from '@temporalio/client';
import { ApplicationFailure, type SignalDefinition } from '@temporalio/common';
import type { ConnectorKey } from '../workflows/connector';
import { problemOf } from '../workflows/problems';
import { plain } from '../workflows/view';
import { wrongWithInput } from '../workflows/input';
import * as messages from '../workflows/messages';
import type {
  Cancel,
  CredentialInput,
  Input,
  Intent,
  ProblemCode,
  PropertyInput,
  Timeline,
  TimelineEntry,
  View,
} from '../workflows/messages';
import { ConnectorAuthError, translated } from './connector-auth-error';
import { historyGrowth, inputOf } from './history';

const ANSWER_WITHIN_MS = 10_000;
const LOOK_EVERY_MS = 250;
const RESTARTS = 5;

export interface Started {
  workflowId: string;
  runId: string;
  /** False where it ran already. */
  started: boolean;
  intent: Intent;
}

/**
 * Starts, feeds, reads and ends authentications. Every method fails with a {@link ConnectorAuthError}: besides the
 * codes that it names, `temporalUnavailable`, and `noWorker` where a running flow has to be asked.
 */
export class ConnectorAuth {
  constructor(private readonly client: Client) {}

  /** Starts an authentication, or finds the one that runs. Repeating is safe. Fails: invalidInput, alreadyRunning. */
  async start(input: Input): Promise<Started> {
    const wrong = wrongWithInput(input);
    if (wrong) throw new ConnectorAuthError('invalidInput', wrong);
    return translated(async () => {
      for (let attempt = 1; ; attempt++) {
        const answer = (await this.#startNew(input)) ?? (await this.#findRunning(input));
        if (answer) return answer;
        if (attempt === RESTARTS)
          throw new ConnectorAuthError('temporalUnavailable', 'It closes as fast as it starts.');
      }
    });
  }

  /** Where it stands, also after it ended. Fails: notStarted. */
  async view(key: ConnectorKey): Promise<View> {
    return translated(async () => {
      const execution = await this.#handle(key).describe();
      const handle = this.#handle(key, execution.runId);
      if (execution.status.name === 'RUNNING') return handle.query(messages.view);
      if (execution.status.name === 'COMPLETED') return handle.result();
      if (execution.status.name === 'FAILED') return this.#failedView(key, execution);
      return this.#viewWithoutResult(key, execution);
    });
  }

  /** How it got there. Needs a worker, also after the end. Fails: notStarted. */
  async timeline(key: ConnectorKey): Promise<Timeline> {
    return translated(() => this.#handle(key).query(messages.timeline));
  }

  /** Every entry of the timeline, the past ones first, until it has ended or `signal` aborts. Fails: notStarted. */
  async *watch(key: ConnectorKey, signal?: AbortSignal): AsyncGenerator<TimelineEntry> {
    const { runId } = await translated(() => this.#handle(key).describe());
    const growth = historyGrowth(this.client, { workflowId: messages.workflowIdOf(key), runId }, signal);
    let told = 0;
    for (;;) {
      const { value: open } = await translated(() => growth.next());
      if (signal?.aborted) return;
      const { entries, dropped = 0 } = await translated(() => this.#handle(key, runId).query(messages.timeline));
      yield* entries.slice(Math.max(0, told - dropped));
      told = dropped + entries.length;
      if (!open) return;
    }
  }

  /** The final view, once it has ended. Fails: notStarted. */
  async result(key: ConnectorKey): Promise<View> {
    await translated(() => this.#handle(key).result().catch(unlessEnded));
    return this.view(key);
  }

  /**
   * Gives values for the connector's properties. The view after Cyclr took or refused them (then it has a `problem`),
   * or as it stands after 10 s. A `submissionId` that was taken before changes nothing. Fails: notStarted, closed (with
   * the final view), and the problem's code where the flow itself refuses the input.
   */
  submitProperties(key: ConnectorKey, input: PropertyInput): Promise<View> {
    return this.#submit(key, messages.propertyInput, input);
  }

  /** Gives an API key, a user name and password, or tokens: as {@link submitProperties}. */
  submitCredentials(key: ConnectorKey, input: CredentialInput): Promise<View> {
    return this.#submit(key, messages.credentialInput, input);
  }

  /** Ends it. The final view, or the view as it stands after 10 s. Repeating is safe. Fails: notStarted. */
  async cancel(key: ConnectorKey, request: Cancel = {}): Promise<View> {
    return translated(async () => {
      const handle = this.#handle(key);
      await handle.signal(messages.cancel, request).catch(unlessEnded);
      await this.#within(() => handle.result().catch(unlessEnded));
      return this.view(key);
    });
  }

  /** The new run; nothing where the id is taken. */
  async #startNew(input: Input): Promise<Started | undefined> {
    const { accountId, connectorId, intent = 'authenticate' } = input;
    const workflowId = messages.workflowIdOf(input);
    const { searchAttributes } = messages;
    try {
      const handle = await this.client.workflow.start<(input: Input) => Promise<View>>('authenticateConnector', {
        taskQueue: messages.taskQueue,
        workflowId,
        workflowIdConflictPolicy: 'FAIL',
        args: [input],
        staticSummary: `Authenticate connector ${connectorId} of ${accountId}`,
        staticDetails: detailsOf(input),
        typedSearchAttributes: [
          { key: searchAttributes.accountId, value: accountId },
          { key: searchAttributes.connectorId, value: String(connectorId) },
        ],
      });
      return { workflowId, runId: handle.firstExecutionRunId, started: true, intent };
    } catch (err) {
      if (err instanceof WorkflowExecutionAlreadyStartedError) return undefined;
      throw err;
    }
  }

  /** The run that has the id; nothing where it closed meanwhile. */
  async #findRunning(input: Input): Promise<Started | undefined> {
    const { workflowId, runId, status } = await this.#handle(input).describe();
    if (status.name !== 'RUNNING') return undefined;
    const { intent = 'authenticate' } = await inputOf(this.client, { workflowId, runId });
    if (input.intent === 'reauthenticate' && intent === 'authenticate')
      throw new ConnectorAuthError(
        'alreadyRunning',
        'An authentication of this connector is running: finish it first.',
      );
    return { workflowId, runId, started: false, intent };
  }

  /** Sends an input as a signal, and looks for what became of it in the timeline. */
  async #submit<I extends PropertyInput | CredentialInput>(
    key: ConnectorKey,
    definition: SignalDefinition<[I]>,
    input: I,
  ): Promise<View> {
    return translated(async () => {
      const earlier = await this.#entriesOf(key, input.submissionId);
      await this.#handle(key)
        .signal(definition, input)
        .catch(async (err: unknown) => {
          if (!(err instanceof WorkflowNotFoundError)) throw err;
          throw new ConnectorAuthError('closed', 'It has ended: start it again first.', await this.view(key));
        });
      const until = Date.now() + ANSWER_WITHIN_MS;
      const taken = earlier.some(({ from, to }) => from !== to);
      while (!taken && Date.now() < until) {
        const [first, last] = (await this.#entriesOf(key, input.submissionId)).slice(earlier.length);
        if (first?.from === first?.to && first?.note)
          throw new ConnectorAuthError(first.note as ProblemCode, problemOf(first.note as ProblemCode).message);
        if (last) break;
        await delay(LOOK_EVERY_MS);
      }
      return this.view(key);
    });
  }

  async #entriesOf(key: ConnectorKey, id: string): Promise<TimelineEntry[]> {
    const { entries } = await this.timeline(key);
    return entries.filter((entry) => entry.id === id);
  }

  async #failedView(key: ConnectorKey, execution: WorkflowExecutionDescription): Promise<View> {
    const failure: unknown = await this.#handle(key, execution.runId)
      .result()
      .catch((err: unknown) => err);
    const cause = failure instanceof WorkflowFailedError ? failure.cause : undefined;
    const [view] = cause instanceof ApplicationFailure ? (cause.details ?? []) : [];
    return (view as View | undefined) ?? this.#viewWithoutResult(key, execution);
  }

  /** A run that was cancelled, terminated or timed out has no result: what is known of it is made into a view. */
  async #viewWithoutResult(key: ConnectorKey, execution: WorkflowExecutionDescription): Promise<View> {
    const { workflowId, runId, status } = execution;
    const { intent = 'authenticate' } = await inputOf(this.client, { workflowId, runId });
    const code = status.name === 'TIMED_OUT' ? 'timedOut' : 'terminated';
    const failure = { code, message: `Temporal ended it: ${status.name}` } as const;
    const ended = status.name === 'CANCELLED' ? { state: 'cancelled' as const } : { state: 'failed' as const, failure };
    return { ...key, runId, intent, ...ended, revision: 0 };
  }

  async #within(call: () => Promise<unknown>): Promise<void> {
    const abort = new AbortController();
    const timer = delay(ANSWER_WITHIN_MS, undefined, { signal: abort.signal }).catch(() => undefined);
    await Promise.race([call(), timer]).finally(() => abort.abort());
  }

  #handle(key: ConnectorKey, runId?: string): WorkflowHandle<(input: Input) => Promise<View>> {
    return this.client.workflow.getHandle(messages.workflowIdOf(key), runId);
  }
}

const detailsOf = ({ accountId, connectorId, intent = 'authenticate', by }: Input): string =>
  [
    `Takes the account connector **${connectorId}** of the account **${plain(accountId)}** through authentication.`,
    `- Intent: ${intent}`,
    by && `- Started by: ${plain(by)}`,
    '- What it waits for now: see the current details. How it got there: the query `timeline`.',
  ]
    .filter(Boolean)
    .join('\n');

/** A failed or cancelled run has an outcome too. */
function unlessEnded(err: unknown): void {
  if (!(err instanceof WorkflowFailedError || err instanceof WorkflowNotFoundError)) throw err;
}
