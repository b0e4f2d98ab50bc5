/** The third party's consent: links to it, what comes back from it, and what Cyclr says. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { existsSync, readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import type { Client } from '@temporalio/client';
import { ConnectorAuth } from '../../client/connector-auth';
import { open } from '../../sealing/seal';
import type { ConnectorPatch } from '../../sandbox/control';
import type { FaultRule } from '../../sandbox/fault-rule';
import type { Decision } from '../../sandbox/oauth';
import type { ConnectorKey } from '../../workflows/connector';
import type { AuthorizationLink, Input, View } from '../../workflows/messages';
import { consentScene, signInPath, type ConsentScene } from '../support/consent';
import { eventually } from '../support/eventually';
import { ofKind, taskFailures } from '../support/histories';
import { happens, isRead, linkRequest, refusal, RETURN_TO, updates } from '../support/messages';
import { openSkippingStage, openStage, type SkippingStage, type Stage } from '../support/stage';

let stage: Stage;
/** What every request to the sandbox was authorized with. */
const authorizations = new Set<string>();
const listen = (message: unknown): void => {
  const { authorization } = (message as { request: IncomingMessage }).request.headers;
  if (authorization) authorizations.add(authorization);
};

beforeAll(async () => {
  subscribe('http.server.request.start', listen);
  stage = await openStage();
});

afterEach(() => {
  stage.sandbox.clearFaults();
  Object.assign(stage.sandbox.switches, {
    authenticatedAfterMs: 0,
    expiresAtHasZ: true,
    returnAppends: '',
    signInTokenExpiresIn: 300,
  });
});

afterAll(async () => {
  unsubscribe('http.server.request.start', listen);
  const failures = await taskFailures(stage);
  await stage.close();
  expect(failures).toEqual([]);
});

/** A flow that waits for consent. */
async function waiting(connector?: string | ConnectorKey, input?: Partial<Input>): Promise<ConsentScene> {
  const scene = await consentScene(stage, connector, input);
  await scene.reaches('awaitingAuthorization');
  return scene;
}

const faultsAtSignIn = (key: ConnectorKey, then: FaultRule['then'], more: Partial<FaultRule> = {}) =>
  stage.sandbox.fault({ ...more, match: { path: signInPath(key) }, then });
const events = async (scene: ConsentScene): Promise<string[]> => (await scene.timeline()).map(({ event }) => event);

describe('awaitingAuthorization is where consent is needed', () => {
  interface Way {
    connector: string;
    patch?: ConnectorPatch;
    sets?: { [name: string]: string };
    secrets?: string[];
  }
  const ways: { [name: string]: Way } = {
    OAuth1: { connector: 'Chirper' },
    'OAuth2 AuthorisationCode': { connector: 'Ledgerly' },
    'OAuth2 AuthorisationCode, after a property': { connector: 'Shopwell', sets: { Shop: 'acme' } },
    'OAuth2 Unknown': { connector: 'Driftwood' },
    'OAuth2 without a type': {
      connector: 'Ledgerly',
      patch: { Connector: { AuthType: 'OAuth2', OAuth2Type: null } },
    },
    'OAuth2 PasswordCredentials, whose page comes straight back': {
      connector: 'Sugarloaf',
      sets: { Username: 'jo', Password: 'pw' },
      secrets: ['Password'],
    },
  };

  async function walk({ connector, patch, sets, secrets = [] }: Way): Promise<void> {
    const scene = await consentScene(stage, stage.install(connector, { patch }));
    if (sets) {
      await scene.reaches('awaitingProperties');
      const given = Object.entries(sets).map(async ([name, value]) => [
        name,
        secrets.includes(name) ? await stage.sealedProperty(scene.key, 'p', name, value) : value,
      ]);
      await scene.sets(Object.fromEntries(await Promise.all(given)), 'p');
    }
    const asked = await scene.reaches('awaitingAuthorization');
    // Where every query is a replay, its answer can be ahead of the flow.
    const link = await eventually(
      () => scene.asks(),
      () => true,
    );
    const outcome = await scene.decides(link, 'approve');
    await scene.returns(link);
    const end = await stage.auth.result(scene.key);

    expect(asked).not.toHaveProperty('attempt');
    expect(asked.deadline).toBeDefined();
    expect(outcome).toMatchObject({ status: 302, location: RETURN_TO });
    expect(end).toEqual({
      ...scene.key,
      runId: scene.runId,
      intent: 'authenticate',
      state: 'authenticated',
      verification: 'notChecked',
      connector: expect.any(Object),
      revision: expect.any(Number),
    });
    expect(scene.cyclr()).toMatchObject({ Authenticated: true, AuthValue: expect.stringContaining('AccessToken') });
    expect((await scene.timeline()).slice(-3)).toMatchObject([
      { from: 'awaitingAuthorization', event: 'linkMinted', to: 'awaitingAuthorization', id: link.attemptId },
      {
        from: 'awaitingAuthorization',
        event: 'authorizationReturned',
        to: 'verifyingAuthorization',
        id: link.attemptId,
      },
      { from: 'verifyingAuthorization', event: 'authorizationConfirmed', to: 'authenticated' },
    ]);
  }

  test.each(Object.entries(ways))('%s: by consent to authenticated', (_name, way) => walk(way));

  test('all of them at once, replayed at every step, come to the same end', async () => {
    await stage.restartWorker({ maxCachedWorkflows: 0 });

    const walks = await Promise.allSettled(Object.values(ways).map(walk));

    await stage.restartWorker();
    expect(walks.filter(({ status }) => status === 'rejected')).toEqual([]);
  });

  test("but not for the partner's own connector: it hands out no links", async () => {
    const scene = await consentScene(stage, 'Homeport');
    await scene.reaches('awaitingCredentials');

    await expect(scene.asks()).rejects.toMatchObject({ code: 'notNow' });

    expect(scene.mintings()).toBe(0);
  });
});

