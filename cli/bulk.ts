/**
 * The commands that act on all connectors or events that a filter selects. Without --yes, a command only shows the
 * selected items.
 */
import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { eventStates, troubles, type ListedConnector, type ListedEvent } from '../client/answers';
import type { LatestRun } from '../client/connector-auth';
import { ConnectorAuthError } from '../client/connector-auth-error';
import type { BatchSignal } from '../client/flow-list';
import type { ConnectorKey } from '../workflows/connector';
import { eventTypes, type EventType } from '../workflows/events';
import { finalStates, stateNames, type StateName } from '../workflows/view';
import { accountIdAt, addCommand, oneOf, submissionIdOf, type JsonOption } from './arguments';
import type { Cli, Flows } from './cli';
import { author } from './config';
import { CliError } from './errors';
import { FLOW_HEAD, flowCells, itemsOf } from './list';
import { note, oneLine, print, table } from './output';

const PAGE_SIZE = 1000;
/** A command without --yes shows this number of selected items. */
const SHOWN = 10;
const CALLS_AT_ONCE = 10;
/** A command reports its progress each time it has finished this number of items. */
const PROGRESS_EVERY = 100;

const openStates = stateNames.filter((state) => !finalStates.includes(state));

interface Decision extends JsonOption {
  yes?: boolean;
  dryRun?: boolean;
}

interface FlowOptions extends Decision {
  account?: string;
  state?: StateName;
  connectorName?: string;
}

interface SignalOptions extends FlowOptions {
  problem?: (typeof troubles)[number];
}

interface EventOptions extends Decision {
  account?: string;
  type?: EventType;
  state?: (typeof endStates)[number];
}

const endStates = eventStates.filter((state) => state !== 'pending');

export function addBulkCommands(program: Command, cli: Cli): void {
  const bulk = program.command('bulk').description('Acts on all selected connectors or events. Needs --yes.');
  addSignal(bulk, cli, 'recheck', 'Lets each open flow that the filter selects re-read its connector.');
  addSignal(bulk, cli, 'cancel', 'Cancels each open flow that the filter selects.');
  addReauthenticate(bulk, cli);
  addRedeliver(bulk, cli);
}

/** Adds a command with the options that all commands of this file have. */
const addBulk = (bulk: Command, name: string, summary: string, details: string): Command =>
  addCommand(bulk, name, summary, `${details} Without --yes, nothing changes.`)
    .option('--account <account>', 'only this account in Cyclr', accountIdAt('--account'))
    .option('--dry-run', 'only show the selection')
    .option('--yes', 'act on the selection');

const connectorNameOption = ['--connector-name <name>', 'only connectors with exactly this name'] as const;

function addSignal(bulk: Command, cli: Cli, signal: BatchSignal, summary: string): void {
  addBulk(bulk, signal, summary, 'Starts one batch operation of Temporal. The start needs no worker.')
    .option('--state <state>', `only flows in this state: ${openStates.join(', ')}`, oneOf('--state', openStates))
    .option('--problem <problem>', `only flows in an outage: ${troubles.join(', ')}`, oneOf('--problem', troubles))
    .option(...connectorNameOption)
    .action(async ({ account, state, problem, connectorName, ...decision }: SignalOptions) => {
      const filter = { accountId: account, state, problem, name: connectorName };
      requireFilter(filter);
      const flows = await cli.flows();
      const found = await allOf((page) => flows.flows({ ...filter, pageSize: PAGE_SIZE, page }));
      if (!decided(cli, decision, flowTable(found), found)) return;
      const { batchId } = await flows.batch(signal, filter, author());
      const text = `Batch ${batchId} sends ${signal} to ${found.length} flows. Its progress: temporal batch describe --job-id ${batchId}`;
      print(cli, decision.json, { batchId, matched: found.length }, text);
    });
}

function addReauthenticate(bulk: Command, cli: Cli): void {
  const details =
    'A connector keeps its credentials until the user sends new input. If you repeat the command with the same --id, no flow starts twice.';
  addBulk(bulk, 'reauthenticate', 'Starts a re-authentication of each connector that the filter selects.', details)
    .option(
      '--state <state>',
      `only connectors whose flow ended in this state: ${finalStates.join(', ')}`,
      oneOf('--state', finalStates),
    )
    .option(...connectorNameOption)
    .option('--id <id>', 'id of this re-authentication (default: a new id, which is printed)', submissionIdOf)
    .action(
      async ({ account, state, connectorName, id = randomUUID(), ...decision }: FlowOptions & { id?: string }) => {
        requireFilter({ account, state, connectorName });
        const flows = await cli.flows();
        const found = await latestIn(cli, flows, {
          accountId: account,
          state: state ?? 'authenticated',
          name: connectorName,
        });
        if (!decided(cli, decision, flowTable(found), found)) return;
        note(cli, `Re-authentication ${id}: to continue it after an interruption, repeat the command with --id ${id}`);
        const options = { intent: 'reauthenticate' as const, idempotencyKey: id, by: author() };
        const outcomes = await actOnEach(cli, found, {
          nameOf: nameOfConnector,
          act: async (key) => (await flows.start(key, options)).started,
        });
        const started = outcomes.filter((outcome) => outcome === true).length;
        report(cli, decision, { id, matched: found.length, started }, outcomes);
      },
    );
}

/**
 * The connectors whose latest run has ended in the state of the filter. Reads the latest run of each listed connector,
 * because Temporal's list also has earlier runs.
 */
