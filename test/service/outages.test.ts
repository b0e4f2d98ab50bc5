/** Calls and event streams without a running worker, or without an answer of Temporal. */
import { Client, type Connection } from '@temporalio/client';
import { ConnectorAuth } from '../../client/connector-auth';
import { startProxy, type Proxy } from '../../scripts/faults/proxy';
import { createEventHub, type EventHub } from '../../service/streams/event-stream';
import { connect } from '../../temporal/connection';
import { eventually } from '../support/eventually';
import { asInResult, keyInput } from '../support/messages';
import { idOf, read, type Reading } from '../support/reading';
import { openStage, type Scene, type Stage } from '../support/stage';
import { AUTHENTICATION_FAILED } from '../../workflows/transaction-errors';
import { openService, pathOf, type Answer, type Service } from './scene';
import { CYCLR_WEBHOOK_SECRET } from './server';

/** A service and an event hub that use the same connection to Temporal. */
interface Side {
  service: Service;
  hub: EventHub;
  /** The errors with which checks of the hub failed. */
  errors: unknown[];
  connection: Connection;
}

let stage: Stage;
let proxy: Proxy;
let direct: Side;
let proxied: Side;
/**
 * The outage of Temporal begins before the tests without a worker. In this way, the calls without Temporal and the
 * calls without a worker wait for the library's time limits at the same time.
 */
let temporalOutage: TemporalOutage;

beforeAll(async () => {
  stage = await openStage();
  proxy = await startProxy(process.env.TEST_TEMPORAL_ADDRESS!);
  direct = await openSide(process.env.TEST_TEMPORAL_ADDRESS!);
  proxied = await openSide(proxy.address);
  temporalOutage = await cutTemporal();
});

afterAll(async () => {
  proxy.restore();
  for (const { hub, service, connection } of [direct, proxied]) {
    hub.close();
    await service.close();
    await connection.close();
  }
  await proxy.close();
  await stage.close();
});

async function openSide(address: string): Promise<Side> {
  const { namespace } = stage;
  const connection = await connect({ address, namespace, connectionOptions: { address } });
  const auth = new ConnectorAuth(new Client({ connection, namespace }));
  const service = await openService({ stage, temporal: { auth, connection } });
  const errors: unknown[] = [];
  const hub = createEventHub(auth, { heartbeatMs: 500, maxRetryMs: 500, onError: (error) => errors.push(error) });
  return { service, hub, errors, connection };
}

const right = { kind: 'apiKey', key: 'right' } as const;
const wrong = { kind: 'apiKey', key: 'wrong' } as const;

const asking = (): Promise<Scene> => stage.sceneIn('awaitingCredentials', 'Brightdesk');

/** Waits until the reader has received `count` further events. */
const more = ({ events }: Reading, count: number) => {
  const before = events.length;
  return eventually(
    () => events.length,
    (now) => now >= before + count,
  );
};

/** Waits until the hub has failed to read a flow from Temporal at least once, with one of the codes, if any is given. */
const fails = ({ errors }: Side, ...codes: string[]) =>
  eventually(() => errors.some((error) => codes.length === 0 || codes.includes((error as { code: string }).code)));

interface TemporalOutage {
  scene: Scene;
  other: Scene;
  early: Reading;
  late: Reading;
  answer: Promise<Answer>;
  /** The service's answer to a message that the test sends to Cyclr's webhook. */
  webhook: Promise<Answer>;
}

async function cutTemporal(): Promise<TemporalOutage> {
  const { service, hub } = proxied;
  const [scene, other] = [await asking(), await asking()];
  const early = read(hub, [scene.key]);
  await early.sees('awaitingCredentials');
  await eventually(
    () => service.call('GET', '/readyz'),
    ({ status }) => status === 200,
  );
  proxy.cut();
  const late = read(hub, [scene.key, other.key]);
  const answer = service.asBackend('POST', pathOf(other.key));
  const message = { Message: AUTHENTICATION_FAILED, AccountId: scene.key.accountId, CycleId: 'cycle' };
  const webhook = service.call('POST', `/v1/cyclr/transaction-errors/${CYCLR_WEBHOOK_SECRET}`, { body: message });
  return { scene, other, early, late, answer, webhook };
}

/** Starts an onboarding of a new account, and makes a session for it. */
async function onboardingSession({ asBackend }: Service): Promise<string> {
  const onboarding = { accountId: stage.install('Brightdesk').accountId, onboardingId: 'crm' };
  await asBackend('POST', '/v1/onboardings', { ...onboarding, scope: { all: true } });
  return (await asBackend('POST', '/v1/sessions', onboarding)).body.token as string;
}