describe('a link', () => {
  test('opens only with the key of its request, for its account, connector and attempt', async () => {
    const scene = await waiting();
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
  });

  test('leads to Cyclr’s page and from there to returnTo, with nothing else in it', async () => {
    const scene = await waiting();
    const returnTo = 'https://done.example/a?x=1&y=%2B#part';

    const link = await scene.asks(returnTo);

    const url = new URL(link.url);
    const [{ token } = { token: '' }] = scene.signIns();
    expect(url.origin + url.pathname).toBe(`${stage.sandbox.url}/connectorauth/updateaccountconnectoroauth`);
    expect([...url.searchParams]).toEqual([
      ['id', String(scene.key.connectorId)],
      ['token', token],
      ['targetOrigin', returnTo],
    ]);
    expect(token).toMatch(/[+/=].*[+/=]/);
    expect(await scene.decides(link, 'approve')).toMatchObject({ status: 302, location: returnTo });
  });

  test('signs in a user of this account alone', async () => {
    const scene = await waiting();

    await scene.asks();

    expect(scene.signIns()).toMatchObject([{ username: `onboarding-${scene.key.accountId}`, used: false }]);
    const [minting] = stage.sandbox.requests.filter(({ path }) => path === signInPath(scene.key));
    expect(minting?.body).toEqual({ Username: `onboarding-${scene.key.accountId}` });
  });

  test('is a fresh one at each request, and the newest is the attempt', async () => {
    const scene = await waiting();

    const first = await scene.asks();
    const between = await scene.view();
    const second = await scene.asks();
    const after = await scene.view();

    expect(new Set([first.url, second.url, ...scene.signIns().map(({ token }) => token)]).size).toBe(4);
    expect(between).toMatchObject({ attempt: { id: first.attemptId, expiresAt: first.expiresAt } });
    expect(after).toMatchObject({ attempt: { id: second.attemptId }, deadline: between.deadline });
    expect(after.revision).toBe(between.revision + 1);
    expect(Math.abs(Date.parse(after.attempt!.requestedAt) - Date.now())).toBeLessThan(10_000);
  });

  test.each<[Decision, number]>([
    ['error', 502],
    ['close', 200],
  ])('that led nowhere (%s) changes nothing, and the next one leads to the end', async (decision, status) => {
    const scene = await waiting();
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
  });

  test('is waited for as long as a flow may take to make it', async () => {
    const scene = await waiting();
    const limits: number[] = [];
    const withDeadline: Client['withDeadline'] = (deadline, call) => {
      limits.push(Number(deadline) - Date.now());
      return stage.client.withDeadline(deadline, call);
    };
    const client = Object.create(stage.client, { withDeadline: { value: withDeadline } }) as Client;

    await new ConnectorAuth(client).requestAuthorization(scene.key, { returnTo: RETURN_TO });

    expect(Math.max(...limits)).toBeGreaterThan(30_000);
  });

  test('is the same one for the same update id', async () => {
    const scene = await waiting();
    const { body } = await linkRequest();
    const ask = () => updates(scene, 'requestAuthorization', body, body.attemptId);

    const [one, other] = await Promise.all([ask(), ask()]);

    expect([other, await ask()]).toEqual([one, one]);
    expect(scene.mintings()).toBe(1);
  });

  test.each([true, false])('is good as long as Cyclr says, in UTC with or without a Z: %s', async (hasZ) => {
    stage.sandbox.switches.expiresAtHasZ = hasZ;
    const scene = await waiting();

    const { expiresAt } = await scene.asks();

    expect(scene.signIns()).toMatchObject([{ expiresAt }]);
    expect(await scene.view()).toMatchObject({ attempt: { expiresAt } });
  });

  test('that took longer than a newer one opens, and stays the older', async () => {
    const scene = await waiting();
    faultsAtSignIn(scene.key, { kind: 'slow', ms: 800 });

    const older = scene.asks();
    await eventually(scene.mintings, (mintings) => mintings === 1);
    const newer = await scene.asks();
    const { url, attemptId } = await older;
    const { attempt } = await scene.view();
    await scene.decides({ url }, 'close');
    await scene.returns({ attemptId });
    await happens(scene, 'authorizationNotConfirmed');

    expect(attempt?.id).toBe(newer.attemptId);
    expect(scene.reads()).toBe(2); // the first step's, and one look
  });

  test('that is made while a newer one fails is the attempt', async () => {
    const scene = await waiting();
    faultsAtSignIn(scene.key, { kind: 'slow', ms: 300 });
    faultsAtSignIn(scene.key, { status: 503 }); // tried again after a second
    faultsAtSignIn(scene.key, { status: 403 });

    const older = scene.asks();
    await eventually(scene.mintings, (mintings) => mintings === 1);
    const newer = refusal(updates(scene, 'requestAuthorization', (await linkRequest()).body));
    const { attemptId } = await older;
    const during = await scene.view();
    const { code } = await newer;

    expect(during).toMatchObject({ attempt: { id: attemptId } });
    expect(code).toBe('cyclrUnavailable');
    expect(await scene.view()).toMatchObject({ attempt: { id: attemptId } });
  });
});

