/** The public status of a flow: the view, the details in Temporal Web and the search attributes. */
import type { SearchAttributeUpdatePair } from '@temporalio/common';
import { setCurrentDetails } from '@temporalio/workflow';
import { authMethodOf, isAccountId, isConnectorId, isObject, type Field } from '../connector';
import type { Input } from '../input';
import type { State } from './machine';
import { escapeMarkdown } from '../markdown';
import { searchAttributes } from '../messages';
import type { PublishedAttributes } from '../published-attributes';
import { finalStates, type FlowResult, type Problem, type StateName, type Timeline, type View } from '../view';

export interface ViewSource {
  input: Input;
  runId: string;
  state: State;
  revision: number;
  /** The time when the flow entered the state, in milliseconds. */
  since: number;
  /** The time when the present wait ends, in milliseconds. Absent outside of waiting states. */
  deadline?: number;
}

/**
 * The members of a state that the view shows. A new member of a state stays hidden until this list names the member.
 */
const publicMembers = {
  connector: ['name', 'description', 'icon', 'authType', 'oauth2Type', 'authDescription', 'partnerSupplied', 'help'],
  field: ['name', 'label', 'help', 'required', 'secret', 'stored', 'options', 'multiline', 'default', 'helpTexts'],
  attempt: ['id', 'requestedAt', 'expiresAt'],
  failure: ['code', 'message'],
} as const;

/** Copies the members of the allow-list into the view. The view never contains the state object itself. */
export function viewOf({ input, runId, state, revision, since, deadline }: ViewSource): View {
  const connector = 'connector' in state ? state.connector : undefined;
  const fields = fieldsAsked(state);
  return {
    ...identityOf(input),
    runId,
    state: state.name,
    ...(connector && { connector: pick(connector, publicMembers.connector) }),
    ...(fields && { fields: fields.map((field) => pick(field, publicMembers.field)) }),
    ...('problem' in state && state.problem && { problem: publicProblem(state.problem) }),
    ...(deadline !== undefined && { deadline: new Date(deadline).toISOString() }),
    ...('attempt' in state && state.attempt && { attempt: pick(state.attempt, publicMembers.attempt) }),
    ...(state.name === 'authenticated' && { verification: state.verification }),
    ...(state.name === 'authenticated' && connector?.identity && { identity: connector.identity }),
    ...(state.name === 'failed' && { failure: pick(state.failure, publicMembers.failure) }),
    ...(connector && { connected: connector.authenticated || state.name === 'authenticated' }),
    since: new Date(since).toISOString(),
    revision,
  };
}

/** The fields that the user fills in: the properties, or the fields of AuthFields credentials. */
function fieldsAsked(state: State): readonly Field[] | undefined {
  if (state.name === 'awaitingProperties') return state.connector.fields;
  return state.name === 'awaitingCredentials' && authMethodOf(state.connector) === 'fields'
    ? state.connector.policy?.authFields
    : undefined;
}

/** The result of a flow. The first members of the result tell an operator in Temporal Web how the flow ended. */
export function resultOf({ state, verification, problem, connector, ...view }: View, timeline: Timeline): FlowResult {
  const { icon: _icon, description: _description, ...rest } = connector ?? {};
  return {
    state,
    ...(verification && { verification }),
    ...(problem && { problem }),
    ...view,
    ...(connector && { connector: rest as typeof connector }),
    timeline,
  };
}

/** The ids and the intent of a start input that is not checked yet. A malformed id becomes '' or 0. */
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

/** Copies the members `names` of an object, except members that are `undefined`. */
function pick<T extends object, K extends keyof T>(whole: T, names: readonly K[]): Pick<T, K> {
  const present = names.filter((name) => whole[name] !== undefined);
  return Object.fromEntries(present.map((name) => [name, whole[name]])) as Pick<T, K>;
}

const MAX_KEYWORD = 255;

/** The part of a flow that operators see. */
export interface Status {
  view: View;
  timeline: Timeline;
  /** The outage that has not ended yet. Absent if there is no outage. */
  outage?: { operatorsTrouble?: string };
}

/** The value of the search attribute `ConnectorAuthProblem`: set while the flow waits for Cyclr or for an operator. */
const troubleOf = ({ outage }: Pick<Status, 'outage'>): string | undefined =>
  outage && (outage.operatorsTrouble ? 'operatorsTrouble' : 'cyclrUnavailable');

/**
 * Publishes the status to Temporal Web. In a waiting or a final state (`isSettled`), and when an outage begins or ends,
 * also publishes the status to the search attributes. In other states, this function does not update the search
 * attributes, because each upsert costs an event and about 5 % of a flow's CPU time.
 */
export function publishStatus(status: Status, isSettled: boolean, published: PublishedAttributes): void {
  setCurrentDetails(detailsOf(status));
  const problem = { key: searchAttributes.problem, value: troubleOf(status) ?? null };
  if (isSettled || !published.has(problem)) published.publish([problem, ...attributesOf(status)]);
}

