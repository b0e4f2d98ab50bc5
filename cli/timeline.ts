import { argumentsOf, checkCount, keyOf, print, type Command } from './command';
import { entryText } from './render';

/** How an authentication got where it stands. */
export const timeline: Command = {
  name: 'timeline',
  usage: 'ACCOUNT CONNECTOR',
  summary: 'Shows how an authentication got where it stands: its last 200 transitions and refused inputs.',
  async run(argv, cli) {
    const { values, positionals } = argumentsOf(argv, {});
    checkCount(positionals, 2);
    const key = keyOf(positionals);

    const found = await (await cli.flows()).timeline(key);

    const dropped = found.dropped ? [`(${found.dropped} older ones are gone)`] : [];
    print(cli, values.json, found, [...dropped, ...found.entries.map(entryText)].join('\n'));
    return 0;
  },
};
