import { readKeySet } from '../sealing/key-file';
import { generateKey, keySetOf, publicHalf, rotate, type KeySet } from '../sealing/keys';
import { argumentsOf, checkCount, print, type Cli, type Command } from './command';
import { sealingKeys } from './config';
import { CliError } from './errors';

type Read = () => Promise<KeySet>;

const actions: { [action: string]: { most: number; act: (read: Read) => Promise<KeySet> } } = {
  generate: { most: 1, act: async () => ({ keys: [await generateKey()] }) },
  rotate: { most: 2, act: async (read) => rotate(await read()) },
  public: { most: 2, act: async (read) => publicHalf(await read()) },
};

/** Makes sets of sealing keys. Writes no file and needs no Temporal. */
export const keys: Command = {
  name: 'keys',
  usage: 'generate | rotate [FILE] | public [FILE]',
  summary:
    'Prints a JWK set of sealing keys: a new one, one with a new first key, or the public half of one.\n' +
    'Reads FILE, else SEALING_KEYS. Writes no file.',
  async run(argv, cli) {
    const { values, positionals } = argumentsOf(argv, {});
    const [name = '', file] = positionals;
    const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
    if (!action) throw new CliError('wrongUsage', 'generate, rotate or public?');
    checkCount(positionals, 1, action.most);

    const set = await action.act(async () => keySetOf(await readText(cli, file)));

    print(cli, values.json, set, JSON.stringify(set, null, 2));
    return 0;
  },
};

const readText = async (cli: Cli, file: string | undefined): Promise<string> =>
  file === undefined ? sealingKeys(cli) : readKeySet(file);
