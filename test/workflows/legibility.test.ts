/**
 * The information about a flow that an operator finds in the list of workflows, in Temporal Web and by the `temporal`
 * command line. The file also tests the limits of a flow's history.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { WorkflowFailedError } from '@temporalio/client';
import type { ApplicationFailure } from '@temporalio/common';
import { findBinary } from '../../scripts/local/binary';
import { searchAttributeNames } from '../../temporal/search-attributes';
import { workflowIdOf, type ConnectorKey } from '../../workflows/connector';
import { taskQueue } from '../../workflows/messages';
import type { FlowResult, StateName, Timeline, View } from '../../workflows/view';
import { consentScene } from '../support/consent';
import { eventually } from '../support/eventually';
import { kindOf, ofKind, type HistoryEvent } from '../support/histories';
import { asInResult } from '../support/messages';
import { openStage, type Scene, type Stage } from '../support/stage';

let stage: Stage;
let binary: string;

beforeAll(async () => {
  [stage, binary] = await Promise.all([openStage(), findBinary('temporal')]);
});

afterAll(() => stage.close());

const right = { kind: 'apiKey', key: 'right' } as const;

/** Repeats a query of the list until the query finds `count` workflows. Returns their ids. */
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
const DATE = /: \d{4}-\d\d-\d\dT[\d:.]+Z$/;

describe('list of workflows', () => {
  test('the list of workflows shows a flow before its first workflow task', async () => {
    await stage.stopWorker();
    const scene = await stage.scene('Brightdesk');

    const ids = await found(`CyclrAccountId = "${scene.key.accountId}"`, 1).finally(() => stage.restartWorker());

    expect(ids).toEqual([scene.workflowId]);
  });

  test.concurrent('the list of workflows can be searched by account, connector, name and state', async () => {
    const accountId = "it's acme/7";
    const [one, two, three] = await Promise.all(
      ['Fernhill', 'Brightdesk', 'Openrates'].map((connector) => stage.scene(connector, { accountId })),
    );
    const other = await stage.scene(stage.install('Brightdesk', { patch: { Name: 'Unique name' } }));
    await Promise.all([
      one!.reaches('awaitingProperties'),
      two!.reaches('awaitingCredentials'),
      three!.reaches('authenticated'),
      other.reaches('awaitingCredentials'),
    ]);

    const account = `CyclrAccountId = "${accountId}"`;
    const ids = (...scenes: Scene[]) => scenes.map(({ workflowId }) => workflowId).sort();

    expect(await found(account, 3)).toEqual(ids(one!, two!, three!));
    expect(await found(`${account} AND ConnectorAuthState = "awaitingCredentials"`, 1)).toEqual(ids(two!));
    expect(await found(`${account} AND ConnectorAuthState = "authenticated"`, 1)).toEqual(ids(three!));
    expect(await found(`CyclrConnectorId = "${one!.key.connectorId}"`, 1)).toEqual(ids(one!));
    expect(await found('ConnectorName = "Unique name"', 1)).toEqual(ids(other));
    expect(await found(`${account} AND ExecutionStatus = "Running"`, 2)).toEqual(ids(one!, two!));
  });

  test.concurrent(
    'the list of workflows shows waiting and final states, and each entry into such a state causes one upsert',
    async () => {
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

      const at = (state: StateName, connected: boolean) => ({
        ...fixed,
        'ConnectorAuthState KEYWORD': state,
        'ConnectorAuthSince DATETIME': expect.any(Date),
        'ConnectorConnected BOOL': connected,
      });
      expect(first).toEqual(at('awaitingProperties', false));
      expect(second).toEqual(at('awaitingCredentials', false));
      expect(last).toEqual(at('authenticated', true));
      expect(last['ConnectorAuthSince DATETIME']).toEqual(new Date((await scene.view()).since));
      // One upsert at each entry: awaitingProperties, awaitingCredentials, awaitingCredentials again, authenticated.
      expect(ofKind(await scene.history(), 'upsertWorkflowSearchAttributes')).toHaveLength(4);
    },
  );

  test.concurrent('the list of workflows shows a connector name of 300 emoji cut to 255', async () => {
    const Name = '🚢'.repeat(300);
    const scene = await stage.scene(stage.install('Brightdesk', { patch: { Name } }));
    const view = await scene.reaches('awaitingCredentials');

    expect((await attributesOf(scene))['ConnectorName KEYWORD']).toBe('🚢'.repeat(255));
    expect(view.connector?.name).toBe(Name);
  });
});

