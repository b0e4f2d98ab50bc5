/** Every call to Cyclr that a flow makes. */
import type { AccountConnector } from '../../sandbox/answers';
import type { ConnectorPatch } from '../../sandbox/control';
import type { SignIn } from '../../sandbox/sign-in';
import type { ConnectorKey } from '../../workflows/connector';
import type { Intent, StateName } from '../../workflows/messages';
import { User } from './user';

export interface Step {
  name: string;
  connector: string;
  intent?: Intent;
  patch?: ConnectorPatch;
  /** Where the flow is before it; nowhere where it does not run yet. */
  from?: StateName;
  method: 'GET' | 'POST' | 'PUT';
  /** The source of a regular expression for the path, and for that of no other flow. */
  path: (key: ConnectorKey) => string;
  /** How many calls like it come before. */
  skip?: number;
  /** Of one that changes something: whether Cyclr has done it. */
  isDone?: (cyclr: { connector: AccountConnector; signIns: SignIn[] }) => boolean;
}

const theConnector = ({ connectorId }: ConnectorKey) => `/connectors/${connectorId}$`;
const properties = ({ connectorId }: ConnectorKey) => `/connectors/${connectorId}/properties$`;
const aProperty = ({ connectorId }: ConnectorKey) => String.raw`/connectors/${connectorId}/properties/\d+$`;
const signIn = ({ accountId }: ConnectorKey) => `/${accountId}/signintoken$`;

const has =
  (name: string): Step['isDone'] =>
  ({ connector }) =>
    connector.Properties.some(({ Name, Value }) => Name === name && Value === User.valueOf(name));

const fernhill = { connector: 'Fernhill', from: 'awaitingProperties' } as const;
const quartz = { connector: 'Quartz', from: 'awaitingProperties' } as const;
const ledgerly = { connector: 'Ledgerly', from: 'awaitingAuthorization' } as const;

const old = ['ClientId', 'ClientSecret'].map((Name) => ({ Name, Value: 'old' }));
const quartzAgain: Pick<Step, 'intent' | 'patch'> = {
  intent: 'reauthenticate',
  patch: { AuthValue: '{}', Authenticated: true, Properties: old },
};
const ledgerlyAgain: Pick<Step, 'intent' | 'patch'> = {
  intent: 'reauthenticate',
  patch: { AuthValue: '{"AccessToken":"old"}', Authenticated: true },
};

export const steps: Step[] = [
  { name: 'the connector is read', connector: 'Fernhill', method: 'GET', path: theConnector },
  { name: 'the properties are listed', ...fernhill, method: 'GET', path: properties },
  { name: 'a property is added', ...fernhill, method: 'POST', path: properties, isDone: has('Domain') },
  {
    name: 'the second of two properties is added',
    ...quartz,
    ...{ method: 'POST', path: properties, skip: 1 },
    isDone: has('ClientSecret'),
  },
  {
    name: 'a property is changed',
    ...{ ...quartz, ...quartzAgain },
    ...{ method: 'PUT', path: aProperty },
    isDone: has('ClientId'),
  },
  { name: 'the properties are read back', ...fernhill, method: 'GET', path: theConnector },
  {
    name: 'the credentials are stored',
    ...{ connector: 'Fernhill', from: 'awaitingCredentials' },
    ...{ method: 'PUT', path: theConnector },
    isDone: ({ connector }) => connector.AuthValue === 'right',
  },
  {
    name: 'Cyclr is asked whether it has authenticated it',
    ...quartz,
    ...{ method: 'GET', path: theConnector, skip: 1 }, // the first reads the properties back
  },
  { name: 'a fingerprint is taken', ...ledgerly, ...ledgerlyAgain, method: 'GET', path: theConnector },
  { name: 'a link is made', ...ledgerly, method: 'POST', path: signIn, isDone: ({ signIns }) => signIns.length > 0 },
  { name: 'Cyclr is asked whether the user has consented', ...ledgerly, method: 'GET', path: theConnector },
];
