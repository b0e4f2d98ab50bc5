/** The flows of an account, from Temporal's visibility: no worker is asked. */
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { isAccountId, isConnectorId, type ConnectorKey } from '../workflows/connector';
import { searchAttributes, workflowIdOf, type StateName } from '../workflows/messages';
import { ConnectorAuthError } from './connector-auth-error';

export interface ListRequest {
  accountId: string;
  /** Only those in this state. */
  state?: StateName;
  /** The first is 1. */
  page?: number;
  /** 50 by default. */
  pageSize?: number;
}

export interface ListedConnector extends ConnectorKey {
  /** Absent until Cyclr was asked. */
  name?: string;
  /** The last one in which somebody was waited for, or the one that it ended in; `fetchingConnector` before that. */
  state: StateName;
  /** When it ended; else when it was started. */
  since: string;
}

export interface ConnectorList {
  items: ListedConnector[];
  /** The page after this one, where there is one. */
  next?: number;
}

/** So many runs of an account are looked at, the latest first. */
const MAX_RUNS = 5_000;

export async function connectorList(
  client: Client,
  { accountId, state, page = 1, pageSize = 50 }: ListRequest,
): Promise<ConnectorList> {
  const all = await latestRuns(client, accountId);
  const matching = all.filter((connector) => state === undefined || connector.state === state);
  const items = matching.slice((page - 1) * pageSize, page * pageSize);
  return { items, ...(page * pageSize < matching.length && { next: page + 1 }) };
}

/** The state of an earlier run is no longer that of its connector: so all have to be read, and can't be filtered there. */
async function latestRuns(client: Client, accountId: string): Promise<ListedConnector[]> {
  if (!isAccountId(accountId))
    throw new ConnectorAuthError('invalidInput', 'accountId is not one that Cyclr can be asked about');
  // By the id, not by the search attribute: there is nothing in it that would have to be escaped.
  const prefix = workflowIdOf({ accountId, connectorId: 0 }).slice(0, -1);
  const query = `WorkflowType = "authenticateConnector" AND WorkflowId STARTS_WITH "${prefix}"`;
  const latest = new Map<number, WorkflowExecutionInfo>();
  let runs = 0;
  for await (const run of client.workflow.list({ query, pageSize: 1000 })) {
    const connectorId = Number(run.workflowId.slice(prefix.length));
    const known = latest.get(connectorId);
    if (isConnectorId(connectorId) && (!known || known.startTime < run.startTime)) latest.set(connectorId, run);
    if (++runs === MAX_RUNS) break;
  }
  return [...latest]
    .sort(([one], [other]) => one - other)
    .map(([connectorId, run]) => listed({ accountId, connectorId }, run));
}

/** How a run ended that Temporal, and not its workflow, has ended. */
const endings: { [status: string]: StateName } = {
  CANCELLED: 'cancelled',
  TERMINATED: 'failed',
  TIMED_OUT: 'failed',
  FAILED: 'failed',
};

function listed(
  key: ConnectorKey,
  { status, startTime, closeTime, typedSearchAttributes }: WorkflowExecutionInfo,
): ListedConnector {
  const name = typedSearchAttributes.get(searchAttributes.name);
  const state = typedSearchAttributes.get(searchAttributes.state) as StateName | undefined;
  return {
    ...key,
    ...(name !== undefined && { name }),
    state: endings[status.name] ?? state ?? 'fetchingConnector',
    since: (closeTime ?? startTime).toISOString(),
  };
}
