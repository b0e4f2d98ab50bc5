/** The activities, as the workflow calls them: with their budgets, and a word on what each is for. */
import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { ConnectorActivities } from './ports';

const retry = { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' } as const;

const call = (startToCloseTimeout: '15s' | '60s', summary: string) =>
  proxyActivities<ConnectorActivities>({
    startToCloseTimeout,
    summary,
    retry,
    scheduleToCloseTimeout: '1 minute',
    // A running attempt ends by itself: what Cyclr took meanwhile counts.
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  });

export const { fetchConnector } = call('15s', 'Read the account connector');
export const { applyProperties } = call('60s', 'Set the properties');
export const { applyCredentials } = call('15s', 'Store the credentials');
export const { fetchConnector: readBack } = call('15s', 'Ask whether Cyclr has authenticated it');
export const { readAuthorization } = call('15s', 'Ask whether the user has consented');
/** Somebody waits for the link: dropped at once when it is of no use any more. */
export const { mintLink } = proxyActivities<ConnectorActivities>({
  startToCloseTimeout: '15s',
  summary: 'Make a link to the consent',
  retry,
  scheduleToCloseTimeout: '30s',
  cancellationType: ActivityCancellationType.TRY_CANCEL,
});
