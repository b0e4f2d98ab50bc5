import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Replayed, RunHistory } from '../temporal/replay';
import { argumentsOf, print, type Cli, type Command } from './command';
import { CliError } from './errors';
import { oneLine } from './render';

const bundle = { codePath: join(__dirname, '..', 'workflow-bundle.js') };
const SAY_AFTER = 100;

type Run = RunHistory & { file?: string };

/** The gate before new workers: whether they go on with what runs. */
export const replay: Command = {
  name: 'replay',
  usage: '--from-server [--query QUERY] | FILE …',
  summary:
    'Says of each history whether the workflows of this version do the same again: ok, or what differs.\n' +
    'FILE is what `temporal workflow show --output json` prints; with --from-server every open authentication,\n' +
    'or every one that QUERY finds. With --json one JSON object a line. Exit code 0 all ok, 1 some differ, 2 FILE is no history.',
  async run(argv, cli) {
    const { values, positionals: files } = argumentsOf(argv, {
      'from-server': { type: 'boolean' },
      query: { type: 'string' },
    });
    const fromServer = values['from-server'];
    if (!fromServer && values.query !== undefined) throw new CliError('wrongUsage', '--query goes with --from-server');
    if (Boolean(fromServer) === files.length > 0) throw new CliError('wrongUsage', 'either --from-server or FILE …');
    const runs = fromServer ? cli.histories(queryOf(values.query)) : await Promise.all(files.map(runOf));

    const { count, different } = await replayAll(runs, cli, values.json);

    cli.stderr.write(count > 0 ? `${count} replayed, ${different} differ\n` : 'none was found: nothing was replayed\n');
    return different > 0 ? 1 : 0;
  },
};

const queryOf = (query = "ExecutionStatus = 'Running'"): string =>
  `WorkflowType = 'authenticateConnector' AND (${query})`;

async function runOf(file: string): Promise<Run> {
  // The native module is loaded by this command alone.
  const { runIn } = await import('../temporal/replay.js');
  const run = await readFile(file, 'utf8').then(runIn, () => undefined);
  if (!run) throw new CliError('wrongUsage', `${file} can not be read, or is no history of a workflow`);
  return { file, ...run };
}

async function replayAll(runs: AsyncIterable<Run> | Run[], cli: Cli, json: boolean | undefined) {
  const { installSilentRuntime } = await import('../temporal/silent-runtime.js');
  const { replay } = await import('../temporal/replay.js');
  installSilentRuntime();
  let [count, different] = [0, 0];
  for await (const run of replay(bundle, runs)) {
    print(cli, json, resultOf(run), lineOf(run));
    if (run.difference) different++;
    if (++count % SAY_AFTER === 0) cli.stderr.write(`${count} replayed …\n`);
  }
  return { count, different };
}

function resultOf({ file, workflowId, history, difference }: Replayed<Run>) {
  const runId = history.events?.[0]?.workflowExecutionStartedEventAttributes?.originalExecutionRunId;
  return { file, workflowId, runId, ok: difference === undefined, difference };
}

const lineOf = ({ file, workflowId, difference }: Replayed<Run>): string =>
  oneLine([difference ? 'differs' : 'ok', file, workflowId, difference].filter(Boolean).join('  '));
