/** The commands that start, show, watch, recheck and cancel a flow. */
import type { Command } from 'commander';
import type { View } from '../workflows/view';
import { addConnectorCommand, type JsonOption } from './arguments';
import type { Cli } from './cli';
import { author } from './config';
import { commandLine, entryText, nextStep, note, print, printView, withHint } from './output';

export function addFlowCommands(program: Command, cli: Cli): void {
  addStart(program, cli);

  addConnectorCommand(program, 'view', 'Shows the state of a flow, its problem, its fields and the next step.').action(
    async (accountId: string, connectorId: number, { json }: JsonOption) =>
      printView(cli, json, await (await cli.flows()).view({ accountId, connectorId })),
  );

  addConnectorCommand(program, 'timeline', 'Shows the last 200 transitions and refused inputs of a flow.').action(
    async (accountId: string, connectorId: number, { json }: JsonOption) => {
      const timeline = await (await cli.flows()).timeline({ accountId, connectorId });
      const dropped = timeline.dropped ? [`(${timeline.dropped} older entries are dropped)`] : [];
      print(cli, json, timeline, [...dropped, ...timeline.entries.map(entryText)].join('\n'));
    },
  );

  addConnectorCommand(
    program,
    'watch',
    'Shows the past transitions of a flow, then each new transition until the flow ends.',
  ).action(async (accountId: string, connectorId: number, { json }: JsonOption) => {
    const entries = (await cli.flows()).timelineEntries({ accountId, connectorId }, cli.signal);
    for await (const entry of entries) print(cli, json, entry, entryText(entry));
  });

  addConnectorCommand(
    program,
    'recheck',
    'Lets a waiting flow re-read its connector, and lets a flow in an outage repeat its call now.',
    'For each flow, the command has an effect at most once in 10 s. Prints the view after the call to Cyclr. A flow that has ended must be started again.',
  ).action(async (accountId: string, connectorId: number, { json }: JsonOption) =>
    printView(cli, json, await (await cli.flows()).recheck({ accountId, connectorId }, { by: author() })),
  );

  addConnectorCommand(
    program,
    'cancel',
    'Ends a flow as cancelled.',
    'If the flow is sending credentials to Cyclr at the time of the command, and Cyclr accepts them, the flow ends as authenticated.',
  )
    .option('--reason <text>', 'reason, for the timeline')
    .action(async (accountId: string, connectorId: number, { json, reason }: JsonOption & { reason?: string }) => {
      const cancellation = { ...(reason && { reason }), by: author() };
      printView(cli, json, await (await cli.flows()).cancel({ accountId, connectorId }, cancellation));
    });
}

interface StartOptions extends JsonOption {
  reauthenticate?: boolean;
  wait?: boolean;
}

function addStart(program: Command, cli: Cli): void {
  addConnectorCommand(program, 'start', 'Starts a flow. If the flow is already open, lets it re-read its connector.')
    .option('--reauthenticate', 'ask for new input, even if the connector is authenticated')
    .option('--wait', 'wait until the flow ends: exit code 0 if it is authenticated, otherwise 3')
    .action(async (accountId: string, connectorId: number, { json, reauthenticate, wait }: StartOptions) => {
      const key = { accountId, connectorId };
      const flows = await cli.flows();
      const intent = reauthenticate ? 'reauthenticate' : 'authenticate';
      const started = await flows.start(key, { intent, by: author() });

      const next = wait ? '' : ` Next: ${commandLine(cli.name, 'view', key)}`;
      const event = started.started ? 'Started' : 'Already open:';
      print(cli, json, started, `${event} ${started.workflowId} (${started.intent}).${next}`);
      if (wait) reportEnd(cli, await flows.result(key));
    });
}

function reportEnd(cli: Cli, view: View): void {
  const { state, failure } = view;
  const next = nextStep(view, cli.name);
  const outcome = failure ? `${state}: ${failure.code}: ${failure.message}` : state;
  note(cli, withHint(outcome, next && `Next: ${next}`));
  if (state !== 'authenticated') cli.exitCode = 3;
}
