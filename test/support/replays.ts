/** Histories that were recorded, and workflows that were tampered with. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleWorkflowCode } from '@temporalio/worker';
import { replay, runIn, type RunHistory } from '../../temporal/replay';

const root = join(__dirname, '..', '..');
const folder = join(root, 'test', 'histories');

/** The files of every version, from test/histories/ on. */
export const historyFiles = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.json'))
  .sort();

export interface NamedRun extends RunHistory {
  name: string;
}

export const recordedRuns = (): NamedRun[] =>
  historyFiles.map((name) => {
    const run = runIn(readFileSync(join(folder, name), 'utf8'));
    if (!run) throw new Error(`${name} is no history`);
    return { name, ...run };
  });

/** What each run does otherwise with this bundle, `ok` where it does the same. */
export async function differencesOf(
  bundle: Parameters<typeof replay>[0],
  runs: NamedRun[],
  sinks?: NonNullable<Parameters<typeof replay>[2]>['sinks'],
): Promise<{ [name: string]: string }> {
  const differences: { [name: string]: string } = {};
  for await (const { name, difference = 'ok' } of replay(bundle, runs, { sinks })) differences[name] = difference;
  return differences;
}

const quiet = () => undefined;

/** Our workflows, with something in between. */
export const bundleWith = (interceptors: string) =>
  bundleWorkflowCode({
    workflowsPath: join(root, 'workflows', 'index.ts'),
    payloadConverterPath: join(root, 'workflows', 'payload-converter.ts'),
    workflowInterceptorModules: [interceptors],
    logger: { log: quiet, trace: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet },
  });
