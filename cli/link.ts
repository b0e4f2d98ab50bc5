import { argumentsOf, checkCount, keyOf, print, type Command } from './command';
import { author, defaultReturnTo } from './config';

/** Makes a link to the third party's consent. */
export const link: Command = {
  name: 'link',
  usage: 'ACCOUNT CONNECTOR [--return-to URL]',
  summary:
    "Makes a fresh link to the third party's consent: for the user alone, single use, good for some minutes.\n" +
    '--return-to is where the browser goes afterwards; by default {PUBLIC_URL}/connect/return, else\n' +
    '{CYCLR_SERVICE_URL}/return. Afterwards: cyclr-connect confirm ACCOUNT CONNECTOR.',
  async run(argv, cli) {
    const { values, positionals } = argumentsOf(argv, { 'return-to': { type: 'string' } });
    checkCount(positionals, 2);
    const key = keyOf(positionals);
    const returnTo = values['return-to'] ?? defaultReturnTo(cli);

    const made = await (await cli.flows()).requestAuthorization(key, { returnTo, by: author() });

    print(cli, values.json, made, `Open until ${made.expiresAt}, in a browser:\n${made.url}`);
    return 0;
  },
};
