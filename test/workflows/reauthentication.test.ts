/** Authenticating again what is authenticated: nothing changes until there is new input, and then it shows. */
import type { ConnectorPatch } from '../../sandbox/control';
import type { ConnectorKey } from '../../workflows/connector';
import type { Credentials, Input, StateName, View } from '../../workflows/messages';
import { consentScene, type ConsentScene } from '../support/consent';
import { eventually } from '../support/eventually';
import { ofKind, taskFailures } from '../support/histories';
import { happens } from '../support/messages';
import { openSkippingStage, openStage, type Scene, type SkippingStage, type Stage } from '../support/stage';

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterEach(() => {
  stage.sandbox.clearFaults();
  Object.assign(stage.sandbox.switches, {
    authenticatedAfterMs: 0,
    authValueReadable: true,
    signInTokenExpiresIn: 300,
  });
});

afterAll(async () => {
  const failures = await taskFailures(stage);
  await stage.close();
  expect(failures).toEqual([]);
});

const oldTokens = '{"AccessToken":"at-old","RefreshToken":"rt-old"}';
const withOldTokens: ConnectorPatch = { Authenticated: true, AuthValue: oldTokens };
const again = { intent: 'reauthenticate' } as const;
const valuesOf = (scene: Scene) => Object.fromEntries(scene.cyclr().Properties.map(({ Name, Value }) => [Name, Value]));
const writes = (scene: Scene) => scene.calls().filter((call) => !call.startsWith('GET'));

/** A re-authentication by consent that waits for it. */
async function waiting(on = stage, connector: string | ConnectorKey = 'Ledgerly', input: Partial<Input> = {}) {
  const key = typeof connector === 'string' ? on.install(connector, { patch: withOldTokens }) : connector;
  const scene = await consentScene(on, key, { ...input, ...again });
  await scene.reaches('awaitingAuthorization');
  return scene;
}

interface Way {
  connector: string;
  patch: ConnectorPatch;
  asks: StateName;
  wrong: Credentials;
  right: Credentials;
  stores: string;
}
const ways: { [name: string]: Way } = {
  'an API key': {
    connector: 'Brightdesk',
    patch: { Authenticated: true, AuthValue: 'old' },
    asks: 'awaitingCredentials',
    wrong: { kind: 'apiKey', key: 'wrong' },
    right: { kind: 'apiKey', key: 'new' },
    stores: 'new',
  },
  'a user name and password': {
    connector: 'Insightful',
    patch: { Authenticated: true, AuthValue: btoa('me:old') },
    asks: 'awaitingCredentials',
    wrong: { kind: 'basic', username: 'me', password: 'wrong' },
    right: { kind: 'basic', username: 'me', password: 'new' },
    stores: btoa('me:new'),
  },
  "tokens of the partner's own connector": {
    connector: 'Homeport',
    patch: withOldTokens,
    asks: 'awaitingCredentials',
    wrong: { kind: 'tokens', accessToken: 'wrong' },
    right: { kind: 'tokens', accessToken: 'new' },
    stores: '{"AccessToken":"new"}',
  },
  'tokens instead of consent': {
    connector: 'Ledgerly',
    patch: withOldTokens,
    asks: 'awaitingAuthorization',
    wrong: { kind: 'tokens', accessToken: 'wrong' },
    right: { kind: 'tokens', accessToken: 'new' },
    stores: '{"AccessToken":"new"}',
  },
};

