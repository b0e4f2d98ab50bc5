/** Updates: the same inputs as by signal, for callers who want an answer. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { ConnectorKey, Sealed } from '../../workflows/connector';
import type { ProblemCode, StateName, View } from '../../workflows/messages';
import { findBinary } from '../../scripts/local/binary';
import { consentScene, type ConsentScene } from '../support/consent';
import { eventually } from '../support/eventually';
import { ofKind, taskFailures } from '../support/histories';
import { keyInput, linkRequest, refusal, updates } from '../support/messages';
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

/** A connector of each kind that is waited for, and the update that it waits for. */
const waits = {
  awaitingProperties: ['Fernhill', 'submitProperties'],
  awaitingCredentials: ['Brightdesk', 'submitCredentials'],
  awaitingAuthorization: ['Ledgerly', 'requestAuthorization'],
} as const;
type Waiting = keyof typeof waits;

/** A flow in this state. */
async function at(state: Waiting, connector: string | ConnectorKey = waits[state][0]): Promise<Scene> {
  const scene = await stage.scene(connector);
  await scene.reaches(state);
  return scene;
}

const slow = (method: 'GET' | 'POST' | 'PUT', { accountId }: ConnectorKey, ms = 500) =>
  stage.sandbox.fault({ match: { method, account: accountId }, then: { kind: 'slow', ms } });
const hang = (method: 'GET' | 'PUT', { accountId }: ConnectorKey) =>
  stage.sandbox.fault({ match: { method, account: accountId }, then: 'hang' });

const sealedLook: Sealed = { sealed: 'eyJhbGciOiJFQ0RILUVTIn0..iv.text.tag' };
const puts = (scene: Scene): number => scene.calls().filter((call) => call.startsWith('PUT')).length;
const lengthOf = async (scene: Scene): Promise<number> => (await scene.history()).length;

