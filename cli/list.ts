/** The command that lists flows over all accounts. */
import type { Command } from 'commander';
import ms from 'ms';
import { troubles, type ListedConnector, type Trouble } from '../client/answers';
import { durationMs } from '../workflows/input';
import { stateNames, type StateName } from '../workflows/view';
import { accountIdAt, addCommand, type JsonOption } from './arguments';
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
      for await (const flow of allFlows(cli, { accountId: account, ...filter })) {
        if (json) print(cli, json, flow, '');
        else found.push(flow);
      }
      if (found.length > 0) print(cli, false, found, tableOf(found));
      else if (!json) note(cli, 'no flow found');
    });
}

type Filter = Omit<ListOptions, 'json' | 'account'> & { accountId?: string };

/** The flows of all pages. */
async function* allFlows(cli: Cli, { olderThan, ...filter }: Filter): AsyncGenerator<ListedConnector> {
  const flows = await cli.flows();
  let page: string | undefined;
  do {
    const list = await flows.flows({ ...filter, olderThan, page, pageSize: PAGE_SIZE });
    yield* list.items;
    page = list.next;
  } while (page !== undefined);
}

/**
 * The highest number of characters of a connector's name in a table. A longer name would push the other columns out of
 * the terminal.
 */
const MAX_NAME = 40;

const tableOf = (flows: ListedConnector[]): string =>
  table([['ACCOUNT', 'CONNECTOR', 'NAME', 'STATE', 'PROBLEM', 'AGE'], ...flows.map(cellsOf)]).join('\n');

const cellsOf = ({ accountId, connectorId, name, state, problem, since }: ListedConnector): string[] => [
  oneLine(accountId),
  `${connectorId}`,
  oneLine(name ?? '').slice(0, MAX_NAME),
  state,
  problem ?? '',
  ageOf(since),
];

/** The time since `since` in its largest unit, such as `3d`. */
const ageOf = (since: string): string => ms(Math.max(1000, Date.now() - Date.parse(since)));

function oneOf<Value extends string>(option: string, values: readonly Value[]) {
  return (text: string): Value => {
    const value = values.find((candidate) => candidate === text);
    if (value) return value;
    throw new CliError('wrongUsage', `${option} takes one of ${values.join(', ')}`);
  };
}

function durationOf(text: string): string {
  if (!Number.isNaN(durationMs(text))) return text;
  throw new CliError(
    'wrongUsage',
    '--older-than takes a duration above 0 and at most 90 days, such as "2 hours" or 3d',
  );
}
