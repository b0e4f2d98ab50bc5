/** The activities with their timeouts, retries and summaries, and the times of the re-reads. */
import { ActivityCancellationType, proxyActivities, sleep, type ActivityOptions } from '@temporalio/workflow';
import type { Connector, ConnectorKey } from '../connector';
import type { Event } from './machine';
import { activityRetry, type ConnectorActivities } from '../ports';

const call = (summary: string, limits: Pick<ActivityOptions, 'startToCloseTimeout' | 'heartbeatTimeout'> = {}) =>
  proxyActivities<ConnectorActivities>({
    // No scheduleToCloseTimeout: this limit includes the time in the task queue, so the activity would fail while no
    // worker runs. Instead the activity stops its own retries a minute after its first attempt began: see
    // activities/attempt.ts.
    startToCloseTimeout: '15s',
    ...limits,
    summary,
    retry: activityRetry,
    // Wait for the running activity attempt: Cyclr may accept the credentials although the flow was cancelled. This
    // option is not left out, because the default of SDK 1.24 differs from its documentation.
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  });

export const { fetchConnector } = call('Read the account connector');
export const { applyProperties } = call('Set the properties', {
  startToCloseTimeout: '60s',
  heartbeatTimeout: '15s', // if its worker dies, Temporal retries after 15 s and not after 60 s
});
export const { applyCredentials } = call('Store the credentials');
export const { fetchConnector: readAgain } = call('Re-read the account connector');
const { fetchConnector: readBack } = call('Re-read whether the connector is authenticated');
const { readAuthorization } = call('Re-read whether the connector is authenticated');
/** Ends at once when cancelled, because a link that the flow no longer offers is of no use. */
export const { mintLink } = proxyActivities<ConnectorActivities>({
  startToCloseTimeout: '15s',
  summary: 'Make a link to the consent',
  retry: activityRetry,
  scheduleToCloseTimeout: '30s',
  cancellationType: ActivityCancellationType.TRY_CANCEL,
});

/** The times of the re-reads: several, because Cyclr may report an authentication some seconds late. */
const ALL_READS_MS = [0, 1, 2, 4, 8, 15, 30].map((seconds) => seconds * 1000);

/**
 * Re-reads the connector, for half a minute at most, until Cyclr reports `Authenticated`. For client credentials and
 * tokens, Cyclr's first answer can be `false`, because Cyclr authenticates only at its next call to the third party.
 */
export async function verifyStored(key: ConnectorKey): Promise<Verdict> {
  let connector!: Connector;
  for await (const _ of readTimes(ALL_READS_MS)) {
    connector = await readBack(key);
    if (connector.authenticated) return { type: 'authorizationConfirmed', connector };
  }
  return { type: 'authorizationNotConfirmed', connector };
}

export type Verdict = Extract<Event, { type: 'authorizationConfirmed' | 'authorizationNotConfirmed' }>;

export interface ConsentCheck {
  /** True: read the connector once. False: re-read it for half a minute. */
  once: boolean;
  /**
   * True if the connector was authenticated before the consent. Then only a changed stored value proves the consent.
   */
  wasAuthenticated: boolean;
  /** The fingerprint of the value that was stored before the consent. */
  fingerprint?: string;
}

/** Re-reads until Cyclr reports the user's consent. */
export async function verifyConsent(
  key: ConnectorKey,
  { once, wasAuthenticated, fingerprint }: ConsentCheck,
): Promise<Verdict> {
  let connector!: Connector;
  for await (const _ of readTimes(once ? [0] : ALL_READS_MS)) {
    const authorization = await readAuthorization(key, { fingerprint });
    connector = authorization.connector;
    const isProven = authorization.changed || !wasAuthenticated;
    if (connector.authenticated && isProven) return { type: 'authorizationConfirmed', connector };
  }
  return connector.authenticated
    ? { type: 'authorizationConfirmed', connector, verification: 'unproven' }
    : { type: 'authorizationNotConfirmed', connector };
}

/** Yields at each of these times, in milliseconds from now. */
async function* readTimes(afterMs: readonly number[]): AsyncGenerator<void> {
  const start = Date.now();
  for (const time of afterMs) {
    const remainingMs = start + time - Date.now();
    if (remainingMs > 0) await sleep(remainingMs, { summary: 'Pause before the next re-read' });
    yield;
  }
}
