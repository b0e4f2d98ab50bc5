/** The plain Temporal command line is enough to drive a flow. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findBinary } from '../../scripts/local/binary';
import { taskQueue, workflowIdOf, type Timeline, type View } from '../../workflows/messages';
import { eventually } from '../support/eventually';
import { taskFailures } from '../support/histories';
import { openStage, type Stage } from '../support/stage';

let stage: Stage;
let binary: string;

beforeAll(async () => {
  [stage, binary] = await Promise.all([openStage(), findBinary('temporal')]);
});

afterAll(async () => {
  const failures = await taskFailures(stage);
  await stage.close();
  expect(failures).toEqual([]);
});

async function temporal(command: string, workflowId: string, ...args: string[]): Promise<string> {
  const where = ['--address', process.env.TEST_TEMPORAL_ADDRESS!, '--namespace', stage.namespace];
  const line = ['workflow', command, ...where, '--workflow-id', workflowId, '--output', 'json', ...args];
  return (await promisify(execFile)(binary, line)).stdout;
}

const start = (workflowId: string, input: object) =>
  temporal(
    'start',
    workflowId,
    ...['--type', 'authenticateConnector', '--task-queue', taskQueue, '--input', JSON.stringify(input)],
  );

const signal = (workflowId: string, name: string, input?: object) =>
  temporal('signal', workflowId, '--name', name, ...(input ? ['--input', JSON.stringify(input)] : []));

async function query<T>(workflowId: string, type: 'view' | 'timeline'): Promise<T> {
  const { queryResult } = JSON.parse(await temporal('query', workflowId, '--type', type)) as { queryResult: T[] };
  return queryResult[0]!;
}

const reaches = (workflowId: string, state: View['state']) =>
  eventually(
    () => query<View>(workflowId, 'view'),
    (view) => view.state === state,
  );

test('from the start to the end', async () => {
  const on = stage.install('Kestrel', { accountId: 'plain & simple/1' });
  const id = workflowIdOf(on);
  const SigningSecret = await stage.sealedProperty(on, 'p-1', 'SigningSecret', 'secret');
  const credentials = await stage.sealed(on, 'c-1', { kind: 'apiKey', key: 'right' });

  await start(id, { ...on, by: 'cli' });
  const asked = await reaches(id, 'awaitingProperties');
  await signal(id, 'propertyInput', { submissionId: 'p-1', values: { Environment: 'staging', SigningSecret } });
  await reaches(id, 'awaitingCredentials');
  await signal(id, 'credentialInput', { submissionId: 'c-1', credentials, by: 'cli' });
  const end = await reaches(id, 'authenticated');
  const { entries } = await query<Timeline>(id, 'timeline');
  const result = JSON.parse(await temporal('result', id)) as { result: View; status: string };

  expect(asked.fields?.map(({ name }) => name)).toContain('SigningSecret');
  expect(end).toMatchObject({ ...on, verification: 'notChecked' });
  expect(result).toMatchObject({ status: 'COMPLETED', result: end });
  expect(await stage.auth.view(on)).toEqual(end);
  expect(entries.map(({ event, id, by }) => [event, id, by])).toEqual([
    ['connectorFetched', undefined, undefined],
    ['propertiesSubmitted', 'p-1', undefined],
    ['propertiesApplied', 'p-1', undefined],
    ['credentialsSubmitted', 'c-1', 'cli'],
    ['credentialsApplied', 'c-1', undefined],
  ]);
});

test('cancelled by our signal, and by Temporal’s own command', async () => {
  const [ours, temporals] = [stage.install('Brightdesk'), stage.install('Brightdesk')];
  await Promise.all([ours, temporals].map((on) => start(workflowIdOf(on), on)));

  await Promise.all([signal(workflowIdOf(ours), 'cancel'), temporal('cancel', workflowIdOf(temporals))]);

  expect(await stage.auth.result(ours)).toMatchObject({ state: 'cancelled', revision: expect.any(Number) });
  expect(await stage.auth.result(temporals)).toMatchObject({ state: 'cancelled' });
});

test('what was mistyped is said', async () => {
  const on = stage.install('Brightdesk');
  const id = workflowIdOf(on);
  await start(id, on);
  await reaches(id, 'awaitingCredentials');

  await signal(id, 'credentialInput');
  await signal(id, 'credentialsInput', { submissionId: 'c-1' });
  const { entries } = await eventually(
    () => query<Timeline>(id, 'timeline'),
    ({ entries }) => entries.length === 3,
  );

  expect(entries.slice(1)).toMatchObject([
    { event: 'inputRefused', note: 'malformed' },
    { event: 'unknownSignal', note: 'credentialsInput' },
  ]);
  expect(await query<View>(id, 'view')).toMatchObject({ problem: { code: 'malformed' } });
});