describe('while no worker runs', () => {
  let [early, late, unseen]: Reading[] = [];
  let [answer, session, renewed, keys]: Answer[] = [];

  beforeAll(async () => {
    const { service, hub } = direct;
    const scene = await asking();
    early = read(hub, [scene.key]);
    await early.sees('awaitingCredentials');
    const input = await keyInput(stage, scene);
    const token = await onboardingSession(service);
    await stage.stopWorker();
    await scene.signals('credentialInput', input);
    late = read(hub, [scene.key]);
    const fresh = await stage.scene('Brightdesk');
    unseen = read(hub, [fresh.key]);
    const refused = eventually(
      () => service.asBackend('GET', pathOf(fresh.key)),
      ({ body: { code } }) => code === 'noWorker', // on a busy machine, Temporal can also be slow: temporalUnavailable
    );
    [answer] = await Promise.all([refused, more(unseen, 3), more(early, 2)]);
    // Repeats the call, because the service keeps an answer in its memory for 2 s.
    session = await eventually(
      () => service.call('GET', '/v1/session', { token }),
      ({ body: { code } }) => code === 'noWorker',
    );
    renewed = await service.call('POST', '/v1/session/renew', { token });
    keys = await service.call('GET', '/v1/session/sealing-keys', { token });
    await fails(direct, 'noWorker');
    await stage.restartWorker();
  });

  test('a call that needs a worker is answered with 503 noWorker and Retry-After', () => {
    expect(answer).toMatchObject({ status: 503, body: { code: 'noWorker' } });
    expect(answer!.headers.get('retry-after')).toBe('10');
    expect(direct.errors).toContainEqual(expect.objectContaining({ name: 'ConnectorAuthError', code: 'noWorker' }));
  });

  test('without a worker, a session of an onboarding is renewed and reads the sealing keys, although the service cannot read its connectors', () => {
    expect(session).toMatchObject({ status: 503, body: { code: 'noWorker' } });
    expect(renewed).toMatchObject({ status: 200, body: { token: expect.any(String) } });
    expect(keys).toMatchObject({ status: 200, body: { keys: [{ kid: stage.publicKey.kid }] } });
  });

  test('streams stay open without a worker, and after a worker starts, the streams get the outcome of an input that waited for the worker', async () => {
    await Promise.all([early!.ended, late!.ended]);

    expect(early!.views().at(-1)).toMatchObject({ state: 'authenticated' });
    expect(late!.views()[0]).toMatchObject({ state: 'awaitingCredentials' });
    expect(late!.ids()).toEqual(early!.ids().slice(-late!.ids().length));
  });

  test('a stream of a flow that no worker has handled yet gets comments, and later the first view', async () => {
    await unseen!.sees('awaitingCredentials');

    expect(unseen!.events.slice(0, 3)).toEqual(Array(3).fill({ comment: 'nothing new' }));
  });
});

describe('while Temporal does not answer', () => {
  test('without Temporal, a call is answered with 503 temporalUnavailable and Retry-After, and the answer does not contain the address of Temporal', async () => {
    const answer = await temporalOutage.answer;

    expect(answer).toMatchObject({ status: 503, body: { code: 'temporalUnavailable' } });
    expect(answer.headers.get('retry-after')).toBe('10');
    expect(answer.text).not.toContain(proxy.address);
  });

  test("without Temporal, a message of Cyclr's webhook is answered with 204, and the log has an error that does not show the secret path of the webhook", async () => {
    const answer = await temporalOutage.webhook;

    const line = await eventually(
      () => proxied.service.log.find((text) => text.includes('"lost"')),
      (found) => found !== undefined,
    );
    expect(answer).toMatchObject({ status: 204, text: '' });
    expect(JSON.parse(line!)).toMatchObject({ level: 'error', status: 204, lost: 'temporalUnavailable' });
    expect(line).not.toContain(CYCLR_WEBHOOK_SECRET);
  });

  test('without Temporal, /readyz of the service answers 503, and /healthz answers 200', async () => {
    const { service } = proxied;

    const ready = await eventually(
      () => service.call('GET', '/readyz'),
      ({ status }) => status === 503,
    );

    expect(ready.body).toEqual({ ok: false, why: expect.any(String) });
    expect(await service.call('GET', '/healthz')).toMatchObject({ status: 200, body: { ok: true } });
  });

  test('streams stay open without Temporal, and get the current views after Temporal answers again', async () => {
    const { scene, other, early, late } = temporalOutage;
    await fails(proxied);

    await scene.gives(wrong);
    proxy.restore();
    await eventually(early.views, (views) => views.at(-1)?.problem?.code === 'refused');
    await eventually(late.ids, (ids) => new Set(ids.map((id) => id.split('.')[0])).size === 2);

    const current = idOf(await scene.view());
    expect(early.ids().at(-1)).toBe(current);
    expect(late.ids()).toContain(current);
    expect(proxied.errors).toEqual(proxied.errors.map(() => expect.objectContaining({ code: 'temporalUnavailable' })));
    await Promise.all([scene.gives(right), other.gives(right)]);
    await Promise.all([early.ended, late.ended]);
  });

  test.each(['cut', 'hold'] as const)(
    'after a short outage (%s) a stream misses no view and repeats no view',
    async (outage) => {
      const scene = await asking();
      const reader = read(proxied.hub, [scene.key]);
      await reader.sees('awaitingCredentials');

      proxy[outage]();
      await scene.gives(wrong);
      await more(reader, 2);
      expect(reader.views()).toHaveLength(1);
      proxy.restore();
      await eventually(reader.views, (views) => views.at(-1)?.problem?.code === 'refused');
      await scene.gives(right);
      await reader.ended;

      expect(asInResult(reader.views().at(-1)!)).toEqual(await stage.auth.result(scene.key));
      expect(reader.ids()).toEqual([...new Set(reader.ids())]);
    },
  );
});
