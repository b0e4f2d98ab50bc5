/** The steps of flows: one step for each kind of call that a flow makes to Cyclr. */
import type { AccountConnector } from '../../sandbox/answers';
import type { ConnectorPatch } from '../../sandbox/control';
import type { SignIn } from '../../sandbox/sign-in';
import { expectationOf } from '../../scripts/user/expectations';
import type { ConnectorKey, Intent } from '../../workflows/connector';
import type { StateName } from '../../workflows/view';

export interface Step {
  name: string;
  connector: string;
  intent?: Intent;
  patch?: ConnectorPatch;
  /** The flow's state before the step. Absent if the step begins with the start of the flow. */
  from?: StateName;
  method: 'GET' | 'POST' | 'PUT';
  /** The source of a regular expression that matches only the path of the call for the connector `key`. */
  path: (key: ConnectorKey) => string;
  /** The number of calls with the same method and path that the flow makes before this call. */
  skip?: number;
  /** True if Cyclr has made the change that the call requests. Absent for a call that changes nothing. */
  isDone?: (cyclr: { connector: AccountConnector; signIns: SignIn[] }) => boolean;
}

const theConnector = ({ connectorId }: ConnectorKey) => `/connectors/${connectorId}$`;
const properties = ({ connectorId }: ConnectorKey) => `/connectors/${connectorId}/properties$`;
const aProperty = ({ connectorId }: ConnectorKey) => String.raw`/connectors/${connectorId}/properties/\d+$`;
const signIn = ({ accountId }: ConnectorKey) => `/${accountId}/signintoken$`;

const fernhill = { connector: 'Fernhill', from: 'awaitingProperties' } as const;
const quartz = { connector: 'Quartz', from: 'awaitingProperties' } as const;
const ledgerly = { connector: 'Ledgerly', from: 'awaitingAuthorization' } as const;

const has =
  (step: { connector: string }, name: string): Step['isDone'] =>
  ({ connector }) =>
    connector.Properties.some(
      ({ Name, Value }) => Name === name && Value === expectationOf(step.connector).properties![name],
    );

const quartzAgain: Pick<Step, 'intent' | 'patch'> = {
  intent: 'reauthenticate',
  patch: {
    AuthValue: '{}',
    Authenticated: true,
    Properties: ['ClientId', 'ClientSecret'].map((Name) => ({ Name, Value: 'old' })),
  },
};
const ledgerlyAgain: Pick<Step, 'intent' | 'patch'> = {
  intent: 'reauthenticate',
  patch: { AuthValue: '{"AccessToken":"old"}', Authenticated: true },
};

export const steps: Step[] = [
  { name: 'reading the connector', connector: 'Fernhill', method: 'GET', path: theConnector },
  { name: 'listing the properties', ...fernhill, method: 'GET', path: properties },
  { name: 'adding a property', ...fernhill, method: 'POST', path: properties, isDone: has(fernhill, 'Domain') },
  {
    name: 'adding the second of two properties',
    ...quartz,
    ...{ method: 'POST', path: properties, skip: 1 },
    isDone: has(quartz, 'ClientSecret'),
  },
  {
    name: 'changing a property',
    ...{ ...quartz, ...quartzAgain },
    ...{ method: 'PUT', path: aProperty },
    isDone: has(quartz, 'ClientId'),
  },
  { name: 'reading the properties back', ...fernhill, method: 'GET', path: theConnector },
  {
    name: 'storing the credentials',
    ...{ connector: 'Brightdesk', from: 'awaitingCredentials' },
    ...{ method: 'PUT', path: theConnector },
    isDone: ({ connector }) => connector.AuthValue !== null,
  },
  {
    name: 'reading whether client credentials are authenticated',
    ...quartz,
    // The first GET re-reads the connector after the properties were stored.
    ...{ method: 'GET', path: theConnector, skip: 1 },
  },
  { name: 'taking a fingerprint', ...ledgerly, ...ledgerlyAgain, method: 'GET', path: theConnector },
  { name: 'making a link', ...ledgerly, method: 'POST', path: signIn, isDone: ({ signIns }) => signIns.length > 0 },
  { name: 'verifying a consent', ...ledgerly, method: 'GET', path: theConnector },
];

export const stepNames = steps.map(({ name }, index) => [name, index] as const);
