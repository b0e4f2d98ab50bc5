/**
 * Re-authentication. The flow changes nothing at Cyclr before a new input. If no re-read after a consent shows that the
 * stored value has changed, `verification` is `unproven`.
 */
import type { ConnectorPatch } from '../../sandbox/control';
import type { ConnectorKey } from '../../workflows/connector';
import type { Credentials, Input } from '../../workflows/input';
import type { StateName, View } from '../../workflows/view';
import { consentScene, type ConsentScene } from '../support/consent';
import { happens } from '../support/messages';
import { openSkippingStage, openStage, type Scene, type SkippingStage, type Stage } from '../support/stage';

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(() => stage.close());

const oldTokens = '{"AccessToken":"at-old","RefreshToken":"rt-old"}';
const withOldTokens: ConnectorPatch = { Authenticated: true, AuthValue: oldTokens };
const again = { intent: 'reauthenticate' } as const;
const valuesOf = (scene: Scene) => Object.fromEntries(scene.cyclr().Properties.map(({ Name, Value }) => [Name, Value]));
const writes = (scene: Scene) => scene.calls().filter((call) => !call.startsWith('GET'));

/** Starts a re-authentication by consent. By default, the connector has old tokens. */
const consenting = (
  on: Stage | SkippingStage = stage,
  key: ConnectorKey = on.install('Ledgerly', { patch: withOldTokens }),
  input: Partial<Input> = {},
): Promise<ConsentScene> => consentScene(on, key, { ...input, ...again });

interface Way {
  connector: string;
  patch: ConnectorPatch;
  asks: StateName;
  wrong: Credentials;
  right: Credentials;
  stores: string;
}
const ways: { [name: string]: Way } = {
  'api-key': {
    connector: 'Brightdesk',
    patch: { Authenticated: true, AuthValue: 'old' },
    asks: 'awaitingCredentials',
    wrong: { kind: 'apiKey', key: 'wrong' },
    right: { kind: 'apiKey', key: 'new' },
    stores: 'new',
  },
  basic: {
    connector: 'Insightful',
    patch: { Authenticated: true, AuthValue: btoa('me:old') },
    asks: 'awaitingCredentials',
    wrong: { kind: 'basic', username: 'me', password: 'wrong' },
    right: { kind: 'basic', username: 'me', password: 'new' },
    stores: btoa('me:new'),
  },
  'partners-tokens': {
    connector: 'Homeport',
    patch: withOldTokens,
    asks: 'awaitingCredentials',
    wrong: { kind: 'tokens', accessToken: 'wrong' },
    right: { kind: 'tokens', accessToken: 'new' },
    stores: '{"AccessToken":"new"}',
  },
  'tokens-in-place-of-consent': {
    connector: 'Ledgerly',
    patch: withOldTokens,
    asks: 'awaitingAuthorization',
    wrong: { kind: 'tokens', accessToken: 'wrong' },
    right: { kind: 'tokens', accessToken: 'new' },
    stores: '{"AccessToken":"new"}',
  },
};

describe('the stored credentials', () => {
  test.concurrent.each(Object.entries(ways))(
    'the stored credentials (%s) stay until Cyclr accepts new credentials, and the connector keeps its ids',
    async (name, { connector, patch, asks, wrong, right, stores }) => {
      const scene = await stage.scene(stage.install(connector, { patch }), again);
      stage.record(`reauthenticate-${name}`, scene.handle);
      const asked = await scene.reaches(asks);
      const before = scene.cyclr();

      const refused = await scene.gives(wrong);
      const between = scene.cyclr();
      const end = await scene.gives(right);

      expect(asked).toMatchObject(again);
      expect(asked).not.toHaveProperty('problem');
      expect(before).toMatchObject(patch);
      expect(refused).toMatchObject({ state: asks, problem: { code: 'refused' }, ...again });
      expect(between).toEqual(before);
      expect(end).toMatchObject({ ...scene.key, state: 'authenticated', verification: 'notChecked', ...again });
      expect(end).not.toHaveProperty('problem');
      expect(scene.cyclr()).toEqual({ ...before, AuthValue: stores });
    },
  );

  test.concurrent.each(Object.entries(ways))(
    'the stored credentials (%s) stay if the flow is cancelled or expires without input',
    async (_name, { connector, patch, asks }) => {
      const patience = { credentials: 700, authorization: 700 };
      const [one, other] = [stage.install(connector, { patch }), stage.install(connector, { patch })];
      const cancelled = await stage.scene(one, again);
      const expired = await stage.scene(other, { ...again, patience });
      await cancelled.reaches(asks);

      const views = [await stage.auth.cancel(cancelled.key), await stage.auth.result(expired.key)];

      expect(views.map(({ state }) => state)).toEqual(['cancelled', 'expired']);
      for (const scene of [cancelled, expired]) {
        expect(scene.cyclr()).toMatchObject(patch);
        expect(writes(scene)).toEqual([]);
      }
    },
  );
});

