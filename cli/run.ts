import { setTimeout as delay } from 'node:timers/promises';
import { Command, CommanderError } from 'commander';
import { commandIn, usageError } from './arguments';
import { addAuthorizationCommands } from './authorization';
import type { Cli, Connected, Host } from './cli';
import { isInRepository } from './config';
import { addCredentialsCommand } from './credentials';
import { addDoctorCommand } from './doctor';
import { CliError, codeOf, exitCodeOf, type ExitCode } from './errors';
import { addEventsCommand } from './events';
import { addFlowCommands } from './flow';
import { addKeysCommand, addSealCommand } from './keys';
import { addListCommand } from './list';
import { commandLine, note, withHint } from './output';
import { addPoliciesCommand } from './policies';
import { addProbeCommand } from './probe';
import { addAuditCommand } from './audit';
import { addBulkCommands } from './bulk';
import { addConnectionCommands } from './connections';
import { addOnboardCommand } from './onboard';
import { addPropertiesCommand } from './properties';
import { addReplayCommand } from './replay';
import { addSearchAttributesCommand } from './search-attributes';

/** At its end, a command waits at most this time for the connection to close. */
const CLOSE_MS = 1_000;

/**
 * Runs one command line and resolves with its exit code. Never rejects. Closes the connection to Temporal at the end.
 */
export async function run(argv: string[], { connect, ...host }: Host): Promise<ExitCode> {
  let connecting: Promise<Connected> | undefined;
  const connected = () => (connecting ??= connect());
  const cli: Cli = {
    ...host,
    exitCode: 0,
    flows: async () => (await connected()).flows,
    server: async () => (await connected()).server,
    histories: async function* (query) {
      yield* (await connected()).histories(query);
    },
  };
  const program = createProgram(cli);
  try {
    await unlessInterrupted(program.parseAsync(argv, { from: 'user' }), host.signal);
    return cli.exitCode;
  } catch (err) {
    return reportError(err, commandIn(program, argv), cli);
  } finally {
    const closing = connecting?.then(({ close }) => close()).catch(() => undefined);
    // The wait has a limit, because `doctor` can end while the connect to Temporal is still waiting for an answer.
    if (!host.signal.aborted) await Promise.race([closing, delay(CLOSE_MS, undefined, { ref: false })]);
  }
}

function createProgram(cli: Cli): Command {
  const program = new Command()
    .name(cli.name)
    .description(
      'Starts flows, sends inputs to them and shows their states. A flow authenticates one Cyclr account connector; Temporal runs it.',
    )
    .version(cli.version)
    .enablePositionalOptions() // with this setting, an option after the name of a command belongs to the command
    .exitOverride()
    .configureOutput({
      writeOut: (text) => cli.stdout.write(text),
      writeErr: (text) => cli.stderr.write(text),
      outputError: () => undefined, // reportError writes the error, because commander's own text quotes arguments
    })
    .addHelpText('after', NOTES);
  addFlowCommands(program, cli);
  addListCommand(program, cli);
  addBulkCommands(program, cli);
  addEventsCommand(program, cli);
  addConnectionCommands(program, cli);
  addAuditCommand(program, cli);
  addOnboardCommand(program, cli);
  addPropertiesCommand(program, cli);
  addCredentialsCommand(program, cli);
  addAuthorizationCommands(program, cli);
  addSealCommand(program, cli);
  addKeysCommand(program, cli);
  addReplayCommand(program, cli);
  addSearchAttributesCommand(program, cli);
  addDoctorCommand(program, cli);
  addProbeCommand(program, cli);
  addPoliciesCommand(program, cli);
  return program;
}

const NOTES = `
Exit codes: 0 done, 1 failed or refused, 2 wrong usage, 3 with --wait: ended but not authenticated, 130 interrupted.
Temporal: the server that TEMPORAL_* variables name; without them the server of npm start, if it runs in this folder.`;

/** Rejects at once when the user interrupts, even if `running` has not ended. */
async function unlessInterrupted(running: Promise<unknown>, signal: AbortSignal): Promise<void> {
  const interrupted = new Promise<never>((_, reject) => {
    const interrupt = () => reject(new CliError('interrupted', 'by the user'));
    if (signal.aborted) interrupt();
    signal.addEventListener('abort', interrupt, { once: true });
  });
  await Promise.race([running, interrupted]);
}

/**
 * Writes the error and the next step on one line. Writes nothing for --help and --version, which are errors of
 * commander with exit code 0.
 */
function reportError(thrown: unknown, command: Command, cli: Cli): ExitCode {
  if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0;
  // There was no command, and commander has already written the help.
  if (thrown instanceof CommanderError && thrown.code === 'commander.help') return 2;
  const err = thrown instanceof CommanderError ? usageError(thrown, command) : thrown;
  const code = codeOf(err);
  const message = err instanceof Error ? err.message : String(err);
  if (!cli.signal.aborted) note(cli, withHint(`${code}: ${message}`, hintFor(code, command, cli)));
  return exitCodeOf(err);
}

function hintFor(code: string, command: Command, cli: Cli): string | undefined {
  // The second argument is undefined for a command without a connector, such as a command for events.
  const [accountId, connectorId] = command.processedArgs as [string, number?];
  switch (code) {
    case 'wrongUsage':
      return `Help: ${pathOf(command)} --help`;
    case 'notStarted':
    case 'closed':
      return connectorId === undefined
        ? undefined
        : `To start: ${commandLine(cli.name, 'start', { accountId, connectorId })}`;
    case 'notNow':
    case 'alreadyRunning':
      return connectorId === undefined
        ? undefined
        : `To see the state: ${commandLine(cli.name, 'view', { accountId, connectorId })}`;
    case 'noWorker':
      return isInRepository(cli.env) ? 'To start one: npm run worker' : undefined;
    default:
      return undefined;
  }
}

const pathOf = (command: Command): string =>
  command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
