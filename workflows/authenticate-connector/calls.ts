/** The activities with their timeouts, retries and summaries. */
import {
  ActivityCancellationType,
  ActivityFailure,
  isCancellation,
  patched,
  proxyActivities,
  type ActivityOptions,
} from '@temporalio/workflow';
import type { ConnectorKey } from '../connector';
import type { Event } from './machine';
import { activityRetry, type AuthorizationCheck, type ConnectorActivities, type MonitorActivities } from '../ports';
import type { Problem } from '../view';

const call = (summary: string, limits: Pick<ActivityOptions, 'startToCloseTimeout' | 'heartbeatTimeout'> = {}) =>
  proxyActivities<ConnectorActivities>({
    // The activities have no scheduleToCloseTimeout, because this timeout includes the time in the task queue: the
    // activities would fail while no worker runs. Instead, an activity itself ends its retries a minute after its first
    // attempt began (activities/attempt.ts).
    startToCloseTimeout: '15s',
    ...limits,
    summary,
    retry: activityRetry,
    // A cancelled flow waits for the running activity attempt, because Cyclr may accept the credentials in this
    // attempt. This option is set here, because the default of SDK 1.24 is not the documented default.
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  });

export const { fetchConnector } = call('Read the account connector');
export const { applyProperties } = call('Set the properties', {
  startToCloseTimeout: '60s',
  heartbeatTimeout: '15s', // if the worker dies, Temporal retries the activity after 15 s, not after 60 s
});
export const { applyCredentials } = call('Store the credentials');
export const { fetchConnector: readAgain } = call('Re-read the account connector');
const { verifyAuthorization: readRepeatedly } = call(
  'Re-read until the connector is authenticated: at 0, 1, 2, 4, 8, 15, 30 s',
);
const { verifyAuthorization: readOnce } = call('Re-read whether the connector is authenticated');
const { checkConnection } = call('Check the credentials at the third party');
/**
 * Makes a link. A cancelled call ends at once, without waiting for the activity, because the flow no longer needs the
 * link.
 */
export const { mintLink } = proxyActivities<ConnectorActivities>({
  startToCloseTimeout: '15s',
  summary: 'Make a link to the consent',
  retry: activityRetry,
  scheduleToCloseTimeout: '30s',
  cancellationType: ActivityCancellationType.TRY_CANCEL,
});

/**
 * Reports the end of the flow to the monitor of its connector. Temporal retries this activity without a limit, so that
 * the monitor gets each end.
 */
export const { reportToMonitor } = proxyActivities<MonitorActivities>({
  startToCloseTimeout: '15s',
  summary: 'Report the end to the monitor of the connection',
  retry: activityRetry,
});

export type Verdict = Extract<Event, { type: 'authorizationConfirmed' | 'authorizationNotConfirmed' }>;

/** Re-reads the connector, and returns the event that tells whether the last read confirmed the authentication. */
export async function verifyAuthorization(key: ConnectorKey, check: AuthorizationCheck): Promise<Verdict> {
  const { connector, isProven } = await (check.once ? readOnce : readRepeatedly)(key, check);
  return connector.authenticated
    ? { type: 'authorizationConfirmed', connector, ...(!isProven && { verification: 'unproven' }) }
    : { type: 'authorizationNotConfirmed', connector };
}

const refusedByThirdParty: Problem = { code: 'refused', message: 'The third party refused the credentials.' };

type Accepted = Extract<Event, { type: 'credentialsApplied' | 'authorizationConfirmed' | 'rechecked' }>;

/**
 * After Cyclr has accepted credentials, or after a re-read has found new credentials, checks them at the third party by
 * the methods of the policy. Returns the given event with the result of the check, or the event `refused` if the third
 * party refuses the credentials. If the policy names no method, returns the given event without a check. If the
 * activity fails or is cancelled, the result is `notChecked`, because Cyclr has accepted the credentials.
 *
 * `wasRefused`: the third party has refused the last credentials, which Cyclr still has. If the event does not prove
 * other credentials, the refusal stays until a check accepts the credentials.
 */
export async function checked(key: ConnectorKey, event: Accepted | Verdict, wasRefused = false): Promise<Event> {
  if (event.type === 'authorizationNotConfirmed' || !event.connector.policy?.checks) return event;
  const result = await checkConnection(key).catch((error: unknown) => {
    if (error instanceof ActivityFailure || isCancellation(error)) return undefined;
    throw error;
  });
  const { identity, verification = 'notChecked' } = result ?? {};
  const connector = { ...event.connector, ...(identity && { identity }) };
  const isUnproven = wasRefused && event.verification === 'unproven';
  if (verification === 'refused' || (isUnproven && verification === 'notChecked' && patched('refusal-stays')))
    return { type: 'refused', problem: refusedByThirdParty, connector: { ...event.connector, refusedByCheck: true } };
  const isAccepted = isUnproven && verification === 'checked';
  return { ...event, connector, verification: isAccepted ? 'checked' : (event.verification ?? verification) };
}