test.concurrent(
  'a re-authentication of a connector with the auth type None ends as authenticated at once',
  async () => {
    const scene = await stage.scene('Openrates', again);
    stage.record('reauthenticate-none', scene.handle);

    expect(await stage.auth.result(scene.key)).toMatchObject({
      state: 'authenticated',
      verification: 'notChecked',
      ...again,
    });
  },
);

describe('client credentials', () => {
  const Properties = [
    { Name: 'ClientId', Value: 'old-id' },
    { Name: 'ClientSecret', Value: 'old-secret' },
  ];
  const stored: ConnectorPatch = { Properties, Authenticated: true, AuthValue: '{}' };

  async function asked(): Promise<[Scene, View]> {
    const scene = await stage.scene(stage.install('Quartz', { patch: stored }), again);
    return [scene, await scene.reaches('awaitingProperties')];
  }

  test.concurrent(
    'stored client credentials are applied again only after an input of the user, and an input without values is enough',
    async () => {
      const [scene, view] = await asked();
      const before = [writes(scene), scene.cyclr().Authenticated];

      await scene.sets({});
      const end = await stage.auth.result(scene.key);

      expect(view).not.toHaveProperty('problem');
      expect(view.fields?.map(({ name, stored }) => [name, stored])).toEqual([
        ['ClientId', true],
        ['ClientSecret', true],
      ]);
      expect(before).toEqual([[], true]);
      expect(end).toMatchObject({ state: 'authenticated', verification: 'notChecked', ...again });
      expect(writes(scene)).toEqual([`PUT ${scene.key.connectorId}`]);
      expect(valuesOf(scene)).toEqual({ ClientId: 'old-id', ClientSecret: 'old-secret' });
    },
  );

  test.concurrent(
    'client credentials stay stored if Cyclr refuses new client credentials, and an empty value keeps the stored value',
    async () => {
      const [scene] = await asked();
      stage.record('reauthenticate-client-credentials', scene.handle);

      const refused = await scene.sets({ ClientId: 'wrong' });
      const between = [valuesOf(scene), scene.cyclr().Authenticated];
      await scene.sets({ ClientId: 'new-id', ClientSecret: '' });

      expect(refused).toMatchObject({ state: 'awaitingProperties', problem: { fields: [{ name: 'ClientId' }] } });
      expect(between).toEqual([{ ClientId: 'old-id', ClientSecret: 'old-secret' }, true]);
      expect(await stage.auth.result(scene.key)).toMatchObject({ state: 'authenticated' });
      expect(valuesOf(scene)).toEqual({ ClientId: 'new-id', ClientSecret: 'old-secret' });
    },
  );
});

