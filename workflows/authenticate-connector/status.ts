/** The status of a flow as it is shown outside: the view, the details in Temporal Web, the search attributes. */
import { setCurrentDetails, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import { isAccountId, isConnectorId, isObject } from '../connector';
import type { Input } from '../input';
import type { State } from './machine';
import { searchAttributes } from '../messages';
import type { Problem, StateName, View } from '../view';

export interface ViewSource {
  input: Input;
  runId: string;
  state: State;
  revision: number;
  /** In milliseconds, in a waiting state. */
  deadline?: number;
}

/** The members that may be shown. A member that is added to a state's data is not shown until it is named here. */
const publicMembers = {
  connector: ['name', 'description', 'icon', 'authType', 'oauth2Type', 'authDescription', 'partnerSupplied'],
  field: ['name', 'label', 'help', 'required', 'secret', 'stored', 'options', 'multiline', 'default'],
  attempt: ['id', 'requestedAt', 'expiresAt'],
  failure: ['code', 'message'],
} as const;

/** The view: an allow-list, member by member, never the state itself. */
export function viewOf({ input, runId, state, revision, deadline }: ViewSource): View {
  return {
    ...identityOf(input),
    runId,
    state: state.name,
    ...('connector' in state && state.connector && { connector: pick(state.connector, publicMembers.connector) }),
    ...(state.name === 'awaitingProperties' && {
      fields: state.connector.fields.map((field) => pick(field, publicMembers.field)),
    }),
    ...('problem' in state && state.problem && { problem: publicProblem(state.problem) }),
    ...(deadline !== undefined && { deadline: new Date(deadline).toISOString() }),
    ...('attempt' in state && state.attempt && { attempt: pick(state.attempt, publicMembers.attempt) }),
    ...(state.name === 'authenticated' && { verification: state.verification }),
    ...(state.name === 'failed' && { failure: pick(state.failure, publicMembers.failure) }),
    revision,
  };
}

/** The ids and the intent of an input that can be anything: '' and 0 in place of malformed ids. */
function identityOf(input: unknown): Pick<View, 'accountId' | 'connectorId' | 'intent'> {
  const { accountId, connectorId, intent } = isObject(input) ? input : {};
  return {
    accountId: isAccountId(accountId) ? accountId : '',
    connectorId: isConnectorId(connectorId) ? connectorId : 0,
    intent: intent === 'reauthenticate' ? intent : 'authenticate',
  };
}

const publicProblem = ({ code, message, fields }: Problem): Problem => ({
  code,
  message,
  ...(fields && { fields: fields.map((field) => pick(field, ['name', 'code'])) }),
});

/** The named members, without those that are `undefined`. */
function pick<T extends object, K extends keyof T>(whole: T, names: readonly K[]): Pick<T, K> {
  const present = names.filter((name) => whole[name] !== undefined);
  return Object.fromEntries(present.map((name) => [name, whole[name]])) as Pick<T, K>;
}

const MAX_KEYWORD = 255;

/**
 * Publishes the view to Temporal Web, and to the search attributes if `searchable`: each upsert costs an event and
 * about 5 % of a flow's CPU time, so working states leave it out.
 */
export function publishStatus(view: View, searchable: boolean): void {
  setCurrentDetails(detailsOf(view));
  if (!searchable) return;
  const { typedSearchAttributes: present } = workflowInfo();
  const changed = attributesOf(view).filter(({ key, value }) => present.get(key) !== value);
  if (changed.length > 0) upsertSearchAttributes(changed); // an empty upsert fails the workflow task
}

function attributesOf({ state, accountId, connectorId, connector, failure }: View) {
  const attributes = [{ key: searchAttributes.state, value: state as string }];
  // A flow with a malformed input belongs to no account.
  if (failure?.code !== 'invalidInput')
    attributes.push(
      { key: searchAttributes.accountId, value: accountId },
      { key: searchAttributes.connectorId, value: String(connectorId) },
    );
  if (connector)
    attributes.push({ key: searchAttributes.name, value: [...connector.name].slice(0, MAX_KEYWORD).join('') });
  return attributes;
}

const descriptions: Record<StateName, string> = {
  fetchingConnector: 'Reading the account connector from Cyclr.',
  awaitingProperties: '**Waiting for the user** to give the properties.',
  applyingProperties: 'Setting the properties in Cyclr.',
  awaitingCredentials: '**Waiting for the user** to give the credentials.',
  awaitingAuthorization: '**Waiting for the user** to consent at the third party.',
  applyingCredentials: 'Storing the credentials in Cyclr.',
  verifyingAuthorization: 'Re-reading the connector from Cyclr until it is authenticated.',
  authenticated: '**Authenticated**: Cyclr has answered a call of this flow with it.',
  expired: '**Expired**: start a new run under the same workflow id.',
  cancelled: '**Cancelled**: start a new run under the same workflow id.',
  failed: '**Failed**.',
  unsupported: '**Unsupported**: an operator must authenticate this auth type in Cyclr.',
};

/** The details of a run on one screen, as markdown. */
export function detailsOf(view: View): string {
  const { state, connector, fields, problem, deadline, failure, verification } = view;
  const missing = fields?.filter(({ required, stored }) => required && !stored).map(({ name }) => name) ?? [];
  const authType = connector && [connector.authType, connector.oauth2Type].filter(Boolean).join(' / ');
  return [
    `### ${connector ? escapeMarkdown(connector.name) : `Connector ${view.connectorId}`}: \`${state}\``,
    descriptions[state],
    authType !== undefined && `- Auth type: ${escapeMarkdown(authType)}`,
    missing.length > 0 && `- Missing: ${missing.map(escapeMarkdown).join(', ')}`,
    deadline && `- Deadline: ${deadline}, then it expires`,
    verification && `- Verification: ${verification}`,
    problem && `- Problem: \`${problem.code}\`. ${problem.message}`,
    failure && `- Failure: \`${failure.code}\`. ${failure.message}`,
  ]
    .filter(Boolean)
    .join('\n\n')
    .replace(/\n\n- /g, '\n- ');
}

/** Escapes a foreign text for markdown, in one line. `:` and `@`, too: some renderers make a link of each address. */
export const escapeMarkdown = (text: string): string =>
  text.replace(/[\\`*_[\]<>#|~&:@]|(?<=www)\./gi, '\\$&').replace(/\s+/g, ' ');
