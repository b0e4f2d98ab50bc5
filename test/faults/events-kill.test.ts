/**
 * The worker is killed in each step of an onboarding, while a receiver of events answers, hangs or resets posts. Each
 * run has exactly one final event, and no event is lost.
 */
import { randomUUID } from 'node:crypto';
import type { FaultRule } from '../../sandbox/fault-rule';
import { startWorker, type LocalWorker } from '../../scripts/local/parts';
import { sealCredentials } from '../../sealing/seal';
import { workflowIdOf, type ConnectorKey } from '../../workflows/connector';
import type { OnboardingKey } from '../../workflows/onboarding';
import { eventually } from '../support/eventually';
import { startReceiver, type Receiver } from '../support/receiver';
import { openScene, type Scene } from './scene';

interface Onboarding {
  key: OnboardingKey;
  workflowId: string;
  flows: ConnectorKey[];
  cycleId: string;
}

let scene: Scene;
let receiver: Receiver;
let worker: LocalWorker;
let workers = 0;

beforeAll(async () => {
  [scene, receiver] = await Promise.all([openScene(), startReceiver()]);
  worker = await newWorker();
});

afterAll(async () => {
  await scene?.close();
  await receiver?.close();
});

async function newWorker(): Promise<LocalWorker> {
  const { folder, sealingKeys, toTemporal, toCyclr, sandbox } = scene;
  const started = await startWorker({
    name: `worker-with-events-${++workers}`,
    ...{ logFolder: folder, sealingKeys, temporal: { address: toTemporal.address } },
    cyclr: {
      ...{ url: `http://${toCyclr.address}`, serviceUrl: sandbox.url },
      ...{ clientId: sandbox.clientId, clientSecret: sandbox.clientSecret },
    },
    env: { WEBHOOK_URL: receiver.url, WEBHOOK_SECRETS: receiver.secret },
  });
  scene.onStop(() => started.kill());
  return started;
}

/**
 * Kills the worker and starts another worker. Before the start, the proxy cuts its connections, so that data that the
 * killed worker had sent to the proxy does not reach Temporal.
 */
async function replaceWorker(): Promise<void> {
  await worker.kill();
  scene.toTemporal.cut();
  scene.toTemporal.restore();
  worker = await newWorker();
}

/** Starts an onboarding of a cycle with `count` connectors. Cyclr does not answer the call that `rule` describes. */
async function onboarding(count = 2, rule?: Rule): Promise<Onboarding> {
  const accountId = `account-${randomUUID()}`;
  const connectors = Array<string>(count).fill('Brightdesk');
  const ids = scene.sandbox.createAccount(accountId, { connectors }).map(({ id }) => id);
  const cycleId = scene.sandbox.createCycle(accountId, ids);
  const key = { accountId, onboardingId: 'o1' };
  if (rule) scene.sandbox.fault(ruleFor(rule, { key, cycleId }));
  const { workflowId } = await scene.auth.startOnboarding({ ...key, scope: { cycleId }, activateCycle: true });
  return { key, workflowId, flows: ids.map((connectorId) => ({ accountId, connectorId })), cycleId };
}

/** Starts an onboarding, and waits until its flows wait for their API keys. */
async function waiting(): Promise<Onboarding> {
  const one = await onboarding();
  const isWaiting = (key: ConnectorKey) => scene.auth.view(key).then(({ state }) => state === 'awaitingCredentials');
  await Promise.all(one.flows.map((key) => eventually(() => isWaiting(key))));
  return one;
}

interface Rule {
  method: 'GET' | 'PUT';
  /** A regular expression; `CYCLE` stands for the id of the cycle. */
  path: string;
  then: 'hang' | 'applied-then-hang';
}

const ruleFor = ({ method, path, then }: Rule, { key, cycleId }: Pick<Onboarding, 'key' | 'cycleId'>): FaultRule => ({
  match: { account: key.accountId, method, path: path.replace('CYCLE', cycleId) },
  then,
});

/** Sends each flow the right API key by a signal. The flow keeps the signal in its inbox until it can apply the key. */
const connect = ({ flows }: Pick<Onboarding, 'flows'>) =>
  Promise.all(
    flows.map(async (key) => {
      const submissionId = randomUUID();
      const credentials = await sealCredentials(
        { kind: 'apiKey', key: 'right' },
        { ...key, submissionId },
        scene.publicKey,
      );
      const flow = scene.client.workflow.getHandle(workflowIdOf(key));
      await eventually(() => flow.signal('credentialInput', { submissionId, credentials }).then(() => true));
    }),
  );

