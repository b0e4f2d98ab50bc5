/** Inputs by signal that are wrong, early, late, repeated, in any order, or not decodable by the SDK. */
import fc, { runs } from '../support/fast-check';
import { seal } from '../../sealing/seal';
import { workflowIdOf } from '../../workflows/connector';
import type { Credentials } from '../../workflows/input';
import { taskQueue } from '../../workflows/messages';
import type { Problem, ProblemCode, TimelineEntry } from '../../workflows/view';
import { eventually } from '../support/eventually';
import { failedTasks, kindOf, type HistoryEvent } from '../support/histories';
import { happens, keyInput } from '../support/messages';
import { openStage, type Scene, type Stage } from '../support/stage';

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(() => stage.close());

const key = { kind: 'apiKey', key: 'right' } as const;

const refusalsIn = (entries: TimelineEntry[]) => entries.filter(({ event }) => event === 'inputRefused');
const eventsOf = async (scene: Scene) => (await scene.timeline()).map(({ event }) => event);
const putsOf = (scene: Scene) => scene.calls().filter((call) => call.startsWith('PUT')).length;
const holdPut = ({ key: { accountId } }: Scene) =>
  stage.sandbox.fault({ match: { method: 'PUT', account: accountId }, then: 'held' });

type Wrong = [code: ProblemCode, signal: string, body: unknown, fields?: string[]];

/**
 * Sends the wrong signals one after another. Returns the problem after each signal, and the refusals in the timeline.
 */
async function refused(scene: Scene, wrongs: Wrong[]): Promise<{ problems: Problem[]; refusals: TimelineEntry[] }> {
  const problems: Problem[] = [];
  for (const [index, [, signal, body]] of wrongs.entries()) {
    await scene.signals(signal, ...(body === undefined ? [] : [body]));
    await happens(scene, 'inputRefused', index + 1);
    problems.push((await scene.view()).problem!);
  }
  return { problems, refusals: refusalsIn(await scene.timeline()) };
}

const expected = (wrongs: Wrong[]) =>
  wrongs.map(([code, , , fields]) => ({ code, ...(fields && { fields: fields.map((name) => ({ name, code })) }) }));

