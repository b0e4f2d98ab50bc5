import { argumentsOf, checkCount, keyOf, type Command } from './command';
import { author } from './config';
import { CliError } from './errors';
import { answer } from './submission';

/** Asks whether the user has consented. */
export const confirm: Command = {
  name: 'confirm',
  usage: 'ACCOUNT CONNECTOR',
  summary: 'Asks Cyclr whether the user of the newest link has consented.',
  async run(argv, cli) {
    const { values, positionals } = argumentsOf(argv, {});
    checkCount(positionals, 2);
    const key = keyOf(positionals);
    const flows = await cli.flows();

    const { attempt, state } = await flows.view(key);
    if (!attempt) throw new CliError('notNow', `no link was made that could have been followed (state ${state})`);

    return answer(cli, values.json, await flows.confirmAuthorization(key, { attemptId: attempt.id, by: author() }));
  },
};