describe.each(Object.entries(ways))('%s', (_name, { connector, patch, asks, wrong, right, stores }) => {
  test('stays until Cyclr takes another, and keeps its ids', async () => {
    const scene = await stage.scene(stage.install(connector, { patch }), again);
    const asked = await scene.reaches(asks);
    const before = scene.cyclr();

    const refused = await scene.gives(wrong);
    const between = scene.cyclr();
    const end = await scene.gives(right);

    expect(asked).toMatchObject({ intent: 'reauthenticate' });
    expect(asked).not.toHaveProperty('problem');
    expect(before).toMatchObject(patch);
    expect(refused).toMatchObject({ state: asks, intent: 'reauthenticate', problem: { code: 'refused' } });
    expect(between).toEqual(before);
    expect(end).toMatchObject({ ...scene.key, state: 'authenticated', verification: 'notChecked', ...again });
    expect(end).not.toHaveProperty('problem');
    expect(scene.cyclr()).toEqual({ ...before, AuthValue: stores });
  });

  test('stays where nobody gives another', async () => {
    const patience = { credentials: 700, authorization: 700 };
    const [given, left] = [stage.install(connector, { patch }), stage.install(connector, { patch })];
    const cancelled = await stage.scene(given, again);
    const expired = await stage.scene(left, { ...again, patience });
    await cancelled.reaches(asks);

    const views = [await stage.auth.cancel(cancelled.key), await stage.auth.result(expired.key)];

    expect(views.map(({ state }) => state)).toEqual(['cancelled', 'expired']);
    for (const scene of [cancelled, expired]) {
      expect(scene.cyclr()).toMatchObject(patch);
      expect(writes(scene)).toEqual([]);
    }
  });
});

test('None is authenticated at once: there is nothing to give', async () => {
  const scene = await stage.scene('Openrates', again);

  expect(await stage.auth.result(scene.key)).toMatchObject({
    state: 'authenticated',
    verification: 'notChecked',
    intent: 'reauthenticate',
  });
});

describe('ClientCredentials', () => {
  const Properties = [
    { Name: 'ClientId', Value: 'old-id' },
    { Name: 'ClientSecret', Value: 'old-secret' },
  ];
  const stored: ConnectorPatch = { Properties, Authenticated: true, AuthValue: '{}' };

  async function asked(): Promise<[Scene, View]> {
    const scene = await stage.scene(stage.install('Quartz', { patch: stored }), again);
    return [scene, await scene.reaches('awaitingProperties')];
  }

  test('enter awaitingProperties first, though nothing is missing', async () => {
    const [scene, view] = await asked();

    expect(view).not.toHaveProperty('problem');
    expect(view.fields?.map(({ name, stored }) => [name, stored])).toEqual([
      ['ClientId', true],
      ['ClientSecret', true],
    ]);
    expect(writes(scene)).toEqual([]);
    expect(scene.cyclr()).toMatchObject({ Authenticated: true, AuthValue: '{}' });
  });

  test('are applied again as they are by no values at all', async () => {
    const [scene] = await asked();

    await scene.sets({});
    const end = await stage.auth.result(scene.key);

    expect(end).toMatchObject({ state: 'authenticated', verification: 'notChecked', ...again });
    expect(writes(scene)).toEqual([`PUT ${scene.key.connectorId}`]);
    expect(valuesOf(scene)).toEqual({ ClientId: 'old-id', ClientSecret: 'old-secret' });
  });

  test('are changed one by one: an empty value is unchanged', async () => {
    const [scene] = await asked();

    await scene.sets({ ClientId: 'new-id', ClientSecret: '' });

    expect(await stage.auth.result(scene.key)).toMatchObject({ state: 'authenticated' });
    expect(valuesOf(scene)).toEqual({ ClientId: 'new-id', ClientSecret: 'old-secret' });
  });

  test('that Cyclr refuses are asked for again', async () => {
    const [scene] = await asked();

    const refused = await scene.sets({ ClientId: 'wrong' });

    expect(refused).toMatchObject({ state: 'awaitingProperties', problem: { fields: [{ name: 'ClientId' }] } });
    expect(valuesOf(scene)).toEqual({ ClientId: 'old-id', ClientSecret: 'old-secret' });
    expect(scene.cyclr()).toMatchObject({ Authenticated: true, AuthValue: '{}' });
  });
});

