/** What the demo takes through authentication, and where each of them should be at its end. */
import type { Credentials, StateName } from '../../workflows/messages';

export interface Row {
  /** A connector of the sandbox's catalogue. */
  connector: string;
  /** What its user gives, one after the other: mistakes among it. */
  properties?: { [name: string]: string }[];
  credentials?: Credentials[];
  /** Whether its user consents at the third party. */
  consents?: boolean;
  /** Through the service's HTTP, or by the library. */
  by?: 'library' | 'service';
  ends: StateName;
  /** What there is to see. */
  shows: string;
}

export const rows: Row[] = [
  {
    connector: 'Brightdesk',
    credentials: [{ kind: 'apiKey', key: 'demo-key' }],
    ends: 'authenticated',
    shows: 'API key',
  },
  {
    connector: 'Fernhill',
    properties: [{ Domain: 'wrong-domain' }, { Domain: 'acme' }],
    credentials: [
      { kind: 'apiKey', key: 'wrong-key' },
      { kind: 'apiKey', key: 'demo-key' },
    ],
    ends: 'authenticated',
    shows: 'API key and a property, each wrong the first time',
  },
  {
    connector: 'Kestrel',
    properties: [{ Environment: 'staging', SigningSecret: 'demo-secret', Region: 'eu' }],
    credentials: [{ kind: 'apiKey', key: 'demo-key' }],
    by: 'service',
    ends: 'authenticated',
    shows: 'API key and a sensitive property, by HTTP',
  },
  {
    connector: 'Zenodesk',
    properties: [{ Subdomain: 'acme' }],
    credentials: [{ kind: 'basic', username: 'ada@acme.example/token', password: 'demo-token' }],
    ends: 'authenticated',
    shows: 'HTTP Basic and a property',
  },
  {
    connector: 'Insightful',
    credentials: [{ kind: 'basic', username: 'demo-key', password: '' }],
    ends: 'authenticated',
    shows: 'HTTP Basic with a blank password',
  },
  {
    connector: 'Quartz',
    properties: [{ ClientId: 'demo-client', ClientSecret: 'demo-secret' }],
    ends: 'authenticated',
    shows: 'OAuth2 client credentials: its properties are enough',
  },
  {
    connector: 'Homeport',
    credentials: [{ kind: 'tokens', accessToken: 'demo-access', refreshToken: 'demo-refresh' }],
    ends: 'authenticated',
    shows: "the partner's own connector: tokens",
  },
  { connector: 'Openrates', ends: 'authenticated', shows: 'nothing to authenticate' },
  {
    connector: 'Weathervane',
    properties: [{ Station: 'EDDB' }],
    ends: 'authenticated',
    shows: 'nothing to authenticate, but a property',
  },
  { connector: 'Evergreen', ends: 'authenticated', shows: 'authenticated already' },
  { connector: 'Fieldstone', ends: 'unsupported', shows: 'AuthFields: an operator has to help' },
  { connector: 'Vaultline', ends: 'unsupported', shows: 'an auth type that nobody knows' },
  {
    connector: 'Ledgerly',
    consents: true,
    by: 'service',
    ends: 'authenticated',
    shows: 'OAuth2: the user consents, by HTTP',
  },
  {
    connector: 'Shopwell',
    properties: [{ Shop: 'acme' }],
    consents: true,
    ends: 'authenticated',
    shows: 'OAuth2 and a property',
  },
  { connector: 'Chirper', consents: true, ends: 'authenticated', shows: 'OAuth1' },
  { connector: 'Driftwood', consents: true, ends: 'authenticated', shows: 'OAuth2 of unknown kind' },
  {
    connector: 'Sugarloaf',
    properties: [{ Username: 'ada', Password: 'demo-password' }],
    consents: true,
    ends: 'authenticated',
    shows: 'OAuth2 with a password among its properties',
  },
];
