/** What a flow does with inputs that come by signal: early, late, twice, wrong. */
import fc from 'fast-check';
import { seal } from '../../sealing/seal';
import { workflowIdOf, taskQueue, type TimelineEntry } from '../../workflows/messages';
import { eventually } from '../support/eventually';
import { failedTasks, taskFailures } from '../support/histories';
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

const key = { kind: 'apiKey', key: 'right' } as const;

/** A flow in this state. */
async function at(state: 'awaitingProperties' | 'awaitingCredentials' | 'awaitingAuthorization', connector: string) {
  const scene = await stage.scene(connector);
  await scene.reaches(state);
  return scene;
}

const apiKeyInput = async ({ key: on }: Scene, submissionId: string, value = 'right', more = {}) => ({
  submissionId,
  credentials: await stage.sealed(on, submissionId, { kind: 'apiKey', key: value }),
  ...more,
});

/** The refusals in the timeline, once there are as many. */
async function refusals(scene: Scene, count: number): Promise<TimelineEntry[]> {
  const refused = ({ event }: TimelineEntry) => event === 'inputRefused';
  const entries = await eventually(
    () => scene.timeline(),
    (entries) => entries.filter(refused).length >= count,
  );
  return entries.filter(refused);
}

const codes = (entries: TimelineEntry[]) => entries.map(({ note }) => note);

describe('malformed', () => {
  const bodies: unknown[][] = [
    [],
    [null],
    ['text'],
    [5],
    [true],
    [[]],
    [[{ submissionId: 's', attemptId: 's' }]],
    [{}],
    ...['', 'a b', 'ä', 'x'.repeat(129), '../..', 5, null, {}, ['s-1']].map((id) => [
      { submissionId: id, attemptId: id },
    ]),
    ...[5, null, {}, 'x'.repeat(101)].map((by) => [{ submissionId: 's', attemptId: 's', by }]),
  ];

  test.each(['credentialInput', 'propertyInput', 'oauthCallback'])(
    'every %s is recorded as such, and the flow goes on',
    async (signal) => {
      const scene = await at('awaitingCredentials', 'Brightdesk');

      for (const body of bodies) await scene.signals(signal, ...body);
      const refused = await refusals(scene, bodies.length);
      const standing = await scene.view();
      const end = await scene.gives(key, 's');

      expect(refused).toHaveLength(bodies.length);
      expect(new Set(codes(refused))).toEqual(new Set(['malformed']));
      expect(refused.every(({ from, to }) => from === 'awaitingCredentials' && to === from)).toBe(true);
      expect(standing.problem).toMatchObject({ code: 'malformed' });
      expect(end.state).toBe('authenticated');
      expect(end.problem).toBeUndefined();
    },
  );

  test('credentials that are none are recorded as such', async () => {
    const scene = await at('awaitingCredentials', 'Brightdesk');

    await scene.signals('credentialInput', { submissionId: 's' });
    await scene.signals('credentialInput', { submissionId: 's', credentials: null });

    expect(codes(await refusals(scene, 2))).toEqual(['malformed', 'malformed']);
  });

  test('values of properties are taken whole or not at all', async () => {
    const scene = await at('awaitingProperties', 'Kestrel');
    const SigningSecret = await stage.sealedProperty(scene.key, 's', 'SigningSecret', 'secret');
    const others = [5, null, true, {}, ['a'], { sealed: 5 }, { sealed: 'no JWE' }, 'x'.repeat(65_537)];
    const many = Object.fromEntries(Array.from({ length: 201 }, (_, index) => [`name-${index}`, '']));
    const values = [
      ...[undefined, null, 'text', 5, [], many],
      ...others.map((Environment) => ({ Environment, SigningSecret })),
    ];

    for (const value of values) await scene.signals('propertyInput', { submissionId: 's', values: value });
    const refused = await refusals(scene, values.length);
    const { problem } = await scene.view();

    expect(new Set(codes(refused))).toEqual(new Set(['malformed']));
    expect(problem).toMatchObject({ code: 'malformed', fields: [{ name: 'Environment', code: 'malformed' }] });
    expect(scene.cyclr().Properties).toEqual([]);
  });
});

