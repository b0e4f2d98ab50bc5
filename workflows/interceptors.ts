import type { WorkflowInterceptorsFactory } from '@temporalio/workflow';

const RESERVED = '__temporal_';

/**
 * A signal whose name is one of Temporal's own is an unknown one like any other. Else it would fail every task of its
 * workflow from then on: the SDK throws where there is a default handler.
 */
export const interceptors: WorkflowInterceptorsFactory = () => ({
  internals: [
    {
      activate(input, next) {
        for (const { signalWorkflow: signal } of input.activation.jobs ?? [])
          if (signal?.signalName?.startsWith(RESERVED)) signal.signalName = `'${signal.signalName}'`;
        return next(input);
      },
    },
  ],
});