describe('Temporal Web', () => {
  test.concurrent(
    'Temporal Web shows account, connector, intent and sender of a start, with Markdown escaped',
    async () => {
      const scene = await stage.scene('Evergreen', { intent: 'reauthenticate', by: 'jo [x](http://evil) <b>' });

      const description = await scene.handle.describe();
      const summary = await description.staticSummary();
      const details = await description.staticDetails();

      expect(summary).toContain(String(scene.key.connectorId));
      expect(summary).toContain(scene.key.accountId);
      expect(details).toContain('reauthenticate');
      expect(details).toMatch(/jo \\\[x\\\]\(http.*evil\) \\<b\\>/);
    },
  );

  test.concurrent(
    'Temporal Web shows the state, the awaited input, the deadline and the problem, but no input value',
    async () => {
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
    },
  );

  test.concurrent('Temporal Web shows the code of a failure of the flow', async () => {
    const { accountId } = stage.install('Brightdesk');
    const scene = await stage.scene({ accountId, connectorId: 999_999 });
    await stage.auth.result(scene.key);

    expect(await currentDetails(scene)).toMatch(/Connector 999999[^]*Failure: `connectorNotFound`/);
  });

  test.concurrent('Temporal Web shows a summary of every activity and every timer', async () => {
    const values = ['ClientId', 'ClientSecret'].map((Name) => ({ Name, Value: 'expired' }));
    const polled = await stage.scene(stage.install('Quartz', { patch: { Properties: values } }));
    const paused = stage.install('Brightdesk');
    stage.sandbox.fault({ match: { account: paused.accountId }, times: 'always', then: { status: 403 } });
    const waiting = await stage.scene(paused);
    const walked = await stage.scene('Fernhill');
    await walked.reaches('awaitingProperties');
    await walked.sets({ Domain: 'acme' });
    await walked.gives(right);
    const keyed = await stage.sceneIn('awaitingCredentials', 'Brightdesk');
    const consenting = await consentScene(stage);
    await consenting.returns(await consenting.asks());
    await eventually(waiting.history, (events) => events.some((event) => kindOf(event) === 'timerStarted'));
    await eventually(polled.history, (events) => events.some((event) => kindOf(event) === 'timerStarted'));
    await eventually(consenting.reads, (reads) => reads >= 2);

    const events = (
      await Promise.all([polled, waiting, walked, keyed, consenting].map(({ history }) => history()))
    ).flat();
    const summaries = (kind: string) => [...new Set(ofKind(events, kind).map(summaryOf))].sort();

    expect(summaries('activityTaskScheduled')).toEqual([
      'Make a link to the consent',
      'Re-read until the connector is authenticated: at 0, 1, 2, 4, 8, 15, 30 s',
      'Read the account connector',
      'Set the properties',
      'Start the delivery of an event',
      'Store the credentials',
    ]);
    const timers = summaries('timerStarted').map((summary) => String(summary).replace(DATE, ': DATE'));
    expect([...new Set(timers)]).toEqual([
      'Deadline of the wait for consent, and earliest of later waits: DATE',
      'Deadline of the wait for credentials, and earliest of later waits: DATE',
      'Deadline of the wait for properties, and earliest of later waits: DATE',
      'Limit of the wait for the answer to an update',
      'Pause before the next call to Cyclr',
      'The link expires, then one re-read follows: DATE',
    ]);
    await Promise.all([polled, waiting, keyed, consenting].map(({ key }) => stage.auth.cancel(key)));
  });
});

