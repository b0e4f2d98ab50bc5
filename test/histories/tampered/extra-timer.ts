import { sleep, type WorkflowInterceptors } from '@temporalio/workflow';

/** Broken: a timer that no history knows, before everything else. */
export const interceptors = (): WorkflowInterceptors => ({
  inbound: [
    {
      async execute(input, next) {
        await sleep('1 second');
        return next(input);
      },
    },
  ],
});
