/**
 * A minimal workflow that authenticates the same connector as our flow, as the baseline of the bench. The minimal
 * workflow has no checks, problems, timeouts or view.
 */
import {
  ActivityCancellationType,
  condition,
  defineQuery,
  defineSignal,
  defineUpdate,
  proxyActivities,
  setDefaultSignalHandler,
  setHandler,
} from '@temporalio/workflow';
import type { ConnectorKey } from '../workflows/connector';
import type {
  AuthorizationRequest,
  CredentialInput,
  OAuthCallback,
  PropertyInput,
  StateName,
} from '../workflows/messages';
import type { ConnectorActivities, MintedLink } from '../workflows/ports';

const options = {
  startToCloseTimeout: '15s',
  scheduleToCloseTimeout: '1 minute',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
} as const;
const { fetchConnector, applyCredentials, mintLink, verifyAuthorization } =
  proxyActivities<ConnectorActivities>(options);
const { applyProperties } = proxyActivities<ConnectorActivities>({
  ...options,
  startToCloseTimeout: '60s',
  heartbeatTimeout: '15s',
});

const propertyInput = defineSignal<[PropertyInput]>('propertyInput');
const credentialInput = defineSignal<[CredentialInput]>('credentialInput');
const requestAuthorization = defineUpdate<MintedLink, [AuthorizationRequest]>('requestAuthorization');
const oauthCallback = defineSignal<[OAuthCallback]>('oauthCallback');
const state = defineQuery<StateName>('state');

/** Runs three activities and accepts two signals, for a connector with one property and an API key. */
export async function minimal(key: ConnectorKey): Promise<StateName> {
  let now: StateName = 'fetchingConnector';
  let properties: PropertyInput | undefined;
  let credentials: CredentialInput | undefined;
  setHandler(state, () => now);
  setHandler(propertyInput, (input) => void (properties = input));
  setHandler(credentialInput, (input) => void (credentials = input));

  await fetchConnector(key);
  now = 'awaitingProperties';
  await condition(() => properties !== undefined);
  now = 'applyingProperties';
  await applyProperties(key, { ...properties!, required: [] });
  now = 'awaitingCredentials';
  await condition(() => credentials !== undefined);
  now = 'applyingCredentials';
  await applyCredentials(key, { ...credentials!, method: 'apiKey' });
  return (now = 'authenticated');
}

/** Runs three activities and accepts an update and a signal, for a connector whose user consents at the third party. */
export async function minimalConsent(key: ConnectorKey): Promise<StateName> {
  let hasReturned = false;
  setHandler(requestAuthorization, (request) => mintLink(key, { ...request, fingerprint: false }));
  setHandler(oauthCallback, () => void (hasReturned = true));

  await fetchConnector(key);
  await condition(() => hasReturned);
  await verifyAuthorization(key, { consent: { wasAuthenticated: false } });
  return 'authenticated';
}

/** Accepts the messages of each flood and does nothing with them, as the baseline of `--flood`. */
export async function empty(): Promise<void> {
  setHandler(defineQuery('view'), () => undefined);
  setHandler(oauthCallback, () => undefined);
  setHandler(defineUpdate('recheck'), () => undefined);
  setDefaultSignalHandler(() => undefined);
  await condition(() => false);
}

/**
 * Returns its argument. With `--audit`, the runs of this workflow stand for ended flows: they have the same type and
 * result.
 */
export const authenticateConnector = async (result: unknown): Promise<unknown> => result;
