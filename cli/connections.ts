/** The commands about connections: their states, their monitoring, and the deauthentication of a connector in Cyclr. */
import type { Command } from 'commander';
import { isMonitorEvery, type ConnectionView } from '../workflows/connection';
import type { ListedConnection } from '../client/answers';
import { asCliError, cyclrClient } from './account';
import { accountIdAt, addCommand, addConnectorCommand, type JsonOption } from './arguments';
import type { Cli } from './cli';
import { CliError } from './errors';
import { itemsOf, nameCell } from './list';
import { note, oneLine, print, table } from './output';

export function addConnectionCommands(program: Command, cli: Cli): void {
  addList(program, cli);
  addMonitor(program, cli);
  addDeauthenticate(program, cli);
}

function addList(program: Command, cli: Cli): void {
  addCommand(program, 'connections', 'Lists the connections of an account: whether integrations may run.')
    .argument('<account>', 'id of the account in Cyclr', accountIdAt('<account>'))
    .action(async (accountId: string, { json }: JsonOption) => {
      const flows = await cli.flows();
      const items: ListedConnection[] = [];
      const pages = itemsOf((page) => flows.connections({ accountId, ...(page !== undefined && { page }) }));
      for await (const connection of pages) items.push(connection);
      if (json || items.length > 0) print(cli, json, { items }, tableOf(items));
      else note(cli, 'no connection found');
    });
}

/** The output shows this word in place of a state until the monitor has read the connector from Cyclr once. */
const UNKNOWN = 'unknown';

const tableOf = (items: ListedConnection[]): string =>
  table([['CONNECTOR', 'NAME', 'STATE', 'SINCE'], ...items.map(cellsOf)]).join('\n');

const cellsOf = ({ connectorId, name, state, since = '' }: ListedConnection): string[] => [
  `${connectorId}`,
  nameCell(name),
  state ?? UNKNOWN,
  since,
];

interface MonitorOptions extends JsonOption {
  every?: string;
  stop?: boolean;
}

function addMonitor(program: Command, cli: Cli): void {
  addConnectorCommand(
    program,
    'monitor',
    'Starts the monitor of a connector, or lets its running monitor re-read the connector.',
    'Prints the connection after the monitor has read the connector.',
  )
    .option('--every <duration>', 'time between two reads, such as "6 hours": 1 minute to 90 days', everyOf)
    .option('--stop', 'end the monitoring')
    .action(async (accountId: string, connectorId: number, { json, every, stop }: MonitorOptions) => {
      const request = { ...(every !== undefined && { every }), ...(stop && { stop: true as const }) };
      const connection = await (await cli.flows()).monitor({ accountId, connectorId }, request);
      print(cli, json, connection, textOf(connection));
    });
}

function everyOf(text: string): string {
  if (isMonitorEvery(text)) return text;
  throw new CliError('wrongUsage', '--every takes a duration of 1 minute to 90 days, such as "6 hours"');
}

const textOf = ({ connectorId, name, state, since, checkedAt }: ConnectionView): string =>
  [
    `${oneLine(name ?? `Connector ${connectorId}`)}: ${state ?? UNKNOWN}`,
    since && `since ${since}`,
    checkedAt && `read at ${checkedAt}`,
  ]
    .filter(Boolean)
    .join(', ');

function addDeauthenticate(program: Command, cli: Cli): void {
  addConnectorCommand(
    program,
    'deauthenticate',
    'Removes the credentials of a connector from Cyclr. Needs --yes.',
    'Calls Cyclr by CYCLR_API_URL, CYCLR_CLIENT_ID and CYCLR_CLIENT_SECRET. Needs no Temporal. First lists what the connector loses.',
  )
    .option('--yes', 'deauthenticate; without it, only the list is printed')
    .action(async (accountId: string, connectorId: number, { json, yes }: JsonOption & { yes?: boolean }) => {
      const cyclr = await cyclrClient(cli);
      const target = { accountId, connectorId };
      const { connector } = await asCliError(() => cyclr.read(target));
      for (const line of lossesOf(connector.name, target)) note(cli, line);
      if (!yes) throw new CliError('wrongUsage', 'nothing was changed: repeat the command with --yes');
      await asCliError(() => cyclr.putDeauthenticate(target));
      print(cli, json, { ...target, deauthenticated: true }, `Deauthenticated connector ${connectorId}.`);
    });
}

const lossesOf = (name: string, { accountId, connectorId }: { accountId: string; connectorId: number }): string[] => [
  `Connector ${connectorId} (${oneLine(name)}) of ${accountId}:`,
  '- Cyclr deletes the stored credentials: integrations with this connector fail until it is connected again.',
  '- Cyclr deregisters the webhooks of this connector at the third party: messages are lost until it is connected again.',
];
