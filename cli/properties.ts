/**
 * The command `properties`. The command reads values from --set, from answers on a terminal, or from JSON on standard
 * input, and seals secrets.
 */
import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { publicKeyOf } from '../sealing/keys';
import { sealProperties, secretsIn, type Submission } from '../sealing/seal';
import { jsonOf } from '../workflows/connector';
import type { Field } from '../workflows/connector';
import type { View } from '../workflows/view';
import { addConnectorCommand, submissionIdOption, type JsonOption } from './arguments';
import type { Cli } from './cli';
import { author, sealingKeys } from './config';
import { CliError } from './errors';
import { onTerminal, readJsonText, type Ask } from './input';
import { note, oneLine, printAnswer } from './output';

/** Property values by name, in clear. */
interface Values {
  [name: string]: string;
}

interface Options extends JsonOption {
  set?: Values;
  submissionId?: string;
}

export function addPropertiesCommand(program: Command, cli: Cli): void {
  addConnectorCommand(
    program,
    'properties',
    'Sets properties of a connector; secret values are sealed.',
    'Without --set, asks for the values on a terminal, or reads a JSON object from standard input: {"name":"value",…}.',
  )
    .option(
      '--set <name=value>',
      'set this property; repeatable. Not for secrets, because the shell keeps the command in its history',
      withValue,
    )
    .option(...submissionIdOption)
    .action(async (accountId: string, connectorId: number, options: Options) => {
      const key = { accountId, connectorId };
      const submissionId = options.submissionId ?? randomUUID();
      const given = options.set ?? (cli.stdin.isTTY ? undefined : await valuesFromStdin(cli));
      const flows = await cli.flows();
      const view = await flows.view(key);
      const values = given ?? (await onTerminal(cli, (ask) => askForValues(ask, view)));
      const secrets = secretsIn(values, view.fields);
      if (options.set && Object.keys(secrets).length > 0) note(cli, WARNING);
      const sealed = await sealSecrets(cli, secrets, { ...key, submissionId });
      const input = { submissionId, values: { ...values, ...sealed }, by: author() };
      printAnswer(cli, options.json, await flows.submitProperties(key, input));
    });
}

/**
 * The warning does not repeat the name in --set, because a user can type the secret in place of the name by mistake.
 */
const WARNING = "warning: a secret in --set stays in the shell's history and in the list of processes";

/** Seals the secrets. Reads the sealing keys only if there is a secret. */
async function sealSecrets(cli: Cli, secrets: Values, submission: Submission) {
  if (Object.keys(secrets).length === 0) return {};
  return sealProperties(secrets, submission, await publicKeyOf(await sealingKeys(cli)));
}

/** Adds the assignment of one --set option to the values of the earlier --set options. Fails: `wrongUsage`. */
function withValue(assignment: string, values: Values = {}): Values {
  const end = assignment.indexOf('=');
  if (end < 1) throw new CliError('wrongUsage', '--set takes NAME=VALUE');
  const name = assignment.slice(0, end);
  if (Object.hasOwn(values, name)) throw new CliError('wrongUsage', '--set names a property twice');
  return Object.fromEntries([...Object.entries(values), [name, assignment.slice(end + 1)]]);
}

/** The values of the JSON object on standard input. Fails: `wrongUsage` if the input is empty; `malformed`. */
async function valuesFromStdin(cli: Pick<Cli, 'stdin'>): Promise<Values> {
  const parsed = jsonOf(await readJsonText(cli));
  const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
  if (isObject && Object.values(parsed).every((value) => typeof value === 'string')) return parsed as Values;
  throw new CliError('malformed', 'standard input is no JSON object whose values are strings');
}

/**
 * Asks for the missing fields. Asks for all fields in three cases: the view has a problem, the flow re-authenticates,
 * or no field is missing. An empty answer keeps the stored value. Without a stored value, an empty answer selects the
 * default. Without a default, an optional field stays empty, and the terminal asks for a required field again. Fails:
 * `notNow` if the flow does not wait for properties.
 */
async function askForValues(ask: Ask, view: View): Promise<Values> {
  if (!view.fields) throw new CliError('notNow', `the flow does not wait for properties (state ${view.state})`);
  const values: [name: string, value: string][] = [];
  for (const field of fieldsToAsk(view, view.fields)) values.push([field.name, await askFor(ask, field)]);
  return Object.fromEntries(values.filter(([, value]) => value !== ''));
}

function fieldsToAsk({ intent, problem }: View, fields: Field[]): Field[] {
  const missing = fields.filter(({ stored }) => !stored);
  return intent === 'reauthenticate' || problem || missing.length === 0 ? fields : missing;
}

async function askFor(ask: Ask, field: Field): Promise<string> {
  const question = { label: labelOf(field), hidden: field.secret, multiline: field.multiline };
  const proposed = field.stored ? '' : (field.default ?? '');
  for (;;) {
    const value = (await ask(question)) || proposed;
    if (value !== '' || field.stored || !field.required) return value;
  }
}

function labelOf({ label, required, stored, options, help, default: proposed }: Field): string {
  const enter = stored ? 'Enter keeps it' : proposed ? `Enter for ${proposed}` : required ? 'required' : 'optional';
  const choices = options?.length ? `${options.join(' | ')}; ` : '';
  return oneLine(`${label}${help ? ` (${help})` : ''} [${choices}${enter}]`);
}