async function latestIn(
  cli: Cli,
  flows: Flows,
  filter: { accountId?: string; state: StateName; name?: string },
): Promise<LatestRun[]> {
  const runs = await allOf((page) => flows.flows({ ...filter, pageSize: PAGE_SIZE, page }));
  const connectors = [...new Map(runs.map((run) => [`${run.connectorId} ${run.accountId}`, run])).values()];
  const latest: (LatestRun | undefined)[] = await actOnEach(cli, connectors, {
    nameOf: nameOfConnector,
    act: ({ accountId, connectorId }) => flows.latestRun({ accountId, connectorId }),
  });
  return latest.filter((run) => run !== undefined).filter(({ open, ...run }) => !open && run.state === filter.state);
}

function addRedeliver(bulk: Command, cli: Cli): void {
  addBulk(
    bulk,
    'redeliver',
    'Redelivers each undelivered event that the filter selects.',
    'Each event keeps its id and body.',
  )
    .option('--type <type>', 'only events of this type', oneOf('--type', eventTypes))
    .option('--state <state>', `${endStates.join(' or ')} (default: undelivered)`, oneOf('--state', endStates))
    .action(async ({ account, type, state, ...decision }: EventOptions) => {
      requireFilter({ account, type, state });
      const flows = await cli.flows();
      const filter = { accountId: account, type, state: state ?? 'undelivered' };
      const found = await allOf((page) => flows.events({ ...filter, pageSize: PAGE_SIZE, page }));
      if (!decided(cli, decision, eventTable(found), found)) return;
      const outcomes = await actOnEach(cli, found, {
        nameOf: ({ id }) => id,
        act: ({ id }) => flows.redeliver(id),
      });
      const redelivered = outcomes.filter((outcome) => outcome !== undefined).length;
      report(cli, decision, { matched: found.length, redelivered }, outcomes);
    });
}

async function allOf<Item>(
  pageOf: (page: string | undefined) => Promise<{ items: Item[]; next?: string }>,
): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of itemsOf(pageOf)) found.push(item);
  return found;
}

/** Fails with `wrongUsage` if no option of the filter is given, because the command would then act on all accounts. */
function requireFilter(filter: { [option: string]: unknown }): void {
  if (Object.values(filter).some((value) => value !== undefined)) return;
  throw new CliError('wrongUsage', 'no filter: give at least one option that selects, such as --account or --state');
}

/**
 * Returns true if --yes is given without --dry-run, and the filter selects at least one item. With --dry-run, or
 * without --yes, shows the selection. Fails with `wrongUsage` if neither --yes nor --dry-run is given.
 */
function decided(cli: Cli, { json, yes, dryRun }: Decision, lines: string[], found: readonly unknown[]): boolean {
  if (yes && !dryRun) {
    if (found.length === 0) print(cli, json, { matched: 0 }, 'Nothing matches.');
    return found.length > 0;
  }
  const more = found.length > SHOWN ? [`… and ${found.length - SHOWN} more`] : [];
  const text = [`${found.length} selected`, ...(found.length > 0 ? lines : []), ...more];
  if (dryRun) print(cli, json, { matched: found.length, first: found.slice(0, SHOWN) }, text.join('\n'));
  else for (const line of text) note(cli, line);
  if (dryRun) return false;
  throw new CliError('wrongUsage', 'nothing was changed: repeat the command with --yes');
}

const flowTable = (flows: ListedConnector[]): string[] => table([FLOW_HEAD, ...flows.slice(0, SHOWN).map(flowCells)]);

const eventTable = (events: ListedEvent[]): string[] =>
  table([
    ['TYPE', 'ACCOUNT', 'ID'],
    ...events.slice(0, SHOWN).map(({ type, accountId, id }) => [type, accountId, id].map(oneLine)),
  ]);

const nameOfConnector = ({ accountId, connectorId }: ConnectorKey): string => `${accountId} ${connectorId}`;

interface Action<Item, Result> {
  /** Returns the name of an item, for the message that reports an error of this item. */
  nameOf(item: Item): string;
  act(item: Item): Promise<Result>;
}

/**
 * Acts on each item, ten at a time. Reports the progress on standard error. If the library refuses to act on an item,
 * the outcome of this item is `undefined`, and this function writes the code of the error to standard error. Starts no
 * further item after Ctrl-C. Fails at the first error that concerns all items: `temporalUnavailable`, or an error that
 * does not come from the library.
 */
async function actOnEach<Item, Result>(
  cli: Cli,
  items: readonly Item[],
  { nameOf, act }: Action<Item, Result>,
): Promise<(Result | undefined)[]> {
  const outcomes: (Result | undefined)[] = [];
  const queue = items.entries();
  let [done, failed] = [0, false];
  const lane = async () => {
    for (const [index, item] of queue) {
      if (failed || cli.signal.aborted) return;
      outcomes[index] = await act(item).catch((err: unknown) => {
        if (err instanceof ConnectorAuthError && err.code !== 'temporalUnavailable')
          return void note(cli, `${err.code}: ${nameOf(item)}`);
        failed = true;
        throw err;
      });
      if (++done % PROGRESS_EVERY === 0) note(cli, `${done} of ${items.length}`);
    }
  };
  await Promise.all(Array.from({ length: CALLS_AT_ONCE }, lane));
  return outcomes;
}

/** Prints the counts. Exit code 1 if an item was refused. */
function report(cli: Cli, { json }: Decision, counts: { [name: string]: number | string }, outcomes: unknown[]): void {
  const refused = outcomes.filter((outcome) => outcome === undefined).length;
  const all = { ...counts, refused };
  if (refused > 0) cli.exitCode = 1;
  const text = Object.entries(all).map(([name, count]) => `${name}: ${count}`);
  print(cli, json, all, text.join(', '));
}
