/**
 * The activities. A flow calls Cyclr and the receivers of events only by activities, and only activities open a user's
 * sealed input.
 */
import type { PrivateKeys } from '../sealing/keys';
import type { Duration } from '../workflows/connector';
import type { ConnectorActivities, EventActivities, MonitorActivities, OnboardingActivities } from '../workflows/ports';
import type { CyclrClient } from './cyclr/client';
import { checkConnection } from './checks';
import { sendEvent } from './events/delivery';
import { postEvent } from './events/post';
import { factsOf, type Targets } from './events/targets';
import { mapped } from './failures';
import { applyCredentials, applyProperties } from './inputs';
import { mintLink, verifyAuthorization, type ConsentPages } from './links';
import { monitorActivities, monitorEveryOf } from './monitoring';
import { onboardingActivities } from './onboarding';

export interface ActivityParts {
  cyclr: CyclrClient;
  keys: PrivateKeys;
  consent: ConsentPages;
  /** The receivers of events. The default is no receiver. */
  targets?: Targets;
  /**
   * The time between two reads of a connection whose policy has no `monitor`. If `monitorEvery` is absent, such a
   * connection is not monitored.
   */
  monitorEvery?: Duration;
}

export { CyclrClient, type CyclrConfig } from './cyclr/client';
export type { Target, Targets } from './events/targets';
export type { ConsentPages } from './links';
export { privateKeysOf, type PrivateKeys } from '../sealing/keys';
export type { ConnectorActivities, EventActivities, MonitorActivities, OnboardingActivities } from '../workflows/ports';

/** The activities of `workflows/ports.ts`, which documents their failures. */
export function createActivities(parts: ActivityParts): ConnectorActivities & OnboardingActivities & MonitorActivities {
  const { targets = {} } = parts;
  return {
    fetchConnector: ({ notify, ...key }) =>
      mapped(async () => {
        const connector = await parts.cyclr.getAccountConnector(key);
        const isMonitored = monitorEveryOf(parts, connector.policy) !== undefined;
        return {
          ...connector,
          ...factsOf(targets, 'connector', notify),
          ...(isMonitored && { isMonitored }),
        };
      }),
    sendEvent: (report) => sendEvent(targets, report),
    applyProperties: (key, input) => mapped((attempt) => applyProperties(parts, key, input, attempt)),
    applyCredentials: (key, input) => mapped(() => applyCredentials(parts, key, input)),
    mintLink: (key, request) => mapped(() => mintLink(parts, key, request)),
    checkConnection: (key) => mapped(() => checkConnection(parts, key)),
    verifyAuthorization: (key, check) => mapped((attempt) => verifyAuthorization(parts, key, check, attempt)),
    ...onboardingActivities(parts.cyclr, targets),
    ...monitorActivities(parts),
  };
}

/** The activities of the task queue for events. */
export const createEventActivities = ({ targets = {} }: Pick<ActivityParts, 'targets'>): EventActivities => ({
  postEvent: (post) => postEvent(targets, post),
});
