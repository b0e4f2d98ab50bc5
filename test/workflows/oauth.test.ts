/** The consent at the third party: links, returns, and the re-reads of Cyclr after a return. */
import type { Client } from '@temporalio/client';
import { policiesOf, Policies } from '../../activities/policies/policies';
import type { Link } from '../../client/answers';
import { ConnectorAuth } from '../../client/connector-auth';
import { entryOf } from '../../sandbox/catalogue';
import type { Decision } from '../../sandbox/oauth';
import type { FaultRule } from '../../sandbox/fault-rule';
import { open } from '../../sealing/seal';
import type { ConnectorKey } from '../../workflows/connector';
import type { AuthorizationLink, View } from '../../workflows/view';
import { consentScene, signInPath, type ConsentScene } from '../support/consent';
import { eventually } from '../support/eventually';
import { ofKind, type HistoryEvent } from '../support/histories';
import { asInResult, happens, isRead, linkRequest, refusal, RETURN_TO, updates } from '../support/messages';
import { cached, openSkippingStage, openStage, type SkippingStage, type Stage } from '../support/stage';

/**
 * The policy with which the worker checks credentials at the third party. No other part of this file calls a method of
 * a connector.
 */
const policies = new Policies(
  policiesOf(`policies:
  - match: { name: Chirper }
    verify: { method: whoami-${entryOf('Chirper').definition.Id} }
`),
);

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(() => stage.close());

const faultAtSignIn = (key: ConnectorKey, then: FaultRule['then']) =>
  stage.sandbox.fault({ match: { path: signInPath(key) }, then });
/** The time of an event in seconds. */
const secondsOf = ({ eventTime }: HistoryEvent): number => Number(eventTime?.seconds) + (eventTime?.nanos ?? 0) / 1e9;
/** Waits until the flow has accepted `count` updates. */
const accepted = (scene: ConsentScene, count: number) =>
  eventually(scene.history, (events) => ofKind(events, 'workflowExecutionUpdateAccepted').length === count);
/** Sends a confirmation, and waits for its answer without the time limit of the library. */
const confirmation = (scene: ConsentScene, { attemptId }: Pick<Link, 'attemptId'>): Promise<View> =>
  updates(scene, 'confirmAuthorization', { attemptId });
const eventsOf = async (scene: ConsentScene): Promise<string[]> => (await scene.timeline()).map(({ event }) => event);

test('a verification continues on a new worker after the old worker has stopped', async () => {
  const scene = await consentScene(stage);
  const link = await scene.asks();

  const answer = scene.confirms(link);
  await eventually(scene.reads, (reads) => reads >= 2);
  await stage.restartWorker();
  await scene.decides(link, 'approve');
  // Temporal repeats a workflow task of the old worker only after 30 s, so the caller may get noWorker before the
  // answer.
  await answer.catch(({ code }: { code: string }) => expect(code).toBe('noWorker'));

  expect(await stage.auth.result(scene.key)).toMatchObject({ state: 'authenticated' });
  expect(await eventsOf(scene)).toEqual([
    'connectorFetched',
    'linkMinted',
    'authorizationReturned',
    'authorizationConfirmed',
  ]);
});

test.concurrent('after a link, an approved consent and a return, the flow ends as authenticated', async () => {
  const scene = await consentScene(stage);
  stage.record('consent-returned', scene.handle);
  const asked = await scene.view();

  const link = await scene.asks();
  const outcome = await scene.decides(link, 'approve');
  await scene.returns(link);
  await scene.returns(link).catch(() => undefined); // the call fails if the flow has already ended
  const end = await stage.auth.result(scene.key);

  expect(asked).not.toHaveProperty('attempt');
  expect(asked.deadline).toBeDefined();
  expect(outcome).toMatchObject({ status: 302, location: RETURN_TO });
  expect(end).toMatchObject({ ...scene.key, state: 'authenticated', verification: 'notChecked' });
  expect(scene.cyclr()).toMatchObject({ Authenticated: true, AuthValue: expect.stringContaining('AccessToken') });
  const [minted, returned, confirmed] = (await scene.timeline()).slice(1);
  expect(minted).toMatchObject({ event: 'linkMinted', to: 'awaitingAuthorization', id: link.attemptId });
  expect(returned).toMatchObject({ event: 'authorizationReturned', to: 'verifyingAuthorization', id: link.attemptId });
  expect(confirmed).toMatchObject({ event: 'authorizationConfirmed', to: 'authenticated' });
});

