/** Starts, reads and cancels onboardings, and adds connectors to them. */
import { WorkflowNotFoundError, type WorkflowExecutionDescription, type WorkflowHandle } from '@temporalio/client';
import { isAccountId } from '../workflows/connector';
import { fairnessOf } from '../workflows/fairness';
import { escapeMarkdown } from '../workflows/markdown';
import * as messages from '../workflows/messages';
import { searchAttributes } from '../workflows/messages';
import {
  emptyProgress,
  faultOfOnboarding,
  isAddConnectors,
  MAX_CONNECTORS,
  ONBOARDING_TYPE,
  onboardingWorkflowIdOf,
  type AddConnectors,
  type CancelOnboarding,
  type OnboardingInput,
  type OnboardingKey,
  type OnboardingProgress,
} from '../workflows/onboarding';
import { failureWithoutResult, isOpen } from '../workflows/visibility';
import { closedRunResult } from './closed-run';
import { ConnectorAuthError, undefinedIfNotFound } from './connector-auth-error';
import type { LibraryParts } from './flow-calls';
import { historyGrowth } from './flow-history';
import { invalidInput } from './runs';
import { isEnding, startedOrFound } from './start-flow';

/** The answer of a call that starts an onboarding. */
export interface StartedOnboarding {
  workflowId: string;
  runId: string;
  /** False if the onboarding was already open. */
  started: boolean;
}

type OnboardingHandle = WorkflowHandle<(input: OnboardingInput) => Promise<OnboardingProgress>>;

/** The methods of the library for onboardings. */
export class Onboardings {
  readonly #library: LibraryParts;

  constructor(library: LibraryParts) {
    this.#library = library;
  }

  async start(input: OnboardingInput): Promise<StartedOnboarding> {
    const fault = faultOfOnboarding(input);
    if (fault) throw invalidInput(fault);
    return startedOrFound('onboardings', {
      start: () => this.#startRun(input),
      find: () => this.#findOpenRun(input),
    });
  }

