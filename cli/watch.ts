import { argumentsOf, checkCount, keyOf, print, type Command } from './command';
import { entryText } from './render';

/** Follows an authentication. */
export const watch: Command = {
  name: 'watch',
  usage: 'ACCOUNT CONNECTOR',
  summary:
    'Shows each transition, past ones first, until the authentication has ended.\n' +
    'With --json one JSON object a line.',
  async run(argv, cli) {
    const { values, positionals } = argumentsOf(argv, {});
    checkCount(positionals, 2);
    const key = keyOf(positionals);
    const flows = await cli.flows();

    for await (const entry of flows.timelineEntries(key, cli.signal)) print(cli, values.json, entry, entryText(entry));
    return 0;
  },
};
