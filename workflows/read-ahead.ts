/** Detects workflow tasks whose events a query has already applied. */
import type { ActivateInput, ConcludeActivationInput, WorkflowInfo } from '@temporalio/workflow';

export type Job = NonNullable<ActivateInput['activation']['jobs']>[number];
export type Command = ConcludeActivationInput['commands'][number];

/** The failure message of such a task. Its retry succeeds. */
export const READ_AHEAD = 'A query has applied the events of this workflow task: retry it from the whole history';

/** WorkflowTaskCompleted of one task, WorkflowTaskScheduled and WorkflowTaskStarted of the next. */
const EVENTS_BETWEEN_TASKS = 3;

/** One activation that changed the length of the history. */
interface Step {
  historyLength: number;
  historySize: number;
  /** True if the activation was no replay. */
  live: boolean;
  /** True if a query caused the activation, not a workflow task: the size of the history is unchanged. */
  byQuery: boolean;
  /** The least number of events that the commands of the activation add to the history. */
  commandEvents: number;
}

/**
 * A query on a run that is not in the cache also applies the events of a pending workflow task (SDK 1.24). When the
 * worker then gets that task, the workflow continues from there, with commands in another order than a replay makes:
 * each later task fails with TMPRL1100. So this class throws in such a task: the task fails, the worker drops the run
 * from its cache, and the retry replays the whole history. Two signs show such a task:
 * - The history is longer, but its size is the same: only the start of a workflow task updates the size.
 * - The history has grown by fewer events than lie between two tasks. So a query has applied the start of a task that
 *   failed later. Replays are not checked for this sign: a retry succeeds even if the sign was wrong.
 */
export class ReadAhead {
  #previous: Step = { historyLength: 0, historySize: 0, live: false, byQuery: false, commandEvents: 0 };
  #step = this.#previous;
  #onlyUpdates = false;

  /** To be called before each activation that is no query. Throws {@link READ_AHEAD}. */
  beforeActivation(jobs: readonly Job[], info: WorkflowInfo): void {
    const { historyLength, historySize, unsafe } = info;
    const grown = historyLength - this.#step.historyLength;
    if (grown === 0) return;
    const live = !unsafe.isReplaying;
    const least = live && this.#step.live ? EVENTS_BETWEEN_TASKS + this.#step.commandEvents + jobEvents(jobs) : 0;
    if (this.#step.byQuery || (grown > 0 && grown < least)) throw new Error(READ_AHEAD);
    // A server that does not report the size sends 0.
    const byQuery = grown > 0 && historySize > 0 && historySize === this.#step.historySize;
    this.#previous = this.#step;
    this.#step = { historyLength, historySize, live, byQuery, commandEvents: 0 };
    this.#onlyUpdates = jobs.every(({ doUpdate }) => doUpdate);
  }

  /** To be called after each activation. */
  afterActivation(commands: readonly Command[]): void {
    const onlyRejections = commands.length > 0 && commands.every(({ updateResponse }) => updateResponse?.rejected);
    // A task that only rejects updates adds no events: the next task takes its place in the history.
    if (this.#onlyUpdates && onlyRejections) this.#step = this.#previous;
    else this.#step.commandEvents += eventsOf(commands);
  }
}

/** The least number of events behind the jobs of an activation. */
const jobEvents = (jobs: readonly Job[]): number => {
  // The event ActivityTaskStarted counts, too.
  const completed = jobs.filter(({ resolveActivity }) => resolveActivity?.result?.completed);
  const single = jobs.filter((job) => job.signalWorkflow ?? job.fireTimer ?? job.resolveActivity ?? job.cancelWorkflow);
  return completed.length + single.length;
};

/** The least number of events of the commands. A timer or activity that is cancelled in the same task has none. */
function eventsOf(commands: readonly Command[]): number {
  const count = (is: (command: Command) => unknown) => commands.filter(is).length;
  const timers = count(({ startTimer }) => startTimer) - count(({ cancelTimer }) => cancelTimer);
  const activities = count((command) => command.scheduleActivity) - count((command) => command.requestCancelActivity);
  const answers = count(({ updateResponse: response }) => response?.accepted ?? response?.completed);
  const upserts = count((command) => command.upsertWorkflowSearchAttributes);
  return Math.max(0, timers) + Math.max(0, activities) + answers + upserts;
}
