import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findBinary } from '../../client/temporal/binary';
import { workflowIdOf, type Timeline, type View } from '../../workflows/messages';
import { eventually } from '../support/eventually';
import { openStage, type Stage } from '../support/stage';

let stage: Stage;
let binary: string;
beforeAll(async () => {
  stage = await openStage();
  binary = await findBinary('temporal');
}, 60_000);
afterAll(() => stage.close());

/** The plain command line of Temporal, on the stage's namespace. */
async function temporal(...args: string[]): Promise<string> {
  const server = ['--address', process.env.TEST_TEMPORAL_ADDRESS!, '--namespace', stage.namespace];
  const { stdout } = await promisify(execFile)(binary, [...args, ...server], { timeout: 20_000 });
  return stdout;
}

const query = async <T>(workflowId: string, type: string): Promise<T> => {
  const out = await temporal('workflow', 'query', '--workflow-id', workflowId, '--type', type, '--output', 'json');
  return (JSON.parse(out) as { queryResult: T[] }).queryResult[0]!;
};

const signal = (workflowId: string, name: string, input: object) =>
  temporal('workflow', 'signal', '--workflow-id', workflowId, '--name', name, '--input', JSON.stringify(input));

test('the plain temporal command line drives a flow from its start to its end', async () => {
  const accountId = 'plain & simple/1';
  const [installed] = stage.sandbox.createAccount(accountId, { connectors: ['Fernhill'] });
  const key = { accountId, connectorId: installed!.id };
  const workflowId = workflowIdOf(key);
  const reaches = (state: string) =>
    eventually(
      () => query<View>(workflowId, 'view'),
      (view) => view.state === state,
    );

  const start = ['--type', 'authenticateConnector', '--task-queue', 'connector-auth', '--workflow-id', workflowId];
  await temporal('workflow', 'start', ...start, '--input', JSON.stringify(key));
  await reaches('awaitingProperties');
  await signal(workflowId, 'propertyInput', { submissionId: 's1', values: { Domain: 'acme' }, by: 'kim' });
  await reaches('awaitingCredentials');
  const credentials = await stage.sealed(key, 's2', { kind: 'apiKey', key: 'good' });
  await signal(workflowId, 'credentialInput', { submissionId: 's2', credentials });
  const view = await reaches('authenticated');
  const { entries } = await query<Timeline>(workflowId, 'timeline');

  expect(view).toMatchObject({ accountId, verification: 'notChecked', connector: { name: 'Fernhill' } });
  expect(entries.map(({ event, id, by }) => [event, id, by])).toEqual([
    ['connectorFetched', undefined, undefined],
    ['propertiesSubmitted', 's1', 'kim'],
    ['propertiesApplied', 's1', undefined],
    ['credentialsSubmitted', 's2', undefined],
    ['credentialsApplied', 's2', undefined],
  ]);
  expect(stage.sandbox.connectorOf(accountId, key.connectorId)).toMatchObject({
    Authenticated: true,
    AuthValue: 'good',
  });
});

test('a bare cancel signal, without any body, cancels', async () => {
  const scene = await stage.scene('Fernhill');
  await scene.reaches('awaitingProperties');

  await temporal('workflow', 'signal', '--workflow-id', scene.workflowId, '--name', 'cancel');

  await scene.reaches('cancelled');
});