describe('unsealed', () => {
  test('credentials are refused as notSealed, and are nowhere but in the history', async () => {
    const scene = await at('awaitingCredentials', 'Brightdesk');
    const clear = 'in-clear-4711';
    const sent = [
      clear,
      { kind: 'apiKey', key: clear },
      { sealed: clear },
      { sealed: { sealed: clear } },
      [clear],
      5,
      false,
    ];

    for (const credentials of sent) await scene.signals('credentialInput', { submissionId: 's', credentials });
    const refused = await refusals(scene, sent.length);
    const standing = await scene.view();

    expect(new Set(codes(refused))).toEqual(new Set(['notSealed']));
    expect(standing.problem).toMatchObject({ code: 'notSealed', message: expect.stringMatching(/history.*replace/s) });
    expect(JSON.stringify([standing, refused, stage.log])).not.toContain(clear);
    expect(scene.cyclr().AuthValue).toBeNull();
  });

  test('a sensitive property is refused as notSealed, one that is not is taken', async () => {
    const scene = await at('awaitingProperties', 'Quartz');

    await scene.signals('propertyInput', {
      submissionId: 's',
      values: { ClientId: 'a', ClientSecret: 'in-clear-4712' },
    });
    const [refused] = await refusals(scene, 1);
    const standing = await scene.view();
    const ClientSecret = await stage.sealedProperty(scene.key, 's', 'ClientSecret', 'secret');
    await scene.signals('propertyInput', { submissionId: 's', values: { ClientId: 'a', ClientSecret } });

    expect(refused).toMatchObject({ note: 'notSealed', id: 's' });
    expect(standing.problem).toMatchObject({ fields: [{ name: 'ClientSecret', code: 'notSealed' }] });
    expect(JSON.stringify([standing, refused, stage.log])).not.toContain('in-clear-4712');
    await scene.reaches('authenticated');
  });

  test('one that only its name tells to be a secret is refused too', async () => {
    const scene = await at('awaitingProperties', 'Sugarloaf');

    await scene.signals('propertyInput', { submissionId: 's', values: { Username: 'jo', Password: 'in-clear' } });

    expect(await refusals(scene, 1)).toMatchObject([{ note: 'notSealed' }]);
  });

  test('what need not be sealed may be', async () => {
    const scene = await at('awaitingProperties', 'Fernhill');

    const Domain = await stage.sealedProperty(scene.key, 's', 'Domain', 'acme');
    await scene.signals('propertyInput', { submissionId: 's', values: { Domain } });

    await scene.reaches('awaitingCredentials');
    expect(scene.cyclr().Properties).toMatchObject([{ Name: 'Domain', Value: 'acme' }]);
  });
});

