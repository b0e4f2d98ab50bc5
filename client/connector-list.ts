/** Lists the connectors of an account from Temporal's visibility. */
import type { Client } from '@temporalio/client';
import type { StateName } from '../workflows/view';
import type { ConnectorList, ListedConnector } from './answers';
import {
  flowsOf,
  hasRead,
  inState,
  isFirstPage,
  itemsOf,
  latestRuns,
  newestOfEach,
  pageOfRuns,
  type Run,
} from './runs';

export interface ListRequest {
  accountId: string;
  /** Lists only connectors in this state. */
  state?: StateName;
  /** The `next` of the previous page. Absent for the first page. */
  page?: string;
  /** The number of runs that one page reads, at most 1,000. The default is 50. */
  pageSize?: number;
}

/**
 * To find the `connected` of the items of one page, the library reads at most this number of earlier runs, newest
 * first.
 */
const MAX_EARLIER_RUNS = 1000;

/**
 * One page of an account's connectors, made from at most `pageSize` runs. The server can not select only the latest run
 * of each flow, so this function leaves out the earlier runs. Therefore a page with a `next` can have fewer items than
 * `pageSize`, or no items.
 */
export async function connectorList(
  client: Client,
  { accountId, state, page, pageSize = 50 }: ListRequest,
): Promise<ConnectorList> {
  const flows = flowsOf(accountId);
  const query = state === undefined ? flows : `${flows} AND ${inState(state)}`;
  const { runs, next } = await pageOfRuns(client, { query, page, pageSize });
  const isWhole = isFirstPage(page) && next === undefined && state === undefined;
  const latest = isWhole ? newestOfEach(runs) : await latestRuns(client, runs, page);
  const items = itemsOf(latest, accountId).filter((item) => state === undefined || item.state === state);
  const reads = await earlierReads(client, { accountId, runs, items, isWhole });
  return {
    items: items.map((item) => ({ ...reads.get(item.connectorId), ...item })).sort(byConnector),
    ...(next !== undefined && { next }),
  };
}

const byConnector = (one: ListedConnector, other: ListedConnector): number => one.connectorId - other.connectorId;

interface Page {
  accountId: string;
  runs: readonly Run[];
  items: readonly ListedConnector[];
  isWhole: boolean;
}

/**
 * Reads the value `connected` of earlier runs, by connector id. The list needs this value for each connector whose
 * latest run has not read Cyclr yet.
 */
async function earlierReads(
  client: Client,
  { accountId, runs, items, isWhole }: Page,
): Promise<Map<number, { connected?: boolean }>> {
  if (items.every(({ connected }) => connected !== undefined)) return new Map();
  const query = `${flowsOf(accountId)} AND ConnectorConnected IS NOT NULL`;
  const read = isWhole ? runs.filter(hasRead) : (await pageOfRuns(client, { query, pageSize: MAX_EARLIER_RUNS })).runs;
  return new Map(
    itemsOf(newestOfEach(read), accountId).map(({ connectorId, connected }) => [connectorId, { connected }]),
  );
}
