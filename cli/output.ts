/**
 * Writes results as text. Control characters are removed from each line, because names and messages come from other
 * systems.
 */
import { quoted } from '../temporal/deployment';
import type { Field } from '../workflows/connector';
import { waitingStates, type StateName, type TimelineEntry, type View } from '../workflows/view';
import type { Cli } from './cli';

/** Writes a result to stdout. With --json, writes one line of JSON. Without --json, writes the text. */
export function print({ stdout }: Pick<Cli, 'stdout'>, json: boolean | undefined, value: unknown, text: string): void {
  stdout.write(`${json ? JSON.stringify(value) : text}\n`);
}

/** Writes one line to stderr. */
export function note({ stderr }: Pick<Cli, 'stderr'>, text: string): void {
  stderr.write(`${oneLine(text)}\n`);
}

/** Adds the hint, if there is one, to the text. */
export const withHint = (text: string, hint: string | undefined): string =>
  hint ? `${text.replace(/\.$/, '')}. ${hint}` : text;

/** Writes a view. */
export const printView = (cli: Cli, json: boolean | undefined, view: View): void =>
  print(cli, json, view, viewText(view, cli.name));

/** Writes the view that the library returns for an input. Exit code 1 if Cyclr has not taken the input. */
export function printAnswer(cli: Cli, json: boolean | undefined, view: View): void {
  printView(cli, json, view);
  const refusal = refusalIn(view);
  if (!refusal) return;
  note(cli, `${refusal.code}: ${refusal.message}`);
  cli.exitCode = 1;
}

/** The reason why Cyclr has not taken an input. Undefined if Cyclr has taken the input, or can still take it. */
function refusalIn({ state, problem, failure }: View): { code: string; message: string } | undefined {
  if (failure) return failure;
  if (state === 'cancelled' || state === 'expired') return { code: state, message: 'the flow has ended' };
  return waitingStates.includes(state) && problem?.code !== 'cyclrUnavailable' ? problem : undefined;
}

/** A view as a table: state, problem, fields, next step. `program` is the beginning of each command in the table. */
export function viewText(view: View, program: string): string {
  const { connector, problem, failure, attempt, fields = [] } = view;
  const rows: [string, string | undefined][] = [
    ['account', view.accountId],
    ['connector', connector ? `${view.connectorId}  ${connector.name} (${authOf(connector)})` : `${view.connectorId}`],
    ['state', view.state + (view.verification ? `, ${view.verification}` : '')],
    ['linked', view.identity],
    ['intent', view.intent === 'reauthenticate' ? 'reauthenticate: new input overwrites the stored values' : undefined],
    ['deadline', view.deadline],
    ['attempt', attempt && `${attempt.id}, until ${attempt.expiresAt}`],
    ['problem', problem && `${problem.code}: ${problem.message}`],
    ...(problem?.fields ?? []).map(({ name, code }): [string, string] => ['', `${name}: ${code}`]),
    ['failure', failure && `${failure.code}: ${failure.message}`],
    ...table(fields.map(fieldCells)).map((line, index): [string, string] => [index === 0 ? 'fields' : '', line]),
    ['next', nextStep(view, program)],
  ];
  const filled = rows.filter((row): row is [string, string] => row[1] !== undefined);
  return table(filled.map(([name, text]) => [name, oneLine(text)])).join('\n');
}

/** The line of one entry of the timeline: a transition, or a refused input. */
export const entryText = ({ at, from, event, to, id, by, note, count }: TimelineEntry): string => {
  const change = from === to ? from : `${from} -> ${to}`;
  const times = count === undefined ? undefined : `${count} times`;
  return oneLine([at, change, event, id, by && `by ${by}`, note, times].filter(Boolean).join('  '));
};

/** The result of a check of `doctor`, without secrets. */
export interface Outcome {
  /** Absent if the check was skipped for the reason in `detail`. */
  ok?: boolean;
  detail?: string;
  remedy?: string;
}

export const notChecked = (reason: string): Outcome => ({ detail: `not checked: ${reason}` });

export function outcomeText(check: string, { ok, detail, remedy }: Outcome): string {
  const mark = ok === undefined ? '-' : ok ? '✓' : '✗';
  return oneLine(`${mark} ${check}  ${[detail, remedy && `Remedy: ${remedy}`].filter(Boolean).join('. ')}`);
}

/** Turns rows of cells into lines of text with aligned columns. */
export function table(rows: string[][]): string[] {
  const width = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(width(column)))
      .join('  ')
      .trimEnd(),
  );
}

const authOf = ({ authType, oauth2Type }: NonNullable<View['connector']>): string =>
  [authType, oauth2Type].filter(Boolean).join(' ');

const fieldCells = ({ name, label, required, secret, stored, options }: Field): string[] => [
  name,
  label,
  [stored ? 'stored' : required ? 'missing' : 'optional', secret && 'secret', options?.join(' | ')]
    .filter(Boolean)
    .join(', '),
];

const nextCommands: { [S in StateName]?: string } = {
  awaitingProperties: 'properties',
  awaitingCredentials: 'credentials',
  verifyingAuthorization: 'confirm',
  expired: 'start',
  cancelled: 'start',
  failed: 'start',
};

/**
 * The next step: the command that continues the flow, quoted for a shell. In the state `unsupported`, the next step
 * tells in words what the operator must do. Undefined if the flow needs no step.
 */
export function nextStep({ accountId, connectorId, state, attempt }: View, program: string): string | undefined {
  if (state === 'unsupported') return 'an operator authenticates the connector in Cyclr';
  const command = state === 'awaitingAuthorization' ? (attempt ? 'confirm' : 'link') : nextCommands[state];
  return command && commandLine(program, command, { accountId, connectorId });
}

/** A command line for a connector, quoted for a shell. */
export const commandLine = (
  program: string,
  command: string,
  { accountId, connectorId }: Pick<View, 'accountId' | 'connectorId'>,
): string => `${program} ${command} ${quoted(accountId)} ${connectorId}`;

/** The text on one line, without control characters. */
export const oneLine = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ');
