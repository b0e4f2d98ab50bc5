/** The process `cyclr-connect replay` with files and with a server. */
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { findBinary } from '../../scripts/local/binary';
import { eventually } from '../support/eventually';
import { taskFailures } from '../support/histories';
import { bundleWith, historyFiles } from '../support/replays';
import { bundlePath, openStage, type Stage } from '../support/stage';

const dist = dirname(bundlePath);
const histories = join(__dirname, '..', 'histories');
const recorded = historyFiles.map((name) => join(histories, name));
const [first = '', second = ''] = recorded;

let stage: Stage;
let folder: string;

beforeAll(async () => {
  stage = await openStage();
  folder = mkdtempSync(join(tmpdir(), 'cyclr-connect-replay-'));
});

afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  const failures = await taskFailures(stage);
  await stage.close();
  expect(failures).toEqual([]);
});

interface Ended {
  exitCode: number | null;
  lines: string[];
  stderr: string;
}

/** Runs the command of this build. */
async function replay(args: string[], { build = dist }: { build?: string } = {}): Promise<Ended> {
  const env = {
    ...process.env,
    TEMPORAL_ADDRESS: process.env.TEST_TEMPORAL_ADDRESS,
    TEMPORAL_NAMESPACE: stage.namespace,
  };
  const main = join(build, 'cli', 'main.js');
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [main, 'replay', ...args], { env }, (_err, stdout, stderr) =>
      resolve({ exitCode: child.exitCode, lines: stdout.split('\n').filter(Boolean), stderr }),
    );
  });
}

/** A build whose workflows begin with a timer that no recorded history has. */
async function brokenBuild(): Promise<string> {
  const build = join(folder, 'dist');
  cpSync(dist, build, { recursive: true });
  for (const name of ['node_modules', 'package.json']) symlinkSync(join(dist, '..', name), join(folder, name));
  const { code } = await bundleWith(join(histories, 'tampered', 'extra-timer.ts'));
  writeFileSync(join(build, 'workflow-bundle.js'), code);
  return build;
}

/** A file of this content. */
function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

test('replay prints ok for each recorded history', async () => {
  const { exitCode, lines, stderr } = await replay(recorded);

  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: `${recorded.length} replayed, 0 differ\n` });
  expect(lines.map((line) => line.split('  ').slice(0, 2))).toEqual(recorded.map((path) => ['ok', path]));
});

test('replay reads the output of temporal workflow show', async () => {
  const { workflowId, reaches, runId } = await stage.scene('Brightdesk');
  await reaches('awaitingCredentials');
  const where = ['--address', process.env.TEST_TEMPORAL_ADDRESS!, '--namespace', stage.namespace];
  const line = ['workflow', 'show', ...where, '--workflow-id', workflowId, '--output', 'json'];
  const { stdout } = await promisify(execFile)(await findBinary('temporal'), line);
  const shown = file('shown.json', stdout);

  const { exitCode, lines } = await replay([shown, '--json']);

  expect(exitCode).toBe(0);
  expect(lines.map((json) => JSON.parse(json) as unknown)).toEqual([{ file: shown, workflowId, runId, ok: true }]);
});

describe('replay of a file that is no history exits 2 and replays nothing', () => {
  test.each([
    ['a missing file', () => join(folder, 'nowhere.json')],
    ['no JSON', () => file('no.json', 'no JSON')],
    ['other JSON', () => file('else.json', '{"events":[]}')],
    ['a truncated history', () => file('cut.json', readFileSync(second, 'utf8').slice(0, 5000))],
  ])('%s', async (_name, path) => {
    const { exitCode, lines, stderr } = await replay([first, path()]);

    expect({ exitCode, lines }).toEqual({ exitCode: 2, lines: [] });
    expect(stderr).toContain(`${path()} can't be read, or is no history`);
  });
});

describe('replay --from-server', () => {
  test('replays every open flow, or the flows that --query finds', async () => {
    const ended = await stage.scene('Openrates');
    await ended.reaches('authenticated');
    const open = await stage.scene('Kestrel');
    await open.reaches('awaitingProperties');
    await stage.stopWorker();
    const untouched = await stage.scene('Fernhill'); // no worker has taken its first task
    await untilListed(untouched.workflowId, ended.workflowId);

    const running = await replay(['--from-server', '--json']);
    const queried = await replay(['--from-server', '--query', `WorkflowId = '${ended.workflowId}'`]);
    await stage.restartWorker();

    const ids = running.lines.map((json) => (JSON.parse(json) as { workflowId: string }).workflowId);
    expect(ids).toEqual(expect.arrayContaining([open.workflowId, untouched.workflowId]));
    expect(ids).not.toContain(ended.workflowId);
    expect(running.exitCode).toBe(0);
    expect(queried).toMatchObject({ exitCode: 0, lines: [`ok  ${ended.workflowId}`] });
  });

  test('without a matching flow it says that nothing was replayed', async () => {
    const { exitCode, lines, stderr } = await replay(['--from-server', '--query', "WorkflowId = 'absent'"]);

    expect({ exitCode, lines }).toEqual({ exitCode: 0, lines: [] });
    expect(stderr).toContain('nothing was replayed');
  });

  test('an invalid query is an error with the answer of Temporal', async () => {
    const { exitCode, stderr } = await replay(['--from-server', '--query', 'no query']);

    expect(exitCode).toBe(1);
    expect(stderr).toContain('Temporal refuses the call');
  });
});

test('workflows that give other commands exit 1, and each line names the difference', async () => {
  const open = await stage.scene('Kestrel');
  await open.reaches('awaitingProperties');
  const build = await brokenBuild();

  const files = await replay([first, second], { build });
  const server = await replay(['--from-server', '--query', `WorkflowId = '${open.workflowId}'`], { build });

  expect(files).toMatchObject({ exitCode: 1, stderr: '2 replayed, 2 differ\n' });
  const difference = '[TMPRL1100] Nondeterminism error: Timer machine does not handle this event';
  expect(files.lines.map((line) => line.split('  ').slice(0, 2))).toEqual(
    [first, second].map((path) => ['differs', path]),
  );
  expect(files.lines.every((line) => line.includes(difference))).toBe(true);
  expect(server.exitCode).toBe(1);
  expect(server.lines).toEqual([expect.stringContaining(`differs  ${open.workflowId}  ${difference}`)]);
});

/** The visibility list is eventually consistent. */
async function untilListed(running: string, closed: string): Promise<void> {
  const query = `(WorkflowId = '${running}' AND ExecutionStatus = 'Running') OR (WorkflowId = '${closed}' AND ExecutionStatus = 'Completed')`;
  await eventually(
    () => stage.client.workflow.count(query),
    ({ count }) => count === 2,
  );
}