describe('what the flow itself refuses is rejected without a trace', () => {
  /** All of it is rejected with this code, and the flow is as if nothing had come. */
  async function rejects(
    scene: Scene,
    update: string,
    bodies: unknown[],
    code: ProblemCode,
  ): Promise<(string[] | undefined)[]> {
    const before = [await scene.view(), await scene.timeline(), await lengthOf(scene)];

    const fields: (string[] | undefined)[] = [];
    for (const body of bodies) {
      const refused = await refusal(updates(scene, update, body, 'the-same'));
      expect([JSON.stringify(body), refused]).toEqual([
        JSON.stringify(body),
        { code, problem: expect.objectContaining({ code, message: expect.any(String) }) },
      ]);
      fields.push(refused.problem.fields?.map(({ name }) => name));
    }

    expect([await scene.view(), await scene.timeline(), await lengthOf(scene)]).toEqual(before);
    return fields;
  }

  const nothing = [undefined, null, 'text', 5, true, [], [{ submissionId: 's', attemptId: 's' }], {}];
  const ids = ['', 'a b', 'ä', 'x'.repeat(129), '../..', 5, null, {}, ['s-1']];
  const bys = [5, null, {}, 'x'.repeat(101)];

  test('malformed: properties of every wrong shape', async () => {
    const scene = await at('awaitingProperties');
    const values = { Domain: 'acme' };
    const others = [undefined, null, 'text', 5, [], { Domain: 5 }, { Domain: null }, { Domain: {} }, { Domain: ['a'] }];
    const big = [
      { Domain: 'x'.repeat(65_537) },
      Object.fromEntries(Array.from({ length: 201 }, (_, index) => [`name-${index}`, ''])),
    ];
    const bodies = [
      ...nothing,
      ...ids.map((submissionId) => ({ submissionId, values })),
      ...bys.map((by) => ({ submissionId: 's', values, by })),
      ...[...others, ...big].map((wrong) => ({ submissionId: 's', values: wrong })),
    ];

    await rejects(scene, 'submitProperties', bodies, 'malformed');
    const taken = await updates(scene, 'submitProperties', { submissionId: 's', values }, 'the-same');

    expect(taken).toMatchObject({ state: 'awaitingCredentials' });
  });

  test('malformed: credentials of every wrong shape', async () => {
    const scene = await at('awaitingCredentials');
    const bodies = [
      ...nothing,
      ...ids.map((submissionId) => ({ submissionId, credentials: sealedLook })),
      ...bys.map((by) => ({ submissionId: 's', credentials: sealedLook, by })),
      { submissionId: 's' },
      { submissionId: 's', credentials: null },
    ];

    await rejects(scene, 'submitCredentials', bodies, 'malformed');
    const taken = await updates(scene, 'submitCredentials', await keyInput(stage, scene, 's'), 'the-same');

    expect(taken).toMatchObject({ state: 'authenticated' });
  });

  test('malformed: requests for a link of every wrong shape', async () => {
    const scene = await at('awaitingAuthorization');
    const { body: right } = await linkRequest();
    const { x, y } = right.replyKey;
    const keys = [
      undefined,
      null,
      'key',
      [right.replyKey],
      { kty: 'EC', crv: 'P-256', x },
      { ...right.replyKey, x: y, y: x }, // no point of the curve
      { ...right.replyKey, crv: 'P-384' },
      { ...right.replyKey, kty: 'OKP' },
      { ...right.replyKey, d: x },
      { ...right.replyKey, x: x.slice(1) },
    ];
    const places = [
      undefined,
      null,
      5,
      '',
      '/return',
      'done.example',
      'http://done.example/',
      'javascript:alert(1)',
      'https://me:secret@done.example/',
      `https://done.example/${'x'.repeat(2000)}`,
    ];
    const bodies = [
      ...nothing,
      ...ids.map((attemptId) => ({ ...right, attemptId })),
      ...bys.map((by) => ({ ...right, by })),
      ...keys.map((replyKey) => ({ ...right, replyKey })),
      ...places.map((returnTo) => ({ ...right, returnTo })),
    ];

    await rejects(scene, 'requestAuthorization', bodies, 'malformed');
    const made = await updates(scene, 'requestAuthorization', right, 'the-same');

    expect(made).toMatchObject({ attemptId: right.attemptId });
    expect(stage.sandbox.signIns(scene.key.accountId)).toHaveLength(1);
  });

  test('malformed: confirmations of every wrong shape', async () => {
    const scene = await at('awaitingAuthorization');
    const bodies = [
      ...nothing,
      ...ids.map((attemptId) => ({ attemptId })),
      ...bys.map((by) => ({ attemptId: 'a', by })),
    ];

    await rejects(scene, 'confirmAuthorization', bodies, 'malformed');

    expect(scene.requests()).toHaveLength(1);
  });

  test('malformed: an attempt that was asked for before, by another update', async () => {
    const scene = await at('awaitingAuthorization');
    const { body } = await linkRequest();
    await updates(scene, 'requestAuthorization', body);

    await rejects(scene, 'requestAuthorization', [body], 'malformed');
  });

  test('notSealed: credentials in clear, whatever else is wrong', async () => {
    const scene = await at('awaitingCredentials');
    const clear = 'in-clear-4721';
    const sent = [clear, { kind: 'apiKey', key: clear }, { sealed: clear }, { sealed: { sealed: clear } }, [clear], 5];
    const bodies = [...sent.map((credentials) => ({ submissionId: 's', credentials })), { credentials: clear }];

    await rejects(scene, 'submitCredentials', bodies, 'notSealed');
    const history = JSON.stringify(await scene.history(), (_name, part: unknown) =>
      part instanceof Uint8Array ? Buffer.from(part).toString() : part,
    );

    expect(history).not.toContain(clear);
    expect(stage.log.join('\n')).not.toContain(clear);
    expect(await scene.gives(key, 's')).toMatchObject({ state: 'authenticated' });
  });

  test('notSealed: a sensitive property in clear', async () => {
    const scene = await at('awaitingProperties', 'Quartz');
    const values = { ClientId: 'app-1', ClientSecret: 'in-clear-4722' };

    const fields = await rejects(scene, 'submitProperties', [{ submissionId: 's', values }], 'notSealed');

    expect(fields).toEqual([['ClientSecret']]);
    expect(stage.log.join('\n')).not.toContain('in-clear-4722');
  });

  test('unknownProperty and missingProperty: they are named, and the same id may be used again', async () => {
    const scene = await at('awaitingProperties');
    const unknown = { Domain: 'acme', domain: 'x', constructor: 'y' };
    const send = (values: object) => ({ submissionId: 's', values });

    const named = await rejects(scene, 'submitProperties', [send(unknown)], 'unknownProperty');
    const missing = await rejects(scene, 'submitProperties', [send({}), send({ Domain: '' })], 'missingProperty');
    const taken = await scene.sets({ Domain: 'acme' }, 's');

    expect([named, missing]).toEqual([[['domain', 'constructor']], [['Domain'], ['Domain']]]);
    expect(taken).toMatchObject({ state: 'awaitingCredentials' });
  });

  describe('notNow', () => {
    const bodies: { [update: string]: (scene: Scene) => Promise<unknown> } = {
      submitProperties: async () => ({ submissionId: 's', values: { Domain: 'acme' } }),
      submitCredentials: (scene) => keyInput(stage, scene, 's'),
      requestAuthorization: async () => (await linkRequest({ attemptId: 's' })).body,
      confirmAuthorization: async () => ({ attemptId: 's' }),
    };
    const takes: { [S in Waiting]: string[] } = {
      awaitingProperties: ['submitProperties'],
      awaitingCredentials: ['submitCredentials'],
      awaitingAuthorization: ['submitCredentials', 'requestAuthorization', 'confirmAuthorization'],
    };
    const wrong = Object.entries(takes).flatMap(([state, taken]) =>
      Object.keys(bodies).flatMap((update): [Waiting, string][] =>
        taken.includes(update) ? [] : [[state as Waiting, update]],
      ),
    );

    test.each(wrong)('in %s: %s', async (state, update) => {
      const scene = await at(state);

      await rejects(scene, update, [await bodies[update]!(scene)], 'notNow');
    });
  });

  test('an update that nobody knows', async () => {
    const scene = await at('awaitingCredentials');
    const before = await lengthOf(scene);

    await expect(updates(scene, 'submitKey', { key: 'in-clear-4723' })).rejects.toThrow(/Workflow Update failed/);

    expect(await lengthOf(scene)).toBe(before);
    expect(stage.log.join('\n')).not.toContain('in-clear-4723');
  });

  test('one that can not be decoded', async () => {
    const scene = await at('awaitingCredentials');
    const before = [await scene.view(), await scene.timeline(), await lengthOf(scene)];
    const payload = { metadata: { encoding: Buffer.from('json/plain') }, data: Buffer.from('{ in-clear-4724') };

    const { outcome } = await stage.client.workflowService.updateWorkflowExecution({
      namespace: stage.namespace,
      workflowExecution: { workflowId: scene.workflowId },
      waitPolicy: { lifecycleStage: 3 },
      request: { meta: { updateId: 'u' }, input: { name: 'submitCredentials', args: { payloads: [payload] } } },
    });

    expect(outcome?.failure).toBeTruthy();
    expect(JSON.stringify(outcome)).not.toContain('4724');
    expect([await scene.view(), await scene.timeline(), await lengthOf(scene)]).toEqual(before);
  });
});