describe('unknown and missing properties', () => {
  test('are named, and nothing is set', async () => {
    const scene = await at('awaitingProperties', 'Kestrel');
    const SigningSecret = await stage.sealedProperty(scene.key, 's', 'SigningSecret', 'secret');
    const Environment = 'staging';
    const names = JSON.parse('{ "__proto__": "x", "constructor": "y", "PartnerKey": "z" }') as object;
    const sent = [
      { ...names, Environment, SigningSecret },
      { environment: 'staging', SigningSecret },
      { SigningSecret },
      { Environment: '', SigningSecret },
      {},
    ];
    // Object spread would make a prototype of it.
    Object.defineProperty(sent[0], '__proto__', { value: 'x', enumerable: true });

    const problems = [];
    for (const [index, values] of sent.entries()) {
      await scene.signals('propertyInput', { submissionId: 's', values });
      await refusals(scene, index + 1);
      problems.push((await scene.view()).problem?.fields);
    }

    const [unknown, missing] = ['unknownProperty', 'missingProperty'];
    expect(problems).toEqual([
      expect.arrayContaining(['__proto__', 'constructor', 'PartnerKey'].map((name) => ({ name, code: unknown }))),
      [{ name: 'environment', code: unknown }],
      [{ name: 'Environment', code: missing }],
      [{ name: 'Environment', code: missing }],
      ['Environment', 'SigningSecret'].map((name) => ({ name, code: missing })),
    ]);
    expect(scene.cyclr().Properties).toEqual([]);
  });

  test('a required one that is sealed and empty is found out when it is opened', async () => {
    const scene = await at('awaitingProperties', 'Kestrel');

    const SigningSecret = await stage.sealedProperty(scene.key, 's', 'SigningSecret', '');
    await scene.signals('propertyInput', { submissionId: 's', values: { Environment: 'staging', SigningSecret } });
    const { problem } = await eventually(
      () => scene.view(),
      (view) => view.problem !== undefined,
    );

    expect(problem).toMatchObject({
      code: 'missingProperty',
      fields: [{ name: 'SigningSecret', code: 'missingProperty' }],
    });
    expect(scene.calls()).toEqual([`GET ${scene.key.connectorId}`]);
  });
});

describe('sealed, but not for this', () => {
  test('what was sealed for something else does not open, and Cyclr is not asked', async () => {
    const scene = await at('awaitingCredentials', 'Brightdesk');
    const on = scene.key;
    const text = JSON.stringify(key);
    const right = { ...on, purpose: 'credentials', submissionId: 's' } as const;
    const foreign = [
      { ...right, accountId: `${on.accountId}x` },
      { ...right, connectorId: on.connectorId + 1 },
      { ...right, submissionId: 't' },
      { ...right, purpose: 'property:Domain' as const },
      { ...right, purpose: 'link' as const },
    ];
    const old = Date.now() - 8 * 24 * 3_600_000 - 60_000;
    const [head, ...tail] = (await seal(text, right, stage.publicKey)).sealed.split('.');
    const values = [
      ...(await Promise.all(foreign.map((binding) => seal(text, binding, stage.publicKey)))),
      await seal(text, right, stage.publicKey, old),
      { sealed: [head, ...tail.slice(0, -1), 'AAAAAAAAAAAAAAAAAAAAAA'].join('.') },
      { sealed: 'a.b.c.d.e' },
      { sealed: 'a..c.d.e' },
    ];

    for (const [index, credentials] of values.entries()) {
      await scene.signals('credentialInput', { submissionId: `s${index || ''}`, credentials });
      const problems = await refusals(scene, index + 1);
      expect(problems.at(-1)).toMatchObject({ note: 'notOpenable', to: 'awaitingCredentials' });
    }

    expect(scene.calls()).toEqual([`GET ${on.connectorId}`]);
    expect((await scene.gives(key, 'good')).state).toBe('authenticated');
  });

  test('a property that does not open is named', async () => {
    const scene = await at('awaitingProperties', 'Kestrel');

    const SigningSecret = await stage.sealedProperty(scene.key, 's', 'Environment', 'secret');
    await scene.signals('propertyInput', { submissionId: 's', values: { Environment: 'staging', SigningSecret } });
    const { problem } = await eventually(
      () => scene.view(),
      (view) => view.problem !== undefined,
    );

    expect(problem).toMatchObject({ code: 'notOpenable', fields: [{ name: 'SigningSecret', code: 'notOpenable' }] });
  });

  const wrong: [string, string, unknown, string][] = [
    ['a password for an API key', 'Brightdesk', { kind: 'basic', username: 'a', password: 'b' }, 'wrongKind'],
    ['tokens for an API key', 'Brightdesk', { kind: 'tokens', accessToken: 'a' }, 'wrongKind'],
    ['an API key for Basic', 'Insightful', key, 'wrongKind'],
    ["an API key for the partner's own", 'Homeport', key, 'wrongKind'],
    ['no known kind', 'Brightdesk', { kind: 'certificate', key: 'k' }, 'malformed'],
    ['an empty key', 'Brightdesk', { kind: 'apiKey', key: '' }, 'malformed'],
    ['a user name with a colon', 'Insightful', { kind: 'basic', username: 'a:b', password: '' }, 'malformed'],
    ['a key beside other things', 'Brightdesk', { ...key, more: 1 }, 'malformed'],
    ['null', 'Brightdesk', null, 'malformed'],
  ];
  test.each(wrong)('%s is refused', async (_name, connector, credentials, code) => {
    const scene = await at('awaitingCredentials', connector);

    const view = await scene.gives(credentials as never);

    expect(view).toMatchObject({ state: 'awaitingCredentials', problem: { code } });
    expect(scene.calls()).toEqual([`GET ${scene.key.connectorId}`]);
  });

  test('a key instead of consent is refused', async () => {
    const scene = await at('awaitingAuthorization', 'Ledgerly');

    const view = await scene.gives(key);

    expect(view).toMatchObject({ state: 'awaitingAuthorization', problem: { code: 'wrongKind' } });
  });
});