describe('consent', () => {
  test('given again with another value is authenticated, notChecked', async () => {
    const scene = await waiting();
    const link = await scene.asks();
    const between = scene.cyclr();

    await scene.decides(link, 'approve');
    await scene.returns(link);
    const end = await stage.auth.result(scene.key);

    expect(between.AuthValue).toBe(oldTokens);
    expect(end).toMatchObject({ ...scene.key, state: 'authenticated', verification: 'notChecked', ...again });
    expect(scene.cyclr()).toMatchObject({ Id: scene.key.connectorId, Authenticated: true });
    expect(scene.cyclr().AuthValue).not.toBe(oldTokens);
    expect(scene.reads()).toBe(3); // at the start, with the link, after the return
  });

  test('is asked for at once where the properties are there, also at every replay', async () => {
    await stage.restartWorker({ maxCachedWorkflows: 0 });
    const patch = { ...withOldTokens, Properties: [{ Name: 'Shop', Value: 'acme' }] };
    const scene = await waiting(stage, stage.install('Shopwell', { patch }));
    const link = await eventually(
      () => scene.asks(),
      () => true,
    );

    await scene.decides(link, 'approve');
    const end = await scene.confirms(link);
    await stage.restartWorker();

    expect(end).toMatchObject({ state: 'authenticated', verification: 'notChecked' });
    expect(valuesOf(scene)).toEqual({ Shop: 'acme' });
  });

  test('that Cyclr learns of some seconds late is found', async () => {
    stage.sandbox.switches.authenticatedAfterMs = 1200;
    const scene = await waiting();
    const link = await scene.asks();

    await scene.decides(link, 'approve');

    expect(await scene.confirms(link)).toMatchObject({ state: 'authenticated', verification: 'notChecked' });
  });

  test('given in the older of two tabs is found: each link has its own fingerprint', async () => {
    const scene = await waiting();
    const older = await scene.asks();
    await scene.asks();

    await scene.decides(older, 'approve');
    await scene.returns(older);

    expect(await stage.auth.result(scene.key)).toMatchObject({ state: 'authenticated', verification: 'notChecked' });
  });

  test('is not proven by tokens that Cyclr refreshes, where nobody came back', async () => {
    stage.sandbox.switches.signInTokenExpiresIn = 1;
    const scene = await waiting(stage, 'Ledgerly', { patience: { authorization: 2000 } });
    await scene.asks();

    const { accountId, connectorId } = scene.key;
    stage.sandbox.refreshTokens(accountId, connectorId);
    const end = await stage.auth.result(scene.key);

    expect(end).toMatchObject({ state: 'expired', ...again });
    expect(scene.cyclr().AuthValue).not.toBe(oldTokens);
    expect(scene.reads()).toBe(2); // at the start, and with the link
  });

  describe.each([true, false])('where nothing was authenticated any more (AuthValue readable: %s)', (readable) => {
    const lost: ConnectorPatch = { Authenticated: false, AuthValue: oldTokens };

    test('is proven by Cyclr’s word', async () => {
      stage.sandbox.switches.authValueReadable = readable;
      const scene = await waiting(stage, stage.install('Ledgerly', { patch: lost }));
      const link = await scene.asks();

      await scene.decides(link, 'approve');
      await scene.returns(link);

      expect(await stage.auth.result(scene.key)).toMatchObject({ state: 'authenticated', verification: 'notChecked' });
      expect(scene.reads()).toBe(3);
    });

    test('is found though nobody came back', async () => {
      Object.assign(stage.sandbox.switches, { authValueReadable: readable, signInTokenExpiresIn: 2 });
      const scene = await waiting(stage, stage.install('Ledgerly', { patch: lost }));

      await scene.decides(await scene.asks(), 'approve');

      expect(await stage.auth.result(scene.key)).toMatchObject({ state: 'authenticated', verification: 'notChecked' });
    });
  });

  test('leaves no value and no fingerprint to guess by in what a flow tells', async () => {
    const scene = await waiting();
    const link = await scene.asks();
    await scene.decides(link, 'approve');
    const end = await scene.confirms(link);

    const told = JSON.stringify(
      [end, await scene.timeline(), await scene.history(), stage.log],
      (_name, part: unknown) => (part instanceof Uint8Array ? Buffer.from(part).toString() : part),
    );
    const { AccessToken, RefreshToken } = JSON.parse(scene.cyclr().AuthValue!) as { [name: string]: string };
    const hash = async (name: 'SHA-1' | 'SHA-256' | 'SHA-512', encoding: 'hex' | 'base64' | 'base64url') =>
      Buffer.from(await crypto.subtle.digest(name, Buffer.from(oldTokens))).toString(encoding);
    const hashes = (['SHA-1', 'SHA-256', 'SHA-512'] as const).flatMap((name) =>
      (['hex', 'base64', 'base64url'] as const).map((encoding) => hash(name, encoding)),
    );
    const secrets = ['at-old', 'rt-old', btoa(oldTokens), AccessToken!, RefreshToken!, ...(await Promise.all(hashes))];

    expect(secrets.filter((secret) => told.includes(secret))).toEqual([]);
  });
});