  async #startRun(input: OnboardingInput): Promise<StartedOnboarding> {
    const workflowId = onboardingWorkflowIdOf(input);
    const handle = await this.#library.client.workflow.start(ONBOARDING_TYPE, {
      ...startOptions(input),
      taskQueue: this.#library.taskQueue,
      workflowId,
      workflowIdConflictPolicy: 'FAIL',
    });
    return { workflowId, runId: handle.firstExecutionRunId, started: true };
  }

  /** Finds the open run of an onboarding. `undefined` if the latest run is closed, or closes within 5 s. */
  async #findOpenRun(key: OnboardingKey): Promise<StartedOnboarding | undefined> {
    const run = await this.#handle(key).describe();
    if (!isOpen(run) || (await isEnding(this.#library.client, run))) return undefined;
    return { workflowId: run.workflowId, runId: run.runId, started: false };
  }

  #handle(key: OnboardingKey, runId?: string): OnboardingHandle {
    return this.#library.client.workflow.getHandle(idOf(key), runId);
  }

  /**
   * The progress of the run `runId`. Without `runId`, or if the run `runId` has continued as new: the progress of the
   * latest run.
   */
  async progress(key: OnboardingKey, runId?: string): Promise<OnboardingProgress> {
    const { calls } = this.#library;
    const progress = await calls.queryOpen(idOf(key), messages.progress, runId).catch(throwNotStarted);
    if (progress) return progress;
    const run = await this.#describe(key, runId);
    const isClosed = !isOpen(run) && run.status.name !== 'CONTINUED_AS_NEW';
    return isClosed ? closedProgress(key, run, this.#handle(key, run.runId)) : this.progress(key);
  }

  /** The present progress, then the progress after each change, until the run ends or `signal` aborts. */
  async *changes(key: OnboardingKey, signal?: AbortSignal): AsyncGenerator<OnboardingProgress> {
    const { runId, historyLength, workflowId } = await this.#describe(key);
    const first = await this.progress(key, runId);
    yield first;
    if (first.state !== 'running' || signal?.aborted) return;
    for await (const run of historyGrowth(this.#library.client, { workflowId, runId, historyLength }, signal)) {
      if (signal?.aborted) return;
      yield await this.#library.calls.bounded(() => this.progress(key, run.runId));
    }
  }

  #describe(key: OnboardingKey, runId?: string): Promise<WorkflowExecutionDescription> {
    return this.#handle(key, runId).describe().catch(throwNotStarted);
  }

  /** Sends the signal `cancel`. Does nothing if the onboarding has ended. Fails: `notStarted`. */
  async cancel(key: OnboardingKey, request: CancelOnboarding): Promise<void> {
    const run = await this.#describe(key);
    if (isOpen(run)) await this.#handle(key).signal(messages.cancelOnboarding, request).catch(undefinedIfNotFound);
  }

  /** Waits until the latest run has ended, or until `signal` aborts. Does not return the outcome. */
  async ended(key: OnboardingKey, signal: AbortSignal): Promise<void> {
    const run = await this.#describe(key);
    const { runId, workflowId, historyLength } = run;
    const execution = { workflowId, runId, historyLength, onlyEnd: true };
    for await (const { open } of historyGrowth(this.#library.client, execution, signal)) if (!open) return;
  }

  /**
   * Adds connectors to the open onboarding, and returns the progress. Fails: `invalidInput`, also if the onboarding
   * would have more than 500 connectors; `notStarted`; `closed`.
   */
  async addConnectors(key: OnboardingKey, request: AddConnectors): Promise<OnboardingProgress> {
    if (!isAddConnectors(request)) throw invalidInput('connectorIds is not a list of 1 to 500 positive integers');
    const run = await this.#describe(key);
    const sent =
      isOpen(run) &&
      (await this.#handle(key).signal(messages.addConnectors, request).then(isDone, undefinedIfNotFound));
    const progress = sent ? await this.progress(key) : undefined;
    const lacking = progress ? lackingIn(progress, request) : 0;
    if (lacking > 0 && progress?.state === 'running' && progress.connectors.length + lacking > MAX_CONNECTORS)
      throw invalidInput(`the onboarding would have more than ${MAX_CONNECTORS} connectors`);
    if (!progress || lacking > 0) throw new ConnectorAuthError('closed', 'The onboarding has ended. Start a new one.');
    return progress;
  }
}

/**
 * The number of connectors of the request that the onboarding did not add. There are two possible reasons: the
 * onboarding had ended or was cancelling its flows, or it would have more than 500 connectors.
 */
function lackingIn({ connectors }: OnboardingProgress, { connectorIds }: AddConnectors): number {
  const known = new Set(connectors.map(({ connectorId }) => connectorId));
  return new Set(connectorIds.filter((id) => !known.has(id))).size;
}

const isDone = (): true => true;

function throwNotStarted(err: unknown): never {
  if (!(err instanceof WorkflowNotFoundError)) throw err;
  throw new ConnectorAuthError('notStarted', 'No onboarding with this id was started.');
}

/** The progress of a closed run: the result of the run. For a failed run: the first detail of the run's failure. */
const closedProgress = async (
  key: OnboardingKey,
  run: WorkflowExecutionDescription,
  handle: OnboardingHandle,
): Promise<OnboardingProgress> => (await closedRunResult(run, handle)) ?? progressWithoutResult(key, run);

/**
 * The progress of a run without a result: the run was cancelled, terminated or timed out, or its failure has no
 * details.
 */
function progressWithoutResult(
  { accountId, onboardingId }: OnboardingKey,
  run: WorkflowExecutionDescription,
): OnboardingProgress {
  const progress = emptyProgress({ accountId, onboardingId });
  if (run.status.name === 'CANCELLED') return { ...progress, state: 'cancelled' };
  return { ...progress, state: 'failed', failure: failureWithoutResult(run) };
}

const startOptions = (input: OnboardingInput) => ({
  priority: fairnessOf(input.accountId),
  args: [input],
  // A workflow task with 10,000 signals takes longer than the default timeout of 10 s (see `flowStartOptions`).
  workflowTaskTimeout: '30s' as const,
  staticSummary: `Onboard account ${input.accountId}`,
  staticDetails: detailsOf(input),
  typedSearchAttributes: [
    { key: searchAttributes.accountId, value: input.accountId },
    { key: searchAttributes.state, value: 'running' },
  ],
});

/** The static details of the run in Temporal Web, as Markdown. */
const detailsOf = ({ accountId, onboardingId, scope, activateCycle, by }: OnboardingInput): string =>
  [
    `Onboarding **${escapeMarkdown(onboardingId)}** of the account **${escapeMarkdown(accountId)}**.`,
    `- Scope: ${escapeMarkdown(scopeText(scope))}`,
    activateCycle && '- Activates the cycle',
    by && `- Started by: ${escapeMarkdown(by)}`,
    '- The current details show the connectors that are not authenticated. The query `progress` lists all.',
  ]
    .filter(Boolean)
    .join('\n');

function scopeText(scope: OnboardingInput['scope']): string {
  if ('cycleId' in scope) return `cycle ${scope.cycleId}`;
  return 'connectorIds' in scope ? `${scope.connectorIds.length} connectors` : 'all connectors of the account';
}

/** The workflow id of the onboarding. Fails: `invalidInput`. */
function idOf(key: OnboardingKey): string {
  if (isAccountId(key.accountId) && isAccountId(key.onboardingId)) return onboardingWorkflowIdOf(key);
  throw invalidInput('accountId or onboardingId is not a valid id');
}