test.concurrent('a request for a link is refused as notNow for a connector of the partner', async () => {
  const scene = await stage.scene('Homeport');
  await scene.reaches('awaitingCredentials');

  await expect(stage.auth.requestAuthorization(scene.key, { returnTo: RETURN_TO })).rejects.toMatchObject({
    code: 'notNow',
  });

  expect(stage.sandbox.signIns(scene.key.accountId)).toEqual([]);
});

describe('links', () => {
  test.concurrent(
    'a link opens only with the reply key of its request, for its account, connector and attempt',
    async () => {
      const scene = await consentScene(stage);
      const { body, keys } = await linkRequest();
      const { keys: otherKeys } = await linkRequest();
      const binding = { ...scene.key, purpose: 'link', submissionId: body.attemptId } as const;

      const answer = await updates<AuthorizationLink>(scene, 'requestAuthorization', body);

      expect(Object.keys(answer).sort()).toEqual(['attemptId', 'expiresAt', 'link']);
      expect(await open(answer.link, binding, keys)).toContain(stage.sandbox.url);
      await expect(open(answer.link, binding, otherKeys)).rejects.toMatchObject({ code: 'unknownKey' });
      const foreign = [
        { ...binding, accountId: `${scene.key.accountId}x` },
        { ...binding, connectorId: scene.key.connectorId + 1 },
        { ...binding, submissionId: 'another' },
        { ...binding, purpose: 'credentials' as const },
      ];
      for (const other of foreign)
        await expect(open(answer.link, other, keys)).rejects.toMatchObject({ code: 'notOpenable' });
    },
  );

  test.concurrent(
    'a link is new at each request and signs in a user of its account; the newest link is the attempt in the view',
    async () => {
      const scene = await consentScene(stage);

      const first = await scene.asks();
      const between = await scene.view();
      const second = await scene.asks();
      const after = await scene.view();

      expect(new Set([first.url, second.url, ...scene.signIns().map(({ token }) => token)]).size).toBe(4);
      expect(new Set(scene.signIns().map(({ username }) => username))).toEqual(
        new Set([`onboarding-${scene.key.accountId}`]),
      );
      expect(between).toMatchObject({ attempt: { id: first.attemptId, expiresAt: first.expiresAt } });
      expect(after).toMatchObject({ attempt: { id: second.attemptId }, deadline: between.deadline });
      expect(after.revision).toBe(between.revision + 1);
    },
  );

  test.concurrent.each<[Decision, number]>([
    ['error', 502],
    ['close', 200],
  ])(
    'a link whose consent ends with the decision "%s" changes nothing, and the next link works',
    async (decision, status) => {
      const scene = await consentScene(stage);
      const first = await scene.asks();

      const outcome = await scene.decides(first, decision);
      const used = await scene.decides(first, 'approve');
      const second = await scene.asks();
      await scene.decides(second, 'approve');
      await scene.returns(second);

      expect(outcome.status).toBe(status);
      expect(outcome).not.toHaveProperty('location');
      expect(used.status).toBe(403);
      expect(await stage.auth.result(scene.key)).toMatchObject({ state: 'authenticated' });
    },
  );

  test.concurrent(
    'the time limit of the library for a request for a link is longer than 30 s, because Cyclr can need 30 s to make a link',
    async () => {
      const scene = await consentScene(stage);
      const limits: number[] = [];
      const withDeadline: Client['withDeadline'] = (deadline, call) => {
        limits.push(Number(deadline) - Date.now());
        return stage.client.withDeadline(deadline, call);
      };
      const client = Object.create(stage.client, { withDeadline: { value: withDeadline } }) as Client;

      await new ConnectorAuth(client).requestAuthorization(scene.key, { returnTo: RETURN_TO });

      expect(Math.max(...limits)).toBeGreaterThan(30_000);
    },
  );

  test.concurrent('a link is made only once if its request is repeated with the same update id', async () => {
    const scene = await consentScene(stage);
    const { body } = await linkRequest();
    const ask = () => updates(scene, 'requestAuthorization', body, body.attemptId);

    const [one, other] = await Promise.all([ask(), ask()]);

    expect([other, await ask()]).toEqual([one, one]);
    expect(scene.mintings()).toBe(1);
  });

  test.concurrent(
    'a link of an older request can be used, but is superseded, if Cyclr makes this link after the link of a newer request',
    async () => {
      const scene = await consentScene(stage);
      stage.record('older-link-made-later', scene.handle);
      const release = faultAtSignIn(scene.key, 'held');

      const older = scene.asks();
      await eventually(scene.mintings, (mintings) => mintings === 1);
      const newer = await scene.asks();
      release();
      const { url, attemptId } = await older;
      const { attempt } = await scene.view();
      await scene.decides({ url }, 'close');
      await scene.returns({ attemptId });
      await happens(scene, 'authorizationNotConfirmed');

      expect(attempt?.id).toBe(newer.attemptId);
      expect(scene.reads()).toBe(2); // two reads: the read at the start, and one re-read
      await stage.auth.cancel(scene.key);
    },
  );

  test.concurrent(
    'if the newer of two requests for a link fails, the attempt in the view is the link of the older request',
    async () => {
      const scene = await consentScene(stage);
      const release = faultAtSignIn(scene.key, 'held');

      const older = scene.asks();
      await eventually(scene.mintings, (mintings) => mintings === 1);
      faultAtSignIn(scene.key, { status: 403 });
      const newer = await refusal(updates(scene, 'requestAuthorization', (await linkRequest()).body));
      release();
      const { attemptId } = await older;

      expect(newer.code).toBe('cyclrUnavailable');
      expect(await scene.view()).toMatchObject({ attempt: { id: attemptId } });
    },
  );
});