describe('at the wrong time', () => {
  test('an input that is not waited for is recorded as notNow, until the next success', async () => {
    const scene = await at('awaitingProperties', 'Fernhill');

    await scene.signals('credentialInput', await apiKeyInput(scene, 'c-1', 'right', { by: 'jo' }));
    const [first] = await refusals(scene, 1);
    const standing = await scene.view();
    const next = await scene.sets({ Domain: 'acme' });
    await scene.signals('propertyInput', { submissionId: 'p-2', values: { Domain: 'other' } });
    await refusals(scene, 2);
    const end = await scene.gives(key, 'c-1');

    expect(first).toMatchObject({ from: 'awaitingProperties', note: 'notNow', id: 'c-1', by: 'jo' });
    expect(standing).toMatchObject({ state: 'awaitingProperties', problem: { code: 'notNow' } });
    expect(next).toMatchObject({ state: 'awaitingCredentials' });
    expect(next.problem).toBeUndefined();
    expect(end.state).toBe('authenticated');
    expect(scene.cyclr().Properties).toMatchObject([{ Value: 'acme' }]);
  });

  test('a return from a consent that nobody asked for changes nothing', async () => {
    const scene = await at('awaitingAuthorization', 'Ledgerly');
    const before = await scene.view();

    await scene.signals('oauthCallback', { attemptId: 'forged' });
    await scene.signals('unknown'); // comes after it
    const entries = await eventually(
      () => scene.timeline(),
      (entries) => entries.some(({ event }) => event === 'unknownSignal'),
    );

    expect(entries.map(({ event }) => event)).toEqual(['connectorFetched', 'unknownSignal']);
    expect(await scene.view()).toEqual(before);
    expect(scene.requests()).toHaveLength(1);
  });

  test('everything that is needed may come before the first step', async () => {
    const on = stage.install('Fernhill');
    const scene = { key: on } as Scene;
    await stage.stopWorker();

    const { client } = stage;
    const handle = await client.workflow.signalWithStart('authenticateConnector', {
      taskQueue,
      workflowId: workflowIdOf(on),
      args: [on],
      signal: 'propertyInput',
      signalArgs: [{ submissionId: 'p', values: { Domain: 'acme' } }],
    });
    await handle.signal('credentialInput', await apiKeyInput(scene, 'c'));
    await stage.restartWorker();
    const end = await handle.result();

    expect(end).toMatchObject({ state: 'authenticated' });
  });

  test('an input during a step is kept for the next', async () => {
    const scene = await at('awaitingProperties', 'Fernhill');
    stage.sandbox.fault({ match: { method: 'POST', account: scene.key.accountId }, then: { kind: 'slow', ms: 500 } });

    await scene.signals('propertyInput', { submissionId: 'p', values: { Domain: 'acme' } });
    await scene.reaches('applyingProperties');
    await scene.signals('credentialInput', await apiKeyInput(scene, 'c'));

    const end = await stage.auth.result(scene.key);
    expect(end.state).toBe('authenticated');
    expect((await scene.timeline()).map(({ event }) => event)).toEqual([
      'connectorFetched',
      'propertiesSubmitted',
      'propertiesApplied',
      'credentialsSubmitted',
      'credentialsApplied',
    ]);
  });

  test('an input that came in time is taken, though it is read too late', async () => {
    const scene = await stage.scene('Brightdesk', { patience: { credentials: '1s' } });
    const { deadline } = await scene.reaches('awaitingCredentials');
    await stage.stopWorker();

    await scene.signals('credentialInput', await apiKeyInput(scene, 'c'));
    await eventually(Date.now, (now) => now > Date.parse(deadline!) + 100);
    await stage.restartWorker();

    expect(await stage.auth.result(scene.key)).toMatchObject({ state: 'authenticated' });
  });

  test('one that is still unread at the end is recorded as notNow', async () => {
    const scene = await at('awaitingCredentials', 'Brightdesk');
    stage.sandbox.fault({ match: { method: 'PUT', account: scene.key.accountId }, then: { kind: 'slow', ms: 300 } });

    await scene.signals('credentialInput', await apiKeyInput(scene, 'first'));
    await scene.signals('credentialInput', await apiKeyInput(scene, 'second', 'another'));
    await scene.signals('propertyInput', 'malformed');

    await stage.auth.result(scene.key);
    const late = (await scene.timeline()).slice(-2);
    expect(late).toMatchObject([
      { from: 'authenticated', to: 'authenticated', id: 'second', note: 'notNow' },
      { from: 'authenticated', to: 'authenticated', note: 'malformed' },
    ]);
    expect(scene.cyclr().AuthValue).toBe('right');
  });
});

