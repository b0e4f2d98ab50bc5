import { argumentsOf, checkCount, keyOf, print, type Command } from './command';
import { viewText } from './render';

/** Where an authentication stands. */
export const view: Command = {
  name: 'view',
  usage: 'ACCOUNT CONNECTOR',
  summary: 'Shows where an authentication stands, and what to do next.',
  async run(argv, cli) {
    const { values, positionals } = argumentsOf(argv, {});
    checkCount(positionals, 2);
    const key = keyOf(positionals);

    const found = await (await cli.flows()).view(key);

    print(cli, values.json, found, viewText(found));
    return 0;
  },
};
