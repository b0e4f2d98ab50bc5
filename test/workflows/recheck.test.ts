/** The re-reads of the connector after a `recheck`, and after a start of an open flow. */
import type { ConnectorPatch } from '../../sandbox/control';
import type { ConnectorKey } from '../../workflows/connector';
import type { StateName } from '../../workflows/view';
import { eventually } from '../support/eventually';
import { ofKind } from '../support/histories';
import { refusal, updates } from '../support/messages';
import { openStage, type Scene, type Stage } from '../support/stage';

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(() => stage.close());

/** Authenticates the connector in Cyclr, as a user of Cyclr's console can do, without the flow. */
const connectElsewhere = ({ accountId, connectorId }: ConnectorKey): void =>
  void stage.sandbox.update(accountId, connectorId, { Authenticated: true });

const waiting = (): Promise<Scene> => stage.sceneIn('awaitingCredentials', 'Brightdesk');

test.concurrent(
  'the update recheck ends the flow as authenticated if the connector was authenticated outside of the flow',
  async () => {
    const scene = await waiting();
    stage.record('recheck-finds-the-connection', scene.handle);
    connectElsewhere(scene.key);

    const view = await stage.auth.recheck(scene.key, { by: 'operator' });

    expect(view).toMatchObject({ state: 'authenticated', connected: true, verification: 'notChecked' });
    expect((await scene.timeline()).at(-1)).toMatchObject({ event: 'rechecked', to: 'authenticated', by: 'operator' });
  },
);

test.concurrent('the signal recheck and a start of an open flow each make the flow re-read the connector', async () => {
  const [bySignal, byStart] = await Promise.all([waiting(), waiting()]);
  for (const { key } of [bySignal, byStart]) connectElsewhere(key);

  await bySignal.signals('recheck');
  const again = await stage.auth.start(byStart.key);

  expect(again).toMatchObject({ started: false, runId: byStart.runId });
  for (const { key } of [bySignal, byStart]) expect((await stage.auth.result(key)).state).toBe('authenticated');
});

test.concurrent(
  'two rechecks within 10 s cause one re-read, and the flow does not change if the connector has not changed',
  async () => {
    const scene = await waiting();
    const before = await scene.view();

    const views = await Promise.all([stage.auth.recheck(scene.key), stage.auth.recheck(scene.key)]);

    expect(views).toEqual([before, before]);
    expect(scene.calls()).toHaveLength(2);
  },
);

test.concurrent('a recheck in the pause of an outage makes the flow repeat its call at once', async () => {
  const key = stage.install('Brightdesk');
  const match = { account: key.accountId };
  stage.sandbox.fault({ match, then: { kind: 'throttled', retryAfter: 3600 } });
  const scene = await stage.scene(key);
  await eventually(scene.view, ({ problem }) => problem?.code === 'cyclrUnavailable');

  const view = await stage.auth.recheck(key);

  expect(view).toMatchObject({ state: 'awaitingCredentials', connected: false });
  expect(view).not.toHaveProperty('problem');
});

test.concurrent(
  "an operator's trouble during a recheck is recorded in the timeline, and does not change the view",
  async () => {
    const scene = await waiting();
    const before = await scene.view();
    stage.sandbox.fault({ match: { account: scene.key.accountId }, then: { status: 403 } });

    const view = await stage.auth.recheck(scene.key);

    expect(view).toEqual(before);
    const last = (await scene.timeline()).at(-1);
    expect(last).toMatchObject({ event: 'cyclrUnavailable', to: 'awaitingCredentials' });
    expect(last?.note).toMatch(/^operatorsTrouble: GET .* 403/);
  },
);

test.concurrent.each<[string, (scene: Scene) => Promise<unknown>, string | undefined]>([
  ['the signal cancel', ({ key }) => stage.auth.cancel(key, { by: 'bob' }), 'bob'],
  ['Temporal', ({ handle }) => handle.cancel(), undefined],
])(
  'a cancellation by %s during a recheck is not recorded under the sender of the recheck',
  async (_means, cancel, by) => {
    const scene = await waiting();
    stage.sandbox.fault({ match: { account: scene.key.accountId }, times: 'always', then: { status: 503 } });
    await scene.signals('recheck', { by: 'alice' });
    await eventually(scene.calls, (calls) => calls.length > 1);

    await cancel(scene);
    await scene.reaches('cancelled');

    const last = (await scene.timeline()).at(-1);
    expect(last).toMatchObject({ event: 'cancelled', from: 'awaitingCredentials', to: 'cancelled' });
    expect(last?.by).toBe(by);
  },
);

