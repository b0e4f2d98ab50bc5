import type { WorkflowInterceptors } from '@temporalio/workflow';

/** Broken: credentials are stored by an activity of another name. */
export const interceptors = (): WorkflowInterceptors => ({
  outbound: [
    {
      scheduleActivity: (input, next) =>
        next(input.activityType === 'applyCredentials' ? { ...input, activityType: 'storeCredentials' } : input),
    },
  ],
});
