/**
 * The command `policies check`, which checks a file of policies, and compares the file with the connectors of an
 * account.
 */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { CyclrError } from '../activities/cyclr/errors';
import type { CyclrClient } from '../activities/cyclr/client';
import { methodIdOf } from '../activities/cyclr/methods';
import { Policies, PolicyError } from '../activities/policies/policies';
import type { Policy } from '../activities/policies/schema';
import { shaped } from '../activities/policies/shape';
import { authMethodOf, type Connector } from '../workflows/connector';
import { cyclrClient, questionsOf, questionText, readAccount, type Question, type ReadConnector } from './account';
import { accountIdAt, addCommand, type JsonOption } from './arguments';
import type { Cli } from './cli';
import { note, oneLine, print, table } from './output';

export function addPoliciesCommand(program: Command, cli: Cli): void {
  const policies = program.command('policies').description('Checks a file of policies for connectors.');
  addCommand(
    policies,
    'check',
    'Checks a file for CONNECTOR_POLICIES, and names all its faults.',
    'With --against it reads Cyclr by the CYCLR_* variables, and lists the matching connectors with their questions. ' +
      'Exit code 1 if the file has a fault. Changes nothing.',
  )
    .argument('<file>', 'YAML file')
    .option('--against <account>', 'id of an account in Cyclr', accountIdAt('--against'))
    .action(async (file: string, { json, against }: JsonOption & { against?: string }) => {
      const read = await Policies.read(resolve(cli.cwd, file)).catch((err: unknown) => {
        if (err instanceof PolicyError) return err;
        throw err;
      });
      if (read instanceof PolicyError) return reportFaults(cli, json, read.message.split('\n'));
      const matches = against === undefined ? undefined : await matchesIn(cli, read, against);
      print(
        cli,
        json,
        { valid: true, ...(matches && { matches }) },
        ['The file is valid.', ...matchLines(matches)].join('\n'),
      );
    });
}

function reportFaults(cli: Cli, json: boolean | undefined, faults: string[]): void {
  if (json) print(cli, json, { valid: false, faults }, '');
  for (const fault of faults) note(cli, fault);
  cli.exitCode = 1;
}

/** A connector that a policy matches. `asksFor`: the questions that a flow asks the user, in one line. */
interface Match {
  connectorId: number;
  name: string;
  questions: Question[];
  asksFor: string;
  warnings: string[];
}

async function matchesIn(cli: Cli, policies: Policies, accountId: string): Promise<Match[]> {
  const cyclr = await cyclrClient(cli);
  const found: Match[] = [];
  for (const read of await readAccount(cyclr, accountId)) {
    const match = await matchOf(cyclr, policies, accountId, read);
    if (match) found.push(match);
  }
  return found;
}

async function matchOf(
  cyclr: CyclrClient,
  policies: Policies,
  accountId: string,
  { connectorId, draft }: ReadConnector,
): Promise<Match | undefined> {
  const policy = draft && policies.of({ connectorId, definition: draft.definition });
  if (!policy) return undefined;
  const connector = shaped(draft.connector, policy, draft.stored);
  const missing = await missingMethods(cyclr, { accountId, connectorId }, draft.definition.id, policy);
  const warnings = [...warningsOf(draft.connector, connector, policy), ...missing];
  const { questions } = questionsOf(connector);
  return { connectorId, name: connector.name, questions, asksFor: questionText(connector), warnings };
}

/**
 * The warnings about a policy: each member that has no effect on this connector, and an auth type that stays
 * unsupported with the policy.
 */
function warningsOf(before: Connector, after: Connector, policy: Policy): string[] {
  const { properties = {}, authFields, passwordCredentials } = policy;
  const known = new Map(before.fields.map((field) => [field.name, field]));
  const names = Object.entries(properties);
  return [
    ...names
      .filter(([name, { value }]) => !known.has(name) && value === undefined)
      .map(([name]) => `the connector has no property ${name} that a user can set`),
    ...names
      .filter(([name, { default: proposed }]) => proposed !== undefined && known.get(name)?.secret)
      .map(([name]) => `the default of ${name} is ignored, because the property is a secret`),
    ...(authFields && before.authType !== 'AuthFields'
      ? [`authFields has no effect on the auth type ${before.authType}`]
      : []),
    ...(passwordCredentials && before.oauth2Type !== 'PasswordCredentials'
      ? ['passwordCredentials has no effect on this auth type']
      : []),
    ...(authMethodOf(after) === 'unsupported' ? ['the auth type is unsupported, also with this policy'] : []),
  ];
}

/**
 * A warning for each method of the policy that Cyclr does not list for this connector. If Cyclr's list of methods can't
 * be read, the warning has the reason.
 */
async function missingMethods(
  cyclr: CyclrClient,
  target: { accountId: string; connectorId: number },
  definitionId: number | undefined,
  { verify, identity }: Policy,
): Promise<string[]> {
  const methods = [...new Set([verify, identity].flatMap((check) => (check ? [check.method] : [])))];
  const warnings = methods.map(async (method) => {
    try {
      const id = definitionId === undefined ? undefined : await methodIdOf(cyclr, target, definitionId, method);
      return id === undefined ? [`Cyclr lists no method ${method} for this connector`] : [];
    } catch (err) {
      if (!(err instanceof CyclrError)) throw err;
      return [`the methods can't be read: ${err.message}`];
    }
  });
  return (await Promise.all(warnings)).flat();
}

function matchLines(matches: Match[] | undefined): string[] {
  if (!matches) return [];
  const rows = matches.flatMap(({ connectorId, name, asksFor, warnings }) => [
    [`${connectorId}`, oneLine(name), `asks for: ${oneLine(asksFor)}`],
    ...warnings.map((warning) => ['', '', `warning: ${oneLine(warning)}`]),
  ]);
  return rows.length === 0 ? ['No connector of the account matches a policy.'] : table(rows);
}
