import { cancel } from './cancel';
import type { Cli, Command, ExitCode, Flows } from './command';
import { confirm } from './confirm';
import { credentials } from './credentials';
import { CliError, exitCodeOf, lineOf } from './errors';
import { keys } from './keys';
import { link } from './link';
import { properties } from './properties';
import { replay } from './replay';
import { sealCommand } from './seal';
import { start } from './start';
import { timeline } from './timeline';
import { view } from './view';
import { watch } from './watch';

/** What a process is given from outside. */
export interface World extends Omit<Cli, 'flows' | 'histories'> {
  connect(): Promise<{ flows: Flows; histories: Cli['histories']; close(): Promise<void> }>;
}

const commands: readonly Command[] = [
  start,
  view,
  timeline,
  watch,
  properties,
  credentials,
  link,
  confirm,
  cancel,
  sealCommand,
  keys,
  replay,
];

/** Runs one command line and answers its exit code. Never throws; closes what it opened. */
export async function run(argv: string[], { connect, ...world }: World): Promise<ExitCode> {
  let connecting: ReturnType<World['connect']> | undefined;
  const connected = () => (connecting ??= connect());
  const flows = async () => (await connected()).flows;
  async function* histories(query: string) {
    yield* (await connected()).histories(query);
  }
  const [name, ...rest] = argv;
  const command = commands.find((candidate) => candidate.name === name);
  try {
    if (asksForHelp(argv)) return help(command, world);
    if (!command) throw new CliError('wrongUsage', name ? 'there is no such command' : 'which command?');
    return await interruptible(command.run(rest, { ...world, flows, histories }), world.signal);
  } catch (err) {
    if (!world.signal.aborted) world.stderr.write(`${lineOf(err)}\n`);
    if (exitCodeOf(err) === 2) world.stderr.write(`${usageOf(command)}\n`);
    return exitCodeOf(err);
  } finally {
    const closing = connecting?.then(({ close }) => close()).catch(() => undefined);
    if (!world.signal.aborted) await closing;
  }
}

/** The same, but over as soon as the user interrupts, whatever it waits for. */
async function interruptible(running: Promise<ExitCode>, signal: AbortSignal): Promise<ExitCode> {
  const interrupted = new Promise<never>((_, reject) => {
    const interrupt = () => reject(new CliError('interrupted', 'by the user'));
    if (signal.aborted) interrupt();
    signal.addEventListener('abort', interrupt, { once: true });
  });
  return Promise.race([running, interrupted]);
}

function asksForHelp(argv: string[]): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end < 0 ? argv.length : end).some((word) => word === '--help' || word === '-h');
}

function help(command: Command | undefined, { stdout }: Pick<Cli, 'stdout'>): ExitCode {
  stdout.write(command ? `${usageOf(command)}\n\n${command.summary}\n` : `${overview()}\n`);
  return 0;
}

const usageOf = (command?: Command): string =>
  `usage: cyclr-connect ${command ? `${command.name} ${command.usage} [--json]` : 'COMMAND … [--json] [--help]'}`;

function overview(): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary.split('\n')[0]}`);
  return [
    usageOf(),
    '',
    ...lines,
    '',
    'Exit codes: 0 done, 1 failed or refused, 2 wrong usage, 3 --wait ended otherwise.',
  ].join('\n');
}