describe('histories', () => {
  test.concurrent('the history of a flow does not grow when the flow is queried', async () => {
    const scene = await stage.scene('Fernhill');
    await scene.reaches('awaitingProperties');
    const before = (await scene.history()).length;

    for (let times = 0; times < 20; times++) await stage.auth.view(scene.key);

    expect(await scene.history()).toHaveLength(before);
  });

  test.concurrent(
    'the history of a flow with one property and an API key, both by signal, has at most 36 events and 40 KB',
    async () => {
      const scene = await stage.scene('Fernhill');
      stage.record('property-and-key-by-signal', scene.handle);
      await scene.reaches('awaitingProperties');
      await scene.signals('propertyInput', { submissionId: 'p', values: { Domain: 'acme' } });
      await scene.reaches('awaitingCredentials');
      const credentials = await stage.sealed(scene.key, 'c', right);
      await scene.signals('credentialInput', { submissionId: 'c', credentials });

      await stage.auth.result(scene.key);

      const { historyLength, historySize } = await scene.handle.describe();
      const kinds = (await scene.history()).map(kindOf);
      expect(historyLength).toBe(kinds.length);
      // A repeated workflow task adds events, so only the three events of each completed workflow task count.
      const tasks = kinds.filter((kind) => kind === 'workflowTaskCompleted').length;
      const others = kinds.filter((kind) => !kind.startsWith('workflowTask')).length;
      expect(others + 3 * tasks).toBeLessThanOrEqual(36);
      expect(historySize).toBeGreaterThan(1000);
      expect(historySize).toBeLessThan(40 * 1024);
    },
  );
});

describe('temporal command line', () => {
  /** Runs `temporal workflow …`. Fails with its output if the exit code is not 0. */
  async function temporal(command: string[], workflowId: string, ...args: string[]): Promise<string> {
    const reached = ['--address', process.env.TEST_TEMPORAL_ADDRESS!, '--namespace', stage.namespace];
    const line = ['workflow', ...command, ...reached, '--workflow-id', workflowId, '--output', 'json', ...args];
    return (await promisify(execFile)(binary, line)).stdout;
  }
  const inputOf = (input?: object) => (input ? ['--input', JSON.stringify(input)] : []);
  const start = (workflowId: string, input: object) =>
    temporal(['start'], workflowId, '--type', 'authenticateConnector', '--task-queue', taskQueue, ...inputOf(input));
  const signal = (workflowId: string, name: string, input?: object) =>
    temporal(['signal'], workflowId, '--name', name, ...inputOf(input));
  const update = (workflowId: string, name: string, input: object) =>
    temporal(['update', 'execute'], workflowId, '--name', name, '--update-id', 's', ...inputOf(input));
  /** Fails if the worker gives no answer, as it can during a workflow task of an uncached run. */
  async function query<T>(workflowId: string, type: 'view' | 'timeline'): Promise<T> {
    const { queryResult } = JSON.parse(await temporal(['query'], workflowId, '--type', type)) as { queryResult: T[] };
    return queryResult[0]!;
  }
  /** Reads the flow's timeline until it has `count` entries. */
  const entriesOf = async (workflowId: string, count: number) => {
    const { entries } = await eventually(
      () => query<Timeline>(workflowId, 'timeline'),
      (timeline) => timeline.entries.length === count,
    );
    return entries;
  };
  const reaches = (on: ConnectorKey, state: StateName) =>
    eventually(
      () => stage.auth.view(on),
      (view) => view.state === state,
    );

  test.concurrent(
    'the temporal command line can start a flow and send all its inputs as signals, until the flow ends',
    async () => {
      const on = stage.install('Kestrel', { accountId: 'plain & simple/1' });
      const id = workflowIdOf(on);
      const SigningSecret = await stage.sealedProperty(on, 'p-1', 'SigningSecret', 'secret');
      const credentials = await stage.sealed(on, 'c-1', right);

      await start(id, { ...on, by: 'cli' });
      await reaches(on, 'awaitingProperties');
      const asked = await eventually(() => query<View>(id, 'view'));
      await signal(id, 'propertyInput', { submissionId: 'p-1', values: { Environment: 'staging', SigningSecret } });
      await reaches(on, 'awaitingCredentials');
      await signal(id, 'credentialInput', { submissionId: 'c-1', credentials, by: 'cli' });
      const end = await reaches(on, 'authenticated');
      const { entries } = await eventually(() => query<Timeline>(id, 'timeline'));
      const result = JSON.parse(await temporal(['result'], id)) as { result: View; status: string };

      expect(asked.fields?.map(({ name }) => name)).toContain('SigningSecret');
      expect(end).toMatchObject({ ...on, verification: 'notChecked' });
      expect(result).toMatchObject({ status: 'COMPLETED', result: asInResult(end) });
      expect(entries.map(({ event, id, by }) => [event, id, by])).toEqual([
        ['connectorFetched', undefined, 'cli'],
        ['propertiesSubmitted', 'p-1', undefined],
        ['propertiesApplied', 'p-1', undefined],
        ['credentialsSubmitted', 'c-1', 'cli'],
        ['credentialsApplied', 'c-1', undefined],
      ]);
    },
  );

  test.concurrent('the temporal command line prints the answer to an update, and the text of a refusal', async () => {
    const scene = await stage.scene('Fernhill');
    await scene.reaches('awaitingProperties');
    const given = (values: object) => ({ submissionId: 's', values });

    const refused = await update(scene.workflowId, 'submitProperties', given({ Shop: 'x' })).catch((err: Error) => err);
    const taken = await update(scene.workflowId, 'submitProperties', given({ Domain: 'acme' }));

    expect(refused).toMatchObject({ stderr: expect.stringContaining('The connector has no such property') });
    expect(JSON.parse(taken)).toMatchObject({ result: { state: 'awaitingCredentials' satisfies StateName } });
  });

  test.concurrent("the temporal command line cancels a flow by the signal, and by Temporal's own command", async () => {
    const [one, other] = [stage.install('Brightdesk'), stage.install('Brightdesk')];
    await Promise.all([one, other].map((on) => start(workflowIdOf(on), on)));

    await Promise.all([signal(workflowIdOf(one), 'cancel'), temporal(['cancel'], workflowIdOf(other))]);

    expect(await stage.auth.result(one)).toMatchObject({ state: 'cancelled', revision: expect.any(Number) });
    expect(await stage.auth.result(other)).toMatchObject({ state: 'cancelled' });
  });

  test.concurrent(
    'the temporal command line shows in the timeline that a signal had a wrong name or shape',
    async () => {
      const scene = await stage.scene('Brightdesk');
      await scene.reaches('awaitingCredentials');

      // If both signals arrive in one workflow task, the flow records the unknown signal first.
      await signal(scene.workflowId, 'credentialInput');
      await entriesOf(scene.workflowId, 2);
      await signal(scene.workflowId, 'credentialsInput', { submissionId: 'c-1' });
      const entries = await entriesOf(scene.workflowId, 3);

      expect(entries.slice(1)).toMatchObject([
        { event: 'inputRefused', note: 'malformed' },
        { event: 'unknownSignal', note: 'credentialsInput' },
      ]);
    },
  );
});

