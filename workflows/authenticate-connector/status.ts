/** What may leave an authentication: its view, and the words that Temporal Web shows. */
import { isAccountId, isConnectorId, isObject } from '../connector';
import type { State } from './machine';
import type { Input, Problem, StateName, View } from '../messages';

/** What a view is made of, beside the state. */
export interface Standing {
  input: Input;
  runId: string;
  state: State;
  revision: number;
  /** In milliseconds, where somebody is waited for. */
  deadline?: number;
}

/** What may leave of each thing that a state holds: what somebody adds to one stays inside until it is named here. */
const parts = {
  connector: ['name', 'description', 'icon', 'authType', 'oauth2Type', 'authDescription', 'partnerSupplied'],
  field: ['name', 'label', 'help', 'required', 'secret', 'stored', 'options', 'multiline', 'default'],
  attempt: ['id', 'requestedAt', 'expiresAt'],
  failure: ['code', 'message'],
} as const;

/** The view: an allow-list, field by field, never the state itself. */
export function viewOf({ input, runId, state, revision, deadline }: Standing): View {
  return {
    ...identityOf(input),
    runId,
    state: state.name,
    ...('connector' in state && state.connector && { connector: pick(state.connector, parts.connector) }),
    ...(state.name === 'awaitingProperties' && {
      fields: state.connector.fields.map((field) => pick(field, parts.field)),
    }),
    ...('problem' in state && state.problem && { problem: shown(state.problem) }),
    ...(deadline !== undefined && { deadline: new Date(deadline).toISOString() }),
    ...('attempt' in state && state.attempt && { attempt: pick(state.attempt, parts.attempt) }),
    ...(state.name === 'authenticated' && { verification: state.verification }),
    ...(state.name === 'failed' && { failure: pick(state.failure, parts.failure) }),
    revision,
  };
}

/** Whose view it is, as far as that can be told: an input can be anything. */
function identityOf(input: unknown): Pick<View, 'accountId' | 'connectorId' | 'intent'> {
  const { accountId, connectorId, intent } = isObject(input) ? input : {};
  return {
    accountId: isAccountId(accountId) ? accountId : '',
    connectorId: isConnectorId(connectorId) ? connectorId : 0,
    intent: intent === 'reauthenticate' ? intent : 'authenticate',
  };
}

const shown = ({ code, message, fields }: Problem): Problem => ({
  code,
  message,
  ...(fields && { fields: fields.map((field) => pick(field, ['name', 'code'])) }),
});

/** The named parts, as far as they are there. */
function pick<T extends object, K extends keyof T>(whole: T, names: readonly K[]): Pick<T, K> {
  const there = names.filter((name) => whole[name] !== undefined);
  return Object.fromEntries(there.map((name) => [name, whole[name]])) as Pick<T, K>;
}

const says: Record<StateName, string> = {
  fetchingConnector: 'Reading the account connector from Cyclr.',
  awaitingProperties: '**Waiting for the user** to give the properties.',
  applyingProperties: 'Setting the properties in Cyclr.',
  awaitingCredentials: '**Waiting for the user** to give the credentials.',
  awaitingAuthorization: '**Waiting for the user** to consent at the third party.',
  applyingCredentials: 'Storing the credentials in Cyclr.',
  verifyingAuthorization: 'Asking Cyclr whether the connector is authorized now.',
  authenticated: '**Authenticated**: Cyclr said so in answer to our own call.',
  expired: '**Expired**: start it again under the same id.',
  cancelled: '**Cancelled**: start it again under the same id.',
  failed: '**Failed**.',
  unsupported: '**Unsupported**: this auth type needs an operator.',
};

/** One screen that explains a run, as markdown. */
export function detailsOf(view: View): string {
  const { state, connector, fields, problem, deadline, failure, verification } = view;
  const asked = fields?.filter(({ required, stored }) => required && !stored).map(({ name }) => name) ?? [];
  return [
    `### ${connector ? plain(connector.name) : `Connector ${view.connectorId}`}: \`${state}\``,
    says[state],
    connector && `- Auth type: ${plain([connector.authType, connector.oauth2Type].filter(Boolean).join(' / '))}`,
    asked.length > 0 && `- Missing: ${asked.map(plain).join(', ')}`,
    deadline && `- Until: ${deadline}, then it expires`,
    verification && `- Verification: ${verification}`,
    problem && `- Problem: \`${problem.code}\`. ${problem.message}`,
    failure && `- Failure: \`${failure.code}\`. ${failure.message}`,
  ]
    .filter(Boolean)
    .join('\n\n')
    .replace(/\n\n- /g, '\n- ');
}

/** A text of somebody else, kept from being read as markdown: as a link, too, which some readers make of any address. */
export const plain = (text: string): string =>
  text.replace(/[\\`*_[\]<>#|~&:@]|(?<=www)\./gi, '\\$&').replace(/\s+/g, ' ');
