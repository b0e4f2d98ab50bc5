/** The command that lists flows over all accounts. */
import type { Command } from 'commander';
import ms from 'ms';
import { troubles, type ListedConnector, type Trouble } from '../client/answers';
import { durationMs } from '../workflows/input';
import { stateNames, type StateName } from '../workflows/view';
import { accountIdAt, addCommand, oneOf, type JsonOption } from './arguments';
import type { Cli } from './cli';
import { CliError } from './errors';
import { note, oneLine, print, table } from './output';

interface ListOptions extends JsonOption {
  account?: string;
  state?: StateName;
  problem?: Trouble;
  olderThan?: string;
}

/** The largest page size that the library accepts. */
const PAGE_SIZE = 1000;

export function addListCommand(program: Command, cli: Cli): void {
  addCommand(
    program,
    'list',
    'Lists the open flows of all accounts.',
    'With a final --state: the flows that ended in this state and that Temporal still keeps. Needs no worker.',
  )
    .option('--account <account>', 'only flows of this account in Cyclr', accountIdAt('--account'))
    .option('--state <state>', `only flows in this state: ${stateNames.join(', ')}`, oneOf('--state', stateNames))
    .option('--problem <problem>', `only flows in an outage: ${troubles.join(', ')}`, oneOf('--problem', troubles))
    .option(
      '--older-than <duration>',
      'only flows that entered their state at least this long ago, such as "2 hours"',
      durationOf,
    )
    .action(async ({ json, account, ...filter }: ListOptions) => {
      const found: ListedConnector[] = [];
      const flows = await cli.flows();
      const query = { accountId: account, ...filter, pageSize: PAGE_SIZE };
      for await (const flow of itemsOf((page) => flows.flows({ ...query, page }))) {
        if (json) print(cli, json, flow, '');
        else found.push(flow);
      }
      if (found.length > 0) print(cli, false, found, tableOf(found));
      else if (!json) note(cli, 'no flow found');
    });
}

/**
 * Yields the items of all pages of a list. Reads the next page only after the caller has used all items of the previous
 * page.
 */
export async function* itemsOf<Item>(
  pageOf: (page: string | undefined) => Promise<{ items: Item[]; next?: string }>,
): AsyncGenerator<Item> {
  let page: string | undefined;
  do {
    const { items, next } = await pageOf(page);
    yield* items;
    page = next;
  } while (page !== undefined);
}

/**
 * The highest number of characters of a connector's name in a table. A longer name would push the other columns out of
 * the terminal.
 */
const MAX_NAME = 40;

/** The text for a connector's name in a table: one line of at most {@link MAX_NAME} characters. */
export const nameCell = (name = ''): string => oneLine(name).slice(0, MAX_NAME);

const tableOf = (flows: ListedConnector[]): string =>
  table([[...FLOW_HEAD, 'PROBLEM', 'AGE'], ...flows.map(cellsOf)]).join('\n');

const cellsOf = (flow: ListedConnector): string[] => [...flowCells(flow), flow.problem ?? '', ageOf(flow.since)];

export const FLOW_HEAD = ['ACCOUNT', 'CONNECTOR', 'NAME', 'STATE'];

/** The cells of a flow's row in a table with the head {@link FLOW_HEAD}. */
export const flowCells = ({ accountId, connectorId, name, state }: ListedConnector): string[] => [
  oneLine(accountId),
  `${connectorId}`,
  nameCell(name),
  state,
];

/** The time from `since` until now, in its largest unit, such as `3d`. */
const ageOf = (since: string): string => ms(Math.max(1000, Date.now() - Date.parse(since)));

function durationOf(text: string): string {
  if (!Number.isNaN(durationMs(text))) return text;
  throw new CliError(
    'wrongUsage',
    '--older-than takes a duration above 0 and at most 90 days, such as "2 hours" or 3d',
  );
}
