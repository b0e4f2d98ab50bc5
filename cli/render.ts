/** Results for people. Names and messages can come from outside: control characters never reach the terminal. */
import type { Field } from '../workflows/connector';
import type { StateName, TimelineEntry, View } from '../workflows/messages';

/** A view: where it stands, what is wrong, what can be set, what to do next. */
export function viewText(view: View): string {
  const { connector, problem, failure, attempt, fields = [] } = view;
  const rows: [string, string | undefined][] = [
    ['account', view.accountId],
    ['connector', connector ? `${view.connectorId}  ${connector.name} (${authOf(connector)})` : `${view.connectorId}`],
    ['state', view.state + (view.verification ? `, ${view.verification}` : '')],
    ['intent', view.intent === 'reauthenticate' ? 'reauthenticate: new input overwrites what is stored' : undefined],
    ['deadline', view.deadline],
    ['attempt', attempt && `${attempt.id}, until ${attempt.expiresAt}`],
    ['problem', problem && `${problem.code}: ${problem.message}`],
    ...(problem?.fields ?? []).map(({ name, code }): [string, string] => ['', `${name}: ${code}`]),
    ['failure', failure && `${failure.code}: ${failure.message}`],
    ...table(fields.map(fieldCells)).map((line, index): [string, string] => [index === 0 ? 'fields' : '', line]),
    ['next', nextStep(view)],
  ];
  const filled = rows.filter((row): row is [string, string] => row[1] !== undefined);
  return table(filled.map(([name, text]) => [name, oneLine(text)])).join('\n');
}

/** One transition, or one refused input. */
export const entryText = ({ at, from, event, to, id, by, note }: TimelineEntry): string =>
  oneLine([at, from === to ? from : `${from} -> ${to}`, event, id, by && `by ${by}`, note].filter(Boolean).join('  '));

/** Rows of cells as lines of aligned columns. */
function table(rows: string[][]): string[] {
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

const nextSteps: { [S in StateName]?: string } = {
  awaitingProperties: 'properties',
  awaitingCredentials: 'credentials',
  verifyingAuthorization: 'confirm',
  expired: 'start',
  cancelled: 'start',
  failed: 'start',
};

function nextStep({ accountId, connectorId, state, attempt }: View): string | undefined {
  if (state === 'unsupported') return 'an operator authenticates it in Cyclr itself';
  const command = state === 'awaitingAuthorization' ? (attempt ? 'confirm' : 'link') : nextSteps[state];
  return command && `cyclr-connect ${command} ${quoted(accountId)} ${connectorId}`;
}

/** As a shell takes it. */
const quoted = (word: string): string => (/^\w[\w.@-]*$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** The text on one line, without control characters. */
export const oneLine = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ');
