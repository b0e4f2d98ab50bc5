/** Workflow interceptors that change workflows for tests of replays. `CHANGE` names the change: see `bundleWith`. */
import { proxySinks, sleep, type Sinks, type WorkflowInterceptors } from '@temporalio/workflow';
import { getActivator } from '@temporalio/workflow/lib/global-attributes';
import type { Timeline } from '../../workflows/view';

/** `bundleWith` replaces this text in the code of the bundle. */
const CHANGE: string = 'no change';

export interface TimelineSink extends Sinks {
  timeline: { report(timeline: Timeline): void };
}

export const interceptors = (): WorkflowInterceptors => ({
  inbound: [
    {
      async execute(input, next) {
        if (CHANGE === 'first timer') await sleep('1 second');
        try {
          return await next(input);
        } finally {
          // A replayed run cannot be queried, so this code calls the query handler. Onboardings have no timeline.
          const timeline = getActivator().queryHandlers.get('timeline')?.handler() as Timeline | undefined;
          if (timeline && CHANGE === 'reported timeline') proxySinks<TimelineSink>().timeline.report(timeline);
        }
      },
    },
  ],
  outbound: [
    {
      scheduleActivity: (input, next) => {
        const isRenamed = CHANGE === 'renamed activity' && input.activityType === 'applyCredentials';
        return next(isRenamed ? { ...input, activityType: 'storeCredentials' } : input);
      },
    },
  ],
});