describe('starting', () => {
  test('is refused while an authentication runs, and finds the one that runs otherwise', async () => {
    const [first, second] = [await stage.scene('Brightdesk'), await stage.scene('Evergreen', again)];

    await expect(stage.auth.start(first.key, again)).rejects.toMatchObject({ code: 'alreadyRunning' });
    const found = [
      await stage.auth.start(first.key),
      await stage.auth.start(second.key, again),
      await stage.auth.start(second.key),
    ];

    expect(found).toEqual([
      { workflowId: first.workflowId, runId: first.runId, started: false, intent: 'authenticate' },
      { workflowId: second.workflowId, runId: second.runId, started: false, ...again },
      { workflowId: second.workflowId, runId: second.runId, started: false, ...again },
    ]);
    expect((await first.view()).state).not.toBe('cancelled');
  });

  type End = [name: string, (scene: Scene) => Promise<unknown>, Partial<View>];
  const failure = (code: string) => ({ state: 'failed', failure: { code, message: expect.any(String) } }) as View;
  const ends: End[] = [
    ['was cancelled', (scene) => stage.auth.cancel(scene.key), { state: 'cancelled' }],
    ['was cancelled by Temporal', (scene) => scene.handle.cancel(), { state: 'cancelled', revision: 0 }],
    ['was terminated', (scene) => scene.handle.terminate(), { ...failure('terminated'), revision: 0 }],
    ['has expired', async () => undefined, { state: 'expired' }],
    [
      'has failed',
      async (scene) => {
        stage.sandbox.fault({ match: { method: 'PUT', account: scene.key.accountId }, then: { status: 404 } });
        await scene.gives({ kind: 'apiKey', key: 'new' });
      },
      failure('connectorNotFound'),
    ],
    [
      'is authenticated',
      (scene) => scene.gives({ kind: 'apiKey', key: 'new' }),
      { state: 'authenticated', verification: 'notChecked' },
    ],
  ];

  test.each(ends)(
    'is starting again where the last one %s: the same id, and a view of each',
    async (_name, end, view) => {
      const scene = await stage.scene('Evergreen', { ...again, patience: { credentials: 1500 } });
      await scene.reaches('awaitingCredentials');

      await end(scene);
      const ended = await stage.auth.result(scene.key);
      const next = await stage.auth.start(scene.key, again);
      const asked = await scene.reaches('awaitingCredentials');

      expect(ended).toMatchObject({ ...scene.key, runId: scene.runId, ...again, ...view });
      expect(next).toMatchObject({ workflowId: scene.workflowId, started: true, ...again });
      expect(asked).toMatchObject({ runId: next.runId, ...again });
      expect(asked).not.toHaveProperty('problem');
    },
  );

  test('knows nothing of the attempts and submissions of the run before', async () => {
    const scene = await waiting();
    const link = await scene.asks();
    await scene.gives({ kind: 'tokens', accessToken: 'new' }, 's');
    await stage.auth.start(scene.key, again);
    const before = await scene.reaches('awaitingAuthorization');

    const view = await scene.confirms(link);
    await stage.client.workflow.getHandle(scene.workflowId).signal('oauthCallback', { attemptId: link.attemptId });
    const end = await scene.gives({ kind: 'tokens', accessToken: 'newer' }, 's');

    expect(before).not.toHaveProperty('attempt');
    expect(view).toEqual(before);
    expect(end).toMatchObject({ state: 'authenticated' });
    expect(scene.cyclr().AuthValue).toBe('{"AccessToken":"newer"}');
  });
});

