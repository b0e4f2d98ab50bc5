/**
 * The replay of recorded histories with the present workflow code and with changed workflow code, and the command
 * `cyclr-connect replay`.
 */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { InjectedSinks } from '@temporalio/worker';
import { findBinary } from '../../scripts/local/binary';
import { allEvents, allStates } from '../../scripts/faults/machine-samples';
import { runIn } from '../../temporal/replay';
import * as workflows from '../../workflows';
import { transition } from '../../workflows/authenticate-connector/machine';
import { connectionWorkflowIdOf } from '../../workflows/connection';
import type { TimelineEntry } from '../../workflows/view';
import type { TimelineSink } from '../histories/changed-workflows';
import { eventually } from '../support/eventually';
import { ofKind } from '../support/histories';
import { bundleWith, differencesOf, historyFiles, recordedRuns, type NamedRun } from '../support/replays';
import { bundlePath, openStage, type Stage } from '../support/stage';

let stage: Stage;
let folder: string;

beforeAll(async () => {
  stage = await openStage();
  folder = mkdtempSync(join(tmpdir(), 'cyclr-connect-replay-'));
});

afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await stage.close();
});

const runs = recordedRuns();
const resultsOf = (some: NamedRun[], result: unknown) => Object.fromEntries(some.map(({ name }) => [name, result]));

test('replaying each recorded history gives the same commands', async () => {
  const differences = await differencesOf({ codePath: bundlePath }, runs);

  expect(runs.length).toBeGreaterThan(0);
  expect(differences).toEqual(resultsOf(runs, 'ok'));
});

test('there is a recorded history of each workflow type that a worker runs', () => {
  const types = runs.map(
    ({ history }) => history.events?.[0]?.workflowExecutionStartedEventAttributes?.workflowType?.name ?? '',
  );

  expect([...new Set(types)].sort()).toEqual(Object.keys(workflows).sort());
});

test('a replay does not depend on the search attributes in the start event, which Temporal can lose', async () => {
  const some = runs.filter(({ name }) => /onboarding|monitor|continued|property/.test(name));
  const stripped = some.map((run) => {
    const [start, ...rest] = run.history.events!;
    const attributes = { ...start!.workflowExecutionStartedEventAttributes, searchAttributes: null };
    return {
      ...run,
      history: { events: [{ ...start, workflowExecutionStartedEventAttributes: attributes }, ...rest] },
    };
  });

  const differences = await differencesOf({ codePath: bundlePath }, stripped);

  expect(differences).toEqual(resultsOf(some, 'ok'));
});

describe('changes of workflows', () => {
  const nondeterminism = expect.stringContaining('[TMPRL1100] Nondeterminism error');
  const callsActivity = ({ history }: NamedRun) =>
    ofKind(history.events ?? [], 'activityTaskScheduled').some(
      ({ activityTaskScheduledEventAttributes: scheduled }) => scheduled?.activityType?.name === 'applyCredentials',
    );
  const having = runs.filter(callsActivity).slice(0, 10);
  const others = runs.filter((run) => !callsActivity(run)).slice(0, 10);

  test('if the workflow code begins with a new timer, a replay differs from each history', async () => {
    const differences = await differencesOf(await bundleWith('first timer'), [...having, ...others]);

    expect(differences).toEqual(resultsOf([...having, ...others], nondeterminism));
  });

  test('if the workflow code renames an activity, a replay differs only from the histories that have this activity', async () => {
    const differences = await differencesOf(await bundleWith('renamed activity'), [...having, ...others]);

    expect(having).toHaveLength(10);
    expect(others).toHaveLength(10);
    expect(differences).toEqual({ ...resultsOf(having, nondeterminism), ...resultsOf(others, 'ok') });
  });
});

/** Transitions of the machine that no flow takes, each with the reason. */
const neverTaken: { [arrow: string]: string } = {
  'applyingCredentials inputRefused awaitingProperties':
    'client credentials are properties, so applyCredentials opens no sealed value that it could refuse',
};

