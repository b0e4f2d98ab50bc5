/**
 * The command `probe`, which tells which connectors of an account this project can connect. The command sends only
 * GETs, and needs no Temporal.
 */
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { authMethodOf, type Connector } from '../workflows/connector';
import { cyclrClient, questionsOf, questionText, readAccount, readList, type ReadConnector } from './account';
import { accountIdAt, addCommand, withConnector, type JsonOption } from './arguments';
import type { Cli } from './cli';
import { CliError } from './errors';
import { note, oneLine, print, table } from './output';
import { accountConnector, shapeOf, unknownParts, type Shape, type UnknownPart } from './shapes';

interface ProbeOptions extends JsonOption {
  connector?: number[];
  report?: string;
}

export function addProbeCommand(program: Command, cli: Cli): void {
  addCommand(
    program,
    'probe',
    'Tells which connectors of an account a flow can connect, what the flow asks the user, and which connectors need a policy.',
    'Reads Cyclr by CYCLR_API_URL, CYCLR_CLIENT_ID and CYCLR_CLIENT_SECRET. Changes nothing, and needs no Temporal.',
  )
    .argument('<account>', 'id of the account in Cyclr', accountIdAt('<account>'))
    .option('--connector <id>', 'only this account connector; repeatable', withConnector)
    .option('--report <file>', 'write the shapes of the answers to a new file: field names, types, lengths, no value')
    .action(async (accountId: string, { json, connector: only, report }: ProbeOptions) => {
      const cyclr = await cyclrClient(cli);
      const found = await readAccount(cyclr, accountId, only);
      const shapes = shapesOf(found, await readList(cyclr, accountId));
      const unknown = unknownIn(shapes);
      if (report !== undefined) await writeReport(cli, report, { shapes, unreadable: unreadableIn(found), unknown });
      const skeleton = skeletonFor(found);
      const connectors = found.map(summaryOf);
      print(cli, json, { accountId, connectors, skeleton, unknown }, textOf(found, skeleton, unknown));
      if (report !== undefined) note(cli, 'wrote the report: it has field names, types and lengths, and no value');
    });
}

/**
 * The result for one connector. `connected`: Cyclr reports the connector as authenticated. `ready`: a flow can connect
 * the connector. `policy`: a flow can connect the connector only with a policy. `operator`: an operator must connect
 * the connector in Cyclr, because its auth type is unsupported. `unreadable`: Cyclr's answer can't be read.
 */
type Verdict = 'connected' | 'ready' | 'policy' | 'operator' | 'unreadable';

function verdictOf({ draft }: ReadConnector): Verdict {
  if (!draft) return 'unreadable';
  if (draft.connector.authenticated) return 'connected';
  if (needsAuthFields(draft.connector)) return 'policy';
  return authMethodOf(draft.connector) === 'unsupported' ? 'operator' : 'ready';
}

const needsAuthFields = ({ authType }: Connector): boolean => authType === 'AuthFields';

function summaryOf(read: ReadConnector): object {
  const { connectorId, draft, fault } = read;
  const { name, authType, oauth2Type } = draft?.connector ?? {};
  return {
    connectorId,
    verdict: verdictOf(read),
    ...(draft && { name, authType, ...(oauth2Type && { oauth2Type }), ...questionsOf(draft.connector) }),
    ...(fault && { fault }),
  };
}

const verdictTexts: Record<Verdict, (read: ReadConnector) => string> = {
  connected: () => 'connected',
  ready: ({ draft }) => `asks for: ${questionText(draft!.connector)}`,
  policy: () => 'needs a policy: see below',
  operator: () => 'an operator connects it in Cyclr: its auth type is not documented',
  unreadable: ({ fault = '' }) => `can't be read: ${fault}`,
};

function textOf(found: ReadConnector[], skeleton: string | undefined, unknown: UnknownPart[]): string {
  const rows = found.map((read) => {
    const { name = '', authType = '', oauth2Type = '' } = read.draft?.connector ?? {};
    const cells = [
      `${read.connectorId}`,
      name,
      `${authType} ${oauth2Type}`.trim(),
      verdictTexts[verdictOf(read)](read),
    ];
    return cells.map(oneLine);
  });
  const parts = unknown.map(({ path, found: what, count }) => `  ${path}: ${what}, ${count} times`);
  return [
    ...table(rows),
    ...(skeleton ? ['', 'A skeleton for CONNECTOR_POLICIES, see docs/policies.md:', '', skeleton.trimEnd()] : []),
    '',
    unknown.length === 0 ? 'All answers have a known shape.' : 'Unknown parts of the answers:',
    ...parts,
  ].join('\n');
}

/**
 * Makes the text of a policy file with a policy for each connector that needs a policy. Undefined if no connector needs
 * a policy.
 */
function skeletonFor(found: ReadConnector[]): string | undefined {
  const lacking = found.flatMap((read) => (verdictOf(read) === 'policy' && read.draft ? [read.draft] : []));
  const names = [...new Set(lacking.map(({ definition, connector }) => definition.name ?? connector.name))];
  if (names.length === 0) return undefined;
  const policies = names.map((name) => ({
    match: { name },
    authFields: { fields: [{ name: 'token', label: 'API token' }], authValue: '{token}' },
  }));
  return stringify({ policies });
}

interface Shapes {
  list: Shape;
  connector: Shape;
}

const shapesOf = (found: ReadConnector[], list: unknown): Shapes => ({
  list: shapeOf(list),
  connector: found.reduce<Shape>((joined, { body }) => (body === undefined ? joined : shapeOf(body, joined)), {
    types: {},
  }),
});

const unknownIn = ({ list, connector }: Shapes): UnknownPart[] => [
  ...unknownParts(connector, accountConnector),
  ...unknownParts(list, [accountConnector]).filter(({ path }) => path === 'the answer'),
];

const unreadableIn = (found: ReadConnector[]): number => found.filter(({ draft }) => !draft).length;

/**
 * Writes the report. The report contains no value and no id from Cyclr's answers, so that a user can attach it to an
 * issue.
 */
async function writeReport(cli: Cli, file: string, report: object): Promise<void> {
  const content = `${JSON.stringify({ report: 'cyclr-connect probe', version: cli.version, ...report }, null, 2)}\n`;
  await writeFile(resolve(cli.cwd, file), content, { flag: 'wx' }).catch((err: NodeJS.ErrnoException) => {
    const reason = err.code === 'EEXIST' ? 'exists: give another name' : `can't be written (${err.code})`;
    throw new CliError('wrongUsage', `the file of --report ${reason}`);
  });
}