describe('where half a minute passes', () => {
  let skipping: SkippingStage;
  const scenes: ConsentScene[] = [];

  beforeAll(async () => {
    skipping = await openSkippingStage();
  });

  afterEach(async () => {
    Object.assign(skipping.sandbox.switches, {
      authValueReadable: true,
      failedReconsent: 'keeps',
      reconsentSameValue: false,
    });
    for (const { handle, history } of scenes.splice(0)) {
      expect(ofKind(await history(), 'workflowTaskFailed')).toEqual([]);
      await handle.terminate().catch(() => undefined);
    }
  });

  afterAll(() => skipping.close());

  async function waitingThere(): Promise<ConsentScene> {
    // Cyclr's clock does not skip: by the flow's its links would have run out before they are made.
    skipping.sandbox.switches.signInTokenExpiresIn = 300 + ((await skipping.now()) - Date.now()) / 1000;
    const scene = await waiting(skipping);
    scenes.push(scene);
    return scene;
  }

  type Trace = [name: string, decision: 'approve' | 'decline', () => void];
  const traces: Trace[] = [
    ['the very same value', 'approve', () => (skipping.sandbox.switches.reconsentSameValue = true)],
    ['a value that can not be read', 'approve', () => (skipping.sandbox.switches.authValueReadable = false)],
    ['a decline that keeps the old one', 'decline', () => undefined],
    ['a decline, where nothing can be read', 'decline', () => (skipping.sandbox.switches.authValueReadable = false)],
  ];

  test.each(traces)('%s leaves no trace: unproven, after the whole schedule', async (_name, decision, prepare) => {
    prepare();
    const scene = await waitingThere();
    const link = await scene.asks();
    await scene.decides(link, decision);

    await scene.returns(link);
    await skipping.sleep('29s');
    const early = await scene.view();
    await skipping.sleep('3s');
    const end = await scene.reaches('authenticated');

    expect(early.state).toBe('verifyingAuthorization');
    expect(end).toMatchObject({ verification: 'unproven', ...again });
    expect(scene.reads()).toBe(9); // at the start, with the link, and the schedule
    expect(scene.cyclr().Authenticated).toBe(true);
    if (decision === 'decline') expect(scene.cyclr().AuthValue).toBe(oldTokens);
  });

  test('a decline that drops the old one is notAuthorized, and another consent proven', async () => {
    skipping.sandbox.switches.failedReconsent = 'drops';
    const scene = await waitingThere();
    const declined = await scene.asks();
    await scene.decides(declined, 'decline');

    await scene.returns(declined);
    await skipping.sleep('31s');
    const asked = await scene.reaches('awaitingAuthorization');
    const link = await scene.asks();
    await scene.decides(link, 'approve');
    await scene.returns(link);

    expect(asked).toMatchObject({ problem: { code: 'notAuthorized' }, attempt: { id: declined.attemptId } });
    expect(await scene.reaches('authenticated')).toMatchObject({ verification: 'notChecked', ...again });
  });

  test('ClientCredentials that never suffice lead back to awaitingProperties, notAuthorized', async () => {
    const Properties = ['ClientId', 'ClientSecret'].map((Name) => ({ Name, Value: 'good' }));
    const patch = { Properties, Authenticated: true, AuthValue: '{}' };
    const scene = await consentScene(skipping, skipping.install('Quartz', { patch }), again);
    scenes.push(scene);
    await scene.reaches('awaitingProperties');

    const set = scene.sets({ ClientId: 'expired' });
    await happens(scene, 'propertiesApplied');
    await skipping.sleep('31s');

    expect(await set).toMatchObject({ state: 'applyingCredentials' });
    expect(await scene.reaches('awaitingProperties')).toMatchObject({ problem: { code: 'notAuthorized' } });
  });
});