describe('a link that can not be made', () => {
  const refusals: [string, FaultRule['then']][] = [
    ['403', { status: 403 }],
    ['400', { status: 400 }],
    ['404', { status: 404 }],
    ['429 for longer than anybody waits', { kind: 'throttled', retryAfter: 60 }],
  ];
  test.each(refusals)('%s: the request fails, and the flow goes on', async (_name, then) => {
    const scene = await waiting();
    const before = await scene.view();
    const { body } = await linkRequest();
    faultsAtSignIn(scene.key, then);

    const refused = await refusal(updates(scene, 'requestAuthorization', body));
    const between = await scene.view();
    const { attemptId } = await updates<AuthorizationLink>(scene, 'requestAuthorization', body);

    expect(refused).toMatchObject({ code: 'cyclrUnavailable', problem: { code: 'cyclrUnavailable' } });
    expect(between).toEqual(before);
    expect(attemptId).toBe(body.attemptId);
    expect(scene.mintings()).toBe(2);
  });

  test.each<[string, FaultRule['then']]>([
    ['503', { status: 503 }],
    ['429 with a Retry-After of a second', { kind: 'throttled', retryAfter: 1 }],
    ['an answer that got lost', 'applied-then-reset'],
    ['an old token', 'unauthorized'],
    ['a page', 'html'],
  ])('at once is only later: %s', async (_name, then) => {
    const scene = await waiting();
    faultsAtSignIn(scene.key, then);

    const link = await scene.asks();
    await scene.decides(link, 'approve');

    expect(scene.mintings()).toBe(2);
    expect(await scene.confirms(link)).toMatchObject({ state: 'authenticated' });
  });

  test.each([403, 400, 404])('because Cyclr refuses us (%s) is said loudly', async (status) => {
    const scene = await waiting();
    faultsAtSignIn(scene.key, { status });

    await expect(scene.asks()).rejects.toMatchObject({ code: 'cyclrUnavailable' });

    expect(
      stage.log.filter((line) => line.includes('Cyclr refuses our client') && line.includes(scene.workflowId)),
    ).toHaveLength(1);
  });

  test.each<[string, (scene: ConsentScene) => Promise<unknown>]>([
    ['tokens were given', (scene) => scene.gives({ kind: 'tokens', accessToken: 'at-1' })],
    ['it was cancelled', (scene) => stage.auth.cancel(scene.key)],
    [
      'the user came back by an older one',
      async (scene) => {
        const [{ token } = { token: '' }] = scene.signIns();
        const url = new URL(`${stage.sandbox.url}/connectorauth/updateaccountconnectoroauth`);
        url.search = String(new URLSearchParams({ id: `${scene.key.connectorId}`, token, targetOrigin: RETURN_TO }));
        await scene.decides({ url: url.href }, 'approve');
        const { attempt } = await scene.view();
        await scene.returns({ attemptId: attempt!.id });
      },
    ],
  ])('since %s meanwhile: notNow', async (_name, leaves) => {
    const scene = await waiting();
    await scene.asks();
    faultsAtSignIn(scene.key, { kind: 'slow', ms: 1500 });

    const refused = refusal(updates(scene, 'requestAuthorization', (await linkRequest()).body));
    await eventually(scene.mintings, (mintings) => mintings === 2);
    await leaves(scene);

    expect(await refused).toMatchObject({ code: 'notNow', problem: { code: 'notNow' } });
    const { state } = await stage.auth.result(scene.key);
    expect(['authenticated', 'cancelled']).toContain(state);
    expect(await events(scene)).not.toContain('inputRefused');
  });
});