describe('what Cyclr refuses is answered by a view with a problem', () => {
  test('a wrong key', async () => {
    const scene = await at('awaitingCredentials');

    const view = await scene.gives({ kind: 'apiKey', key: 'wrong' }, 's');

    expect(view).toMatchObject({ state: 'awaitingCredentials', problem: { code: 'refused' } });
    expect(view.deadline).toBeDefined();
    const [accepted, ...more] = ofKind(await scene.history(), 'workflowExecutionUpdateAccepted');
    expect(more).toEqual([]);
    expect(accepted?.workflowExecutionUpdateAcceptedEventAttributes?.acceptedRequest?.meta?.updateId).toBe('s');
  });

  test('a wrong property, by its name', async () => {
    const scene = await at('awaitingProperties');

    const view = await scene.sets({ Domain: 'wrong' });

    expect(view).toMatchObject({
      state: 'awaitingProperties',
      problem: { code: 'refused', fields: [{ name: 'Domain', code: 'refused' }] },
    });
  });

  test('and so is what does not open, or is of another kind: only the activity finds that out', async () => {
    const [closed, other] = [await at('awaitingCredentials'), await at('awaitingCredentials')];

    const views = [
      await updates<View>(closed, 'submitCredentials', { submissionId: 's', credentials: sealedLook }),
      await other.gives({ kind: 'basic', username: 'jo', password: 'pw' }),
    ];

    expect(views).toMatchObject([
      { state: 'awaitingCredentials', problem: { code: 'notOpenable' } },
      { state: 'awaitingCredentials', problem: { code: 'wrongKind' } },
    ]);
    expect([puts(closed), puts(other)]).toEqual([0, 0]);
  });
});