describe('requests for links', () => {
  test.concurrent.each<[string, FaultRule['then']]>([
    ['403', { status: 403 }],
    ['429 with a long Retry-After', { kind: 'throttled', retryAfter: 60 }],
  ])(
    'a request for a link that Cyclr answers with %s is refused as cyclrUnavailable, and the flow does not change',
    async (_name, then) => {
      const scene = await consentScene(stage);
      const before = await scene.view();
      const { body } = await linkRequest();
      faultAtSignIn(scene.key, then);

      const refused = await refusal(updates(scene, 'requestAuthorization', body));
      const between = await scene.view();
      const { attemptId } = await updates<AuthorizationLink>(scene, 'requestAuthorization', body);

      expect(refused).toMatchObject({ code: 'cyclrUnavailable', problem: { code: 'cyclrUnavailable' } });
      expect(between).toEqual(before);
      expect(attemptId).toBe(body.attemptId);
      expect(scene.mintings()).toBe(2);
    },
  );

  test.concurrent(
    "a request for a link that Cyclr answers with 403 is logged once as an operator's trouble",
    async () => {
      const scene = await consentScene(stage);
      stage.record('link-refused', scene.handle);
      faultAtSignIn(scene.key, { status: 403 });

      await expect(scene.asks()).rejects.toMatchObject({ code: 'cyclrUnavailable' });
      await scene.asks();
      await stage.auth.cancel(scene.key, { reason: 'no longer needed', by: 'jo' });

      expect(
        stage.log.filter(
          (line) => line.includes('Only an operator can make this call') && line.includes(scene.workflowId),
        ),
      ).toHaveLength(1);
    },
  );

  test.concurrent.each<[string, FaultRule['then']]>([
    ['the answer 503', { status: 503 }],
    ['a lost answer', 'applied-then-reset'],
  ])('after %s of Cyclr, mintLink is retried, and the sender of the request gets the link', async (_name, then) => {
    const scene = await consentScene(stage);
    faultAtSignIn(scene.key, then);

    const link = await scene.asks();
    await scene.decides(link, 'approve');

    expect(scene.mintings()).toBe(2);
    expect(await scene.confirms(link)).toMatchObject({ state: 'authenticated' });
  });

  const leaving: [string, string, (scene: ConsentScene) => Promise<unknown>][] = [
    ['tokens are stored', 'link-dropped', (scene) => scene.gives({ kind: 'tokens', accessToken: 'at-1' })],
    ['the flow is cancelled', 'link-dropped-by-cancel', (scene) => stage.auth.cancel(scene.key)],
    [
      'the user returns from an older link',
      'link-dropped-by-return',
      async (scene) => {
        const { attempt } = await scene.view();
        stage.sandbox.update(scene.key.accountId, scene.key.connectorId, { Authenticated: true });
        await scene.returns({ attemptId: attempt!.id });
      },
    ],
  ];
  test.concurrent.each(leaving)(
    'a request for a link is refused as notNow if %s before the link is made',
    async (_name, name, leave) => {
      const scene = await consentScene(stage);
      stage.record(name, scene.handle);
      await scene.asks();
      const release = faultAtSignIn(scene.key, 'held');

      const refused = refusal(updates(scene, 'requestAuthorization', (await linkRequest()).body));
      await eventually(scene.mintings, (mintings) => mintings === 2);
      await leave(scene);

      expect(await refused).toMatchObject({ code: 'notNow', problem: { code: 'notNow' } });
      expect(['authenticated', 'cancelled']).toContain((await stage.auth.result(scene.key)).state);
      expect(await eventsOf(scene)).not.toContain('inputRefused');
      release();
    },
  );
});