describe('verifyingAuthorization asks Cyclr, whatever comes back', () => {
  test('a consent that Cyclr learns of some seconds late is found', async () => {
    stage.sandbox.switches.authenticatedAfterMs = 1500;
    const scene = await waiting();
    const link = await scene.asks();
    await scene.decides(link, 'approve');

    await scene.returns(link);
    const during = await scene.reaches('verifyingAuthorization');
    const end = await stage.auth.result(scene.key);

    expect(during).not.toHaveProperty('deadline');
    expect(end).toMatchObject({ state: 'authenticated', verification: 'notChecked' });
    expect(scene.reads()).toBeGreaterThan(2); // the first step's, then after 0, 1 and 2 s
  });

  test('a new worker goes on with the verification of the old one', async () => {
    stage.sandbox.switches.authenticatedAfterMs = 2500;
    const scene = await waiting();
    const link = await scene.asks();
    await scene.decides(link, 'approve');

    const answer = scene.confirms(link);
    await eventually(scene.reads, (reads) => reads === 3);
    await stage.restartWorker();
    await answer; // or how it stands after 10 s

    expect(await stage.auth.result(scene.key)).toMatchObject({ state: 'authenticated' });
    expect(await events(scene)).toEqual([
      'connectorFetched',
      'linkMinted',
      'authorizationReturned',
      'authorizationConfirmed',
    ]);
  });

  test('what Cyclr appends to returnTo harms nothing', async () => {
    stage.sandbox.switches.returnAppends = 'status=1';
    const scene = await waiting();
    const link = await scene.asks();

    const { location } = await scene.decides(link, 'approve');
    await scene.returns(link);

    expect(location).toBe(`${RETURN_TO}&status=1`);
    expect(await stage.auth.result(scene.key)).toMatchObject({ state: 'authenticated' });
  });

  test('a return before any link, a forged one, and one of another flow are no reason to', async () => {
    const [scene, other] = [await waiting(), await waiting()];
    const link = await other.asks();

    await scene.returns({ attemptId: 'forged' });
    await scene.returns(link);
    const early = await isRead(scene);
    await scene.asks();
    const before = await scene.view();
    await scene.returns({ attemptId: 'forged' });
    await scene.returns(link);
    const late = await isRead(scene);

    expect(early.map(({ event }) => event)).toEqual(['connectorFetched', 'unknownSignal']);
    expect(late.map(({ event }) => event)).toEqual([
      'connectorFetched',
      'unknownSignal',
      'linkMinted',
      'unknownSignal',
    ]);
    expect(await scene.view()).toEqual(before);
    expect(scene.reads()).toBe(1);
  });

  test('a malformed one is none either: it is recorded as such', async () => {
    const scene = await waiting();
    const { attemptId } = await scene.asks();
    const bodies = [
      undefined,
      null,
      'text',
      [attemptId],
      { attemptId: [attemptId] },
      { attemptId: '' },
      { attemptId, by: 5 },
    ];

    for (const body of bodies) await scene.signals('oauthCallback', body);
    const entries = await isRead(scene);

    const refused = entries.filter(({ event }) => event === 'inputRefused');
    expect(refused.map(({ note }) => note)).toEqual(bodies.map(() => 'malformed'));
    expect(await scene.view()).toMatchObject({ state: 'awaitingAuthorization', attempt: { id: attemptId } });
    expect(scene.reads()).toBe(1);
  });

  test('a superseded attempt is worth one look: nothing is there', async () => {
    const scene = await waiting();
    const older = await scene.asks();
    const newer = await scene.asks();

    await scene.returns(older);
    await happens(scene, 'authorizationNotConfirmed');
    await scene.returns(older);
    await isRead(scene);

    expect(await scene.view()).toMatchObject({
      state: 'awaitingAuthorization',
      problem: { code: 'notAuthorized' },
      attempt: { id: newer.attemptId },
    });
    expect(scene.reads()).toBe(2);
  });

  test('a superseded attempt is worth one look: the user has finished in the older tab', async () => {
    const scene = await waiting();
    const older = await scene.asks();
    await scene.asks();

    await scene.decides(older, 'approve');
    await scene.returns(older);

    expect(await stage.auth.result(scene.key)).toMatchObject({ state: 'authenticated' });
    expect(scene.reads()).toBe(2);
  });

  test('after the end nothing comes back', async () => {
    const scene = await waiting();
    const link = await scene.asks();
    await scene.decides(link, 'approve');
    const end = await scene.confirms(link);

    const [late] = await Promise.allSettled([scene.returns(link)]);

    expect(late).toMatchObject({ status: 'rejected', reason: { name: 'WorkflowNotFoundError' } });
    await expect(scene.confirms(link)).rejects.toMatchObject({ code: 'closed', view: end });
    await expect(scene.asks()).rejects.toMatchObject({ code: 'closed', view: end });
    expect(end).toMatchObject({ state: 'authenticated' });
  });
});

