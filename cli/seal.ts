import { credentialsOf } from '../sealing/credentials';
import { publicKeyOf } from '../sealing/keys';
import { seal } from '../sealing/seal';
import { argumentsOf, checkCount, keyOf, submissionIdOf, type Cli, type Command } from './command';
import { sealingKeys } from './config';
import { CliError } from './errors';
import { onTerminal } from './prompt';
import { readAll } from './stdin';

/** Seals a value for the plain Temporal command line. Needs no Temporal. */
export const sealCommand: Command = {
  name: 'seal',
  usage: 'ACCOUNT CONNECTOR SUBMISSION_ID [--property NAME]',
  summary:
    'Seals what stands on standard input, less one trailing line end, for the plain Temporal command line.\n' +
    'With --property a value of that property; else credentials, as the JSON that `credentials` takes.',
  async run(argv, cli) {
    const { values, positionals } = argumentsOf(argv, { property: { type: 'string' } });
    checkCount(positionals, 3);
    const key = keyOf(positionals);
    const submissionId = submissionIdOf(positionals[2]);
    const { property } = values;
    if (property === '') throw new CliError('wrongUsage', '--property takes a name');
    const sealer = await publicKeyOf(await sealingKeys(cli));

    const value = await readValue(cli);
    if (property === undefined) credentialsOf(value);
    const purpose = property === undefined ? 'credentials' : (`property:${property}` as const);
    const sealed = await seal(value, { ...key, purpose, submissionId }, sealer);

    cli.stdout.write(`${JSON.stringify(sealed)}\n`);
    return 0;
  },
};

const readValue = async (cli: Cli): Promise<string> =>
  cli.stdin.isTTY
    ? onTerminal(cli, (ask) => ask({ label: 'Value', hidden: true }))
    : (await readAll(cli)).replace(/\r?\n$/, '');
