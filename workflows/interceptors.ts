import { workflowInfo, type WorkflowInterceptorsFactory } from '@temporalio/workflow';
import { ReadAhead } from './read-ahead';

const RESERVED = '__temporal_';

/** What stands between the SDK and a flow, against two ways in which it could be wedged from outside. */
export const interceptors: WorkflowInterceptorsFactory = () => {
  const readAhead = new ReadAhead();
  return {
    internals: [
      {
        activate(input, next) {
          const jobs = input.activation.jobs ?? [];
          // The SDK throws at its own names where there is a default handler, and every task from then on would fail.
          for (const { signalWorkflow: signal } of jobs)
            if (signal?.signalName?.startsWith(RESERVED)) signal.signalName = `'${signal.signalName}'`;
          if (!jobs.some(({ queryWorkflow }) => queryWorkflow)) readAhead.goesOn(jobs, workflowInfo());
          return next(input);
        },
        concludeActivation(input, next) {
          readAhead.concludes(input.commands);
          return next(input);
        },
      },
    ],
  };
};
