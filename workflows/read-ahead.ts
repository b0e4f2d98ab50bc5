/** Tells whether a query has read ahead of the tasks. */
import type { ActivateInput, ConcludeActivationInput, WorkflowInfo } from '@temporalio/workflow';

export type Job = NonNullable<ActivateInput['activation']['jobs']>[number];
export type Command = ConcludeActivationInput['commands'][number];

/** How a task fails that is done again from the start, and then goes well. */
export const READ_AHEAD = 'A query has read ahead of the tasks: this one is done again from the start';

/** The end of the one, and that the other is scheduled and started. */
const BETWEEN_TASKS = 3;

interface Step {
  historyLength: number;
  historySize: number;
  /** Done for the first time. */
  live: boolean;
  /** Was no task: the size tells it. */
  ahead: boolean;
  /** How many events its commands make, at least. */
  made: number;
}

/**
 * A worker that is asked about a flow which it has not cached reads all that has happened, also what is still to be
 * done by a task that waits. When it then gets this task, it goes on from there: in another order of commands than a
 * replay will take, and the flow would be wedged (TMPRL1100). Where it is told, the task fails, which drops the flow
 * from the cache, and is done again. There are two signs:
 * - The history is longer, and its size the same: only the start of a task brings that up to date.
 * - The history has grown by less than lies between two tasks, with what the first one has made and the second is told.
 *   So it is where a query has read the start of a task that failed later. Replays are not judged by it: were it wrong,
 *   the second try would go well.
 */
export class ReadAhead {
  #before: Step = { historyLength: 0, historySize: 0, live: false, ahead: false, made: 0 };
  #step = this.#before;
  #onlyUpdates = false;

  /** There is something to do. Throws where a query has read ahead of it. */
  goesOn(jobs: readonly Job[], { historyLength, historySize, unsafe: { isReplaying } }: WorkflowInfo): void {
    const grown = historyLength - this.#step.historyLength;
    if (grown === 0) return;
    const live = !isReplaying;
    const least = live && this.#step.live ? BETWEEN_TASKS + this.#step.made + toldBy(jobs) : 0;
    if (this.#step.ahead || (grown > 0 && grown < least)) throw new Error(READ_AHEAD);
    // Servers that do not tell the size say 0.
    const ahead = grown > 0 && historySize > 0 && historySize === this.#step.historySize;
    this.#before = this.#step;
    this.#step = { historyLength, historySize, live, ahead, made: 0 };
    this.#onlyUpdates = jobs.every(({ doUpdate }) => doUpdate);
  }

  /** It was done, and led to these commands. */
  concludes(commands: readonly Command[]): void {
    const onlyRejects = commands.length > 0 && commands.every(({ updateResponse }) => updateResponse?.rejected);
    // A task that only rejects updates leaves no trace: the next one stands in its place.
    if (this.#onlyUpdates && onlyRejects) this.#step = this.#before;
    else this.#step.made += madeBy(commands);
  }
}

/** How many events the jobs tell of, at least. */
const toldBy = (jobs: readonly Job[]): number => {
  const completed = jobs.filter(({ resolveActivity }) => resolveActivity?.result?.completed); // it was started, too
  const told = jobs.filter((job) => job.signalWorkflow ?? job.fireTimer ?? job.resolveActivity ?? job.cancelWorkflow);
  return completed.length + told.length;
};

/** How many events the commands make, at least: what is cancelled at once makes none. */
function madeBy(commands: readonly Command[]): number {
  const count = (is: (command: Command) => unknown) => commands.filter(is).length;
  const timers = count(({ startTimer }) => startTimer) - count(({ cancelTimer }) => cancelTimer);
  const calls = count((command) => command.scheduleActivity) - count((command) => command.requestCancelActivity);
  const answers = count(({ updateResponse: response }) => response?.accepted ?? response?.completed);
  const upserts = count((command) => command.upsertWorkflowSearchAttributes);
  return Math.max(0, timers) + Math.max(0, calls) + answers + upserts;
}
