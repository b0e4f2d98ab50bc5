/** The activities, as the workflow calls them: with their budgets, and a word on what each is for. */
import { ActivityCancellationType, proxyActivities, type ActivityOptions } from '@temporalio/workflow';
import type { ConnectorActivities } from '../ports';

const retry = { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' } as const;

const call = (summary: string, limits: Pick<ActivityOptions, 'startToCloseTimeout' | 'heartbeatTimeout'> = {}) =>
  proxyActivities<ConnectorActivities>({
    startToCloseTimeout: '15s',
    ...limits,
    summary,
    retry,
    scheduleToCloseTimeout: '1 minute',
    // A running attempt ends by itself: what Cyclr took meanwhile counts.
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  });

export const { fetchConnector } = call('Read the account connector');
export const { applyProperties } = call('Set the properties', {
  startToCloseTimeout: '60s',
  heartbeatTimeout: '15s', // when its worker dies, an attempt is repeated as soon as any other
});
export const { applyCredentials } = call('Store the credentials');
export const { fetchConnector: readBack } = call('Ask whether Cyclr has authenticated it');
export const { readAuthorization } = call('Ask whether the user has consented');
/** Somebody waits for the link: dropped at once when it is of no use any more. */
export const { mintLink } = proxyActivities<ConnectorActivities>({
  startToCloseTimeout: '15s',
  summary: 'Make a link to the consent',
  retry,
  scheduleToCloseTimeout: '30s',
  cancellationType: ActivityCancellationType.TRY_CANCEL,
});
