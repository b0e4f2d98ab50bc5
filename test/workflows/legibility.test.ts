/** What an operator sees of a flow, and what it costs. */
import { searchAttributeNames } from '../../temporal/search-attributes';
import { eventually } from '../support/eventually';
import { kindOf, ofKind, taskFailures, type HistoryEvent } from '../support/histories';
import { RETURN_TO } from '../support/messages';
import { openStage, type Scene, type Stage } from '../support/stage';

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterEach(() => stage.sandbox.clearFaults());

afterAll(async () => {
  const failures = await taskFailures(stage);
  await stage.close();
  expect(failures).toEqual([]);
});

const right = { kind: 'apiKey', key: 'right' } as const;

/** The workflow ids that a query finds, once there are as many. */
const found = (query: string, count: number) =>
  eventually(
    async () => {
      const ids: string[] = [];
      for await (const { workflowId } of stage.client.workflow.list({ query })) ids.push(workflowId);
      return ids.sort();
    },
    (ids) => ids.length === count,
  );

async function attributesOf({ handle }: Scene): Promise<{ [name: string]: unknown }> {
  const { typedSearchAttributes } = await handle.describe();
  const ours = typedSearchAttributes.getAll().filter(({ key }) => searchAttributeNames.includes(key.name));
  return Object.fromEntries(ours.map(({ key, value }) => [`${key.name} ${key.type}`, value]));
}

async function currentDetails({ handle }: Scene): Promise<string> {
  const { currentDetails } = await handle.query<{ currentDetails: string }>('__temporal_workflow_metadata');
  return currentDetails;
}

const summaryOf = (event: HistoryEvent): unknown =>
  JSON.parse(Buffer.from(event.userMetadata?.summary?.data ?? 'null').toString());

describe('the list of workflows', () => {
  test('is searched by account, connector, name and state', async () => {
    const accountId = "it's acme/7";
    const [one, two, three] = await Promise.all(
      ['Fernhill', 'Brightdesk', 'Openrates'].map((connector) => stage.scene(connector, { accountId })),
    );
    const other = await stage.scene('Brightdesk');
    await Promise.all([
      one!.reaches('awaitingProperties'),
      two!.reaches('awaitingCredentials'),
      three!.reaches('authenticated'),
    ]);
    await other.reaches('awaitingCredentials');

    const account = `CyclrAccountId = "${accountId}"`;
    const ids = (...scenes: Scene[]) => scenes.map(({ workflowId }) => workflowId).sort();

    expect(await found(account, 3)).toEqual(ids(one!, two!, three!));
    expect(await found(`${account} AND ConnectorAuthState = "awaitingCredentials"`, 1)).toEqual(ids(two!));
    expect(await found(`${account} AND ConnectorAuthState = "authenticated"`, 1)).toEqual(ids(three!));
    expect(await found(`CyclrConnectorId = "${one!.key.connectorId}"`, 1)).toEqual(ids(one!));
    expect(await found('ConnectorName = "Brightdesk"', 2)).toEqual(ids(two!, other));
    expect(await found(`${account} AND ExecutionStatus = "Running"`, 2)).toEqual(ids(one!, two!));
  });

  test('knows a flow before its first step', async () => {
    await stage.stopWorker();
    const scene = await stage.scene('Brightdesk');

    const ids = await found(`CyclrAccountId = "${scene.key.accountId}"`, 1).finally(() => stage.restartWorker());

    expect(ids).toEqual([scene.workflowId]);
  });

  test('has typed values, and the state only where somebody is waited for and at the end', async () => {
    const scene = await stage.scene('Fernhill');
    const { accountId, connectorId } = scene.key;
    const fixed = {
      'CyclrAccountId KEYWORD': accountId,
      'CyclrConnectorId KEYWORD': String(connectorId),
      'ConnectorName KEYWORD': 'Fernhill',
    };

    await scene.reaches('awaitingProperties');
    const first = await attributesOf(scene);
    await scene.sets({ Domain: 'acme' });
    const second = await attributesOf(scene);
    await scene.gives({ kind: 'apiKey', key: 'wrong' });
    await scene.gives(right);
    const last = await attributesOf(scene);

    expect(first).toEqual({ ...fixed, 'ConnectorAuthState KEYWORD': 'awaitingProperties' });
    expect(second).toEqual({ ...fixed, 'ConnectorAuthState KEYWORD': 'awaitingCredentials' });
    expect(last).toEqual({ ...fixed, 'ConnectorAuthState KEYWORD': 'authenticated' });
    expect(ofKind(await scene.history(), 'upsertWorkflowSearchAttributes')).toHaveLength(3);
  });

  test.each([
    ['300 characters', 'Ü'.repeat(300), 'Ü'.repeat(255)],
    ['300 emoji', '🚢'.repeat(300), '🚢'.repeat(255)],
    ['254 characters and an emoji', `${'x'.repeat(254)}🚢`, `${'x'.repeat(254)}🚢`],
  ])('has a name of %s, cut to 255', async (_name, Name, expected) => {
    const scene = await stage.scene(stage.install('Brightdesk', { patch: { Name } }));
    const view = await scene.reaches('awaitingCredentials');

    expect((await attributesOf(scene))['ConnectorName KEYWORD']).toBe(expected);
    expect(view.connector?.name).toBe(Name);
  });
});