describe('consents', () => {
  test.concurrent(
    'a consent that changed the stored value ends the flow as authenticated, with the verification notChecked',
    async () => {
      const scene = await consenting();
      stage.record('reauthenticate-consent', scene.handle);
      const link = await scene.asks();
      const between = scene.cyclr();

      await scene.decides(link, 'approve');
      await scene.returns(link);
      const end = await stage.auth.result(scene.key);

      expect(between.AuthValue).toBe(oldTokens);
      expect(end).toMatchObject({ ...scene.key, state: 'authenticated', verification: 'notChecked', ...again });
      expect(scene.cyclr()).toMatchObject({ Id: scene.key.connectorId, Authenticated: true });
      expect(scene.cyclr().AuthValue).not.toBe(oldTokens);
      expect(scene.reads()).toBe(3); // three reads: at the start, at the request for the link, and after the return
    },
  );

  test.concurrent('a consent is the first input of a re-authentication if Cyclr stores all properties', async () => {
    const patch = { ...withOldTokens, Properties: [{ Name: 'Shop', Value: 'acme' }] };
    const scene = await consenting(stage, stage.install('Shopwell', { patch }));
    const link = await scene.asks();

    await scene.decides(link, 'approve');

    expect(await scene.confirms(link)).toMatchObject({ state: 'authenticated', verification: 'notChecked' });
    expect(valuesOf(scene)).toEqual({ Shop: 'acme' });
  });

  test.concurrent(
    'the flow finds a consent by an older link, because the flow keeps a fingerprint for each link',
    async () => {
      const scene = await consenting();
      const older = await scene.asks();
      await scene.asks();

      await scene.decides(older, 'approve');
      await scene.returns(older);

      expect(await stage.auth.result(scene.key)).toMatchObject({ state: 'authenticated', verification: 'notChecked' });
    },
  );

  test.concurrent(
    'a consent leaves neither the stored value nor its plain hash in views, histories and logs',
    async () => {
      const scene = await consenting();
      const link = await scene.asks();
      await scene.decides(link, 'approve');
      const end = await scene.confirms(link);

      const visible = JSON.stringify(
        [end, await scene.timeline(), await scene.history(), stage.log],
        (_name, part: unknown) => (part instanceof Uint8Array ? Buffer.from(part).toString() : part),
      );
      const { AccessToken, RefreshToken } = JSON.parse(scene.cyclr().AuthValue!) as { [name: string]: string };
      const hash = async (name: 'SHA-1' | 'SHA-256' | 'SHA-512', encoding: 'hex' | 'base64' | 'base64url') =>
        Buffer.from(await crypto.subtle.digest(name, Buffer.from(oldTokens))).toString(encoding);
      const hashes = (['SHA-1', 'SHA-256', 'SHA-512'] as const).flatMap((name) =>
        (['hex', 'base64', 'base64url'] as const).map((encoding) => hash(name, encoding)),
      );
      const secrets = [
        'at-old',
        'rt-old',
        btoa(oldTokens),
        AccessToken!,
        RefreshToken!,
        ...(await Promise.all(hashes)),
      ];

      expect(secrets.filter((secret) => visible.includes(secret))).toEqual([]);
    },
  );
});

