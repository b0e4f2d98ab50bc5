/**
 * The calls that Cyclr documents. Each call has the request that the client sends, an answer in the documented shape,
 * and the result that the client returns. The answers were written by hand from Cyclr's documentation, and not taken
 * from the sandbox. A test also compares the answers of the sandbox with these documented answers.
 */
import { authValueOf } from '../../activities/credentials';
import type { CyclrClient } from '../../activities/cyclr/client';
import { callMethod, methodIdOf, testMethod } from '../../activities/cyclr/methods';

export const ACCOUNT = 'Käse & Co';
export const CONNECTOR = 36328;
export const DEFINITION = 517;
export const CYCLE = '0b7c1c55-8d1a-4a44-a6d8-3f2f3ad8a111';
export const PROPERTY = 88;
const key = { accountId: ACCOUNT, connectorId: CONNECTOR };
const connectorPath = `/v1.0/account/connectors/${CONNECTOR}`;

/** A parameter with each documented field. */
const parameter = {
  Id: 9001,
  Name: 'Subdomain',
  Description: 'The first part of your address.',
  TargetType: 'MergeField',
  TargetName: 'Subdomain',
  IsAccountConnectorProperty: true,
  IsOptional: false,
  IsSensitive: false,
  DataType: 'Text',
  Values: null,
  DefaultValue: null,
  DisplayName: 'Your subdomain',
  DisplayOrder: 1,
  IsPartnerProperty: false,
  TriggerName: null,
  Multiline: false,
  Hidden: false,
};
/** An account connector with each documented field. `AuthValue` and `Properties` have values in clear. */
export const accountConnector = {
  Id: CONNECTOR,
  Name: 'Our help desk',
  Description: null,
  AuthValue: 'a-stored-key',
  Authenticated: false,
  IsPartnerIntegrationConnector: false,
  Properties: [{ Id: PROPERTY, Name: 'Subdomain', Value: 'a-stored-value' }],
  CustomFields: [],
  Connector: {
    Id: DEFINITION,
    Name: 'Help Desk',
    Description: 'Tickets.',
    Status: 'Release',
    Version: '2.1',
    Icon: null,
    AuthDescription: 'Under Settings > API.',
    AuthType: 'ApiKey',
    OAuth2Type: null,
    AuthScheme: null,
    Parameters: [parameter],
    Categories: ['Help Desk'],
    Triggers: [{ Id: 7, Name: 'List subdomains' }],
    Authentication: [
      {
        Id: 'f0000000-0000-4000-8000-000000000001',
        AuthName: 'Key',
        AuthDescription: null,
        AuthType: 'ApiKey',
        OAuth2Type: null,
        AuthScheme: null,
      },
    ],
  },
};
/** The account connector above in the form that a flow keeps: without stored values. */
export const readConnector = {
  name: 'Our help desk',
  description: 'Tickets.',
  authType: 'ApiKey',
  authDescription: 'Under Settings > API.',
  partnerSupplied: false,
  authenticated: false,
  fields: [
    {
      name: 'Subdomain',
      label: 'Your subdomain',
      help: 'The first part of your address.',
      required: true,
      secret: false,
      stored: true,
    },
  ],
};
const authenticated = { ...accountConnector, Authenticated: true };
const storedProperty = { Id: PROPERTY, Name: 'Subdomain', Value: 'acme', AccountConnectorId: CONNECTOR };

export interface DocumentedCall {
  name: string;
  request: { method: 'GET' | 'POST' | 'PUT'; path: string; body?: unknown };
  /** True if the call has no header `X-Cyclr-Account`, because the call is not for one account. */
  ofPartner?: true;
  answer: { status?: number; headers?: { [name: string]: string }; body?: unknown };
  call: (cyclr: CyclrClient) => Promise<unknown>;
  result: unknown;
  /** The members of the documented answer that the sandbox leaves out. The client reads none of these members. */
  notInSandbox?: string[];
}

const put = (name: string, credentials: Parameters<typeof authValueOf>[0], AuthValue: string): DocumentedCall => ({
  name,
  request: { method: 'PUT', path: connectorPath, body: { AuthValue } },
  answer: { body: authenticated },
  call: (cyclr) => cyclr.putAuthValue(key, authValueOf(credentials)),
  result: { ...readConnector, authenticated: true },
});
const tokens = { kind: 'tokens', accessToken: 'at', refreshToken: 'rt', expires: '2030-01-01T00:00:00Z' } as const;