describe('the same submission', () => {
  const puts = (scene: Scene) => scene.calls().filter((call) => call.startsWith('PUT')).length;

  test('twice at once, while it is applied, and after it was refused is taken once', async () => {
    const scene = await at('awaitingCredentials', 'Brightdesk');
    stage.sandbox.fault({ match: { method: 'PUT', account: scene.key.accountId }, then: { kind: 'slow', ms: 300 } });
    const wrong = await apiKeyInput(scene, 's', 'wrong');

    await scene.signals('credentialInput', wrong);
    await scene.signals('credentialInput', wrong);
    await scene.reaches('applyingCredentials');
    await scene.signals('credentialInput', wrong);
    await scene.reaches('awaitingCredentials');
    await scene.signals('credentialInput', await apiKeyInput(scene, 's', 'right'));
    const end = await scene.gives(key);

    expect(end.state).toBe('authenticated');
    expect(puts(scene)).toBe(2);
    expect((await scene.timeline()).map(({ event }) => event)).toEqual([
      'connectorFetched',
      'credentialsSubmitted',
      'refused',
      'credentialsSubmitted',
      'credentialsApplied',
    ]);
  });

  test('of properties, while they are applied, does nothing to the credentials', async () => {
    const scene = await at('awaitingProperties', 'Fernhill');
    const input = { submissionId: 's', values: { Domain: 'acme' } };

    for (let times = 0; times < 3; times++) await scene.signals('propertyInput', input);
    const view = await scene.reaches('awaitingCredentials');

    expect(view.problem).toBeUndefined();
    expect(scene.cyclr().Properties).toHaveLength(1);
  });

  test('may be sent again where it was refused here', async () => {
    const scene = await at('awaitingCredentials', 'Brightdesk');

    await scene.signals('credentialInput', { submissionId: 's', credentials: 'in clear' });
    await refusals(scene, 1);
    await scene.signals('propertyInput', { submissionId: 's', values: {} });
    await refusals(scene, 2);
    await scene.signals('credentialInput', await apiKeyInput(scene, 's'));

    expect(await stage.auth.result(scene.key)).toMatchObject({ state: 'authenticated' });
  });

  test('of two at once the second is tried where the first is wrong', async () => {
    const scene = await at('awaitingCredentials', 'Brightdesk');

    await Promise.all([
      scene.signals('credentialInput', await apiKeyInput(scene, 'a', 'wrong')),
      scene.signals('credentialInput', await apiKeyInput(scene, 'b', 'wrong too')),
    ]);
    await eventually(
      () => scene.timeline(),
      (entries) => entries.filter(({ event }) => event === 'refused').length === 2,
    );

    expect(puts(scene)).toBe(2);
    expect((await scene.view()).state).toBe('awaitingCredentials');
  });
});

