/** Samples of states and events for tests of the machine. */
import type { Connector, Field } from '../../workflows/connector';
import type { Event, State } from '../../workflows/authenticate-connector/machine';

/** Returns a required field that is not secret. `more` replaces or adds members. */
export const field = (name: string, more: Partial<Field> = {}): Field => ({
  name,
  label: name,
  required: true,
  secret: false,
  stored: false,
  ...more,
});

export const connector = (authType: string, more: Partial<Connector> = {}): Connector => ({
  name: 'Any',
  authType,
  partnerSupplied: false,
  authenticated: false,
  fields: [],
  ...more,
});

export const withMissing = (of: Connector): Connector => ({ ...of, fields: [field('Domain')] });

export const kinds: Connector[] = [
  connector('ApiKey'),
  connector('Basic'),
  connector('OAuth1'),
  connector('OAuth2', { oauth2Type: 'AuthorisationCode' }),
  connector('OAuth2', { oauth2Type: 'AuthorisationCode', partnerSupplied: true }),
  connector('OAuth2', { oauth2Type: 'ClientCredentials' }),
  connector('OAuth2', { oauth2Type: 'PasswordCredentials' }),
  connector('OAuth2', { oauth2Type: 'Unknown' }),
  connector('OAuth2', { oauth2Type: 'SomethingNew' }),
  connector('None'),
  connector('AuthFields'),
  connector('ClientCertificate'),
  connector('AuthFields', { policy: { digest: 'd1', authFields: [field('token')] } }),
  connector('OAuth2', {
    oauth2Type: 'PasswordCredentials',
    policy: { digest: 'd1', passwordCredentials: 'direct' },
  }),
  connector('None', { policy: { digest: 'd1', lacksValues: true } }),
];

const sealed = { sealed: 'a..b.c.d' };
export const attempt = { id: 'a1', requestedAt: '2026-01-01T00:00:00Z', expiresAt: '2026-01-01T00:05:00Z' };
const problem = { code: 'refused', message: 'no' } as const;
const failure = { code: 'connectorNotFound', message: 'gone' } as const;
const apiKey = connector('ApiKey');
const consent = connector('OAuth1');

/** One sample of each state. */
export const states: State[] = [
  { name: 'fetchingConnector', intent: 'authenticate' },
  { name: 'awaitingProperties', connector: withMissing(apiKey) },
  { name: 'applyingProperties', connector: withMissing(apiKey), submissionId: 's1', values: { Domain: 'x' } },
  { name: 'awaitingCredentials', connector: apiKey },
  { name: 'awaitingAuthorization', connector: consent },
  {
    name: 'applyingCredentials',
    connector: apiKey,
    from: 'awaitingCredentials',
    method: 'apiKey',
    submissionId: 's1',
    credentials: sealed,
  },
  { name: 'verifyingAuthorization', connector: consent, attemptId: 'a1', superseded: false, attempt },
  { name: 'authenticated', connector: apiKey, verification: 'notChecked' },
  { name: 'expired', connector: apiKey },
  { name: 'cancelled', connector: apiKey },
  { name: 'failed', failure },
  { name: 'unsupported', connector: connector('AuthFields') },
];

/** One sample of each event. In each event that has a connector, the connector has all required properties. */
export const events: Event[] = [
  { type: 'connectorFetched', connector: apiKey },
  { type: 'propertiesSubmitted', id: 's1', values: { Domain: 'x' } },
  { type: 'propertiesApplied', connector: apiKey },
  { type: 'credentialsSubmitted', id: 's1', credentials: sealed },
  { type: 'credentialsApplied', connector: apiKey },
  { type: 'linkMinted', id: 'a1', attempt },
  { type: 'authorizationReturned', id: 'a1', superseded: false },
  { type: 'authorizationConfirmed', connector: consent },
  { type: 'authorizationNotConfirmed', connector: consent },
  { type: 'refused', problem },
  { type: 'inputRefused', problem },
  { type: 'rechecked', connector: apiKey, intent: 'authenticate' },
  { type: 'cyclrUnavailable' },
  { type: 'outageOutlasted' },
  { type: 'timedOut' },
  { type: 'cancelled' },
  { type: 'failed', failure },
];

/**
 * {@link states}, and variants of these states. After some events, the next state of a variant differs from the next
 * state of its original.
 */
export const allStates: State[] = [
  ...states,
  { name: 'fetchingConnector', intent: 'reauthenticate' },
  { name: 'awaitingProperties', connector: withMissing(apiKey), verification: 'notChecked' },
  {
    name: 'applyingProperties',
    connector: withMissing(apiKey),
    submissionId: 's1',
    values: { Domain: 'x' },
    verification: 'notChecked',
  },
  {
    name: 'applyingProperties',
    connector: connector('None', { policy: { digest: 'd1', lacksValues: true } }),
    submissionId: 'policy',
    values: {},
    byPolicy: true,
  },
  { name: 'applyingCredentials', connector: apiKey, from: 'awaitingProperties', method: 'clientCredentials' },
  { name: 'applyingCredentials', connector: consent, from: 'awaitingAuthorization', method: 'tokens' },
];
/** {@link events}, and variants of these events for each kind of connector. */
export const allEvents: Event[] = [
  ...events,
  ...kinds.flatMap((kind): Event[] => [
    { type: 'connectorFetched', connector: kind },
    { type: 'connectorFetched', connector: withMissing(kind) },
    { type: 'connectorFetched', connector: { ...kind, authenticated: true } },
    { type: 'rechecked', connector: kind, intent: 'authenticate' },
    { type: 'rechecked', connector: withMissing(kind), intent: 'authenticate' },
    { type: 'rechecked', connector: { ...kind, authenticated: true }, intent: 'authenticate' },
    { type: 'propertiesApplied', connector: kind },
    { type: 'propertiesApplied', connector: withMissing(kind) },
    { type: 'credentialsApplied', connector: withMissing(kind) },
    { type: 'authorizationConfirmed', connector: withMissing(kind) },
  ]),
];
