import { argumentsOf, checkCount, keyOf, print, type Command } from './command';
import { author } from './config';
import { viewText } from './render';

/** Ends an authentication. */
export const cancel: Command = {
  name: 'cancel',
  usage: 'ACCOUNT CONNECTOR [--reason TEXT]',
  summary: 'Ends an authentication as cancelled, unless Cyclr takes the credentials first.',
  async run(argv, cli) {
    const { values, positionals } = argumentsOf(argv, { reason: { type: 'string' } });
    checkCount(positionals, 2);
    const key = keyOf(positionals);
    const flows = await cli.flows();

    const found = await flows.cancel(key, { ...(values.reason && { reason: values.reason }), by: author() });

    print(cli, values.json, found, viewText(found));
    return 0;
  },
};
