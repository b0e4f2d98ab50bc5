/** Detects queries that apply the events of a workflow task too early. */
import type { ActivateInput, ConcludeActivationInput, WorkflowInfo } from '@temporalio/workflow';
import { READ_AHEAD } from './problems';

export type Job = NonNullable<ActivateInput['activation']['jobs']>[number];
export type Command = ConcludeActivationInput['commands'][number];

/** WorkflowTaskCompleted of one task, and WorkflowTaskScheduled and WorkflowTaskStarted of the next task. */
const EVENTS_BETWEEN_TASKS = 3;

/** One activation that changed the length of the history. */
interface Step {
  historyLength: number;
  historySize: number;
  /** True if the activation was no replay. */
  live: boolean;
  /** The least number of events that the commands of the activation add to the history. */
  commandEvents: number;
}

/**
 * A query on a run that is not in the cache also applies the events of a pending workflow task (SDK 1.24). When the
 * worker then gets that task, the workflow continues from there, with commands in another order than a replay makes:
 * each later task fails with TMPRL1100. So this class throws in two cases, and the worker drops the run from its cache:
 * - The history is longer, but its size is the same. A query causes this activation, because only the start of a
 *   workflow task updates the size. The query fails: its caller sends it again.
 * - The history has grown by fewer events than lie between two tasks. So a query has applied the start of a task that
 *   failed later, and this activation is the task's retry. The task fails; its next retry replays the whole history.
 *   Replays are not checked, so the retry succeeds even if this class was wrong.
 * `docs/upstream/query-reads-ahead.md` reproduces the SDK's fault without this project, and tells when this class can
 * be deleted.
 */
export class ReadAhead {
  #previous: Step = { historyLength: 0, historySize: 0, live: false, commandEvents: 0 };
  #step = this.#previous;
  #onlyUpdates = false;

  /** To be called before each activation that is no query. Throws {@link READ_AHEAD}. */
  beforeActivation(jobs: readonly Job[], info: WorkflowInfo): void {
    const { historyLength, historySize, unsafe } = info;
    const grown = historyLength - this.#step.historyLength;
    if (grown === 0) return;
    // A server that does not report the size sends 0.
    const isByQuery = grown > 0 && historySize > 0 && historySize === this.#step.historySize;
    const live = !unsafe.isReplaying;
    const least = live && this.#step.live ? EVENTS_BETWEEN_TASKS + this.#step.commandEvents + jobEvents(jobs) : 0;
    if (isByQuery || (grown > 0 && grown < least)) throw new Error(READ_AHEAD);
    this.#previous = this.#step;
    this.#step = { historyLength, historySize, live, commandEvents: 0 };
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
  // A completed activity also adds the event ActivityTaskStarted.
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