describe('workflow results', () => {
  test('the workflow result begins with the state, has the timeline, and can be read without a worker', async () => {
    const flow = await stage.scene('Brightdesk');
    await flow.reaches('awaitingCredentials');
    await flow.gives({ kind: 'apiKey', key: 'wrong-key' });
    await flow.gives(right);
    const view = await stage.auth.result(flow.key);
    await stage.stopWorker();

    const result = await flow.handle.result();
    const timeline = await stage.auth.timeline(flow.key).finally(() => stage.restartWorker());

    expect(Object.keys(result).slice(0, 2)).toEqual(['state', 'verification']);
    expect(result).toEqual({ ...view, timeline });
    expect(result.connector).not.toHaveProperty('icon');
    expect(result.connector).not.toHaveProperty('description');
    expect(timeline.entries.map(({ event }) => event)).toEqual([
      'connectorFetched',
      'credentialsSubmitted',
      'refused',
      'credentialsSubmitted',
      'credentialsApplied',
    ]);
  });

  test('the workflow result of a failed flow is the first detail of the failure, and has the timeline', async () => {
    const { accountId } = stage.install('Brightdesk');
    const flow = await stage.scene({ accountId, connectorId: 999_999 });

    const error = (await flow.handle.result().catch((err: unknown) => err)) as WorkflowFailedError;

    const [result] = (error.cause as ApplicationFailure).details as [FlowResult];
    expect(Object.keys(result)[0]).toBe('state');
    expect(result.timeline.entries).toMatchObject([{ event: 'failed', to: 'failed' }]);
  });
});