describe('problem codes of wrong signals in the view and the timeline', () => {
  const clear = 'in-clear-4711';

  test.concurrent(
    'in awaitingProperties a wrong signal is refused with a problem code, and the flow continues',
    async () => {
      const scene = await stage.sceneIn('awaitingProperties', 'Kestrel');
      stage.record('property-inputs-refused', scene.handle);
      const SigningSecret = await stage.sealedProperty(scene.key, 's', 'SigningSecret', 'right');
      const foreign = await stage.sealedProperty(scene.key, 's-2', 'Environment', 'right');
      const empty = await stage.sealedProperty(scene.key, 's-3', 'SigningSecret', '');
      const Environment = 'staging';
      const named = JSON.parse('{ "constructor": "y", "__proto__": "x", "PartnerKey": "z" }') as object;
      const wrong = (code: ProblemCode, submissionId: string, values: object, fields?: string[]): Wrong => [
        code,
        'propertyInput',
        { submissionId, values },
        fields,
      ];
      const wrongs: Wrong[] = [
        ['malformed', 'propertyInput', undefined],
        wrong('malformed', 'a b', { Environment, SigningSecret }),
        wrong('malformed', 's', { Environment: 5, SigningSecret }, ['Environment']),
        wrong('notSealed', 's', { SigningSecret: clear }, ['SigningSecret']),
        wrong('unknownProperty', 's', named, Object.keys(named)),
        wrong('missingProperty', 's', { SigningSecret }, ['Environment']),
        wrong('notOpenable', 's-2', { Environment, SigningSecret: foreign }, ['SigningSecret']),
        wrong('missingProperty', 's-3', { Environment, SigningSecret: empty }, ['SigningSecret']),
        ['notNow', 'credentialInput', await keyInput(stage, scene, 'c')],
      ];

      const { problems, refusals } = await refused(scene, wrongs);
      const stored = scene.cyclr().Properties;
      const next = await scene.sets({ Environment, SigningSecret }, 's');
      const end = await scene.gives(key, 'c');

      expect(problems).toMatchObject(expected(wrongs));
      expect(refusals.map(({ note }) => note)).toEqual(wrongs.map(([code]) => code));
      expect(JSON.stringify([problems, refusals, stage.log])).not.toContain(clear);
      expect(stored).toEqual([]);
      expect(next).toMatchObject({ state: 'awaitingCredentials' });
      expect(next).not.toHaveProperty('problem');
      expect(end.state).toBe('authenticated');
    },
  );

  test.concurrent(
    'in awaitingCredentials a wrong signal is refused with a problem code, and the flow continues',
    async () => {
      const scene = await stage.sceneIn('awaitingCredentials', 'Brightdesk');
      stage.record('credential-inputs-refused', scene.handle);
      const sealedFor = (submissionId: string, more: object = {}, nowMs?: number) =>
        seal(
          JSON.stringify(key),
          { ...scene.key, purpose: 'credentials', submissionId, ...more },
          stage.publicKey,
          nowMs,
        );
      const wrong = (code: ProblemCode, submissionId: string, credentials: unknown): Wrong => [
        code,
        'credentialInput',
        { submissionId, credentials },
      ];
      const tooOld = Date.now() - 8 * 24 * 3_600_000 - 60_000;
      const basic: Credentials = { kind: 'basic', username: 'a', password: 'b' };
      const unknown = { kind: 'certificate', key: 'k' } as unknown as Credentials;
      const wrongs: Wrong[] = [
        ['malformed', 'credentialInput', undefined],
        wrong('malformed', 's', null),
        wrong('notSealed', 's', clear),
        wrong('notSealed', 's', { sealed: clear }),
        wrong('notOpenable', 's-1', await sealedFor('another')),
        wrong('notOpenable', 's-2', await sealedFor('s-2', { accountId: 'another' })),
        wrong('notOpenable', 's-3', await sealedFor('s-3', {}, tooOld)),
        wrong('wrongKind', 's-4', await stage.sealed(scene.key, 's-4', basic)),
        wrong('malformed', 's-5', await stage.sealed(scene.key, 's-5', unknown)),
        ['notNow', 'propertyInput', { submissionId: 's', values: {} }],
      ];

      const { problems, refusals } = await refused(scene, wrongs);
      const calls = scene.calls();
      const end = await scene.gives(key, 's');

      expect(problems).toMatchObject(expected(wrongs));
      expect(problems[2]!.message).toMatch(/history.*replace/s);
      expect(refusals.map(({ note }) => note)).toEqual(wrongs.map(([code]) => code));
      expect(refusals.every(({ to }) => to === 'awaitingCredentials')).toBe(true);
      expect(JSON.stringify([problems, refusals, stage.log])).not.toContain(clear);
      expect(calls).toEqual([`GET ${scene.key.connectorId}`]);
      expect(end.state).toBe('authenticated');
      expect(end).not.toHaveProperty('problem');
    },
  );

  test.concurrent(
    'in awaitingAuthorization a wrong signal is refused with a problem code, and the flow continues',
    async () => {
      const scene = await stage.sceneIn('awaitingAuthorization', 'Ledgerly');
      const wrongs: Wrong[] = [
        ['malformed', 'oauthCallback', undefined],
        ['malformed', 'oauthCallback', { attemptId: ['a'] }],
        ['notNow', 'propertyInput', { submissionId: 'p', values: {} }],
        ['notSealed', 'credentialInput', { submissionId: 's', credentials: clear }],
      ];

      const { problems, refusals } = await refused(scene, wrongs);

      expect(problems).toMatchObject(expected(wrongs));
      expect(refusals.map(({ note }) => note)).toEqual(wrongs.map(([code]) => code));
      expect(scene.requests()).toHaveLength(1);
    },
  );
});