describe('returns', () => {
  test.concurrent(
    'a return starts no verification if it comes before any link, has a forged attempt id, or belongs to another flow',
    async () => {
      const [scene, other] = [await consentScene(stage), await consentScene(stage)];
      stage.record('unknown-attempts', scene.handle);
      const link = await other.asks();

      await scene.returns({ attemptId: 'forged' });
      await scene.returns(link);
      const early = await isRead(scene);
      await scene.asks();
      const before = await scene.view();
      await scene.returns({ attemptId: 'forged' });
      await scene.returns(link);
      const late = await isRead(scene);
      const after = await scene.view();
      const confirmed = await scene.confirms({ attemptId: 'unknown' });

      expect(early.map(({ event }) => event)).toEqual(['connectorFetched', 'unknownSignal']);
      expect(late.slice(2).map(({ event }) => event)).toEqual(['linkMinted', 'unknownSignal']);
      expect([after, confirmed]).toEqual([before, before]);
      expect(scene.reads()).toBe(1);
      await stage.auth.cancel(scene.key);
    },
  );

  test.concurrent(
    'two equal returns of a superseded attempt start one re-read, and a later confirmation starts another re-read',
    async () => {
      const scene = await consentScene(stage);
      stage.record('consent-in-the-older-tab', scene.handle);
      const older = await scene.asks();
      const newer = await scene.asks();

      await scene.returns(older);
      await happens(scene, 'authorizationNotConfirmed');
      await scene.returns(older);
      await isRead(scene);
      const view = await scene.view();
      const reads = scene.reads();
      await scene.decides(older, 'approve');
      const end = await scene.confirms(older);

      expect(view).toMatchObject({
        state: 'awaitingAuthorization',
        problem: { code: 'notAuthorized' },
        attempt: { id: newer.attemptId },
      });
      expect(reads).toBe(2);
      expect(end).toMatchObject({ state: 'authenticated' });
      expect(scene.reads()).toBe(3);
    },
  );

  test.concurrent(
    'a return of a superseded attempt with an approved consent ends the flow as authenticated',
    async () => {
      const scene = await consentScene(stage);
      const older = await scene.asks();
      await scene.asks();

      await scene.decides(older, 'approve');
      await scene.returns(older);

      expect(await stage.auth.result(scene.key)).toMatchObject({ state: 'authenticated' });
      expect(scene.reads()).toBe(2);
    },
  );

  test.concurrent(
    'a return after the end of the flow fails, and a confirmation fails with the final view',
    async () => {
      const scene = await consentScene(stage);
      const link = await scene.asks();
      await scene.decides(link, 'approve');
      const end = await scene.confirms(link);

      const [late] = await Promise.allSettled([scene.returns(link)]);

      expect(end).toMatchObject({ state: 'authenticated' });
      expect(late).toMatchObject({ status: 'rejected', reason: { name: 'WorkflowNotFoundError' } });
      const closed = { code: 'closed', view: asInResult(end) };
      await expect(scene.confirms(link)).rejects.toMatchObject(closed);
      await expect(scene.asks()).rejects.toMatchObject(closed);
    },
  );
});

