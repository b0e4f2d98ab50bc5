/** For each connector of the sandbox's catalogue: the inputs that its flow asks for, and the final state. */
import type { Credentials } from '../../workflows/input';
import { waitingStates, type StateName, type Verification, type WaitingStateName } from '../../workflows/view';

export interface Expectation {
  /** For each property that the flow asks for, by its `TargetName`, a good value. */
  properties?: { readonly [name: string]: string };
  credentials?: Credentials;
  /**
   * `page`: the third party shows a consent page. `automatic`: the third party needs only the properties, so the
   * browser shows no page of the third party.
   */
  consent?: 'page' | 'automatic';
  state: Extract<StateName, 'authenticated' | 'unsupported'>;
  verification?: Verification;
  /** A short description of the connector, for one line of a list. */
  description: string;
}

const apiKey: Credentials = { kind: 'apiKey', key: 'demo-key' };
const authenticated = { state: 'authenticated', verification: 'notChecked' } as const;
const unsupported = { state: 'unsupported' } as const;

/** The expectations by the connector's key in the catalogue. */
export const expectations: { readonly [connector: string]: Expectation } = {
  Brightdesk: { credentials: apiKey, ...authenticated, description: 'API key' },
  Fernhill: { properties: { Domain: 'acme' }, credentials: apiKey, ...authenticated, description: 'API key, property' },
  Kestrel: {
    properties: { Environment: 'staging', SigningSecret: 'demo-secret', Region: 'eu' },
    credentials: apiKey,
    ...authenticated,
    description: 'API key, sensitive property',
  },
  Plainfield: { credentials: apiKey, ...authenticated, description: 'API key, no parameters in the definition' },
  Nullarbor: { credentials: apiKey, ...authenticated, description: 'API key, nulls in the definition' },
  Parrotmail: {
    properties: { DataCentre: 'us21' },
    credentials: apiKey,
    ...authenticated,
    description: 'API key, property that Cyclr also sets',
  },
  Zenodesk: {
    properties: { Subdomain: 'acme' },
    credentials: { kind: 'basic', username: 'ada@acme.example/token', password: 'demo-token' },
    ...authenticated,
    description: 'HTTP Basic, property',
  },
  Insightful: {
    credentials: { kind: 'basic', username: 'demo-key', password: '' },
    ...authenticated,
    description: 'HTTP Basic, blank password',
  },
  Ledgerly: { consent: 'page', ...authenticated, description: 'OAuth2, consent' },
  Shopwell: {
    properties: { Shop: 'acme' },
    consent: 'page',
    ...authenticated,
    description: 'OAuth2, property and consent',
  },
  Chirper: { consent: 'page', ...authenticated, description: 'OAuth1, consent' },
  Driftwood: { consent: 'page', ...authenticated, description: 'OAuth2 of type Unknown, consent' },
  Quartz: {
    properties: { ClientId: 'demo-client', ClientSecret: 'demo-secret' },
    ...authenticated,
    description: 'OAuth2 client credentials, properties',
  },
  Sugarloaf: {
    properties: { Username: 'ada', Password: 'demo-password' },
    consent: 'automatic',
    ...authenticated,
    description: 'OAuth2 password credentials, properties',
  },
  Homeport: {
    credentials: { kind: 'tokens', accessToken: 'demo-access', refreshToken: 'demo-refresh' },
    ...authenticated,
    description: "partner's own connector, tokens",
  },
  Openrates: { ...authenticated, description: 'no authentication' },
  Weathervane: { properties: { Station: 'EDDB' }, ...authenticated, description: 'no authentication, property' },
  Fieldstone: { ...unsupported, description: 'AuthFields' },
  Vaultline: { ...unsupported, description: 'undocumented auth type' },
  Evergreen: { ...authenticated, description: 'authenticated at installation' },
  Posterity: { credentials: apiKey, ...authenticated, description: 'API key, large icon' },
  Longname: { credentials: apiKey, ...authenticated, description: 'API key, name of 300 characters' },
};

/** Returns the expectation of a connector. Fails if the connector has no expectation. */
export function expectationOf(connector: string): Expectation {
  const expectation = expectations[connector];
  if (!expectation) throw new Error(`No expectation for the connector ${connector}`);
  return expectation;
}

export const isWaiting = (state: StateName): state is WaitingStateName => waitingStates.includes(state);

/** Returns the waiting states that a flow of this connector enters, in order, when each input is good. */
export const waitsOf = (connector: string): WaitingStateName[] => {
  const { properties, credentials, consent } = expectationOf(connector);
  const asked: Partial<Record<StateName, unknown>> = {
    awaitingProperties: properties,
    awaitingCredentials: credentials,
    awaitingAuthorization: consent,
  };
  return waitingStates.filter(isWaiting).filter((state) => asked[state] !== undefined);
};