describe('inputs', () => {
  test('an input is applied, even if it arrives before the first workflow task', async () => {
    const on = stage.install('Fernhill');
    await stage.stopWorker();

    const handle = await stage.client.workflow.signalWithStart('authenticateConnector', {
      taskQueue,
      workflowId: workflowIdOf(on),
      args: [on],
      signal: 'propertyInput',
      signalArgs: [{ submissionId: 'p', values: { Domain: 'acme' } }],
    });
    await handle.signal('credentialInput', await keyInput(stage, { key: on }, 'c'));
    await handle.signal('oauthCallback', { attemptId: 'unknown' });
    stage.record('inputs-before-the-first-task', handle);
    await stage.restartWorker();

    expect(await handle.result()).toMatchObject({ state: 'authenticated' });
  });

  test('an input that arrives before the deadline is accepted, although the worker reads it after the deadline', async () => {
    const scene = await stage.scene('Brightdesk', { patience: { credentials: '30s' } });
    const { deadline } = await scene.reaches('awaitingCredentials');
    await stage.stopWorker();

    await scene.signals('credentialInput', await keyInput(stage, scene, 'c'));
    await eventually(Date.now, (now) => now > Date.parse(deadline!) + 100);
    await stage.restartWorker();

    expect(await stage.auth.result(scene.key)).toMatchObject({ state: 'authenticated' });
  });

  test.concurrent('an input that is unread at the end of the flow is recorded as notNow', async () => {
    const scene = await stage.sceneIn('awaitingCredentials', 'Brightdesk');
    stage.record('inputs-after-the-last', scene.handle);
    const release = holdPut(scene);

    await scene.signals('credentialInput', await keyInput(stage, scene, 'first'));
    await scene.signals('credentialInput', await keyInput(stage, scene, 'second', 'another'));
    await scene.signals('propertyInput', 'malformed');
    release();

    await stage.auth.result(scene.key);
    expect((await scene.timeline()).slice(-2)).toMatchObject([
      { from: 'authenticated', to: 'authenticated', id: 'second', note: 'notNow' },
      { from: 'authenticated', to: 'authenticated', note: 'malformed' },
    ]);
    expect(scene.cyclr().AuthValue).toBe('right');
  });

  test.concurrent(
    'an input is accepted only once, even if it is sent again immediately, during applyCredentials and after its refusal',
    async () => {
      const scene = await stage.sceneIn('awaitingCredentials', 'Brightdesk');
      stage.record('same-submission-by-signal', scene.handle);
      const release = holdPut(scene);
      const wrong = await keyInput(stage, scene, 's', 'wrong');

      await scene.signals('credentialInput', wrong);
      await scene.signals('credentialInput', wrong);
      await scene.reaches('applyingCredentials');
      await scene.signals('credentialInput', wrong);
      release();
      await scene.reaches('awaitingCredentials');
      await scene.signals('credentialInput', await keyInput(stage, scene, 's', 'right'));
      const end = await scene.gives(key);

      expect(end.state).toBe('authenticated');
      expect(putsOf(scene)).toBe(2);
      expect(await eventsOf(scene)).toEqual([
        'connectorFetched',
        'credentialsSubmitted',
        'refused',
        'credentialsSubmitted',
        'credentialsApplied',
      ]);
    },
  );

  test.concurrent(
    'an input that arrives together with another input is applied if Cyclr refuses the other input',
    async () => {
      const scene = await stage.sceneIn('awaitingCredentials', 'Brightdesk');

      await Promise.all([
        scene.signals('credentialInput', await keyInput(stage, scene, 'a', 'wrong')),
        scene.signals('credentialInput', await keyInput(stage, scene, 'b', 'wrong too')),
      ]);
      await happens(scene, 'refused', 2);

      expect(putsOf(scene)).toBe(2);
      expect((await scene.view()).state).toBe('awaitingCredentials');
    },
  );
});

describe('unknown signals', () => {
  test.concurrent(
    'an unknown signal is recorded in the timeline by its name, cut to 100 characters, without its arguments',
    async () => {
      const scene = await stage.sceneIn('awaitingCredentials', 'Brightdesk');
      stage.record('unknown-signals', scene.handle);
      const before = await scene.view();

      await scene.signals('credentialsInput', 'in-clear-4713', { key: 'in-clear-4713' });
      await scene.signals('y'.repeat(300));
      await scene.signals('toString');
      const entries = await happens(scene, 'unknownSignal', 3);

      expect(entries.slice(1).map(({ event, note }) => [event, note])).toEqual([
        ['unknownSignal', 'credentialsInput'],
        ['unknownSignal', 'y'.repeat(100)],
        ['unknownSignal', 'toString'],
      ]);
      expect(JSON.stringify([entries, stage.log])).not.toContain('in-clear-4713');
      expect(await scene.view()).toEqual(before);
      await stage.auth.cancel(scene.key);
    },
  );

  test.concurrent('an unknown signal removes the oldest timeline entry if the timeline has 200 entries', async () => {
    const scene = await stage.sceneIn('awaitingCredentials', 'Brightdesk');

    await Promise.all(Array.from({ length: 220 }, (_, index) => scene.signals(`signal-${index}`)));
    const { entries } = await eventually(
      () => stage.auth.timeline(scene.key),
      ({ dropped = 0 }) => dropped === 21,
    );

    expect(entries).toHaveLength(200);
    expect(new Set(entries.map(({ event }) => event))).toEqual(new Set(['unknownSignal']));
  });

  test.concurrent('an unknown signal is recorded in the timeline, even if the SDK reserves its name', async () => {
    const scene = await stage.scene('Brightdesk');
    await scene.signals('__temporal_before');
    await scene.reaches('awaitingCredentials');

    await scene.signals('__temporal_workflow_metadata', { secret: 'x' });
    const entries = await happens(scene, 'unknownSignal', 2);

    expect(entries.filter(({ event }) => event === 'unknownSignal').map(({ note }) => note)).toEqual([
      "'__temporal_before'",
      "'__temporal_workflow_metadata'",
    ]);
    expect(JSON.stringify(entries)).not.toContain('secret');
  });
});

