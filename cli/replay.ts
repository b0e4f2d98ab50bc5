/**
 * The command `replay`, which shows before an upgrade whether the workflows of this version can continue the open runs.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { payloadCodecsOf } from '../temporal/payload-codecs';
import type { Replayed, RunHistory } from '../temporal/replay';
import { workflowTypes } from '../workflows/visibility';
import { addCommand, type JsonOption } from './arguments';
import type { Cli } from './cli';
import { CliError } from './errors';
import { note, oneLine, print } from './output';

const bundle = { codePath: join(__dirname, '..', 'workflow-bundle.js') };
const PROGRESS_EVERY = 100;

type Run = RunHistory & { file?: string };

interface Options extends JsonOption {
  fromServer?: boolean;
  query?: string;
}

export function addReplayCommand(program: Command, cli: Cli): void {
  addCommand(
    program,
    'replay',
    'Replays histories with the workflows of this version.',
    'Prints for each history ok, or the first difference. Exit code 1 if a history differs, or if the server has no open run; 2 if a file is no history.',
  )
    .argument('[files...]', 'histories as `temporal workflow show --output json` prints them')
    .option('--from-server', 'replay the open flows, onboardings, monitors and deliveries of the Temporal server')
    .option('--query <query>', 'with --from-server: replay all runs that this visibility query finds, open and closed')
    .action(async (files: string[], { json, fromServer, query }: Options) => {
      if (!fromServer && query !== undefined) throw new CliError('wrongUsage', '--query needs --from-server');
      if (Boolean(fromServer) === files.length > 0)
        throw new CliError('wrongUsage', 'give either files or --from-server');
      const runs = fromServer ? cli.histories(queryOf(query)) : await Promise.all(files.map(runOf));
      const count = await replayAll(cli, runs, json);
      // An upgrade needs the exit code 0. Without any run, the address or the namespace can be wrong.
      if (count === 0 && query === undefined) cli.exitCode = 1;
    });
}

const types = workflowTypes.map((type) => `'${type}'`).join(', ');
const queryOf = (query = 'CloseTime IS NULL'): string => `WorkflowType IN (${types}) AND (${query})`;

async function runOf(file: string): Promise<Run> {
  // `temporal/replay` is imported here, because it loads the SDK's native module, which the other commands do not need.
  const { runIn } = await import('../temporal/replay.js');
  const run = await readFile(file, 'utf8').then(runIn, () => undefined);
  if (!run) throw new CliError('wrongUsage', `${file} can't be read, or is no history of a workflow`);
  return { file, ...run };
}

/** Replays the runs, prints a line for each, and returns their number. */
async function replayAll(cli: Cli, runs: AsyncIterable<Run> | Run[], json: boolean | undefined): Promise<number> {
  const { installSilentRuntime, replay } = await import('../temporal/replay.js');
  installSilentRuntime();
  const payloadCodecs = payloadCodecsOf(cli.env);
  let [count, different] = [0, 0];
  for await (const run of replay(bundle, runs, { dataConverter: payloadCodecs && { payloadCodecs } })) {
    print(cli, json, resultOf(run), lineOf(run));
    if (run.difference) different++;
    if (++count % PROGRESS_EVERY === 0) note(cli, `${count} replayed …`);
  }
  note(cli, count > 0 ? `${count} replayed, ${different} differ` : 'no run was found: nothing was replayed');
  if (different > 0) cli.exitCode = 1;
  return count;
}

function resultOf({ file, workflowId, history, difference }: Replayed<Run>) {
  const runId = history.events?.[0]?.workflowExecutionStartedEventAttributes?.originalExecutionRunId;
  return { file, workflowId, runId, ok: difference === undefined, difference };
}

const lineOf = ({ file, workflowId, difference }: Replayed<Run>): string =>
  oneLine([difference ? 'differs' : 'ok', file, workflowId, difference].filter(Boolean).join('  '));