test.concurrent('eight simultaneous confirmations of a superseded attempt start one re-read', async () => {
  const scene = await consentScene(stage);
  const older = await scene.asks();
  await scene.asks();
  // The sandbox holds the re-read: a confirmation that arrives after the end of this re-read would start a second
  // re-read.
  const release = stage.sandbox.fault({ match: { method: 'GET', account: scene.key.accountId }, then: 'held' });

  const sent = Array.from({ length: 8 }, () => scene.confirms(older));
  await accepted(scene, 2 + sent.length);
  release();

  const view = { state: 'awaitingAuthorization', problem: { code: 'notAuthorized' } };
  expect(await Promise.all(sent)).toMatchObject(Array(8).fill(view));
  expect(scene.reads()).toBe(2);
});

test.concurrent('if Cyclr refuses tokens that were sent instead of a consent, the open link stays usable', async () => {
  const scene = await consentScene(stage);
  stage.record('tokens-refused-then-consent', scene.handle);
  const link = await scene.asks();

  const wrongKind = await scene.gives({ kind: 'apiKey', key: 'right' });
  const refused = await scene.gives({ kind: 'tokens', accessToken: 'wrong' });
  await scene.decides(link, 'approve');
  await scene.returns(link);

  expect(wrongKind).toMatchObject({ state: 'awaitingAuthorization', problem: { code: 'wrongKind' } });
  expect(refused).toMatchObject({
    state: 'awaitingAuthorization',
    problem: { code: 'refused' },
    attempt: { id: link.attemptId, expiresAt: link.expiresAt },
  });
  expect(await stage.auth.result(scene.key)).toMatchObject({ state: 'authenticated' });
});