describe('confirmAuthorization', () => {
  test('answers when Cyclr has said so', async () => {
    stage.sandbox.switches.authenticatedAfterMs = 900;
    const scene = await waiting();
    const link = await scene.asks();
    await scene.decides(link, 'approve');

    const view = await scene.confirms(link);

    expect(view).toMatchObject({ state: 'authenticated' });
    expect(view.revision).toBe((await scene.view()).revision);
  });

  test('joins the verification that runs, whoever began it', async () => {
    stage.sandbox.switches.authenticatedAfterMs = 1500;
    const scene = await waiting();
    const link = await scene.asks();
    await scene.decides(link, 'approve');

    const first = scene.confirms(link);
    await scene.reaches('verifyingAuthorization');
    const views = await Promise.all([first, scene.confirms(link), scene.confirms({ attemptId: 'unknown' })]);

    expect(views).toMatchObject(Array(3).fill({ state: 'authenticated' }));
    expect(await events(scene)).toEqual([
      'connectorFetched',
      'linkMinted',
      'authorizationReturned',
      'authorizationConfirmed',
    ]);
  });

  test('of many at once is one', async () => {
    const scene = await waiting();
    const older = await scene.asks();
    await scene.asks();

    const views = await Promise.all(Array.from({ length: 8 }, () => scene.confirms(older)));
    const later = await scene.confirms(older);

    expect(views).toMatchObject(Array(8).fill({ state: 'awaitingAuthorization' }));
    expect(later).toMatchObject({ state: 'awaitingAuthorization', problem: { code: 'notAuthorized' } });
    expect(scene.reads()).toBe(2);
  });

  test('of an attempt that nobody made does nothing', async () => {
    const scene = await waiting();
    await scene.asks();
    const before = await scene.view();

    const view = await scene.confirms({ attemptId: 'unknown' });

    expect(view).toEqual(before);
    expect(scene.reads()).toBe(1);
  });
});