function attributesOf({ view }: Status): SearchAttributeUpdatePair[] {
  const { state, since, accountId, connectorId, connector, connected, failure } = view;
  return [
    { key: searchAttributes.state, value: state },
    { key: searchAttributes.since, value: new Date(since) },
    // A flow with a malformed input gets no account id, because the id can be wrong.
    ...(failure?.code === 'invalidInput'
      ? []
      : [
          { key: searchAttributes.accountId, value: accountId },
          { key: searchAttributes.connectorId, value: String(connectorId) },
        ]),
    ...(connector ? [{ key: searchAttributes.name, value: [...connector.name].slice(0, MAX_KEYWORD).join('') }] : []),
    ...(connected === undefined ? [] : [{ key: searchAttributes.connected, value: connected }]),
  ];
}

const descriptions: Record<StateName, string> = {
  fetchingConnector: 'Reading the account connector from Cyclr.',
  awaitingProperties: '**Waiting for the user** to give the properties.',
  applyingProperties: 'Setting the properties in Cyclr.',
  awaitingCredentials: '**Waiting for the user** to give the credentials.',
  awaitingAuthorization: '**Waiting for the user** to consent at the third party.',
  applyingCredentials: 'Storing the credentials in Cyclr.',
  verifyingAuthorization: 'Re-reading the connector from Cyclr until it is authenticated.',
  authenticated: '**Authenticated**: the flow is complete.',
  expired: '**Expired**: start a new run under the same workflow id.',
  cancelled: '**Cancelled**: start a new run under the same workflow id.',
  failed: '**Failed**.',
  unsupported: '**Unsupported**: an operator must authenticate this auth type in Cyclr.',
};

/** The details of a run on one screen, as markdown: a list of facts, and the end of the timeline as a table. */
export function detailsOf(status: Status): string {
  const { view, timeline } = status;
  const title = view.connector ? escapeMarkdown(view.connector.name) : `Connector ${view.connectorId}`;
  return [
    `### ${title}: \`${view.state}\``,
    descriptions[view.state],
    [...factsOf(status), ...historyOf(status)].map((fact) => `- ${fact}`).join('\n'),
    tableOf(timeline),
  ].join('\n\n');
}

function factsOf({ view, outage }: Status): string[] {
  const { connector, fields, problem, deadline, failure, verification, identity, since } = view;
  const missing = fields?.filter(({ required, stored }) => required && !stored).map(({ name }) => name) ?? [];
  const authType = connector && [connector.authType, connector.oauth2Type].filter(Boolean).join(' / ');
  const facts = [
    `Since: ${since}`,
    authType !== undefined && `Auth type: ${escapeMarkdown(authType)}`,
    missing.length > 0 && `Missing: ${missing.map(escapeMarkdown).join(', ')}`,
    deadline && `Deadline: ${deadline}, then it expires`,
    verification && `Verification: ${verification}${verification === 'notChecked' ? ' (stored, not tried)' : ''}`,
    identity && `Linked account: ${escapeMarkdown(identity)}`,
    problem && `Problem: \`${problem.code}\`. ${problem.message}`,
    outage?.operatorsTrouble && `\`operatorsTrouble\`: ${escapeMarkdown(outage.operatorsTrouble)}`,
    failure && `Failure: \`${failure.code}\`. ${failure.message}`,
  ];
  return facts.filter((fact): fact is string => Boolean(fact));
}

/** The number of refused inputs, and the sender and the reason of the flow's end, from the timeline. */
function historyOf({ view, timeline: { entries } }: Status): string[] {
  const refused = entries.filter(({ event }) => event === 'inputRefused');
  const count = refused.reduce((sum, entry) => sum + (entry.count ?? 1), 0);
  const { by, note } = entries.findLast(({ to }) => to === view.state) ?? {};
  const isEnd = finalStates.includes(view.state);
  const end = [by && `by ${escapeMarkdown(by)}`, note && `reason: ${escapeMarkdown(note)}`].filter(Boolean);
  return [
    ...(count > 0 ? [`Refused inputs: ${count}`] : []),
    ...(isEnd && end.length > 0 ? [`Ended ${end.join(', ')}`] : []),
  ];
}

const MAX_ROWS = 20;

function tableOf({ entries, dropped = 0 }: Timeline): string {
  const rows = entries.slice(-MAX_ROWS).map(({ at, from, event, to, by = '', note = '', count }) => {
    const change = from === to ? from : `${from} → ${to}`;
    const times = count === undefined ? '' : ` × ${count}`;
    return `| ${[at, `${event}${times}`, change, by, note].map(escapeMarkdown).join(' | ')} |`;
  });
  const older = dropped + Math.max(0, entries.length - MAX_ROWS);
  const head = ['| At | Event | State | By | Note |', '| --- | --- | --- | --- | --- |'];
  return [...head, ...rows, ...(older > 0 ? [`\n${older} older entries`] : [])].join('\n');
}
