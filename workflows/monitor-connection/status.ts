/** The public status of a monitor: the view, the details in Temporal Web, the search attributes. */
import { setCurrentDetails } from '@temporalio/workflow';
import type { ConnectionState, ConnectionView, MonitorInput } from '../connection';
import { connectionStateOf, type State } from './machine';
import { escapeMarkdown } from '../markdown';
import { searchAttributes } from '../messages';
import type { PublishedAttributes } from '../published-attributes';

export interface ViewSource {
  input: MonitorInput;
  state: State;
  /** When the monitor last read the connector from Cyclr with success. ISO 8601. */
  checkedAt?: string;
  revision: number;
}

export function connectionOf({ input, state, checkedAt, revision }: ViewSource): ConnectionView {
  const { accountId, connectorId } = input;
  const { connectorName, lastOutcome } = state;
  const name = connectionStateOf(state);
  return {
    accountId,
    connectorId,
    ...(name && { state: name, since: state.since }),
    ...(checkedAt !== undefined && { checkedAt }),
    ...(connectorName !== undefined && { name: connectorName }),
    ...(lastOutcome && { lastOutcome }),
    revision,
  };
}

const MAX_KEYWORD = 255;

/**
 * Publishes the status to Temporal Web, and to the search attributes if one of them has changed. `readFailure`: the
 * code of the failure of the last read.
 */
export function publishStatus(connection: ConnectionView, published: PublishedAttributes, readFailure?: string): void {
  setCurrentDetails(detailsOf(connection, readFailure));
  const { name, state, since } = connection;
  published.publish([
    { key: searchAttributes.name, value: name === undefined ? null : [...name].slice(0, MAX_KEYWORD).join('') },
    { key: searchAttributes.state, value: state ?? null },
    { key: searchAttributes.since, value: since === undefined ? null : new Date(since) },
  ]);
}

const descriptions: Record<ConnectionState, string> = {
  connected: '**Connected**: Cyclr reports the connector as authenticated, and no call has failed since.',
  broken: '**Broken**: authenticate the connector again.',
  reauthenticating: '**Broken**: the flow of the re-authentication waits for the user.',
  gone: '**Gone**: Cyclr no longer has the connector.',
};

/** The details of a connection on one screen, as markdown. */
function detailsOf(connection: ConnectionView, readFailure: string | undefined): string {
  const { connectorId, name, state, since, checkedAt, lastOutcome } = connection;
  const title = escapeMarkdown(name ?? `Connector ${connectorId}`);
  const facts = [
    since && `Since: ${since}`,
    checkedAt && `Last read: ${checkedAt}`,
    readFailure && `A later read failed: \`${readFailure}\``,
    lastOutcome && `Latest flow: \`${lastOutcome.state}\` at ${lastOutcome.at}`,
    lastOutcome?.by && `Last acted: ${escapeMarkdown(lastOutcome.by)}`,
  ].filter(Boolean);
  return [
    `### ${title}: \`${state ?? 'not read yet'}\``,
    state ? descriptions[state] : 'Reading the connector from Cyclr.',
    facts.map((fact) => `- ${fact}`).join('\n'),
  ].join('\n\n');
}