describe('a signal that nobody knows', () => {
  test('is recorded by its name, cut, and without its arguments', async () => {
    const scene = await at('awaitingCredentials', 'Brightdesk');
    const before = await scene.view();

    await scene.signals('credentialsInput', 'in-clear-4713', { key: 'in-clear-4713' });
    await scene.signals('y'.repeat(300));
    await scene.signals('toString');
    const entries = await eventually(
      () => scene.timeline(),
      (entries) => entries.length === 4,
    );

    expect(entries.slice(1).map(({ event, note }) => [event, note])).toEqual([
      ['unknownSignal', 'credentialsInput'],
      ['unknownSignal', 'y'.repeat(100)],
      ['unknownSignal', 'toString'],
    ]);
    expect(JSON.stringify([entries, stage.log])).not.toContain('in-clear-4713');
    expect(await scene.view()).toEqual(before);
  });

  test('drops the oldest of more than 200 entries', async () => {
    const scene = await at('awaitingCredentials', 'Brightdesk');

    await Promise.all(Array.from({ length: 220 }, (_, index) => scene.signals(`signal-${index}`)));
    const { entries, dropped } = await eventually(
      () => stage.auth.timeline(scene.key),
      ({ dropped = 0 }) => dropped === 21,
    );

    expect(entries).toHaveLength(200);
    expect(dropped).toBe(21);
    expect(new Set(entries.map(({ event }) => event))).toEqual(new Set(['unknownSignal']));
  });
});

test('whatever comes in whatever order, the right inputs lead to the end', async () => {
  const noise = fc.constantFrom(
    ['propertyInput', undefined],
    ['propertyInput', { submissionId: 'p-0', values: { Other: 'x' } }],
    ['credentialInput', { submissionId: 'c-0', credentials: 'in clear' }],
    ['credentialInput', { submissionId: 'c-0', credentials: { sealed: 'a..b.c.d' } }],
    ['oauthCallback', { attemptId: 'none' }],
    ['anything', [1, 2]],
  );
  const step = fc.oneof(noise, fc.constantFrom(['properties', undefined], ['credentials', undefined]));

  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      const scene = await stage.scene('Fernhill');
      const inputs: { [name: string]: [string, unknown] } = {
        properties: ['propertyInput', { submissionId: 'p', values: { Domain: 'acme' } }],
        credentials: ['credentialInput', await apiKeyInput(scene, 'c')],
      };
      for (const [name, body] of steps) await scene.signals(...(inputs[name as string] ?? [name, body]));
      const early = await scene.view();
      if (early.state !== 'authenticated') {
        await scene.signals('propertyInput', { submissionId: 'p', values: { Domain: 'acme' } }).catch(() => undefined);
        await eventually(
          () => scene.view(),
          ({ state }) => state === 'awaitingCredentials' || state === 'authenticated',
        );
        await scene.signals('credentialInput', await apiKeyInput(scene, 'c')).catch(() => undefined);
      }

      const end = await stage.auth.result(scene.key);
      expect(end.state).toBe('authenticated');
      expect(failedTasks(await scene.history())).toEqual([]);
    }),
    { numRuns: 15 },
  );
});
