/**
 * The commands for OAuth: `link` makes a link to the third party's consent, and `confirm` verifies the consent in
 * Cyclr.
 */
import type { Command } from 'commander';
import { ConnectorAuthError } from '../client/connector-auth-error';
import type { ConnectorKey } from '../workflows/connector';
import type { View } from '../workflows/view';
import { addConnectorCommand, type JsonOption } from './arguments';
import type { Cli } from './cli';
import { author, defaultReturnTo } from './config';
import { CliError } from './errors';
import { commandLine, note, print, printView } from './output';

export function addAuthorizationCommands(program: Command, cli: Cli): void {
  addConnectorCommand(
    program,
    'link',
    "Makes a new link to the third party's consent.",
    'The link works once, and only for some minutes.',
  )
    .option(
      '--return-to <url>',
      'page that the browser opens after the consent (default: {PUBLIC_URL}/connect/return; without PUBLIC_URL: {CYCLR_SERVICE_URL}/return)',
    )
    .action(async (accountId: string, connectorId: number, options: JsonOption & { returnTo?: string }) => {
      const key = { accountId, connectorId };
      const returnTo = options.returnTo ?? (await defaultReturnTo(cli));
      const link = await (await cli.flows()).requestAuthorization(key, { returnTo, by: author() });
      const confirm = commandLine(cli.name, 'confirm', key);
      const text = `Open this link in a browser before ${link.expiresAt}:\n${link.url}\nThen: ${confirm}`;
      print(cli, options.json, link, text);
    });

  addConnectorCommand(
    program,
    'confirm',
    'Asks Cyclr whether the user of the newest link has consented.',
    'Exit code 0 if the connector is authenticated, or if the verification is running. While the verification is running, repeat the command.',
  ).action(async (accountId: string, connectorId: number, { json }: JsonOption) => {
    const view = await confirmed(cli, { accountId, connectorId });
    printView(cli, json, view);
    reportConfirmation(cli, view);
  });
}

async function confirmed(cli: Cli, key: ConnectorKey): Promise<View> {
  const flows = await cli.flows();
  const view = await flows.view(key);
  if (view.state === 'authenticated') return view;
  if (!view.attempt) throw new CliError('notNow', `the flow has no link to confirm (state ${view.state})`);
  return flows.confirmAuthorization(key, { attemptId: view.attempt.id, by: author() }).catch(finalView);
}

/**
 * Returns the final view that the error of a confirmation contains. Throws any other error. If the flow ends between
 * the read of its view and the confirmation, the confirmation fails, even if the flow has ended as authenticated.
 */
function finalView(err: unknown): View {
  if (err instanceof ConnectorAuthError && err.view) return err.view;
  throw err;
}

function reportConfirmation(cli: Cli, { state, problem }: View): void {
  if (state === 'authenticated' || state === 'verifyingAuthorization') return;
  const { code, message } = problem ?? {
    code: 'notAuthorized',
    message: `the connector is not authenticated (state ${state})`,
  };
  note(cli, `${code}: ${message}`);
  cli.exitCode = 1;
}