describe('flows that last minutes or hours', () => {
  let skipping: SkippingStage;

  beforeAll(async () => {
    skipping = await openSkippingStage();
    await skipping.restartWorker(cached); // these tests need a workflow cache: without a cache, the SDK can lose queries during an update
  });

  afterEach(() => skipping.reset());

  afterAll(() => skipping.close());

  const fault = (path: string, then: FaultRule['then']) =>
    skipping.sandbox.fault({ match: { path }, times: 'always', then });
  const readPath = ({ key }: ConsentScene) => `/v1.0/account/connectors/${key.connectorId}`;

  test('a declined consent gives the problem notAuthorized after re-reads at 0, 1, 2, 4, 8, 15 and 30 s, and a new link works', async () => {
    const scene = await consentScene(skipping);
    skipping.record('consent-declined', scene.handle);
    const before = await scene.view();
    const declined = await scene.asks();
    const { location } = await scene.decides(declined, 'decline');

    for (let times = 0; times < 3; times++) await scene.returns(declined);
    await skipping.sleep('18s'); // now the flow is between the re-reads after 15 s and after 30 s
    const early = await scene.view();
    const readsEarly = scene.reads();
    await skipping.sleep('14s');
    const late = await scene.reaches('awaitingAuthorization');
    await scene.returns(declined);
    await isRead(scene);
    const readsLate = scene.reads();
    const link = await scene.asks();
    await scene.decides(link, 'approve');
    await scene.returns(link);
    const end = await scene.reaches('authenticated');

    expect(location).toBe(RETURN_TO);
    expect([early.state, readsEarly]).toEqual(['verifyingAuthorization', 7]);
    expect(late).toMatchObject({ problem: { code: 'notAuthorized' }, attempt: { id: declined.attemptId } });
    expect(Date.parse(late.deadline!)).toBeGreaterThan(Date.parse(before.deadline!));
    expect(readsLate).toBe(8);
    expect(end).not.toHaveProperty('problem');
  });

  test('confirmations during a verification start no second verification, and get the result of the running verification', async () => {
    const scene = await consentScene(skipping);
    skipping.record('confirmations-join', scene.handle);
    const link = await scene.asks();

    const first = confirmation(scene, link);
    await scene.reaches('verifyingAuthorization');
    const others = [confirmation(scene, link), confirmation(scene, { attemptId: 'unknown' })];
    await accepted(scene, 4);
    await skipping.sleep('3s');
    await scene.decides(link, 'approve');
    await skipping.sleep('2s');
    const views = await Promise.all([first, ...others]);

    expect(views).toMatchObject(Array(3).fill({ state: 'authenticated' }));
    expect(await eventsOf(scene)).toEqual([
      'connectorFetched',
      'linkMinted',
      'authorizationReturned',
      'authorizationConfirmed',
    ]);
  });

  test('a confirmation gets the current view as its answer if the verification has no result within 10 s', async () => {
    const scene = await consentScene(skipping);
    const link = await scene.asks();

    const first = confirmation(scene, link);
    await scene.reaches('verifyingAuthorization');
    await skipping.sleep('11s');
    const answer = await first;
    const second = confirmation(scene, link);
    await skipping.sleep('25s');

    expect(answer).toMatchObject({ state: 'verifyingAuthorization' });
    expect(await second).toMatchObject({ state: 'verifyingAuthorization' });
    expect(await scene.reaches('awaitingAuthorization')).toMatchObject({ problem: { code: 'notAuthorized' } });
    expect(scene.reads()).toBe(8);
    const events = await scene.history();
    const timesOf = (kind: string) => ofKind(events, kind).map(secondsOf);
    const sent = timesOf('workflowExecutionUpdateAccepted');
    const waits = timesOf('workflowExecutionUpdateCompleted').map((time, index) => time - sent[index]!);
    const [, ...confirmations] = waits; // the first update is the request for the link
    expect(confirmations).toHaveLength(2);
    expect(Math.min(...confirmations)).toBeGreaterThan(9.9);
  });

  test('confirmations of a superseded attempt start at most one re-read in five seconds', async () => {
    const scene = await consentScene(skipping);
    const older = await scene.asks();
    await scene.asks();

    const views: View[] = [];
    for (let times = 0; times < 8; times++) {
      views.push(await scene.confirms(older));
      await skipping.sleep('2s');
    }

    const events = await scene.history();
    const isReread = ({ activityTaskScheduledEventAttributes: scheduled }: HistoryEvent) =>
      scheduled?.activityType?.name === 'verifyAuthorization';
    // The start times of the workflow tasks that started a re-read. The flow measures its pauses by these times.
    const starts = events.flatMap((event, index) =>
      isReread(event) ? secondsOf(ofKind(events.slice(0, index), 'workflowTaskStarted').at(-1)!) : [],
    );
    const pauses = starts.slice(1).map((time, index) => time - starts[index]!);
    expect(pauses.filter((seconds) => seconds < 5)).toEqual([]);
    expect(pauses.length).toBeGreaterThanOrEqual(2);
    expect(scene.reads()).toBe(1 + starts.length);
    expect(views).toMatchObject(
      views.map(() => ({ state: 'awaitingAuthorization', problem: { code: 'notAuthorized' } })),
    );
  });

  test('a confirmation before the consent does not prevent the verification of a later return', async () => {
    const scene = await consentScene(skipping);
    const link = await scene.asks();
    const early = confirmation(scene, link);
    await scene.reaches('verifyingAuthorization');
    await skipping.sleep('31s');
    await scene.reaches('awaitingAuthorization');

    await scene.decides(link, 'approve');
    await scene.returns(link);

    expect(await early).toMatchObject({ state: 'verifyingAuthorization' });
    await scene.reaches('authenticated');
  });

  test('a request for a link fails as cyclrUnavailable after 30 s of outage, and the flow does not change', async () => {
    const scene = await consentScene(skipping);
    const before = await scene.view();
    fault(signInPath(scene.key), { status: 503 });

    const refused = refusal(updates(scene, 'requestAuthorization', (await linkRequest()).body));
    await eventually(scene.mintings, (mintings) => mintings > 0);
    await skipping.sleep('31s');
    skipping.sandbox.clearFaults();

    expect(await refused).toMatchObject({ code: 'cyclrUnavailable' });
    expect(await scene.view()).toEqual(before);
    expect(await scene.asks()).toMatchObject({ attemptId: expect.any(String) });
  });

  test('if the browser returns during an outage of hours, the flow finds the consent after the outage', async () => {
    const scene = await consentScene(skipping);
    skipping.record('outage-while-verifying', scene.handle);
    const link = await scene.asks();
    await scene.decides(link, 'approve');
    fault(readPath(scene), { kind: 'throttled', retryAfter: 3600 });

    await scene.returns(link);
    await skipping.sleep('150m');
    const during = await scene.view();
    skipping.sandbox.clearFaults();
    await skipping.sleep('1h');

    expect(during).toMatchObject({ state: 'verifyingAuthorization', problem: { code: 'cyclrUnavailable' } });
    await scene.reaches('authenticated');
  });

  describe('missing returns', () => {
    test('without a return of the browser, the flow finds a consent by an older link by one re-read when the newest link expires', async () => {
      const scene = await consentScene(skipping);
      skipping.record('consent-found-when-the-link-expires', scene.handle);
      const older = await scene.asks();
      await scene.asks();

      await scene.decides(older, 'approve');
      await skipping.sleep('6m');

      expect(await scene.reaches('authenticated')).toMatchObject({ verification: 'notChecked' });
      expect(await eventsOf(scene)).toEqual(['connectorFetched', 'linkMinted', 'linkMinted', 'authorizationConfirmed']);
      expect(scene.reads()).toBe(2);
    });

    test('without a return of the browser, the flow finds a consent by the newest link when this link expires, even after the return of an older attempt', async () => {
      const scene = await consentScene(skipping);
      const older = await scene.asks();
      const newer = await scene.asks();
      await scene.returns(older);
      await happens(scene, 'authorizationNotConfirmed');

      await scene.decides(newer, 'approve');
      await skipping.sleep('6m');

      await scene.reaches('authenticated');
    });

    test('without a return of the browser, the flow fails when the link expires if Cyclr no longer has the connector', async () => {
      const scene = await consentScene(skipping);
      skipping.record('connector-not-found-when-the-link-expires', scene.handle);
      await scene.asks();
      fault(readPath(scene), { status: 404 });

      await skipping.sleep('6m');

      expect(await scene.reaches('failed')).toMatchObject({ failure: { code: 'connectorNotFound' } });
    });

    test('a link that expires without a consent causes one re-read, and the flow continues', async () => {
      const scene = await consentScene(skipping);
      skipping.record('link-expires-without-consent', scene.handle);
      const { attemptId } = await scene.asks();

      await skipping.sleep('6m');
      const reads = scene.reads();
      const link = await scene.asks();
      const view = await scene.view();
      await scene.decides(link, 'approve');
      await scene.returns(link);
      await scene.reaches('authenticated');

      expect(reads).toBe(2);
      expect(view).toMatchObject({ state: 'awaitingAuthorization' });
      expect(view).not.toHaveProperty('problem');
      expect(view.attempt?.id).not.toBe(attemptId);
      expect(scene.reads()).toBe(3);
    });

    describe('with a policy that checks the consent', () => {
      beforeAll(() => skipping.restartWorker(cached, {}, policies));

      afterEach(() => void (skipping.sandbox.switches.methodCalls = 'forbidden'));

      test.each([
        ['when the link expires', 'asks'],
        ['at the last read', 'deadline'],
      ])(
        'without a return of the browser, if the flow finds a consent %s, the worker checks the consent at the third party',
        async (_when, end) => {
          skipping.sandbox.switches.methodCalls = 'allowed';
          const scene = await consentScene(skipping, 'Chirper', { patience: { authorization: '1 hour' } });
          const link = await scene.asks();
          if (end === 'deadline') await skipping.sleep('6m');
          await scene.decides(link, 'approve');

          await skipping.sleep('1h');

          expect(await scene.reaches('authenticated')).toMatchObject({ verification: 'checked' });
        },
      );

      test('without a return of the browser, a consent that the third party refuses does not end the wait before the deadline', async () => {
        skipping.sandbox.switches.methodCalls = 'refusing';
        const scene = await consentScene(skipping, 'Chirper', { patience: { authorization: '1 hour' } });
        await scene.decides(await scene.asks(), 'approve');

        await skipping.sleep('6m');
        const refused = await scene.view();
        await skipping.sleep('1h');

        expect(refused).toMatchObject({ state: 'awaitingAuthorization', problem: { code: 'refused' } });
        await scene.reaches('expired');
        expect(await eventsOf(scene)).toEqual(['connectorFetched', 'linkMinted', 'refused', 'timedOut']);
      });

      test('a consent that the last read finds and the third party refuses ends the flow as expired', async () => {
        skipping.sandbox.switches.methodCalls = 'refusing';
        const scene = await consentScene(skipping, 'Chirper', { patience: { authorization: '1 hour' } });
        skipping.sandbox.update(scene.key.accountId, scene.key.connectorId, { Authenticated: true });

        await skipping.sleep('61m');

        await scene.reaches('expired');
        expect(await eventsOf(scene)).toEqual(['connectorFetched', 'timedOut']);
      });
    });
  });
});