export const documentedCalls: DocumentedCall[] = [
  {
    name: 'the read of an account connector',
    request: { method: 'GET', path: connectorPath },
    answer: { body: accountConnector },
    call: (cyclr) => cyclr.getAccountConnector(key),
    result: readConnector,
  },
  {
    name: 'the read of an account connector with its stored value',
    request: { method: 'GET', path: connectorPath },
    answer: { body: authenticated },
    call: (cyclr) => cyclr.getAuthorization(key),
    result: { connector: { ...readConnector, authenticated: true }, authValue: 'a-stored-key' },
  },
  put('an API key', { kind: 'apiKey', key: 'käy "1"' }, 'käy "1"'),
  put('a user name and a password in UTF-8', { kind: 'basic', username: 'zoë', password: 'a:b' }, 'em/DqzphOmI='),
  put('a user name without a password', { kind: 'basic', username: 'the-key', password: '' }, 'dGhlLWtleTo='),
  put('tokens', tokens, '{"AccessToken":"at","RefreshToken":"rt","Expires":"2030-01-01T00:00:00Z"}'),
  put('client credentials', undefined, '{}'),
  {
    name: 'the list of properties',
    request: { method: 'GET', path: `${connectorPath}/properties` },
    answer: { headers: { 'Total-Pages': '1' }, body: [storedProperty] },
    call: (cyclr) => cyclr.listProperties(key),
    result: [{ Id: PROPERTY, Name: 'Subdomain', Value: 'acme' }],
  },
  {
    name: 'a new property',
    request: { method: 'POST', path: `${connectorPath}/properties`, body: { Name: 'Subdomain', Value: 'acmé' } },
    answer: { body: storedProperty },
    call: (cyclr) => cyclr.postProperty(key, 'Subdomain', 'acmé'),
    result: undefined,
  },
  {
    name: 'a changed property',
    request: {
      method: 'PUT',
      path: `${connectorPath}/properties/${PROPERTY}`,
      body: { Name: 'Subdomain', Value: 'acme' },
    },
    answer: { body: storedProperty },
    call: (cyclr) => cyclr.putProperty(key, { Id: PROPERTY, Name: 'Subdomain', Value: 'old' }, 'acme'),
    result: undefined,
  },
  {
    name: 'a sign-in token whose time has no zone',
    request: { method: 'POST', path: '/v1.0/accounts/K%C3%A4se%20%26%20Co/signintoken', body: { Username: 'someone' } },
    ofPartner: true,
    answer: { body: { Token: 'a+b/c==', ExpiresAtUtc: '2030-01-01T00:05:00.1234567' } },
    call: (cyclr) => cyclr.postSignInToken(key, 'someone'),
    result: { Token: 'a+b/c==', ExpiresAtUtc: Date.UTC(2030, 0, 1, 0, 5, 0, 123) },
  },
  {
    name: 'the de-authentication',
    request: { method: 'PUT', path: `${connectorPath}/deauthenticate`, body: {} },
    answer: { body: { Message: "Connector 'Our help desk' successfully de-authenticated." } },
    call: (cyclr) => cyclr.putDeauthenticate(key),
    result: undefined,
  },
  {
    name: 'the list of connectors',
    request: { method: 'GET', path: '/v1.0/account/connectors?page=1&pageSize=20' },
    answer: { headers: { 'Total-Pages': '1' }, body: [accountConnector] },
    call: (cyclr) => cyclr.listConnectors(key, () => undefined),
    result: [{ Id: CONNECTOR, Name: 'Our help desk', Authenticated: false, Connector: { Name: 'Help Desk' } }],
  },
  {
    name: 'the prerequisites of a cycle',
    request: { method: 'GET', path: `/v1.0/cycles/${CYCLE}/prerequisites` },
    answer: {
      body: [
        {
          ReasonCode: 20,
          Reason: 'Unauthenticated connector',
          ObjectType: 'AccountConnector',
          ObjectId: CONNECTOR,
        },
      ],
    },
    call: (cyclr) => cyclr.getPrerequisites(key, CYCLE),
    result: [{ ReasonCode: 20, ObjectType: 'AccountConnector', ObjectId: String(CONNECTOR) }],
  },
  {
    name: 'the connectors of a cycle',
    request: { method: 'GET', path: `/v1.0/cycles/${CYCLE}` },
    answer: {
      body: {
        Id: CYCLE,
        Name: 'Tickets to invoices',
        Status: 'Paused',
        Connectors: [
          {
            Id: DEFINITION,
            AccountConnectorId: CONNECTOR,
            Name: 'Our help desk',
            Version: '2.1',
            Authenticated: true,
            StepCount: 3,
            Icon: null,
          },
        ],
      },
    },
    call: (cyclr) => cyclr.getCycleConnectors(key, CYCLE),
    result: { ids: [CONNECTOR], isWhole: true },
    notInSandbox: ['.Connectors[].Version', '.Connectors[].StepCount', '.Connectors[].Icon'],
  },
  {
    name: 'the methods of a connector',
    request: { method: 'GET', path: `/v1.0/connectors/${DEFINITION}/methods` },
    answer: { body: [{ Id: 12, Name: 'Get current user', MethodUniqueIdentifier: 'WHOAMI' }] },
    call: (cyclr) => methodIdOf(cyclr, key, DEFINITION, 'whoami'),
    result: 12,
  },
  {
    name: 'the test of a method that Cyclr does not permit for the IP address',
    request: { method: 'POST', path: `${connectorPath}/test/12`, body: {} },
    answer: { status: 403, body: { Message: 'Unknown client IP address.' } },
    call: async (cyclr) => (await testMethod(cyclr, key, 12)).status,
    result: 403,
  },
  {
    name: 'the call of a method',
    request: { method: 'POST', path: `${connectorPath}/methods/who%2Fami`, body: {} },
    answer: { status: 403, body: { Message: 'Unknown client IP address.' } },
    call: async (cyclr) => (await callMethod(cyclr, key, 'who/ami')).status,
    result: 403,
  },
];
