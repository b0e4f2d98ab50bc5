/** Activities that a test holds, or ends as an operator does. */
import { activityInfo } from '@temporalio/activity';
import type { Client, WorkflowHandle } from '@temporalio/client';
import type { ActivityInboundCallsInterceptor, WorkerOptions } from '@temporalio/worker';
import { eventually } from './eventually';

/** The options of a worker that holds each activity of this type until `release` is called. */
export function holding(activityType: string): { options: Pick<WorkerOptions, 'interceptors'>; release: () => void } {
  let release!: () => void;
  const released = new Promise<void>((resolve) => (release = resolve));
  const inbound: ActivityInboundCallsInterceptor = {
    execute: async (input, next) => {
      if (activityInfo().activityType === activityType) await released;
      return next(input);
    },
  };
  return { options: { interceptors: { activity: [() => ({ inbound })] } }, release };
}

/** Waits until the workflow has an activity of this type, and ends the activity with a failure that is not retried. */
export async function endActivity({ workflowService, options }: Client, handle: WorkflowHandle, activityType: string) {
  const pendingOf = async () => {
    const { workflowId, runId, raw } = await handle.describe();
    const pending = raw.pendingActivities?.find((activity) => activity.activityType?.name === activityType);
    return pending && { workflowId, runId, activityId: pending.activityId };
  };
  await workflowService.respondActivityTaskFailedById({
    ...(await eventually(pendingOf)),
    namespace: options.namespace,
    failure: { message: 'ended by an operator', applicationFailureInfo: { nonRetryable: true } },
  });
}