describe('a consent that nobody came back from', () => {
  test('is found when the link has run out, by one look', async () => {
    stage.sandbox.switches.signInTokenExpiresIn = 2;
    const scene = await waiting();

    await scene.decides(await scene.asks(), 'approve');
    const end = await stage.auth.result(scene.key);

    expect(end).toMatchObject({ state: 'authenticated', verification: 'notChecked' });
    expect(await events(scene)).toEqual(['connectorFetched', 'linkMinted', 'authorizationConfirmed']);
    expect(scene.reads()).toBe(2);
  });

  test('is found when the newest link has run out, though an older one was followed', async () => {
    stage.sandbox.switches.signInTokenExpiresIn = 2;
    const scene = await waiting();
    const older = await scene.asks();
    await scene.asks();

    await scene.decides(older, 'approve');

    expect(await stage.auth.result(scene.key)).toMatchObject({ state: 'authenticated' });
    expect(scene.reads()).toBe(2);
  });

  test('is found then also where somebody had asked, or forged a return, too early', async () => {
    stage.sandbox.switches.signInTokenExpiresIn = 6;
    const scene = await waiting();
    const older = await scene.asks();
    const newer = await scene.asks();
    await scene.returns(older);
    await happens(scene, 'authorizationNotConfirmed');

    await scene.decides(newer, 'approve');

    expect(await stage.auth.result(scene.key)).toMatchObject({ state: 'authenticated' });
  });

  test('and was not given either, costs one look, and it goes on', async () => {
    stage.sandbox.switches.signInTokenExpiresIn = 1;
    const scene = await waiting();
    const { attemptId } = await scene.asks();

    await eventually(scene.reads, (reads) => reads === 2);
    stage.sandbox.switches.signInTokenExpiresIn = 300;
    const link = await scene.asks();
    const view = await scene.view();
    await scene.decides(link, 'approve');
    await scene.returns(link);

    expect(view).toMatchObject({ state: 'awaitingAuthorization' });
    expect(view).not.toHaveProperty('problem');
    expect(view.attempt?.id).not.toBe(attemptId);
    expect(await stage.auth.result(scene.key)).toMatchObject({ state: 'authenticated' });
    expect(scene.reads()).toBe(3);
  });

  test('is found by the last look before it would expire', async () => {
    const scene = await waiting('Ledgerly', { patience: { authorization: 2000 } });

    await scene.decides(await scene.asks(), 'approve');

    expect(await stage.auth.result(scene.key)).toMatchObject({ state: 'authenticated' });
    expect(scene.reads()).toBe(2);
  });

  test('and was not given expires at its deadline, and is reopened under the same id', async () => {
    const scene = await waiting('Ledgerly', { patience: { authorization: 1000 } });
    await scene.asks();

    const end = await stage.auth.result(scene.key);
    const again = await stage.auth.start(scene.key);
    const view = await scene.reaches('awaitingAuthorization');

    expect(end).toMatchObject({ state: 'expired' });
    expect(end).not.toHaveProperty('attempt');
    expect(again).toMatchObject({ started: true, workflowId: scene.workflowId });
    expect(view).not.toHaveProperty('attempt');
  });
});