describe('a new start', () => {
  type End = [name: string, (scene: Scene) => Promise<unknown>, Partial<View>, patience?: number];
  const failure = (code: string) => ({ state: 'failed', failure: { code, message: expect.any(String) } }) as View;
  const ends: End[] = [
    ['was cancelled', (scene) => stage.auth.cancel(scene.key), { state: 'cancelled' }],
    ['was cancelled by Temporal', (scene) => scene.handle.cancel(), { state: 'cancelled', revision: 0 }],
    ['was terminated', (scene) => scene.handle.terminate(), { ...failure('terminated'), revision: 0 }],
    ['expired', async () => undefined, { state: 'expired' }, 1000],
    [
      'failed',
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

  test.concurrent.each(ends)(
    'after a run that %s, a new start begins another run under the same workflow id',
    async (_name, end, view, credentials) => {
      const scene = await stage.scene('Evergreen', { ...again, ...(credentials && { patience: { credentials } }) });
      if (!credentials) await scene.reaches('awaitingCredentials');

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

  test.concurrent(
    'a new start ignores the OAuth attempts of the previous run, and accepts the submission ids of that run again',
    async () => {
      const scene = await consenting();
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
    },
  );
});

describe('with waits of minutes', () => {
  let skipping: SkippingStage;

  beforeAll(async () => {
    skipping = await openSkippingStage();
  });

  afterEach(async () => {
    Object.assign(skipping.sandbox.switches, {
      authValueReadable: true,
      failedReconsent: 'keeps',
      reconsentSameValue: false,
    });
    await skipping.reset();
  });

  afterAll(() => skipping.close());

  test('if Cyclr reports a consent only some seconds after the return, a later re-read of the flow finds the consent', async () => {
    const scene = await consenting(skipping);
    const link = await scene.asks();

    await scene.returns(link);
    await skipping.sleep('3s');
    await scene.decides(link, 'approve');
    await skipping.sleep('2s');

    expect(await scene.reaches('authenticated')).toMatchObject({ verification: 'notChecked' });
  });

  type Trace = [name: string, decision: 'approve' | 'decline', () => void];
  const traces: Trace[] = [
    [
      'an approved consent after which Cyclr stores the same value',
      'approve',
      () => (skipping.sandbox.switches.reconsentSameValue = true),
    ],
    [
      'an approved consent after which the stored value cannot be read',
      'approve',
      () => (skipping.sandbox.switches.authValueReadable = false),
    ],
    ['a declined consent after which Cyclr keeps the old value', 'decline', () => undefined],
    [
      'a declined consent after which the stored value cannot be read',
      'decline',
      () => (skipping.sandbox.switches.authValueReadable = false),
    ],
  ];

  test.each(traces)(
    'after the last re-read without a proof, a flow ends with the verification unproven: %s',
    async (name, decision, prepare) => {
      prepare();
      const scene = await consenting(skipping);
      if (name === traces[0]![0]) skipping.record('reauthenticate-unproven', scene.handle);
      const link = await scene.asks();
      await scene.decides(link, decision);

      await scene.returns(link);
      await skipping.sleep('18s'); // now the flow is between the re-reads after 15 s and after 30 s
      const early = await scene.view();
      await skipping.sleep('14s');
      const end = await scene.reaches('authenticated');

      expect(early.state).toBe('verifyingAuthorization');
      expect(end).toMatchObject({ verification: 'unproven', ...again });
      // Nine reads: one at the start, one at the request for the link, and seven re-reads.
      expect(scene.reads()).toBe(9);
      expect(scene.cyclr().Authenticated).toBe(true);
      if (decision === 'decline') expect(scene.cyclr().AuthValue).toBe(oldTokens);
    },
  );

  test('a declined consent after which Cyclr drops the old value gives the problem notAuthorized, and the next approved consent ends the flow as authenticated', async () => {
    skipping.sandbox.switches.failedReconsent = 'drops';
    const scene = await consenting(skipping);
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

  test('tokens that Cyclr itself refreshes prove no consent, so without a return the flow expires', async () => {
    const scene = await consenting(skipping, undefined, { patience: { authorization: '20m' } });
    skipping.record('reauthenticate-expired', scene.handle);
    await scene.asks();

    const { accountId, connectorId } = scene.key;
    skipping.sandbox.refreshTokens(accountId, connectorId);
    const end = await skipping.auth.result(scene.key);

    expect(end).toMatchObject({ state: 'expired', ...again });
    expect(scene.cyclr().AuthValue).not.toBe(oldTokens);
    expect(scene.reads()).toBe(3); // three reads: at the start, at the request for the link, and after the deadline
  });

  describe.each([true, false])('a connector that lost its authentication (AuthValue readable: %s)', (readable) => {
    const lost: ConnectorPatch = { Authenticated: false, AuthValue: oldTokens };

    test('if the connector had lost its authentication, `Authenticated: true` alone proves the consent', async () => {
      skipping.sandbox.switches.authValueReadable = readable;
      const scene = await consenting(skipping, skipping.install('Ledgerly', { patch: lost }));
      const link = await scene.asks();

      await scene.decides(link, 'approve');
      await scene.returns(link);

      expect(await scene.reaches('authenticated')).toMatchObject({ verification: 'notChecked' });
      expect(scene.reads()).toBe(3);
    });

    test('if the connector had lost its authentication, the flow finds a consent without a return when the link expires', async () => {
      skipping.sandbox.switches.authValueReadable = readable;
      const scene = await consenting(skipping, skipping.install('Ledgerly', { patch: lost }));

      await scene.decides(await scene.asks(), 'approve');
      await skipping.sleep('6m');

      expect(await scene.reaches('authenticated')).toMatchObject({ verification: 'notChecked' });
    });
  });

  test('client credentials that Cyclr never authenticates lead back to awaitingProperties as notAuthorized', async () => {
    const Properties = ['ClientId', 'ClientSecret'].map((Name) => ({ Name, Value: 'good' }));
    const patch = { Properties, Authenticated: true, AuthValue: '{}' };
    const scene = await skipping.scene(skipping.install('Quartz', { patch }), again);
    await scene.reaches('awaitingProperties');

    const set = scene.sets({ ClientId: 'expired' });
    await happens(scene, 'propertiesApplied');
    await skipping.sleep('31s');

    expect(await set).toMatchObject({ state: 'applyingCredentials' });
    expect(await scene.reaches('awaitingProperties')).toMatchObject({ problem: { code: 'notAuthorized' } });
  });
});
