/**
 * Adds commands with the arguments and options that several commands share, and makes the errors for wrong arguments.
 */
import type { Command, CommanderError } from 'commander';
import { isAccountId, isConnectorId, isSubmissionId } from '../workflows/connector';
import { CliError } from './errors';

/**
 * Adds a command with the option `--json`, which all commands have. The help of the program shows `summary`; the help
 * of the command also shows `details`.
 */
export const addCommand = (parent: Command, name: string, summary: string, details = ''): Command =>
  parent
    .command(name)
    .summary(summary)
    .description(`${summary} ${details}`.trim())
    .option('--json', 'print the result as JSON, each object on one line');

/**
 * Adds a command for one connector. The action of the command gets the account id, the connector id, and the options.
 */
export const addConnectorCommand = (parent: Command, name: string, summary: string, details?: string): Command =>
  addCommand(parent, name, summary, details)
    .argument('<account>', 'id of the account in Cyclr', accountIdAt('<account>'))
    .argument('<connector>', 'id of the account connector, a positive integer', connectorIdOf);

/** The option of the commands that send an input. */
export const submissionIdOption = [
  '--submission-id <id>',
  'id of this submission (default: a new id). A repetition with the same id changes nothing',
  submissionIdOf,
] as const;

export interface JsonOption {
  json?: boolean;
}

/**
 * Checks an account id and returns it. `place`: the name of the argument or option, for the message of the error.
 * Fails: `wrongUsage`.
 */
export const accountIdAt =
  (place: string) =>
  (text: string): string => {
    if (isAccountId(text)) return text;
    throw new CliError(
      'wrongUsage',
      `${place} is no account id: 1 to 200 characters of Latin-1, no space at either end`,
    );
  };

/** Checks a connector id and returns it. Fails: `wrongUsage`, with the text `fault`. */
function connectorIdOr(fault: string, text: string): number {
  const id = /^[1-9]\d*$/.test(text) ? Number(text) : NaN;
  if (isConnectorId(id)) return id;
  throw new CliError('wrongUsage', fault);
}

const connectorIdOf = (text: string): number =>
  connectorIdOr('<connector> is no connector id: a positive integer', text);

/**
 * Adds the value of an option `--connector` to the values of the earlier `--connector` options. Fails: `wrongUsage`.
 */
export const withConnector = (text: string, earlier: number[] = []): number[] => [
  ...earlier,
  connectorIdOr('--connector takes a connector id: a positive integer', text),
];

/** Checks a submission id and returns it. Fails: `wrongUsage`. */
export function submissionIdOf(text: string): string {
  if (isSubmissionId(text)) return text;
  throw new CliError('wrongUsage', 'a submission id has 1 to 128 characters of A-Z, a-z, 0-9, _ and -');
}

/** The parser of an option that takes one of `values`. Fails: `wrongUsage`. */
export function oneOf<Value extends string>(option: string, values: readonly Value[]) {
  return (text: string): Value => {
    const value = values.find((candidate) => candidate === text);
    if (value) return value;
    throw new CliError('wrongUsage', `${option} takes one of ${values.join(', ')}`);
  };
}

/** Finds the command that the arguments `argv` name. Returns the program itself if `argv` names no command. */
export function commandIn(program: Command, argv: string[]): Command {
  const [name, ...rest] = argv;
  const command = program.commands.find((candidate) => candidate.name() === name);
  return command ? commandIn(command, rest) : program;
}

/** The codes of commander's errors whose messages quote no argument. */
const withoutValues = ['commander.missingArgument', 'commander.optionMissingArgument', 'commander.excessArguments'];

/**
 * Turns commander's error into an error that quotes no argument, because an argument can be a secret in the wrong
 * place.
 */
export function usageError({ code, message }: CommanderError, command: Command): CliError {
  const suggestion = /\(Did you mean .*\)/.exec(message)?.[0];
  const problem = withoutValues.includes(code)
    ? message.replace('error: ', '')
    : code === 'commander.unknownOption'
      ? unknownOption(message, command)
      : 'unknown command';
  return new CliError('wrongUsage', suggestion ? `${problem} ${suggestion}` : problem);
}

/** Names an unknown option without its value, and only if the text looks like the name of an option. */
function unknownOption(message: string, command: Command): string {
  const [, name, value] = /^error: unknown option '(--[a-z]+(?:-[a-z]+)*(?=[='])|-[a-zA-Z])(=?)/.exec(message) ?? [];
  if (!name || name.length > MAX_OPTION_NAME) return 'unknown option (not repeated here: it can be a secret)';
  const isFlag = value === '=' && command.options.some(({ long }) => long === name);
  return isFlag ? `option '${name}' takes no value` : `unknown option '${name}'`;
}

const MAX_OPTION_NAME = 20;
