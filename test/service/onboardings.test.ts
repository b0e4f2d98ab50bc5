/** Onboardings over HTTP. A backend starts an onboarding, shows its connectors to a user, and reads its end. */
import { randomUUID } from 'node:crypto';
import { OnboardingService } from '../../client/http';
import type { OnboardingProgress } from '../../workflows/onboarding';
import { workflowIdOf } from '../../workflows/connector';
import { readEvents, viewsIn } from '../support/event-reader';
import { eventually } from '../support/eventually';
import { ofKind } from '../support/histories';
import { keyInput } from '../support/messages';
import { openService, type Service } from './scene';

let service: Service;
let backend: OnboardingService;
beforeAll(async () => {
  service = await openService();
  backend = new OnboardingService({ url: service.url, apiKey: service.apiKey });
});
afterAll(() => service.close());

/** Makes an account with the connectors `connectors`, and a new onboarding id. Starts no onboarding. */
function account(...connectors: string[]) {
  const accountId = `account-${randomUUID()}`;
  const onboardingId = `crm ${randomUUID().slice(0, 8)}`;
  const ids = connectors.map((connector) => service.stage.install(connector, { accountId }).connectorId);
  const path = `/v1/onboardings/${accountId}/${encodeURIComponent(onboardingId)}`;
  return { accountId, onboardingId, ids, path, key: { accountId, onboardingId } };
}

const start = (body: object) => service.asBackend('POST', '/v1/onboardings', body);
const becomes = (path: string, isRight: (progress: OnboardingProgress) => boolean) =>
  eventually(async () => (await service.asBackend('GET', path)).body as OnboardingProgress, isRight);
const areRunning = (count: number) => (progress: OnboardingProgress) =>
  progress.connectors.filter(({ state }) => state === 'running').length === count;

/** Sends the right API key, as a browser with a session does. */
async function connects(token: string, accountId: string, connectorId: number) {
  const body = await keyInput(service.stage, { key: { accountId, connectorId } });
  return service.call('POST', `/v1/session/connectors/${connectorId}/credentials`, { token, body });
}

const sessionOf = async ({ accountId, onboardingId }: ReturnType<typeof account>, more: object = {}) =>
  (await service.asBackend('POST', '/v1/sessions', { accountId, onboardingId, ...more })).body.token as string;

test('an onboarding of a cycle over HTTP also shows a connector that is added later, and activates the cycle when all connectors are authenticated', async () => {
  const onboarding = account('Brightdesk', 'Plainfield', 'Nullarbor');
  const [first, second, later] = onboarding.ids as [number, number, number];
  const cycleId = service.stage.sandbox.createCycle(onboarding.accountId, [first, second]);

  const started = await start({
    ...onboarding.key,
    scope: { cycleId },
    activateCycle: true,
    metadata: { order: '4711' },
  });
  const again = await start({ ...onboarding.key, scope: { all: true } });
  await becomes(onboarding.path, areRunning(2));
  const token = await sessionOf(onboarding);
  const stream = await readEvents(service.url, token);
  await eventually(
    () => viewsIn(stream),
    (views) => new Set(views.map(({ connectorId }) => connectorId)).size === 2,
  );
  const added = await backend.addConnectors(onboarding.key, { connectorIds: [later] });
  await stream.ended;
  const shown = await eventually(
    async () => (await service.call('GET', '/v1/session', { token })).body.connectors,
    (views: object[]) => views.length === 3,
  );
  for (const id of onboarding.ids) expect((await connects(token, onboarding.accountId, id)).status).toBe(200);
  const done = await becomes(onboarding.path, ({ state }) => state !== 'running');
  const last = await readEvents(service.url, token);
  await last.ended;

  expect([started.status, again.status]).toEqual([201, 200]);
  expect(started.body).toMatchObject({ ...onboarding.key, state: 'running', metadata: { order: '4711' } });
  expect(added.connectors.map(({ connectorId }) => connectorId)).toEqual(onboarding.ids);
  expect(stream.events.at(-1)).toMatchObject({ retry: '100' });
  expect(shown).toHaveLength(3);
  expect(done).toMatchObject({ state: 'completed', total: 3, done: 3, cycle: { id: cycleId, state: 'active' } });
  expect(last.events.at(-1)).toEqual({ event: 'final', data: '{}' });
  expect(service.stage.sandbox.cycleOf(onboarding.accountId, cycleId).status).toBe('Active');
});

test('the stream of a session for an onboarding ends only after the onboarding has ended, even if all flows have ended earlier', async () => {
  const onboarding = account('Brightdesk', 'Plainfield');
  const [first, second] = onboarding.ids as [number, number];
  await start({ ...onboarding.key, scope: { connectorIds: [first, second] } });
  await becomes(onboarding.path, areRunning(2));
  const token = await sessionOf(onboarding);
  expect((await connects(token, onboarding.accountId, first)).status).toBe(200);
  await service.stage.auth.cancel({ accountId: onboarding.accountId, connectorId: second });
  const stream = await readEvents(service.url, token);
  await stream.ended;
  const progress = await backend.onboarding(onboarding.key);

  expect(stream.events.at(-1)).toEqual({ event: 'final', data: '{}' });
  expect(progress).toMatchObject({ state: 'incomplete', done: 1 });
  expect(progress.connectors.map(({ state }) => state)).toEqual(['authenticated', 'cancelled']);
});

