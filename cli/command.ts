import { parseArgs, type ParseArgsConfig } from 'node:util';
import type { Readable, Writable } from 'node:stream';
import { isAccountId, isConnectorId, isSubmissionId, type ConnectorKey } from '../workflows/connector';
import type { ConnectorAuth } from '../client/connector-auth';
import type { RunHistory } from '../temporal/replay';
import { CliError } from './errors';

/** What a command needs of the library; a test has its own. */
export type Flows = Pick<ConnectorAuth, keyof ConnectorAuth>;

/** 0 done, 1 failed or refused, 2 wrong usage, 3 it ended but not authenticated, 130 interrupted. */
export type ExitCode = 0 | 1 | 2 | 3 | 130;

/** What a command works with. */
export interface Cli {
  stdin: Readable & { isTTY?: boolean };
  /** For the result, and nothing else. */
  stdout: Writable;
  stderr: Writable;
  /** Aborts when the user interrupts. */
  signal: AbortSignal;
  env: NodeJS.ProcessEnv;
  cwd: string;
  /** Connects to Temporal at the first call. */
  flows(): Promise<Flows>;
  /** The history of every run that a query of Temporal's list finds, as they come. Connects at the first call. */
  histories(query: string): AsyncIterable<RunHistory>;
}

export interface Command {
  name: string;
  /** The arguments, as the help shows them. */
  usage: string;
  summary: string;
  run(argv: string[], cli: Cli): Promise<ExitCode>;
}

type Options = NonNullable<ParseArgsConfig['options']>;
const everywhere = { json: { type: 'boolean' } } as const;

/** Options and positional arguments. Fails: `wrongUsage`. Quotes none of them: one can be a secret in the wrong place. */
export function argumentsOf<O extends Options>(argv: string[], options: O) {
  try {
    return parseArgs({ args: argv, options: { ...options, ...everywhere }, allowPositionals: true });
  } catch {
    throw new CliError('wrongUsage', 'an option that is not known here, without its value, or with one too many');
  }
}

/** Exactly so many positional arguments. Fails: `wrongUsage`. */
export function checkCount(positionals: string[], least: number, most = least): void {
  if (positionals.length < least) throw new CliError('wrongUsage', 'an argument is missing');
  if (positionals.length > most) throw new CliError('wrongUsage', 'an argument too many');
}

/** ACCOUNT and CONNECTOR, the first two positional arguments. Fails: `wrongUsage`. */
export function keyOf([accountId, connector = '']: string[]): ConnectorKey {
  if (!isAccountId(accountId))
    throw new CliError('wrongUsage', 'ACCOUNT is no account id: 1 to 200 characters of Latin-1');
  const connectorId = /^[1-9]\d*$/.test(connector) ? Number(connector) : NaN;
  if (!isConnectorId(connectorId)) throw new CliError('wrongUsage', 'CONNECTOR is no connector id: a positive integer');
  return { accountId, connectorId };
}

/** The same text, if it can be a submission's id. Fails: `wrongUsage`. */
export function submissionIdOf(text: string | undefined): string {
  if (isSubmissionId(text)) return text;
  throw new CliError('wrongUsage', 'a submission id has 1 to 128 characters of A-Z, a-z, 0-9, _ and -');
}

/** Writes the result: as one line of JSON, or for people. */
export function print(cli: Cli, json: boolean | undefined, value: unknown, text: string): void {
  cli.stdout.write(`${json ? JSON.stringify(value) : text}\n`);
}
