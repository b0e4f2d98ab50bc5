/** The commands that list, show and redeliver events, and that receive events on this machine. */
import { once } from 'node:events';
import type { Command } from 'commander';
import { eventStates, type EventState, type ListedEvent } from '../client/answers';
import { eventTypes, type EventType } from '../workflows/events';
import { accountIdAt, addCommand, oneOf, type JsonOption } from './arguments';
import type { Cli } from './cli';
import { webhookSecretsOf } from './config';
import { CliError } from './errors';
import { itemsOf } from './list';
import { newSecret, startEventReceiver } from './event-receiver';
import { note, oneLine, print, table } from './output';

const PAGE_SIZE = 1000;
const PORT = 8090;

interface Filter {
  account?: string;
  type?: EventType;
  state?: EventState;
}

export function addEventsCommand(program: Command, cli: Cli): void {
  const events = program.command('events').description('Lists, shows, redelivers and receives events.');
  addCommand(events, 'list', 'Lists the events that Temporal still keeps, newest first.')
    .option('--account <account>', 'only events of this account', accountIdAt('--account'))
    .option('--type <type>', 'only events of this type', oneOf('--type', eventTypes))
    .option('--state <state>', `only events in this state: ${eventStates.join(', ')}`, oneOf('--state', eventStates))
    .action(({ json, ...filter }: Filter & JsonOption) => list(cli, filter, json));
  addCommand(
    events,
    'show',
    'Shows an event with its body, and the last failure of each post that the worker still repeats.',
  )
    .argument('<id>', 'id of the event')
    .action(async (id: string, { json }: JsonOption) => {
      const event = await (await cli.flows()).event(id);
      print(cli, json, event, JSON.stringify(event, undefined, 2));
    });
  addCommand(events, 'redeliver', 'Delivers an event again to its targets, with the same id and body.')
    .argument('<id>', 'id of the event')
    .action(async (id: string, { json }: JsonOption) => {
      const event = await (await cli.flows()).redeliver(id);
      print(cli, json, event, cellsOf(event).join('  '));
    });
  addCommand(events, 'listen', 'Receives events on this machine, verifies and prints them, until Ctrl-C.')
    .option('--port <port>', 'port on 127.0.0.1', portOf, PORT)
    .action(({ json, port }: JsonOption & { port: number }) => listen(cli, port, json));
}

async function list(cli: Cli, { account, ...filter }: Filter, json?: boolean): Promise<void> {
  const flows = await cli.flows();
  const found: ListedEvent[] = [];
  const query = { accountId: account, ...filter, pageSize: PAGE_SIZE };
  for await (const event of itemsOf((page) => flows.events({ ...query, page }))) {
    if (json) print(cli, json, event, '');
    else found.push(event);
  }
  if (found.length > 0) print(cli, false, found, table([HEAD, ...found.map(cellsOf)]).join('\n'));
  else if (!json) note(cli, 'no event found');
}

const HEAD = ['SENT', 'STATE', 'TYPE', 'ACCOUNT', 'ID'];
const cellsOf = ({ id, type, accountId, state, sentAt }: ListedEvent): string[] => [
  sentAt,
  state,
  ...[type, accountId, id].map(oneLine),
];

async function listen(cli: Cli, port: number, json?: boolean): Promise<void> {
  const configured = await webhookSecretsOf(cli);
  const secrets = configured ?? [newSecret()];
  const starting = startEventReceiver({
    port,
    secrets,
    received: (event) => {
      const { id, accountId } = event.data;
      print(cli, json, event, oneLine([event.timestamp, event.type, accountId, id].join('  ')));
    },
    refused: () => note(cli, 'A request without a valid signature was answered with 401'),
  });
  const { url, server } = await starting.catch(() => {
    throw new CliError('configuration', `port ${port} is taken: choose another by --port`);
  });
  const ofWorker = configured ? 'and the same WEBHOOK_SECRETS' : `WEBHOOK_SECRETS=${secrets.join(',')}`;
  note(cli, `Start the worker with WEBHOOK_URL=${url} ${ofWorker}`);
  await once(cli.signal, 'abort');
  server.close();
}

function portOf(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (port < 65_536) return port;
  throw new CliError('wrongUsage', '--port takes a port number');
}