test('an answer is the view as it stands after 10 s, and the input is not lost', async () => {
  const [credentials, properties] = [await at('awaitingCredentials'), await at('awaitingProperties')];
  const consent = await at('awaitingAuthorization');
  const { attemptId } = await stage.auth.requestAuthorization(consent.key, { returnTo: 'https://done.example/' });
  hang('PUT', credentials.key);
  hang('GET', properties.key);
  hang('GET', consent.key);
  const since = Date.now();

  const views = await Promise.all([
    credentials.gives(key),
    properties.sets({ Domain: 'acme' }),
    stage.auth.confirmAuthorization(consent.key, { attemptId }),
  ]);
  const took = Date.now() - since;

  expect(views.map(({ state }) => state)).toEqual([
    'applyingCredentials',
    'applyingProperties',
    'verifyingAuthorization',
  ]);
  expect(took).toBeGreaterThanOrEqual(9_900);
  await credentials.reaches('authenticated');
  await properties.reaches('awaitingCredentials');
  expect([puts(credentials), properties.cyclr().Properties.length]).toEqual([2, 1]);
});

describe('the same update id', () => {
  const accepted = async (scene: Scene) => ofKind(await scene.history(), 'workflowExecutionUpdateAccepted').length;

  test('at once, again, and after the end has the same answer, and is taken once', async () => {
    const scene = await at('awaitingCredentials');
    slow('PUT', scene.key);
    const input = await keyInput(stage, scene);
    const send = () => stage.auth.submitCredentials(scene.key, input);

    const views = [...(await Promise.all([send(), send(), send()])), await send()];

    expect(views).toEqual(Array(4).fill(views[0]));
    expect(views[0]).toMatchObject({ state: 'authenticated' });
    expect([puts(scene), await accepted(scene)]).toEqual([1, 1]);
  });

  test('is answered as before, whatever comes with it', async () => {
    const scene = await at('awaitingCredentials');
    const refused = await scene.gives({ kind: 'apiKey', key: 'wrong' }, 's');

    const again = await scene.gives(key, 's');

    expect(again).toEqual(refused);
    expect([puts(scene), await accepted(scene)]).toEqual([1, 1]);
  });
});

describe('the same submission id', () => {
  test('by another update id or by signal changes nothing, and is answered by the view', async () => {
    const scene = await at('awaitingCredentials');
    const refused = await scene.gives({ kind: 'apiKey', key: 'wrong' }, 's');
    const right = await keyInput(stage, scene, 's');

    const again = await updates<View>(scene, 'submitCredentials', right, 'another');
    await scene.signals('credentialInput', right);
    const end = await scene.gives(key, 't');

    expect(again).toEqual(refused);
    expect(end).toMatchObject({ state: 'authenticated' });
    expect(puts(scene)).toBe(2);
    expect((await scene.timeline()).map(({ event }) => event)).toEqual([
      'connectorFetched',
      'credentialsSubmitted',
      'refused',
      'credentialsSubmitted',
      'credentialsApplied',
    ]);
  });

  test('while the first is applied is answered when that is known', async () => {
    const scene = await at('awaitingCredentials');
    slow('PUT', scene.key);
    const wrong = await keyInput(stage, scene, 's', 'wrong');

    await scene.signals('credentialInput', wrong);
    await scene.reaches('applyingCredentials');
    const view = await updates<View>(scene, 'submitCredentials', wrong);

    expect(view).toMatchObject({ state: 'awaitingCredentials', problem: { code: 'refused' } });
    expect(puts(scene)).toBe(1);
  });
});

