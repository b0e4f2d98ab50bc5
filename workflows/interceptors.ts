import { workflowInfo, type WorkflowInterceptorsFactory } from '@temporalio/workflow';
import { workflowTypes } from './connector';
import { ReadAhead } from './read-ahead';

const RESERVED = '__temporal_';

/**
 * Guards each run against two messages from outside that would fail all of its workflow tasks. Does nothing for other
 * workflow types: a worker with the plugin also runs workflows of its own.
 */
export const interceptors: WorkflowInterceptorsFactory = () => {
  if (!workflowTypes.includes(workflowInfo().workflowType)) return {};
  const readAhead = new ReadAhead();
  return {
    internals: [
      {
        activate(input, next) {
          const jobs = input.activation.jobs ?? [];
          // The SDK throws at a signal with a reserved name if there is a default handler (SDK 1.24): quote the name.
          for (const { signalWorkflow: signal } of jobs)
            if (signal?.signalName?.startsWith(RESERVED)) signal.signalName = `'${signal.signalName}'`;
          if (!jobs.some(({ queryWorkflow }) => queryWorkflow)) readAhead.beforeActivation(jobs, workflowInfo());
          return next(input);
        },
        concludeActivation(input, next) {
          readAhead.afterActivation(input.commands);
          return next(input);
        },
      },
    ],
  };
};
