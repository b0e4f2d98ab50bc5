import type { View } from '../workflows/messages';
import { ConnectorAuthError } from '../client/connector-auth-error';
import { argumentsOf, checkCount, keyOf, print, type Cli, type Command, type ExitCode } from './command';
import { author } from './config';
import { CliError } from './errors';
import { oneLine, viewText } from './render';

/** Asks whether the user has consented. */
export const confirm: Command = {
  name: 'confirm',
  usage: 'ACCOUNT CONNECTOR',
  summary:
    'Asks Cyclr whether the user of the newest link has consented.\n' +
    'Exit code 0 when it is authenticated, or Cyclr is still being asked: then try again.',
  async run(argv, cli) {
    const { values, positionals } = argumentsOf(argv, {});
    checkCount(positionals, 2);
    const key = keyOf(positionals);
    const flows = await cli.flows();

    const seen = await flows.view(key);
    if (seen.state === 'authenticated') return answer(cli, values.json, seen);
    if (!seen.attempt) throw new CliError('notNow', `there is no link that could be followed (state ${seen.state})`);

    const confirmation = { attemptId: seen.attempt.id, by: author() };
    return answer(cli, values.json, await flows.confirmAuthorization(key, confirmation).catch(finalView));
  },
};

/** It can have ended since it was looked at, and ended well. */
function finalView(err: unknown): View {
  if (err instanceof ConnectorAuthError && err.view) return err.view;
  throw err;
}

function answer(cli: Cli, json: boolean | undefined, view: View): ExitCode {
  print(cli, json, view, viewText(view));
  const { state, problem } = view;
  if (state === 'authenticated' || state === 'verifyingAuthorization') return 0;
  const { code, message } = problem ?? { code: 'notAuthorized', message: `not yet (state ${state})` };
  cli.stderr.write(`${oneLine(`${code}: ${message}`)}\n`);
  return 1;
}
