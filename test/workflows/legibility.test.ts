import { eventually } from '../support/eventually';
import { kindOf } from '../support/histories';
import { openStage, type Scene, type Stage } from '../support/stage';

let stage: Stage;
beforeAll(async () => (stage = await openStage()), 60_000);
afterAll(() => stage.close());

const handleOf = ({ workflowId, runId }: Scene) => stage.client.workflow.getHandle(workflowId, runId);
const eventsOf = async (scene: Scene) => (await handleOf(scene).fetchHistory()).events ?? [];

/** A text that stands in an event's metadata. */
const text = (payload: { data?: Uint8Array | null } | null | undefined): string =>
  JSON.parse(Buffer.from(payload?.data ?? []).toString() || 'null') as string;

/** The clean flow that costs are counted for: one property and a key, both by signal. */
async function cleanFlow(): Promise<Scene> {
  const scene = await stage.scene('Fernhill');
  await scene.reaches('awaitingProperties');
  await scene.signals('propertyInput', { submissionId: 's1', values: { Domain: 'acme' } });
  await scene.reaches('awaitingCredentials');
  const credentials = await stage.sealed(scene.key, 's2', { kind: 'apiKey', key: 'good' });
  await scene.signals('credentialInput', { submissionId: 's2', credentials });
  await scene.reaches('authenticated');
  return scene;
}

test('a clean flow by two signals costs at most 44 events and 40 KB', async () => {
  const scene = await cleanFlow();

  const { raw } = await handleOf(scene).describe();

  expect(Number(raw.workflowExecutionInfo?.historyLength)).toBeLessThanOrEqual(44);
  expect(Number(raw.workflowExecutionInfo?.historySizeBytes)).toBeLessThan(40 * 1024);
});

test('nothing is written while a flow waits', async () => {
  const scene = await stage.scene('Fernhill');
  await scene.reaches('awaitingProperties');
  const before = (await eventsOf(scene)).length;

  for (let i = 0; i < 20; i++) await scene.view();

  expect(await eventsOf(scene)).toHaveLength(before);
});

test('every activity and every timer says what it is for', async () => {
  const scene = await cleanFlow();

  const events = await eventsOf(scene);

  const said = events
    .filter((event) => ['activityTaskScheduled', 'timerStarted'].includes(kindOf(event)))
    .map(({ userMetadata }) => text(userMetadata?.summary));
  expect(said).toEqual([
    'Read the account connector',
    'Waits for properties, then expires',
    'Set the properties',
    'Waits for credentials, then expires',
    'Store the credentials',
  ]);
});

test('a flow says what it is about, and where it stands', async () => {
  const scene = await stage.scene('Fernhill');
  await scene.reaches('awaitingProperties');

  const described = await handleOf(scene).describe();
  const metadata: { currentDetails: string } = await handleOf(scene).query('__temporal_workflow_metadata');

  expect(await described.staticSummary()).toBe(
    `Authenticate connector ${scene.key.connectorId} of ${scene.key.accountId}`,
  );
  expect(await described.staticDetails()).toContain('through authentication');
  expect(metadata.currentDetails).toContain('`awaitingProperties`');
  expect(metadata.currentDetails).toContain('Missing: Domain');
});

test('flows are found by account, connector, name and state', async () => {
  const scene = await stage.scene('Fernhill');
  await scene.reaches('awaitingProperties');
  const { accountId, connectorId } = scene.key;
  const query = [
    `CyclrAccountId = '${accountId}'`,
    `CyclrConnectorId = '${connectorId}'`,
    `ConnectorName = 'Fernhill'`,
    `ConnectorAuthState = 'awaitingProperties'`,
  ].join(' AND ');

  const { count } = await eventually(
    () => stage.client.workflow.count(query),
    (found) => found.count > 0,
  );

  expect(count).toBe(1);
});

test('the state to search by is the last one, also after the end', async () => {
  const scene = await cleanFlow();

  const query = `CyclrAccountId = '${scene.key.accountId}' AND ConnectorAuthState = 'authenticated'`;

  await eventually(
    () => stage.client.workflow.count(query),
    (found) => found.count === 1,
  );
});

test('a name that is too long to search by is cut', async () => {
  const scene = await stage.scene('Longname');
  const view = await scene.reaches('awaitingCredentials');

  const { typedSearchAttributes } = await handleOf(scene).describe();

  const name = typedSearchAttributes.getAll().find(({ key }) => key.name === 'ConnectorName')?.value as string;
  expect(view.connector?.name.length).toBeGreaterThan(255);
  expect(view.connector?.name.startsWith(name)).toBe(true);
  expect(name.length).toBeLessThanOrEqual(255);
});