describe('a single flow', () => {
  test('says what it is', async () => {
    const scene = await stage.scene('Evergreen', { intent: 'reauthenticate', by: 'jo [x](http://evil) <b>' });

    const description = await scene.handle.describe();
    const summary = await description.staticSummary();
    const details = await description.staticDetails();

    expect(summary).toContain(String(scene.key.connectorId));
    expect(summary).toContain(scene.key.accountId);
    expect(details).toContain('reauthenticate');
    expect(details).toMatch(/jo \\\[x\\\]\(http.*evil\) \\<b\\>/);
  });

  test('says where it stands, what it waits for, and what went wrong', async () => {
    const Name = 'A *bold* | [link](http://evil) `name`';
    const scene = await stage.scene(stage.install('Fernhill', { patch: { Name } }));

    await scene.reaches('awaitingProperties');
    const first = await currentDetails(scene);
    const { deadline } = await scene.sets({ Domain: 'acme' });
    const second = await currentDetails(scene);
    await scene.gives({ kind: 'apiKey', key: 'wrong-secret' });
    const third = await currentDetails(scene);
    await scene.gives(right);
    const last = await currentDetails(scene);

    expect(first).toMatch(/awaitingProperties[^]*Waiting for the user[^]*ApiKey[^]*Missing: Domain/);
    expect(first).toMatch(/A \\\*bold\\\* \\\| \\\[link\\\]\(http.*evil\) \\`name\\`/);
    expect(second).toContain(`Deadline: ${deadline}`);
    expect(third).toMatch(/awaitingCredentials[^]*Problem: `refused`/);
    expect(third).not.toContain('wrong-secret');
    expect(last).toMatch(/authenticated[^]*Verification: notChecked/);
    expect(last).not.toContain('Problem');
  });

  test('says of a failure what it was', async () => {
    const { accountId } = stage.install('Brightdesk');
    const scene = await stage.scene({ accountId, connectorId: 999_999 });
    await stage.auth.result(scene.key);

    expect(await currentDetails(scene)).toMatch(/Connector 999999[^]*Failure: `connectorNotFound`/);
  });

  test('gives every activity and every timer a summary', async () => {
    const values = ['ClientId', 'ClientSecret'].map((Name) => ({ Name, Value: 'expired' }));
    const polled = await stage.scene(stage.install('Quartz', { patch: { Properties: values } }));
    const paused = stage.install('Brightdesk');
    stage.sandbox.fault({ match: { account: paused.accountId }, times: 'always', then: { status: 403 } });
    const waiting = await stage.scene(paused);
    const walked = await stage.scene('Fernhill');
    await walked.reaches('awaitingProperties');
    await walked.sets({ Domain: 'acme' });
    await walked.gives(right);
    const consenting = await stage.scene('Ledgerly');
    await consenting.reaches('awaitingAuthorization');
    const { attemptId } = await stage.auth.requestAuthorization(consenting.key, { returnTo: RETURN_TO });
    await consenting.signals('oauthCallback', { attemptId });
    await consenting.reaches('verifyingAuthorization');
    await eventually(waiting.history, (events) => events.some((event) => kindOf(event) === 'timerStarted'));
    await eventually(polled.history, (events) => events.some((event) => kindOf(event) === 'timerStarted'));

    const events = (await Promise.all([polled, waiting, walked, consenting].map(({ history }) => history()))).flat();
    const summaries = (kind: string) => [...new Set(ofKind(events, kind).map(summaryOf))].sort();

    expect(summaries('activityTaskScheduled')).toEqual([
      'Make a link to the consent',
      'Re-read whether Cyclr has authenticated the connector',
      'Re-read whether the user has consented',
      'Read the account connector',
      'Set the properties',
      'Store the credentials',
    ]);
    expect(summaries('timerStarted')).toEqual([
      'Deadline of the wait for consent',
      'Deadline of the wait for credentials',
      'Deadline of the wait for properties',
      'Limit of the wait for the answer to an update',
      'Pause before the next call to Cyclr',
      'Pause before the next re-read',
      'The link expires, then one re-read follows',
    ]);
    await Promise.all([polled, waiting, consenting].map(({ key }) => stage.auth.cancel(key)));
  });
});

test('nothing is written while a flow waits, however often somebody looks', async () => {
  const scene = await stage.scene('Fernhill');
  await scene.reaches('awaitingProperties');
  const before = (await scene.history()).length;

  for (let looks = 0; looks < 20; looks++) await scene.view();

  expect(await scene.history()).toHaveLength(before);
});

test('an API key after one property, both by signal, costs at most 44 events and 40 KB', async () => {
  const scene = await stage.scene('Fernhill');
  await scene.reaches('awaitingProperties');
  await scene.signals('propertyInput', { submissionId: 'p', values: { Domain: 'acme' } });
  await scene.reaches('awaitingCredentials');
  const credentials = await stage.sealed(scene.key, 'c', right);
  await scene.signals('credentialInput', { submissionId: 'c', credentials });

  await stage.auth.result(scene.key);

  const { historyLength, historySize } = await scene.handle.describe();
  expect(historyLength).toBe((await scene.history()).length);
  expect(historyLength).toBeLessThanOrEqual(44);
  expect(historySize).toBeGreaterThan(1000);
  expect(historySize).toBeLessThan(40 * 1024);
});