describe('tokens given in awaitingAuthorization', () => {
  test('end it where Cyclr takes them', async () => {
    const scene = await waiting();
    await scene.asks();

    const view = await scene.gives({ kind: 'tokens', accessToken: 'at-1', refreshToken: 'rt-1' });

    expect(view).toMatchObject({ state: 'authenticated' });
    expect(scene.cyclr().AuthValue).toBe('{"AccessToken":"at-1","RefreshToken":"rt-1"}');
  });

  test('and refused lead back to it: the link that is out can still be followed', async () => {
    const scene = await waiting();
    const link = await scene.asks();

    const refused = await scene.gives({ kind: 'tokens', accessToken: 'wrong' });
    await scene.decides(link, 'approve');
    await scene.returns(link);

    expect(refused).toMatchObject({
      state: 'awaitingAuthorization',
      problem: { code: 'refused' },
      attempt: { id: link.attemptId, expiresAt: link.expiresAt },
    });
    expect(await stage.auth.result(scene.key)).toMatchObject({ state: 'authenticated' });
  });
});

test('no link, no token and no key of it stands in Temporal, in what a flow tells, or in the log', async () => {
  const scene = await waiting();
  const { body } = await linkRequest();
  const links = [await scene.asks(), await scene.asks()];
  await updates(scene, 'requestAuthorization', body);
  await scene.returns(links[0]!);
  await happens(scene, 'authorizationNotConfirmed');
  await scene.decides(links[1]!, 'approve');
  const end = await scene.confirms(links[1]!);

  const { AccessToken, RefreshToken } = JSON.parse(scene.cyclr().AuthValue!) as { [name: string]: string };
  const tokens = scene.signIns().map(({ token }) => token);
  const bearers = [...authorizations].map((authorization) => authorization.replace('Bearer ', ''));
  const secrets = [...bearers, ...tokens, AccessToken!, RefreshToken!, ...links.map(({ url }) => url)];
  const told = JSON.stringify(
    [end, await scene.timeline(), await scene.history(), stage.log],
    (_name, part: unknown) => (part instanceof Uint8Array ? Buffer.from(part).toString() : part),
  );
  const database = ['', '-wal'].map((more) => process.env.TEST_DB_FILE + more).filter((file) => existsSync(file));
  const texts = [told, ...database.map((file) => readFileSync(file, 'latin1'))];

  const forms = secrets.flatMap((secret) => [secret, encodeURIComponent(secret), btoa(secret).replace(/.=*$/, '')]);
  expect([tokens.length, bearers.length > 0, end.state]).toEqual([3, true, 'authenticated']);
  expect(texts.join()).toContain(scene.key.accountId);
  expect(forms.filter((form) => texts.some((text) => text.includes(form)))).toEqual([]);
});

