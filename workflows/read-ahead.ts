/**
 * Protects runs from a fault of the SDK: a query on a run that is not in the worker's cache also applies the events of
 * a workflow task that has not completed yet.
 */
import type { ActivateInput, ConcludeActivationInput, WorkflowInfo } from '@temporalio/workflow';
import sdk from '@temporalio/workflow/lib/pkg';
import { READ_AHEAD } from './problems';

declare global {
  /**
   * The switch of the guard {@link ReadAhead}. A worker turns the guard off if its bundle sets this variable to `off`
   * before the factory of the interceptors runs.
   */
  var cyclrConnectQueryGuard: string | undefined;
}

/**
 * The SDK versions that have the fault. `docs/upstream/query-reads-ahead.md` tells how to test whether another SDK
 * version has the fault.
 */
const FAULTY_SDK = /^1\.2[0-4]\./;

/**
 * True if the runs need the guard {@link ReadAhead}. By default, `version` is the version of the SDK in the workflow
 * bundle.
 */
export const needsGuard = (version = sdk.version): boolean =>
  FAULTY_SDK.test(version) && globalThis.cyclrConnectQueryGuard !== 'off';

export type Job = NonNullable<ActivateInput['activation']['jobs']>[number];
export type Command = ConcludeActivationInput['commands'][number];

/**
 * The events between two workflow tasks: WorkflowTaskCompleted of the first task, WorkflowTaskScheduled and
 * WorkflowTaskStarted of the second task.
 */
const EVENTS_BETWEEN_TASKS = 3;

/** The facts about an activation that changed the length of the history. */
interface Step {
  historyLength: number;
  historySize: number;
  /** True if the activation was no replay. */
  live: boolean;
  /** The least number of events that the commands of the activation add to the history. */
  commandEvents: number;
}

/**
 * A query on a run that is not in the cache also applies the events of a workflow task that is scheduled, but has not
 * completed (SDK 1.20 to 1.24). When the worker then gets that workflow task, the workflow continues from the state
 * after the query. So the commands of the workflow have another order than in a replay, and each later workflow task
 * fails with TMPRL1100. To prevent these failures, this class throws an error in two cases, and the worker drops the
 * run from its cache:
 * - Since the previous activation, `historyLength` has grown, but `historySize` is the same. A query has caused this
 *   activation, because the start of a workflow task would also change `historySize`. The query fails, and its caller
 *   sends the query again.
 * - Since the previous activation, `historyLength` has grown by fewer events than there are between two workflow tasks.
 *   A query has applied the start of a workflow task that failed later, and this activation is the retry of that
 *   workflow task. This retry fails, and the next retry replays the whole history. This class does not check a replay,
 *   so the next retry succeeds even if this class threw the error by mistake.
 *
 * `docs/upstream/query-reads-ahead.md` reproduces the SDK's fault without this project, and tells when this class can
 * be deleted.
 */
export class ReadAhead {
  #previous: Step = { historyLength: 0, historySize: 0, live: false, commandEvents: 0 };
  #step = this.#previous;
  #onlyUpdates = false;

  /**
   * Call this method before each activation that is no query. In the two cases that the comment of this class
   * describes, throws an error with the message {@link READ_AHEAD}.
   */
  beforeActivation(jobs: readonly Job[], info: WorkflowInfo): void {
    const { historyLength, historySize, unsafe } = info;
    const grown = historyLength - this.#step.historyLength;
    if (grown === 0) return;
    // A server that does not report `historySize` sends 0.
    const isByQuery = grown > 0 && historySize > 0 && historySize === this.#step.historySize;
    const live = !unsafe.isReplaying;
    const least = live && this.#step.live ? EVENTS_BETWEEN_TASKS + this.#step.commandEvents + jobEvents(jobs) : 0;
    if (isByQuery || (grown > 0 && grown < least)) throw new Error(READ_AHEAD);
    this.#previous = this.#step;
    this.#step = { historyLength, historySize, live, commandEvents: 0 };
    this.#onlyUpdates = jobs.every(({ doUpdate }) => doUpdate);
  }

  /** Records the activation. Call this method after each activation. */
  afterActivation(commands: readonly Command[]): void {
    const onlyRejections = commands.length > 0 && commands.every(({ updateResponse }) => updateResponse?.rejected);
    // A workflow task that only rejects updates adds no events to the history. So `#step` keeps the numbers of the
    // previous workflow task, and the next check compares with these numbers.
    if (this.#onlyUpdates && onlyRejections) this.#step = this.#previous;
    else this.#step.commandEvents += eventsOf(commands);
  }
}

/** The least number of history events from which the server can have made these jobs of an activation. */
const jobEvents = (jobs: readonly Job[]): number => {
  // A completed activity also adds the event ActivityTaskStarted.
  const completed = jobs.filter(({ resolveActivity }) => resolveActivity?.result?.completed);
  const single = jobs.filter((job) => job.signalWorkflow ?? job.fireTimer ?? job.resolveActivity ?? job.cancelWorkflow);
  return completed.length + single.length;
};

/**
 * The least number of history events that the commands add. A timer or activity that is started and cancelled in the
 * same workflow task adds no event.
 */
function eventsOf(commands: readonly Command[]): number {
  const count = (is: (command: Command) => unknown) => commands.filter(is).length;
  const timers = count(({ startTimer }) => startTimer) - count(({ cancelTimer }) => cancelTimer);
  const activities = count((command) => command.scheduleActivity) - count((command) => command.requestCancelActivity);
  const answers = count(({ updateResponse: response }) => response?.accepted ?? response?.completed);
  const upserts = count((command) => command.upsertWorkflowSearchAttributes);
  return Math.max(0, timers) + Math.max(0, activities) + answers + upserts;
}