test.concurrent(
  'a recheck of an ended flow fails as closed, and a malformed recheck adds no history event',
  async () => {
    const [ended, open] = await Promise.all([stage.scene('Openrates'), waiting()]);
    await ended.reaches('authenticated');

    await expect(stage.auth.recheck(ended.key)).rejects.toMatchObject({ code: 'closed' });
    const { code } = await refusal(updates(open, 'recheck', { by: 7 }));

    expect(code).toBe('malformed');
    expect(ofKind(await open.history(), 'workflowExecutionUpdateAccepted')).toEqual([]);
  },
);

test.concurrent(
  'the list shows the state and the problem of a flow in an outage, and no problem after the outage',
  async () => {
    const key = stage.install('Brightdesk');
    const match = { account: key.accountId };
    stage.sandbox.fault({ match, then: { status: 403 } });
    const scene = await stage.scene(key);
    const listed = async () => (await stage.auth.list({ accountId: key.accountId })).items;

    const during = await eventually(listed, ([item]) => item?.problem !== undefined);
    const { entries } = await stage.auth.timeline(key);
    await stage.auth.recheck(key);
    const after = await eventually(listed, ([item]) => item?.problem === undefined);

    expect(during).toMatchObject([{ state: 'fetchingConnector', problem: 'operatorsTrouble', runId: scene.runId }]);
    expect(entries.at(-1)!.note).toMatch(/^operatorsTrouble: GET .* 403/);
    expect(after).toMatchObject([{ state: 'awaitingCredentials', connected: false }]);
    expect(after[0]!.since).toBe((await scene.view()).since);
  },
);

describe('changed connectors', () => {
  const all = { Properties: ['Domain', 'Shop'].map((Name) => ({ Name, Value: 'acme' })) };
  /** A connector for each waiting state. Each of these connectors has one required property. */
  const waits: [state: StateName, connector: string, patch: ConnectorPatch][] = [
    ['awaitingProperties', 'Fernhill', {}],
    ['awaitingCredentials', 'Fernhill', all],
    ['awaitingAuthorization', 'Shopwell', all],
  ];
  const byAuthType = (AuthType: string, OAuth2Type: string | null = null) => ({
    ...all,
    Connector: { AuthType, OAuth2Type },
  });
  const changes: [to: StateName, patch: ConnectorPatch][] = [
    ['awaitingProperties', { Properties: [], Name: 'Renamed' }],
    ['awaitingCredentials', { ...byAuthType('ApiKey'), Name: 'Renamed' }],
    ['awaitingAuthorization', { ...byAuthType('OAuth2', 'AuthorisationCode'), Name: 'Renamed' }],
    ['applyingCredentials', byAuthType('OAuth2', 'ClientCredentials')],
    ['authenticated', { Authenticated: true }],
    ['unsupported', byAuthType('AuthFields')],
  ];
  const pairs = waits.flatMap(([from, connector, before]) =>
    changes.map(([to, change]) => [from, to, connector, before, change] as const),
  );

  test.concurrent.each(pairs)(
    'a re-read of a changed connector leads from %s to %s',
    async (from, to, connector, before, change) => {
      const scene = await stage.sceneIn(from, stage.install(connector, { patch: before }));
      stage.record(`reread-from-${from}-to-${to}`, scene.handle);
      stage.sandbox.update(scene.key.accountId, scene.key.connectorId, change);

      await stage.auth.recheck(scene.key);

      const entries = await scene.timeline();
      expect(entries.find(({ event }) => event === 'rechecked')).toMatchObject({ from, to });
      if (from === to) expect((await scene.view()).connector?.name).toBe('Renamed');
      await stage.auth.cancel(scene.key); // the recorded run must end, because replay.test.ts reads the timeline at the end of a run
    },
  );
});
