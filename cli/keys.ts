import { readKeySet } from '../sealing/key-file';
import { generateKey, keySetOf, publicHalf, rotate, type KeySet } from '../sealing/keys';
import { digestOf } from '../client/http/service-key';
import { argumentsOf, checkCount, print, type Cli, type Command } from './command';
import { sealingKeys } from './config';
import { CliError } from './errors';
import { readAll } from './stdin';

/** Shorter ones can be found from their digest by trying. */
const GOOD_LENGTH = 32;

/** What is printed: for a program, and as text. */
type Printed = [json: object, text: string];
const set = (keys: KeySet): Printed => [keys, JSON.stringify(keys, null, 2)];

const actions: { [action: string]: { most: number; act: (cli: Cli, file?: string) => Promise<Printed> } } = {
  generate: { most: 1, act: async () => set({ keys: [await generateKey()] }) },
  rotate: { most: 2, act: async (cli, file) => set(await rotate(await readSet(cli, file))) },
  public: { most: 2, act: async (cli, file) => set(publicHalf(await readSet(cli, file))) },
  hash: { most: 1, act: hash },
};

/** Makes sets of sealing keys, and digests of service API keys. Writes no file and needs no Temporal. */
export const keys: Command = {
  name: 'keys',
  usage: 'generate | rotate [FILE] | public [FILE] | hash',
  summary:
    'Prints a JWK set of sealing keys: a new one, one with a new first key, or the public half of one.\n' +
    'Reads FILE, else SEALING_KEYS. Writes no file.\n' +
    'hash: prints the digest of the service API key on standard input, for SERVICE_API_KEYS.',
  async run(argv, cli) {
    const { values, positionals } = argumentsOf(argv, {});
    const [name = '', file] = positionals;
    const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
    if (!action) throw new CliError('wrongUsage', 'generate, rotate, public or hash?');
    checkCount(positionals, 1, action.most);

    print(cli, values.json, ...(await action.act(cli, file)));
    return 0;
  },
};

/** SHA-256 in hex, of standard input less one trailing line end. */
async function hash(cli: Cli): Promise<Printed> {
  const key = (await readAll(cli)).replace(/\r?\n$/, '');
  if (key === '') throw new CliError('wrongUsage', 'no key was given on standard input');
  if (key.length < GOOD_LENGTH)
    cli.stderr.write(`This key has less than ${GOOD_LENGTH} characters: whoever sees its digest may guess it.\n`);
  const digest = digestOf(key);
  return [{ digest }, digest];
}

const readSet = async (cli: Cli, file: string | undefined): Promise<KeySet> =>
  keySetOf(file === undefined ? await sealingKeys(cli) : await readKeySet(file));
