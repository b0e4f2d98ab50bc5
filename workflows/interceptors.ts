import { workflowInfo, type WorkflowInterceptorsFactory } from '@temporalio/workflow';

const RESERVED = '__temporal_';

/** How a task fails that is done again from the start, and then goes well. */
export const READ_AHEAD = 'A query has read ahead of the tasks: this one is done again from the start';

/** What stands between the SDK and a flow, against two ways in which it could be wedged from outside. */
export const interceptors: WorkflowInterceptorsFactory = () => {
  const reading = new Reading();
  return {
    internals: [
      {
        activate(input, next) {
          const jobs = input.activation.jobs ?? [];
          // The SDK throws at its own names where there is a default handler, and every task from then on would fail.
          for (const { signalWorkflow: signal } of jobs)
            if (signal?.signalName?.startsWith(RESERVED)) signal.signalName = `'${signal.signalName}'`;
          if (!jobs.some(({ queryWorkflow }) => queryWorkflow)) reading.goesOn();
          return next(input);
        },
      },
    ],
  };
};

/**
 * A worker that is asked about a flow which it has not cached reads all that has happened, also what is still to be
 * done by a task that waits. When it then gets this task, it goes on from there: in another order of commands than a
 * replay will take, and the flow would be wedged (TMPRL1100). It is told by the size of the history, which only the
 * start of a task brings up to date; the task fails once, which drops the flow from the cache, and is done again. Not
 * told: a second query that reads ahead of the task that is done again.
 */
class Reading {
  #historyLength = 0;
  #historySize = 0;
  #isAhead = false;

  goesOn(): void {
    if (this.#isAhead) throw new Error(READ_AHEAD);
    const { historyLength, historySize } = workflowInfo();
    // Servers that do not tell it say 0.
    this.#isAhead = historySize > 0 && historySize === this.#historySize && historyLength > this.#historyLength;
    this.#historyLength = historyLength;
    this.#historySize = historySize;
  }
}
