/** The commands for keys and sealed values. These commands need no Temporal. */
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { digestOf, isApiKey, isApiKeyName } from '../client/http/api-key';
import { credentialsOf } from '../sealing/credentials';
import { readKeySet } from '../sealing/key-file';
import { generateKey, keySetOf, publicHalf, publicKeyOf, rotate, type KeySet } from '../sealing/keys';
import { seal } from '../sealing/seal';
import { addCommand, addConnectorCommand, submissionIdOf, type JsonOption } from './arguments';
import type { Cli } from './cli';
import { sealingKeys } from './config';
import { CliError } from './errors';
import { onTerminal, readValue } from './input';
import { note, print } from './output';

/**
 * The shortest length of a safe API key, in characters. A program that tries many keys can find a shorter key from its
 * digest.
 */
const GOOD_LENGTH = 32;

interface KeysOptions extends JsonOption {
  out?: string;
}

export function addKeysCommand(program: Command, cli: Cli): void {
  const keys = program.command('keys').description('Prints sets of sealing keys, and digests of service API keys.');
  const add = (name: string, summary: string) =>
    addCommand(keys, name, summary).option('--out <file>', 'write the result to a new file of mode 0600 instead');
  const fileArgument = ['[file]', 'file of a JWK set (default: SEALING_KEYS)'] as const;
  const writeSet = (options: KeysOptions, set: KeySet) => write(cli, options, set, JSON.stringify(set, null, 2));

  add('generate', 'Prints a new private JWK set of one key.').action(async (options: KeysOptions) =>
    writeSet(options, { keys: [await generateKey()] }),
  );
  add('rotate', 'Prints a private JWK set with a new first key.')
    .argument(...fileArgument)
    .action(async (file: string | undefined, options: KeysOptions) =>
      writeSet(options, await rotate(await keySetIn(cli, file))),
    );
  add('public', 'Prints the public half of a JWK set.')
    .argument(...fileArgument)
    .action(async (file: string | undefined, options: KeysOptions) =>
      writeSet(options, publicHalf(await keySetIn(cli, file))),
    );
  add(
    'hash',
    'Reads an API key of the service from standard input, or on a terminal asks for it, and prints its SHA-256 digest for SERVICE_API_KEYS.',
  )
    .option('--name <name>', 'name of the key, which timelines and the audit show', apiKeyNameOf)
    .action(async ({ name, ...options }: KeysOptions & { name?: string }) => {
      const digest = await readDigest(cli);
      await write(cli, options, { name, digest }, name === undefined ? digest : `${name}:${digest}`);
    });
}

function apiKeyNameOf(name: string): string {
  if (isApiKeyName(name)) return name;
  throw new CliError('wrongUsage', '--name takes 1 to 40 characters of A-Z, a-z, 0-9, ., _ and -');
}

async function readDigest(cli: Cli): Promise<string> {
  const key = (await readSecret(cli, 'API key')).replace(/^\uFEFF/, ''); // PowerShell adds a byte order mark
  if (key === '') throw new CliError('wrongUsage', 'no key: standard input is empty');
  if (!isApiKey(key))
    throw new CliError('malformed', 'no request can carry this key: a key has only A-Z, a-z, 0-9, _ . ~ + / = and -');
  if (key.length < GOOD_LENGTH)
    note(cli, `warning: a key under ${GOOD_LENGTH} characters can be guessed from its digest`);
  return digestOf(key);
}

/**
 * Prints the result, or writes it to a new file that only its owner can read. A redirection by the shell would make a
 * file that other users can read.
 */
async function write(cli: Cli, { json, out }: KeysOptions, value: unknown, text: string): Promise<void> {
  if (out === undefined) return print(cli, json, value, text);
  const content = `${json ? JSON.stringify(value) : text}\n`;
  await writeFile(resolve(cli.cwd, out), content, { mode: 0o600, flag: 'wx' }).catch((err: NodeJS.ErrnoException) => {
    const reason = err.code === 'EEXIST' ? 'exists: give another name' : `can't be written (${err.code})`;
    throw new CliError('wrongUsage', `the file of --out ${reason}`);
  });
}

const keySetIn = async (cli: Cli, file: string | undefined): Promise<KeySet> =>
  keySetOf(file === undefined ? await sealingKeys(cli) : await readKeySet(file));

export function addSealCommand(program: Command, cli: Cli): void {
  addConnectorCommand(
    program,
    'seal',
    "Seals a value for Temporal's own command line and prints it as JSON.",
    'Reads the value from standard input, without its last line end; on a terminal, asks for it.',
  )
    .argument('<submission>', 'id of the submission that will carry the value', submissionIdOf)
    .option(
      '--property <name>',
      'property that the value is for (default: the value is the JSON that `credentials` reads)',
    )
    .action(
      async (
        accountId: string,
        connectorId: number,
        submissionId: string,
        { property }: JsonOption & { property?: string },
      ) => {
        if (property === '') throw new CliError('wrongUsage', '--property takes a name');
        const sealingKey = await publicKeyOf(await sealingKeys(cli));
        const value = await readSecret(cli, 'Value');
        if (property === undefined) credentialsOf(value);
        const purpose = property === undefined ? 'credentials' : (`property:${property}` as const);
        const sealed = await seal(value, { accountId, connectorId, submissionId, purpose }, sealingKey);
        print(cli, true, sealed, '');
      },
    );
}

/** Reads a value from standard input. On a terminal, asks for the value and does not show it. */
const readSecret = async (cli: Cli, label: string): Promise<string> =>
  cli.stdin.isTTY ? onTerminal(cli, (ask) => ask({ label, hidden: true })) : readValue(cli);