test('a service that stops ends the stream of a session for a running onboarding with the event retry', async () => {
  const onboarding = account('Brightdesk');
  await start({ ...onboarding.key, scope: { all: true } });
  await becomes(onboarding.path, areRunning(1));
  const stopping = await openService({ stage: service.stage });
  const { body } = await stopping.asBackend('POST', '/v1/sessions', onboarding.key);
  const stream = await readEvents(stopping.url, body.token as string);
  await eventually(() => viewsIn(stream).length > 0);

  await stopping.close();
  await stream.ended;

  expect(Number(stream.events.at(-1)?.retry)).toBeGreaterThan(0);
});

test('cancel with cancelFlows ends an onboarding and its flows, and an ended onboarding accepts no connectors', async () => {
  const onboarding = account('Brightdesk', 'Plainfield');
  await start({ ...onboarding.key, scope: { all: true } });
  await becomes(onboarding.path, areRunning(2));

  await backend.cancelOnboarding(onboarding.key, { cancelFlows: true });
  const cancelled = await becomes(onboarding.path, ({ state }) => state !== 'running');
  const refused = await service.asBackend('POST', `${onboarding.path}/connectors`, { connectorIds: [1] });
  const views = await Promise.all(
    onboarding.ids.map((connectorId) =>
      eventually(
        () => service.stage.auth.view({ accountId: onboarding.accountId, connectorId }),
        ({ state }) => state === 'cancelled',
      ),
    ),
  );

  expect(cancelled.state).toBe('cancelled');
  expect(refused).toMatchObject({ status: 409, body: { code: 'closed' } });
  expect(views).toHaveLength(2);
});

test('the session of an invitation to an onboarding has the connectors of the onboarding, except cancelled connectors', async () => {
  const onboarding = account('Brightdesk', 'Plainfield');
  const [first, second] = onboarding.ids as [number, number];
  await start({ ...onboarding.key, scope: { all: true } });
  await becomes(onboarding.path, areRunning(2));
  await eventually(
    () => service.stage.auth.view({ accountId: onboarding.accountId, connectorId: first }),
    ({ state }) => state === 'awaitingCredentials',
  );
  const invitation = await sessionOf(onboarding, { kind: 'invitation' });
  await service.stage.auth.cancel({ accountId: onboarding.accountId, connectorId: second });

  const redeemed = await service.call('POST', '/v1/session/redeem', { token: invitation });
  const { body } = await service.call('GET', '/v1/session', { token: redeemed.body.token });
  const hidden = await connects(redeemed.body.token, onboarding.accountId, second);

  expect(body.connectors).toMatchObject([{ connectorId: first, state: 'awaitingCredentials' }]);
  expect(hidden.status).toBe(404);
});

test.each([
  ['neither connectors nor an onboarding', {}],
  ['both connectors and an onboarding', { connectorIds: [1], onboardingId: 'a' }],
])('a session with %s is refused', async (_what, more) => {
  const answer = await service.asBackend('POST', '/v1/sessions', { accountId: 'acme', ...more });

  expect(answer).toMatchObject({ status: 422, body: { code: 'malformed' } });
});

test.each([
  ['a scope of two kinds', { scope: { all: true, cycleId: 'a' } }, 'scope'],
  ['an activation without a cycle', { scope: { all: true }, activateCycle: true }, 'activateCycle'],
  ['a re-authentication of all connectors', { scope: { all: true }, intent: 'reauthenticate' }, 'intent'],
  ['too much metadata', { scope: { all: true }, metadata: { text: 'x'.repeat(2049) } }, 'metadata'],
  ['too many connectors', { scope: { connectorIds: Array.from({ length: 501 }, (_, i) => i + 1) } }, 'scope'],
])('an onboarding with %s is refused, and the error names the field', async (_what, more, name) => {
  const answer = await start({ accountId: 'acme', onboardingId: 'a', ...more });

  expect(answer).toMatchObject({ status: 422, body: { code: 'malformed' } });
  expect(answer.body.fields.map((field: { name: string }) => field.name.split('.')[0])).toEqual([name]);
});

test('if an onboarding does not exist, each call for the onboarding, and the request for a session, are answered with notFound', async () => {
  const onboarding = account('Brightdesk');

  const answers = await Promise.all([
    service.asBackend('GET', onboarding.path),
    service.asBackend('POST', `${onboarding.path}/cancel`, {}),
    service.asBackend('POST', `${onboarding.path}/connectors`, { connectorIds: onboarding.ids }),
    service.asBackend('POST', '/v1/sessions', onboarding.key),
  ]);

  expect(answers.map(({ status, body }) => [status, body.code])).toEqual(Array(4).fill([404, 'notFound']));
});

test('a session can name further targets of events for the flows that it starts', async () => {
  const { accountId, ids } = account('Brightdesk');

  await service.asBackend('POST', '/v1/sessions', { accountId, connectorIds: ids, notify: ['crm'] });
  const handle = service.stage.client.workflow.getHandle(workflowIdOf({ accountId, connectorId: ids[0]! }));
  const { events } = await handle.fetchHistory();

  const [started] = ofKind(events ?? [], 'workflowExecutionStarted');
  const [payload] = started?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
  expect(JSON.parse(Buffer.from(payload!.data!).toString())).toMatchObject({ notify: ['crm'] });
});