describe('an update in a working state is kept, and answered', () => {
  test('while the connector is read', async () => {
    const on = stage.install('Brightdesk');
    slow('GET', on);
    const scene = await stage.scene(on);

    const view = await scene.gives(key);

    expect(view).toMatchObject({ state: 'authenticated' });
    expect((await scene.timeline()).map(({ event }) => event)).toEqual([
      'connectorFetched',
      'credentialsSubmitted',
      'credentialsApplied',
    ]);
  });

  test('while properties are applied', async () => {
    const scene = await at('awaitingProperties');
    slow('POST', scene.key);

    await scene.signals('propertyInput', { submissionId: 'p', values: { Domain: 'acme' } });
    await scene.reaches('applyingProperties');
    const view = await scene.gives(key);

    expect(view).toMatchObject({ state: 'authenticated' });
  });

  test('while Cyclr is asked about a consent', async () => {
    const scene = await consentScene(stage);
    await scene.reaches('awaitingAuthorization');
    const older = await scene.asks();
    await scene.asks();
    slow('GET', scene.key);

    await scene.returns(older);
    await scene.reaches('verifyingAuthorization');
    const view = await scene.gives({ kind: 'tokens', accessToken: 'at-1' });

    expect(view).toMatchObject({ state: 'authenticated' });
    expect(scene.cyclr().AuthValue).toBe('{"AccessToken":"at-1"}');
  });

  test('and refused, like a signal, where the next state waits for something else', async () => {
    const on = stage.install('Fernhill');
    slow('GET', on);
    const scene = await stage.scene(on);

    const view = await scene.gives(key, 's');

    expect(view).toMatchObject({ state: 'awaitingProperties', problem: { code: 'notNow' } });
    expect((await scene.timeline()).at(-1)).toMatchObject({ event: 'inputRefused', id: 's', note: 'notNow' });
  });

  test('and answered where a cancellation ends it', async () => {
    const scene = await at('awaitingCredentials');
    slow('PUT', scene.key, 1000);
    await scene.signals('credentialInput', await keyInput(stage, scene, 's', 'wrong'));
    await scene.reaches('applyingCredentials');

    const answer = scene.gives(key);
    await eventually(scene.history, (events) => ofKind(events, 'workflowExecutionUpdateAccepted').length === 1);
    await scene.signals('cancel');

    expect(await answer).toMatchObject({ state: 'cancelled' });
    expect(puts(scene)).toBe(1);
  });
});

describe('without a worker', () => {
  test('an update waits for one, and is answered', async () => {
    const scene = await at('awaitingCredentials');
    await stage.stopWorker();

    const answer = scene.gives(key);
    await stage.restartWorker();

    expect(await answer).toMatchObject({ state: 'authenticated' });
  });

  test('one that was accepted is answered by the next worker', async () => {
    const scene = await at('awaitingCredentials');
    slow('PUT', scene.key, 1500);

    const answer = scene.gives(key);
    await scene.reaches('applyingCredentials');
    await stage.restartWorker();

    expect(await answer).toMatchObject({ state: 'authenticated' });
  });
});

describe('an answer costs at most three events more than a signal', () => {
  const eventsOf = async (scene: Scene, send: () => Promise<unknown>): Promise<number> => {
    await send();
    await stage.auth.result(scene.key);
    return lengthOf(scene);
  };

  test('for an input', async () => {
    const [one, other] = [await at('awaitingCredentials'), await at('awaitingCredentials')];
    const input = await keyInput(stage, one);

    const bySignal = await eventsOf(one, () => one.signals('credentialInput', input));
    const byUpdate = await eventsOf(other, () => other.gives(key));

    expect(byUpdate - bySignal).toBeLessThanOrEqual(3);
  });

  test('for a question whether the user has consented', async () => {
    const [one, other] = [await consentScene(stage), await consentScene(stage)];
    const consented = async (scene: ConsentScene) => {
      await scene.reaches('awaitingAuthorization');
      const link = await scene.asks();
      await scene.decides(link, 'approve');
      return link;
    };
    const links = [await consented(one), await consented(other)] as const;

    const bySignal = await eventsOf(one, () => one.returns(links[0]));
    const byUpdate = await eventsOf(other, () => other.confirms(links[1]));

    expect(byUpdate - bySignal).toBeLessThanOrEqual(3);
  });
});

describe('the plain temporal command line', () => {
  async function temporal(...args: string[]) {
    const reached = ['--address', process.env.TEST_TEMPORAL_ADDRESS!, '--namespace', stage.namespace];
    const run = promisify(execFile)(await findBinary('temporal'), [...args, ...reached, '--output', 'json']);
    return run.then(
      ({ stdout }) => ({ exitCode: 0, stdout, stderr: '' }),
      ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({
        exitCode: code,
        stdout,
        stderr,
      }),
    );
  }
  const update = ({ workflowId }: Scene, name: string, body: unknown) =>
    temporal(
      ...['workflow', 'update', 'execute', '--workflow-id', workflowId, '--name', name, '--update-id', 's'],
      ...['--input', JSON.stringify(body)],
    );

  test('drives a flow by updates, and is answered', async () => {
    const scene = await at('awaitingProperties');

    const wrong = await update(scene, 'submitProperties', { submissionId: 's', values: { Shop: 'in-clear' } });
    const right = await update(scene, 'submitProperties', { submissionId: 's', values: { Domain: 'acme' } });

    expect(wrong.exitCode).not.toBe(0);
    expect(wrong.stdout + wrong.stderr).toContain('The connector has no such property');
    expect(right).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(right.stdout)).toMatchObject({ result: { state: 'awaitingCredentials' satisfies StateName } });
  });
});