describe('payloads that the SDK cannot decode', () => {
  const payload = (encoding: string, data: string) => ({
    metadata: { encoding: Buffer.from(encoding) },
    data: Buffer.from(data),
  });
  const payloads: [string, string, ReturnType<typeof payload>][] = [
    ['broken JSON', 'credentialInput', payload('json/plain', '{ no JSON')],
    ['Protobuf', 'oauthCallback', payload('json/protobuf', '{}')],
    ['encrypted data', 'propertyInput', payload('binary/encrypted', 'xyz')],
  ];

  /** Waits until the workflow task after the first event of the kind `kind` has ended. */
  const taskAfter = (history: () => Promise<HistoryEvent[]>, kind: string) =>
    eventually(history, (events) => {
      const kinds = events.map(kindOf);
      return kinds.slice(kinds.indexOf(kind)).some((kind) => /^workflowTask(Completed|Failed)$/.test(kind));
    });

  test.concurrent.each(payloads)(
    'a signal is refused as malformed if the SDK cannot decode its payload (%s)',
    async (_name, signalName, unreadable) => {
      const scene = await stage.sceneIn('awaitingCredentials', 'Brightdesk');

      const workflowExecution = { workflowId: scene.workflowId };
      const request = { namespace: stage.namespace, workflowExecution, signalName, input: { payloads: [unreadable] } };
      await stage.client.workflowService.signalWorkflowExecution(request);
      const events = await taskAfter(scene.history, 'workflowExecutionSignaled');

      expect(failedTasks(events)).toEqual([]);
      expect((await scene.timeline()).at(-1)).toMatchObject({ event: 'inputRefused', note: 'malformed' });
    },
  );

  test.concurrent(
    'a signal whose argument is nested so deeply that JSON.stringify fails is refused, and fails no workflow task',
    async () => {
      const scene = await stage.sceneIn('awaitingCredentials', 'Brightdesk');
      const depth = 200_000;

      await stage.client.workflowService.signalWorkflowExecution({
        namespace: stage.namespace,
        workflowExecution: { workflowId: scene.workflowId },
        signalName: 'propertyInput',
        input: { payloads: [payload('json/plain', '['.repeat(depth) + ']'.repeat(depth))] },
      });
      const events = await taskAfter(scene.history, 'workflowExecutionSignaled');

      expect(failedTasks(events)).toEqual([]);
      expect((await scene.timeline()).at(-1)).toMatchObject({ event: 'inputRefused' });
    },
  );

  test.concurrent.each(payloads)(
    'a flow fails as invalidInput if the SDK cannot decode its start input (%s)',
    async (name, _signal, unreadable) => {
      const workflowId = `connector-auth/${encodeURIComponent(name)}/7`;
      const { client, namespace } = stage;

      await client.workflowService.startWorkflowExecution({
        namespace,
        workflowId,
        requestId: workflowId,
        workflowType: { name: 'authenticateConnector' },
        taskQueue: { name: taskQueue },
        input: { payloads: [unreadable] },
      });
      const handle = client.workflow.getHandle(workflowId);
      const events = await taskAfter(
        async () => (await handle.fetchHistory()).events ?? [],
        'workflowExecutionStarted',
      );

      expect(failedTasks(events)).toEqual([]);
      await expect(handle.result()).rejects.toMatchObject({ cause: { type: 'invalidInput' } });
    },
  );
});

test('valid inputs by signal end the flow as authenticated, in any order and with wrong signals between them', async () => {
  const noise = fc.constantFrom(
    ['propertyInput', undefined],
    ['propertyInput', { submissionId: 'p-0', values: { Other: 'x' } }],
    ['credentialInput', { submissionId: 'c-0', credentials: 'in clear' }],
    ['credentialInput', { submissionId: 'c-0', credentials: { sealed: 'a..b.c.d' } }],
    ['oauthCallback', { attemptId: 'none' }],
    ['anything', [1, 2]],
  );
  const step = fc.oneof(noise, fc.constantFrom(['properties', undefined], ['credentials', undefined]));

  async function endsWell(steps: (readonly [string, unknown])[]): Promise<void> {
    const scene = await stage.scene('Fernhill');
    const right: { [name: string]: [string, unknown] } = {
      properties: ['propertyInput', { submissionId: 'p', values: { Domain: 'acme' } }],
      credentials: ['credentialInput', await keyInput(stage, scene, 'c')],
    };
    const send = (name: string, body?: unknown) => scene.signals(...(right[name] ?? [name, body]));
    const mayHaveEnded = () => undefined;
    for (const [name, body] of steps) await send(name, body).catch(mayHaveEnded);
    await send('properties').catch(mayHaveEnded);
    await eventually(scene.view, ({ state }) => state === 'awaitingCredentials' || state === 'authenticated');
    await send('credentials').catch(mayHaveEnded);

    expect((await stage.auth.result(scene.key)).state).toBe('authenticated');
    expect(failedTasks(await scene.history())).toEqual([]);
  }

  const orders = fc.array(fc.array(step, { maxLength: 12 }), { minLength: 5, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(orders, async (each) => void (await Promise.all(each.map(endsWell)))),
    { numRuns: runs(3), endOnFailure: true },
  );
});