test('the recorded histories contain every transition of the machine', async () => {
  const entries: TimelineEntry[] = [];
  const sinks: InjectedSinks<TimelineSink> = {
    timeline: { report: { fn: (_info, timeline) => void entries.push(...timeline.entries), callDuringReplay: true } },
  };

  await differencesOf(await bundleWith('reported timeline'), runs, sinks);

  const taken = new Set(entries.map(({ from, event, to }) => `${from} ${event} ${to}`));
  const arrows = allStates.flatMap((state) =>
    allEvents
      .map((event) => ({ event, next: transition(state, event) }))
      .filter(({ next }) => next !== state)
      .map(({ event, next }) => `${state.name} ${event.type} ${next.name}`),
  );
  expect([...new Set(arrows)].filter((arrow) => !taken.has(arrow)).sort()).toEqual(Object.keys(neverTaken).sort());
});

test.each([
  ['no JSON', 'no JSON'],
  ['no events', '{"events":[]}'],
  ['half of a history', readFileSync(join(__dirname, '..', 'histories', historyFiles[0]!), 'utf8').slice(0, 2000)],
])('a text with %s is not accepted as a history', (_name, text) => {
  expect(runIn(text)).toBeUndefined();
});

describe('cyclr-connect replay', () => {
  const dist = dirname(bundlePath);
  const [first = '', second = ''] = historyFiles.map((name) => join(__dirname, '..', 'histories', name));

  interface Ended {
    exitCode: number | null;
    lines: string[];
    stderr: string;
  }

  /** Runs the command line of a build. */
  async function replay(args: string[], build = dist, namespace = stage.namespace): Promise<Ended> {
    const env = {
      ...process.env,
      TEMPORAL_ADDRESS: process.env.TEST_TEMPORAL_ADDRESS,
      TEMPORAL_NAMESPACE: namespace,
    };
    const main = join(build, 'cli', 'main.js');
    return new Promise((resolve) => {
      const child = execFile(process.execPath, [main, 'replay', ...args], { env }, (_err, stdout, stderr) =>
        resolve({ exitCode: child.exitCode, lines: stdout.split('\n').filter(Boolean), stderr }),
      );
    });
  }

  /** Makes a build whose workflows begin with a new timer. */
  async function brokenBuild(): Promise<string> {
    const build = join(folder, 'dist');
    cpSync(dist, build, { recursive: true });
    for (const name of ['node_modules', 'package.json']) symlinkSync(join(dist, '..', name), join(folder, name));
    const { code } = await bundleWith('first timer');
    writeFileSync(join(build, 'workflow-bundle.js'), code);
    return build;
  }

  const queryFor = (workflowId: string) => `WorkflowId = '${workflowId}'`;

  test('cyclr-connect replay --from-server replays every open flow and monitor, or with --query the runs that the query finds', async () => {
    const ended = await stage.scene('Openrates');
    await ended.reaches('authenticated');
    const open = await stage.scene('Kestrel');
    await open.reaches('awaitingProperties');
    await stage.stopWorker();
    const untouched = await stage.scene('Fernhill'); // no worker has handled a workflow task of this flow
    const watched = { accountId: 'acme', connectorId: 1 };
    const monitor = await stage.client.workflow.start('monitorConnection', {
      ...{ taskQueue: 'connector-auth', workflowId: connectionWorkflowIdOf(watched), args: [watched] },
    });
    const isListed = `(${queryFor(untouched.workflowId)} AND ExecutionStatus = 'Running') OR (${queryFor(ended.workflowId)} AND ExecutionStatus = 'Completed') OR (${queryFor(monitor.workflowId)} AND ExecutionStatus = 'Running')`;
    await eventually(
      () => stage.client.workflow.count(isListed),
      ({ count }) => count === 3,
    );

    const [running, queried] = await Promise.all([
      replay(['--from-server', '--json']),
      replay(['--from-server', '--query', queryFor(ended.workflowId)]),
    ]);
    await monitor.terminate();
    await stage.restartWorker();

    const ids = running.lines.map((json) => (JSON.parse(json) as { workflowId: string }).workflowId);
    expect(ids).toEqual(expect.arrayContaining([open.workflowId, untouched.workflowId, monitor.workflowId]));
    expect(ids).not.toContain(ended.workflowId);
    expect(running.exitCode).toBe(0);
    expect(queried).toMatchObject({ exitCode: 0, lines: [`ok  ${ended.workflowId}`] });
  });

  test.concurrent('cyclr-connect replay prints one line for each file', async () => {
    const { exitCode, lines, stderr } = await replay([first, second]);

    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '2 replayed, 0 differ\n' });
    expect(lines.map((line) => line.split('  ').slice(0, 2))).toEqual([first, second].map((path) => ['ok', path]));
  });

  test.concurrent('cyclr-connect replay reads the output of temporal workflow show', async () => {
    const { workflowId, reaches, runId } = await stage.scene('Brightdesk');
    await reaches('awaitingCredentials');
    const where = ['--address', process.env.TEST_TEMPORAL_ADDRESS!, '--namespace', stage.namespace];
    const line = ['workflow', 'show', ...where, '--workflow-id', workflowId, '--output', 'json'];
    const { stdout } = await promisify(execFile)(await findBinary('temporal'), line);
    const shown = join(folder, 'shown.json');
    writeFileSync(shown, stdout);

    const { exitCode, lines } = await replay([shown, '--json']);

    expect(exitCode).toBe(0);
    expect(lines.map((json) => JSON.parse(json) as unknown)).toEqual([{ file: shown, workflowId, runId, ok: true }]);
  });

  test.concurrent('cyclr-connect replay replays no file and exits with 2 if one file cannot be read', async () => {
    const missing = join(folder, 'missing.json');

    const { exitCode, lines, stderr } = await replay([first, missing]);

    expect({ exitCode, lines }).toEqual({ exitCode: 2, lines: [] });
    expect(stderr).toContain(`${missing} can't be read, or is no history`);
  });

  test.concurrent('cyclr-connect replay prints that no flow was replayed if --query finds no flow', async () => {
    const { exitCode, lines, stderr } = await replay(['--from-server', '--query', "WorkflowId = 'nobody'"]);

    expect({ exitCode, lines }).toEqual({ exitCode: 0, lines: [] });
    expect(stderr).toContain('nothing was replayed');
  });

  test.concurrent('cyclr-connect replay --from-server exits with 1 if the namespace has no open run', async () => {
    const namespace = `test-${randomUUID().slice(0, 8)}`;
    const { workflowService } = stage.client.connection;
    const workflowExecutionRetentionPeriod = { seconds: 86_400 as never };
    await workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod });
    await eventually(() => workflowService.describeNamespace({ namespace }));

    const { exitCode, lines, stderr } = await replay(['--from-server'], dist, namespace);

    expect({ exitCode, lines }).toEqual({ exitCode: 1, lines: [] });
    expect(stderr).toContain('no run was found: nothing was replayed');
  });

  test.concurrent('cyclr-connect replay exits with 1 if Temporal refuses the query', async () => {
    const { exitCode, stderr } = await replay(['--from-server', '--query', 'no query']);

    expect(exitCode).toBe(1);
    expect(stderr).toContain('Temporal refuses the call');
  });

  test.concurrent(
    'cyclr-connect replay prints the differences and exits with 1 if the workflow code gives other commands than the histories',
    async () => {
      const open = await stage.scene('Kestrel');
      await open.reaches('awaitingProperties');
      const build = await brokenBuild();

      const files = await replay([first, second], build);
      const server = await replay(['--from-server', '--query', queryFor(open.workflowId)], build);

      expect(files).toMatchObject({ exitCode: 1, stderr: '2 replayed, 2 differ\n' });
      const difference = '[TMPRL1100] Nondeterminism error: Timer machine does not handle this event';
      expect(files.lines).toEqual([first, second].map((path) => expect.stringContaining(`differs  ${path}`)));
      expect(files.lines.every((line) => line.includes(difference))).toBe(true);
      expect(server.exitCode).toBe(1);
      expect(server.lines).toEqual([expect.stringContaining(`differs  ${open.workflowId}  ${difference}`)]);
    },
  );
});