/**
 * Calls that an onboarding and its flows make to Cyclr. `early`: calls before the time when the flows get API keys.
 * `late`: calls after this time.
 */
const early = {
  'reading the scope': { method: 'GET', path: '/cycles/CYCLE/prerequisites', then: 'hang' },
  'reading a connector': { method: 'GET', path: '/connectors/\\d+$', then: 'hang' },
} as const;
const late = {
  'storing the credentials': { method: 'PUT', path: '/connectors/\\d+$', then: 'hang' },
  'storing the credentials, done at Cyclr': { method: 'PUT', path: '/connectors/\\d+$', then: 'applied-then-hang' },
  'reading the scope again': { method: 'GET', path: '/cycles/CYCLE/prerequisites', then: 'hang' },
  'activating the cycle': { method: 'PUT', path: '/cycles/CYCLE/activate', then: 'hang' },
  'activating the cycle, done at Cyclr': { method: 'PUT', path: '/cycles/CYCLE/activate', then: 'applied-then-hang' },
} as const;

/** Starts one onboarding for each step, and waits until Cyclr has received the call of each step. */
async function oneInEachStep(): Promise<Onboarding[]> {
  const prepared = await Promise.all(Object.values(late).map(async (rule) => ({ rule, one: await waiting() })));
  for (const { rule, one } of prepared) scene.sandbox.fault(ruleFor(rule, one));
  const started = await Promise.all([
    ...Object.values(early).map((rule) => onboarding(2, rule)),
    ...prepared.map(async ({ one }) => (await connect(one), one)),
  ]);
  await eventually(
    () => new Set(scene.sandbox.requests.filter(({ status }) => status === undefined).map(({ account }) => account)),
    (accounts) => started.every(({ key }) => accounts.has(key.accountId)),
  );
  return started;
}

test('after kills of the worker in each step of an onboarding, each run has one final event, and no event is lost', async () => {
  receiver.answers(() => undefined); // the receiver gets posts, and does not answer them
  const calling = await oneInEachStep();
  await eventually(() => receiver.received.length > 0);
  await replaceWorker();
  receiver.answers((response) => void response.destroy()); // the receiver resets each post
  await Promise.all(calling.slice(0, Object.keys(early).length).map(connect));

  const starting = await onboarding(20);
  await eventually(() => scene.client.workflow.getHandle(workflowIdOf(starting.flows[0]!)).describe());
  await replaceWorker(); // the worker is killed while an onboarding starts its flows
  await connect(starting);

  const ending = await Promise.all(Array.from({ length: 5 }, waiting));
  receiver.answers();
  const { runId } = await scene.auth.view(ending[0]!.flows[0]!);
  await Promise.all(ending.map(connect));
  await eventually(() => scene.client.workflow.getHandle(`event/${runId}.final`).describe());
  await replaceWorker(); // the worker is killed while flows end and start the deliveries of their final events

  for (const { key, flows, cycleId, workflowId } of [...calling, starting, ...ending]) {
    const end = await eventually(
      () => scene.auth.onboarding(key),
      ({ state }) => state !== 'running',
    );
    expect(end).toMatchObject({ state: 'completed', total: flows.length, done: flows.length });
    expect(scene.sandbox.cycleOf(key.accountId, cycleId).status).toBe('Active');
    await expectEvents(workflowId, [...flows.map(() => 'onboarding.progress'), 'onboarding.completed']);
    for (const flow of flows) await expectEvents(workflowIdOf(flow), ['connector.waiting', 'connector.authenticated']);
  }
  expect(receiver.invalid).toEqual([]);
});

/**
 * Expects that the latest run has sent events of the types `types`, that all posts of an event have the same id and
 * body, and that only the last event is the final event.
 */
async function expectEvents(workflowId: string, types: string[]): Promise<void> {
  const { runId } = await scene.client.workflow.getHandle(workflowId).describe();
  const events = await receiver.gets(workflowId, types);
  const ids = types.map((_, index) => `${runId}.${index === types.length - 1 ? 'final' : index + 1}`);
  expect(events.map(({ data }) => data.id)).toEqual(ids);
  const bodies = receiver.received.filter(({ event }) => event.data.workflowId === workflowId);
  expect(new Set(bodies.map(({ text }) => text)).size).toBe(types.length);
}