describe('where minutes pass', () => {
  let skipping: SkippingStage;
  const scenes: ConsentScene[] = [];

  beforeAll(async () => {
    skipping = await openSkippingStage();
  });

  afterEach(async () => {
    skipping.sandbox.clearFaults();
    // Ends what a test has left running: it would go through the hours of the next ones too.
    for (const { handle, history } of scenes.splice(0)) {
      expect(ofKind(await history(), 'workflowTaskFailed')).toEqual([]);
      await handle.terminate().catch(() => undefined);
    }
  });

  afterAll(() => skipping.close());

  async function waitingThere(connector?: string | ConnectorKey): Promise<ConsentScene> {
    // Cyclr's clock does not skip: by the flow's its links would have run out before they are made.
    skipping.sandbox.switches.signInTokenExpiresIn = 300 + ((await skipping.now()) - Date.now()) / 1000;
    const scene = await consentScene(skipping, connector);
    scenes.push(scene);
    await scene.reaches('awaitingAuthorization');
    return scene;
  }
  const fault = (path: string, then: FaultRule['then']) =>
    skipping.sandbox.fault({ match: { path }, times: 'always', then });
  const readPath = ({ key }: ConsentScene) => `/v1.0/account/connectors/${key.connectorId}`;

  test('a declined consent is notAuthorized after 0, 1, 2, 4, 8, 15 and 30 s, however often it comes back', async () => {
    const scene = await waitingThere();
    const before = await scene.view();
    const link = await scene.asks();
    const { location } = await scene.decides(link, 'decline');

    for (let times = 0; times < 3; times++) await scene.returns(link);
    await skipping.sleep('29s');
    const early = await scene.view();
    const readsEarly = scene.reads();
    await skipping.sleep('3s');
    const late = await scene.reaches('awaitingAuthorization');
    await scene.returns(link);
    await isRead(scene);

    expect(location).toBe(RETURN_TO);
    expect([early.state, readsEarly]).toEqual(['verifyingAuthorization', 7]);
    expect(late).toMatchObject({ problem: { code: 'notAuthorized' }, attempt: { id: link.attemptId } });
    expect(Date.parse(late.deadline!)).toBeGreaterThan(Date.parse(before.deadline!));
    expect(scene.reads()).toBe(8);
  });

  test('and a new link leads to the end all the same', async () => {
    const scene = await waitingThere();
    const declined = await scene.asks();
    await scene.decides(declined, 'decline');
    await scene.returns(declined);
    await skipping.sleep('31s');
    await scene.reaches('awaitingAuthorization');

    const link = await scene.asks();
    await scene.decides(link, 'approve');
    await scene.returns(link);
    const end = await scene.reaches('authenticated');

    expect(end).not.toHaveProperty('problem');
  });

  test('PasswordCredentials that are wrong come straight back, and are notAuthorized', async () => {
    const Properties = [
      { Name: 'Username', Value: 'jo' },
      { Name: 'Password', Value: 'expired-pw' },
    ];
    const scene = await waitingThere(skipping.install('Sugarloaf', { patch: { Properties } }));
    const link = await scene.asks();

    const outcome = await scene.decides(link, 'approve');
    await scene.returns(link);
    await skipping.sleep('31s');

    expect(outcome).toEqual({ status: 302, location: RETURN_TO });
    expect(await scene.reaches('awaitingAuthorization')).toMatchObject({ problem: { code: 'notAuthorized' } });
  });

  test('a confirmation that comes to nothing is answered as it stands after 10 s, and joined meanwhile', async () => {
    const scene = await waitingThere();
    const link = await scene.asks();

    const first = scene.confirms(link);
    await scene.reaches('verifyingAuthorization');
    await skipping.sleep('9s');
    const early = await Promise.race([first, Promise.resolve('not yet')]);
    await skipping.sleep('2s');
    const answer = await first;
    const second = scene.confirms(link);
    await skipping.sleep('25s');

    expect(early).toBe('not yet');
    expect(answer).toMatchObject({ state: 'verifyingAuthorization' });
    expect(await second).toMatchObject({ state: 'verifyingAuthorization' });
    expect(await scene.reaches('awaitingAuthorization')).toMatchObject({ problem: { code: 'notAuthorized' } });
    expect(scene.reads()).toBe(8);
  });

  test('there is one confirmation in five seconds', async () => {
    const scene = await waitingThere();
    const older = await scene.asks();
    await scene.asks();

    const views: View[] = [];
    const reads: number[] = [];
    for (const pause of ['4s', '2s', '6s', '1s'] as const) {
      views.push(await scene.confirms(older));
      reads.push(scene.reads());
      await skipping.sleep(pause);
    }

    expect(reads).toEqual([2, 2, 3, 4]);
    expect(views).toMatchObject(
      views.map(() => ({ state: 'awaitingAuthorization', problem: { code: 'notAuthorized' } })),
    );
  });

  test('a return is verified, though somebody had asked too early', async () => {
    const scene = await waitingThere();
    const link = await scene.asks();
    const early = scene.confirms(link);
    await scene.reaches('verifyingAuthorization');
    await skipping.sleep('31s');
    await scene.reaches('awaitingAuthorization');

    await scene.decides(link, 'approve');
    await scene.returns(link);

    expect(await early).toMatchObject({ state: 'verifyingAuthorization' });
    await scene.reaches('authenticated');
  });

  test('a link that can not be made for half a minute fails, and the flow goes on', async () => {
    const scene = await waitingThere();
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

  test('a consent that Cyclr can not be asked about is kept, and found hours later', async () => {
    const scene = await waitingThere();
    const link = await scene.asks();
    await scene.decides(link, 'approve');
    fault(readPath(scene), { status: 503 });

    await scene.returns(link);
    await skipping.sleep('3h');
    const during = await scene.view();
    skipping.sandbox.clearFaults();

    expect(during).toMatchObject({ state: 'verifyingAuthorization', problem: { code: 'cyclrUnavailable' } });
    await eventually(
      () => skipping.sleep('5m').then(() => scene.view()),
      ({ state }) => state === 'authenticated',
    );
  });
});
