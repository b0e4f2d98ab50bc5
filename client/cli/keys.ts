import { createHash } from 'node:crypto';
import { readKeySet } from '../sealing/key-file';
import { generateKey, keySetOf, publicHalf, rotate, type KeySet } from '../sealing/keys';
import { argumentsOf, checkCount, print, type Cli, type Command } from './command';
import { sealingKeys } from './config';
import { CliError } from './errors';
import { readAll } from './stdin';

/** Shorter ones can be found from their digest by trying. */
const GOOD_LENGTH = 32;

type Read = () => Promise<KeySet>;

const setActions: { [action: string]: { most: number; act: (read: Read) => Promise<KeySet> } } = {
  generate: { most: 1, act: async () => ({ keys: [await generateKey()] }) },
  rotate: { most: 2, act: async (read) => rotate(await read()) },
  public: { most: 2, act: async (read) => publicHalf(await read()) },
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
    if (name === 'hash') {
      checkCount(positionals, 1);
      const digest = await hash(cli);
      print(cli, values.json, { digest }, digest);
      return 0;
    }
    const action = Object.hasOwn(setActions, name) ? setActions[name] : undefined;
    if (!action) throw new CliError('wrongUsage', 'generate, rotate, public or hash?');
    checkCount(positionals, 1, action.most);

    const set = await action.act(async () => keySetOf(await readText(cli, file)));

    print(cli, values.json, set, JSON.stringify(set, null, 2));
    return 0;
  },
};

/** SHA-256 in hex, of standard input less one trailing line end. */
async function hash(cli: Cli): Promise<string> {
  const key = (await readAll(cli)).replace(/\r?\n$/, '');
  if (key === '') throw new CliError('wrongUsage', 'no key was given on standard input');
  if (key.length < GOOD_LENGTH)
    cli.stderr.write(`This key has less than ${GOOD_LENGTH} characters: whoever sees its digest may guess it.\n`);
  return createHash('sha256').update(key).digest('hex');
}

const readText = async (cli: Cli, file: string | undefined): Promise<string> =>
  file === undefined ? sealingKeys(cli) : readKeySet(file);
