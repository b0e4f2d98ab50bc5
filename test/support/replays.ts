/** The recorded histories in test/histories/, their replay, and bundles of changed workflows. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils';
import { bundleWorkflowCode } from '@temporalio/worker';
import { replay, runIn, type History, type RunHistory } from '../../temporal/replay';

const root = join(__dirname, '..', '..');
const folder = join(root, 'test', 'histories');
/** The folder for recorded histories of the next version, which is not released yet. */
export const nextFolder = join(folder, 'next');

/** The recorded histories of all versions, as paths below test/histories/. */
export const historyFiles = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.json'))
  .sort();

export interface NamedRun extends RunHistory {
  name: string;
}

export const recordedRuns = (): NamedRun[] =>
  historyFiles.map((name) => {
    const run = runIn(readFileSync(join(folder, name), 'utf8'));
    if (!run) throw new Error(`The file ${name} is no history`);
    return { name, ...run };
  });

/** Writes the histories of a run and of the runs that continue it (continue-as-new): NAME.json, NAME-2.json, … */
export async function recordHistory(client: Client, name: string, first: WorkflowHandle): Promise<void> {
  let run: WorkflowHandle | undefined = first;
  for (let number = 1; run; number++) {
    const history: History = await run.fetchHistory();
    // A history without a workflow id can't be replayed, and the time-skipping server omits the id.
    history.events![0]!.workflowExecutionStartedEventAttributes!.workflowId ||= run.workflowId;
    const file = join(nextFolder, `${number === 1 ? name : `${name}-${number}`}.json`);
    if (existsSync(file)) throw new Error(`Two tests record the history ${name}`);
    writeFileSync(file, textOf(history));
    const next = history.events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId;
    run = next ? client.workflow.getHandle(run.workflowId, next) : undefined;
  }
}

/**
 * The JSON of `temporal workflow show --output json`, with each event on its own line, so that a diff shows the changed
 * events.
 */
function textOf(history: History): string {
  const { events } = JSON.parse(historyToJSON(history)) as { events: object[] };
  return `{"events":[\n${events.map((event) => JSON.stringify(event, withoutStacks)).join(',\n')}\n]}\n`;
}

/** Stack traces contain paths of the machine that recorded the history. */
const withoutStacks = (key: string, value: unknown): unknown => (key === 'stackTrace' ? undefined : value);

/**
 * Replays each run with the bundle. Returns for each run the error of the replay, or `ok` if the replay gives the
 * recorded commands.
 */
export async function differencesOf(
  bundle: Parameters<typeof replay>[0],
  runs: NamedRun[],
  sinks?: NonNullable<Parameters<typeof replay>[2]>['sinks'],
): Promise<{ [name: string]: string }> {
  const differences: { [name: string]: string } = {};
  for await (const { name, difference = 'ok' } of replay(bundle, runs, { sinks })) differences[name] = difference;
  return differences;
}

/**
 * A change of the workflow code. `first timer`: each run begins with an additional timer. `renamed activity`: an
 * activity gets another name. Each of these two changes makes a workflow give other commands. `reported timeline`: a
 * sink gets the timeline of each run; this change keeps the commands the same.
 */
export type Change = 'first timer' | 'renamed activity' | 'reported timeline';

const quiet = () => undefined;
let unchanged: Promise<{ code: string }> | undefined;

/**
 * Returns a bundle of the workflows with the change `change`. Only the first call bundles the code. Each call returns a
 * copy of this bundle with another constant.
 */
export async function bundleWith(change: Change): Promise<{ code: string }> {
  unchanged ??= bundleWorkflowCode({
    workflowsPath: join(root, 'workflows', 'index.ts'),
    workflowInterceptorModules: [join(folder, 'changed-workflows.ts')],
    logger: { log: quiet, trace: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet },
  });
  const { code } = await unchanged;
  const changed = code.replace("'no change'", `'${change}'`);
  if (changed === code) throw new Error('The bundle has no constant to change');
  return { code: changed };
}
