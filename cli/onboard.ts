/** The command that onboards a whole account, a cycle or a list of connectors. */
import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { ConnectorAuthError } from '../client/connector-auth-error';
import {
  emptyProgress,
  faultOfOnboarding,
  type OnboardedConnector,
  type OnboardingInput,
  type OnboardingKey,
  type OnboardingProgress,
  type Scope,
} from '../workflows/onboarding';
import { quoted } from '../temporal/deployment';
import { accountIdAt, addCommand, withConnector, type JsonOption } from './arguments';
import type { Cli } from './cli';
import { author } from './config';
import { CliError } from './errors';
import { note, oneLine, print, table } from './output';

interface OnboardOptions extends JsonOption {
  all?: boolean;
  cycle?: string;
  connector?: number[];
  id?: string;
  activate?: boolean;
  reauthenticate?: boolean;
  wait?: boolean;
}

export function addOnboardCommand(program: Command, cli: Cli): void {
  addCommand(
    program,
    'onboard',
    'Starts the flows of an account, a cycle or a list of connectors, and prints the progress.',
    'Give one of --all, --cycle and --connector. If --id is the id of an open onboarding, shows the progress of this onboarding.',
  )
    .argument('<account>', 'id of the account in Cyclr', accountIdAt('<account>'))
    .option('--all', 'all connectors of the account that are not authenticated')
    .option('--cycle <id>', 'the unauthenticated connectors of a cycle', accountIdAt('--cycle'))
    .option('--connector <id>', 'this connector; repeat the option for more', withConnector)
    .option('--id <id>', 'id of the onboarding (default: a new id)', accountIdAt('--id'))
    .option('--activate', 'activate the cycle when every connector is authenticated')
    .option('--reauthenticate', 'ask for new input, even if a connector is authenticated; needs --connector')
    .option('--wait', 'wait until the onboarding ends: exit code 0 if it is completed, otherwise 3')
    .action(async (accountId: string, options: OnboardOptions) => {
      const key = { accountId, onboardingId: options.id ?? randomUUID() };
      const input: OnboardingInput = {
        ...key,
        scope: scopeOf(options),
        ...(options.activate && { activateCycle: true }),
        ...(options.reauthenticate && { intent: 'reauthenticate' }),
        by: author(),
      };
      const fault = faultOfOnboarding(input);
      if (fault) throw new CliError('wrongUsage', fault);
      const flows = await cli.flows();
      const { started } = await flows.startOnboarding(input);
      note(cli, `${started ? 'Started' : 'Already open:'} onboarding ${key.onboardingId} of ${accountId}.`);
      if (options.wait) return follow(cli, key, options.json);
      const progress = flows.onboarding(key);
      printProgress(cli, options.json, await (started ? progress.catch(asNew(cli, key)) : progress));
    });
}

/**
 * Returns the progress of a new onboarding if no worker answers. The start has succeeded, because a start needs no
 * worker. Throws any other error.
 */
const asNew =
  (cli: Cli, key: OnboardingKey) =>
  (err: unknown): OnboardingProgress => {
    if (!(err instanceof ConnectorAuthError && err.code === 'noWorker')) throw err;
    note(cli, 'No worker answers. The onboarding begins when a worker runs.');
    return emptyProgress(key);
  };

function scopeOf({ all, cycle, connector }: OnboardOptions): Scope {
  const given: (Scope | undefined)[] = [
    all ? { all } : undefined,
    cycle === undefined ? undefined : { cycleId: cycle },
    connector && { connectorIds: connector },
  ];
  const [scope, ...more] = given.filter((one) => one !== undefined);
  if (scope && more.length === 0) return scope;
  throw new CliError('wrongUsage', 'give exactly one of --all, --cycle and --connector');
}

/** Prints each change of a connector on stderr, and the final progress on stdout. */
async function follow(cli: Cli, key: OnboardingKey, json: boolean | undefined): Promise<void> {
  const shown = new Map<number, OnboardedConnector['state']>();
  let last: OnboardingProgress | undefined;
  for await (const progress of (await cli.flows()).onboardingChanges(key, cli.signal)) {
    for (const connector of progress.connectors) {
      if (shown.get(connector.connectorId) === connector.state) continue;
      shown.set(connector.connectorId, connector.state);
      note(cli, `${progress.done}/${progress.total}  ${connector.connectorId}  ${connector.name}: ${connector.state}`);
    }
    if (progress.problem && progress.problem !== last?.problem) note(cli, `waits: ${progress.problem}`);
    last = progress;
  }
  if (!last || last.state === 'running') throw new CliError('interrupted', 'the onboarding still runs');
  printProgress(cli, json, last);
  if (last.state !== 'completed') cli.exitCode = 3;
}

const printProgress = (cli: Cli, json: boolean | undefined, progress: OnboardingProgress): void =>
  print(cli, json, progress, progressText(progress, cli.name));

/**
 * The progress as text: a line for each fact, then a table of the connectors, with the next command for each connector
 * whose flow is running.
 */
export function progressText(progress: OnboardingProgress, program: string): string {
  const { onboardingId, state, done, total, connectors, cycle, problem, failure } = progress;
  const facts: [string, string | undefined][] = [
    ['onboarding', oneLine(onboardingId)],
    ['state', `${state}, ${done} of ${total} authenticated`],
    ['cycle', cycle && `${oneLine(cycle.id)}  ${cycle.state}`],
    ...(cycle?.lacks ?? []).map((lack): [string, string] => ['', `lacks: ${lackText(lack)}`]),
    ['problem', problem],
    ['failure', failure && `${failure.code}: ${failure.message}`],
  ];
  const rows = facts.filter((row): row is [string, string] => row[1] !== undefined);
  const lines = connectors.map((connector) => cellsOf(connector, progress, program));
  return [...table(rows), ...table(lines)].join('\n');
}

const lackText = ({
  reasonCode,
  objectType,
  objectId,
}: {
  reasonCode: number;
  objectType?: string;
  objectId?: string;
}) => oneLine([`reason code ${reasonCode}`, objectType, objectId].filter(Boolean).join(' '));

const cellsOf = (
  { connectorId, name, state }: OnboardedConnector,
  { accountId }: OnboardingProgress,
  program: string,
): string[] => [
  `${connectorId}`,
  oneLine(name).slice(0, 40),
  state,
  state === 'running' ? `${program} view ${quoted(accountId)} ${connectorId}` : '',
];
