/** The events of flows: the events that a flow sends, their targets, and the results of deliveries. */
import type { ServerResponse } from 'node:http';
import { Client, type WorkflowClientInterceptor, type WorkflowFailedError } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger, NativeConnection } from '@temporalio/worker';
import type { Targets } from '../../activities';
import { sendEvent } from '../../activities/events/delivery';
import { ConnectorAuth } from '../../client/connector-auth';
import { verify, WebhookVerificationError } from '../../client/http';
import { createTestSecrets, searchFor } from '../../scripts/faults/secret-search';
import { persistently } from '../../scripts/user/persistent';
import { openFlow } from '../../service/flows';
import { registerSearchAttributes } from '../../temporal/search-attributes';
import { sendFinalEvents } from '../../worker/sweep';
import type { EventReport } from '../../workflows/events';
import { endActivity, holding } from '../support/activities';
import { eventually } from '../support/eventually';
import { histories, ofKind } from '../support/histories';
import { createSecret, startReceiver, status, type Receiver } from '../support/receiver';
import { cached, openStage, type Stage } from '../support/stage';

let stage: Stage;
let receiver: Receiver;
let targets: Targets;

beforeAll(async () => {
  [stage, receiver] = await Promise.all([openStage(), startReceiver()]);
  const target = { url: receiver.url, secrets: [receiver.secret] };
  targets = { default: target, support: { ...target, types: ['connector.failed'] } };
  await stage.restartWorker({}, targets);
});

afterAll(async () => {
  await stage.close();
  await receiver.close();
});

test('a flow sends an event when it waits and an event with the timeline when it ends', async () => {
  const scene = await stage.scene('Brightdesk');
  stage.record('events', scene.handle);
  await scene.reaches('awaitingCredentials');
  await receiver.gets(scene.workflowId, ['connector.waiting']);

  await scene.gives({ kind: 'apiKey', key: 'right' });

  const [waiting, final] = await receiver.gets(scene.workflowId, ['connector.waiting', 'connector.authenticated']);
  const { accountId, connectorId } = scene.key;
  const identity = { accountId, connectorId, workflowId: scene.workflowId, runId: scene.runId };
  expect(waiting).toMatchObject({
    type: 'connector.waiting',
    timestamp: expect.stringMatching(/Z$/),
    data: {
      ...identity,
      id: `${scene.runId}.1`,
      sequence: 1,
      state: 'awaitingCredentials',
      deadline: expect.any(String),
    },
  });
  expect(waiting!.data).not.toHaveProperty('timeline');
  expect(final!.data).toMatchObject({ ...identity, id: `${scene.runId}.final`, sequence: 2, state: 'authenticated', timeline: { entries: expect.any(Array) } }); // prettier-ignore
  expect(JSON.stringify([waiting, final])).not.toMatch(/"icon"|"description"/);
  expect(receiver.invalid).toEqual([]);
});

test('a delivery is a workflow whose history has 11 events and does not contain the address of its target', async () => {
  const scene = await stage.scene('Openrates');
  await scene.reaches('authenticated');
  const delivery = stage.client.workflow.getHandle(`event/${scene.runId}.final`);
  stage.record('event-delivered', delivery);
  await delivery.result();

  const { events } = await delivery.fetchHistory();
  expect(events).toHaveLength(11);
  expect(ofKind(await scene.history(), 'activityTaskScheduled')).toHaveLength(2);
  const text = JSON.stringify(events);
  expect(text).not.toContain('secret-of-the-path');
});

test('a flow sends connector.problem for a refused input, and no second connector.waiting for the wait after the refusal', async () => {
  const scene = await stage.scene('Brightdesk');
  await scene.reaches('awaitingCredentials');
  await scene.gives({ kind: 'apiKey', key: 'wrong' });
  await scene.signals('cancel', { reason: 'enough' });
  stage.record('events-problem', scene.handle);

  const events = await receiver.gets(scene.workflowId, [
    'connector.waiting',
    'connector.problem',
    'connector.cancelled',
  ]);

  expect(events[1]!.data).toMatchObject({ sequence: 2, state: 'awaitingCredentials', problem: { code: 'refused' } });
});

test('a flow sends one connector.problem for each new problem code, and no event if the code is repeated in the same state', async () => {
  const scene = await stage.sceneIn('awaitingProperties', 'Fernhill');
  const { accountId: account } = scene.key;
  for (const submissionId of ['one', 'two'])
    await scene.signals('propertyInput', { submissionId, values: { NoSuch: 'x' } });
  stage.sandbox.fault({ match: { account, method: 'POST' }, then: { status: 400 } });
  await scene.sets({ Domain: 'acme' });
  const endOutage = stage.sandbox.fault({ match: { account }, times: 'always', then: { kind: 'throttled', retryAfter: 3600 } }); // prettier-ignore
  await scene.signals('propertyInput', { submissionId: 'three', values: { Domain: 'acme' } });
  await eventually(scene.view, ({ problem }) => problem?.code === 'cyclrUnavailable');
  const failures = async () => ofKind(await scene.history(), 'activityTaskFailed').length;
  const before = await failures();
  await scene.signals('recheck'); // this signal ends the pause of the outage
  await eventually(failures, (count) => count > before);
  endOutage();
  await scene.signals('cancel');

  const [waiting, ...events] = await receiver.gets(scene.workflowId, [
    'connector.waiting',
    'connector.problem',
    'connector.problem',
    'connector.problem',
    'connector.cancelled',
  ]);

  expect(waiting!.data).not.toHaveProperty('problem');
  const codes = ['unknownProperty', 'refused', 'cyclrUnavailable'];
  expect(events.slice(0, 3)).toMatchObject(codes.map((code) => ({ data: { problem: { code } } })));
});

test('a flow that ends before the first read sends its final event', async () => {
  const scene = await stage.scene({ ...stage.install('Brightdesk'), connectorId: 999 });
  stage.record('events-before-the-first-read', scene.handle);

  const [failed] = await receiver.gets(scene.workflowId, ['connector.failed']);

  expect(failed!.data).toMatchObject({ id: `${scene.runId}.final`, failure: { code: 'connectorNotFound' } });
});

test('a flow sends connector.problem for an outage that begins before the first read', async () => {
  const key = stage.install('Brightdesk');
  const match = { account: key.accountId };
  const endOutage = stage.sandbox.fault({ match, times: 'always', then: { kind: 'throttled', retryAfter: 3600 } });
  const scene = await stage.scene(key);
  stage.record('events-outage-before-the-first-read', scene.handle);

  const [problem] = await receiver.gets(scene.workflowId, ['connector.problem']);
  endOutage();
  await scene.signals('cancel');

  expect(problem!.data).toMatchObject({ state: 'fetchingConnector', problem: { code: 'cyclrUnavailable' } });
  const events = await receiver.gets(scene.workflowId, ['connector.problem', 'connector.cancelled']);
  expect(events.map(({ data }) => data.sequence)).toEqual([1, 2]);
});

test('a start can name targets beside the default target, and the timeline lists the named targets that the worker does not know', async () => {
  const scene = await stage.scene('Openrates', { notify: ['support', 'unknown'] });
  stage.record('events-unknown-target', scene.handle);
  await receiver.gets(scene.workflowId, ['connector.authenticated']);

  const timeline = await scene.timeline();

  expect(timeline).toContainEqual(expect.objectContaining({ event: 'unknownTarget', note: 'unknown' }));
});

test('sendFinalEvents sends one final event for a terminated run, and no event if a newer run of the flow exists', async () => {
  const [scene, followed] = [await stage.scene('Brightdesk'), await stage.scene('Kestrel')];
  await Promise.all([scene.reaches('awaitingCredentials'), followed.reaches('awaitingProperties')]);
  await Promise.all([scene.handle.terminate(), followed.handle.terminate()]);
  await stage.auth.start(followed.key);
  const query = `ExecutionStatus = 'Terminated'`;
  await eventually(() => stage.client.workflow.count(query), ({ count }) => count === 2); // prettier-ignore
  const sweep = { taskQueue: 'connector-auth', targets, done: new Set<string>() };

  await sendFinalEvents(stage.client, sweep);
  const done = await sendFinalEvents(stage.client, sweep);

  const [, failed] = await receiver.gets(scene.workflowId, ['connector.waiting', 'connector.failed']);
  expect([...done].sort()).toEqual([scene.runId, followed.runId].sort());
  expect(failed!.data).toMatchObject({ id: `${scene.runId}.final`, state: 'failed', failure: { code: 'terminated' }, timeline: { entries: expect.any(Array) } }); // prettier-ignore
  expect(failed!.data).not.toHaveProperty('sequence');
  expect(receiver.received.filter(({ event }) => event.data.id === `${scene.runId}.final`)).toHaveLength(1);
  expect(receiver.received.filter(({ event }) => event.data.id === `${followed.runId}.final`)).toEqual([]);
});

test('an onboarding sends an event for the end of each flow and an event for its own end', async () => {
  const key = stage.install('Brightdesk');
  const onboarding = { accountId: key.accountId, onboardingId: 'first', metadata: { order: '7' } };
  const { workflowId, runId } = await stage.auth.startOnboarding({ ...onboarding, scope: { connectorIds: [key.connectorId] } }); // prettier-ignore
  stage.record('events-onboarding', stage.client.workflow.getHandle(workflowId, runId));
  await eventually(() => stage.auth.view(key), ({ state }) => state === 'awaitingCredentials'); // prettier-ignore
  await stage.auth.cancel(key);

  const [progress, end] = await receiver.gets(workflowId, ['onboarding.progress', 'onboarding.incomplete']);

  expect(progress!.data).toMatchObject({
    ...onboarding,
    connector: { connectorId: key.connectorId, state: 'cancelled' },
  });
  expect(progress!.data).not.toHaveProperty('connectors');
  expect(end!.data).toMatchObject({ ...onboarding, id: `${runId}.final`, sequence: 2, state: 'incomplete', total: 1 });
});

test('a receiver that refuses events delays no flow, and the refused event stays pending with the status of the last answer', async () => {
  receiver.answers(status(500));
  const scene = await stage.scene('Openrates');
  await scene.reaches('authenticated');

  const delivery = stage.client.workflow.getHandle(`event/${scene.runId}.final`);
  stage.record('event-retried', delivery);
  const { raw } = await eventually(
    () => delivery.describe(),
    ({ raw }) => Boolean(raw.pendingActivities?.[0]?.lastFailure),
  );
  await scene.handle.result();
  receiver.answers();

  expect((await scene.handle.describe()).status.name).toBe('COMPLETED');
  expect(raw.pendingActivities![0]!.lastFailure!.message).toBe('Target "default" answered 500');
  await delivery.result();
});

test('if the namespace lacks a search attribute when a flow ends, the event is delivered after the registration of the search attribute', async () => {
  // This test has a namespace and a cached worker of its own: after the registration, Temporal can store the search
  // attribute in another column, and then the earlier events of the runs in the namespace lack its values.
  const own = await openStage();
  await own.restartWorker(cached, targets);
  const scene = await own.sceneIn('awaitingCredentials', 'Brightdesk');
  const { connection, namespace } = own;
  const isKnown = () => own.client.workflow.count('CyclrAccountId IS NULL').then(() => true, () => false); // prettier-ignore
  await connection.operatorService.removeSearchAttributes({ namespace, searchAttributes: ['CyclrAccountId'] });
  await eventually(isKnown, (known) => !known);

  await scene.signals('cancel');
  const { raw } = await eventually(
    () => scene.handle.describe(),
    ({ raw, status }) => Boolean(raw.pendingActivities?.[0]?.lastFailure) || status.name !== 'RUNNING',
  ).finally(() => registerSearchAttributes(connection, namespace));
  const [, cancelled] = await receiver.gets(scene.workflowId, ['connector.waiting', 'connector.cancelled']);
  await own.close();

  expect(JSON.stringify(raw.pendingActivities)).toContain('no mapping defined for search attribute');
  expect(cancelled!.data).toMatchObject({ id: `${scene.runId}.final` });
});

test('an event that is too large for Temporal is logged as lost, and the run that sends the event can end', async () => {
  const log: unknown[] = [];
  const logger = new DefaultLogger('ERROR', ({ message, meta }) => void log.push({ message, ...meta }));
  const data = { accountId: 'acme', onboardingId: 'x'.repeat(2 ** 21) } as EventReport['data'];
  const report: EventReport = { type: 'onboarding.completed', timestamp: new Date().toISOString(), data };
  const targets = { default: { url: 'https://receiver.example', secrets: [] } };
  // Activities use the connection of their worker, and the errors of this connection have no `details`.
  const connection = await NativeConnection.connect({ address: process.env.TEST_TEMPORAL_ADDRESS });
  const client = new Client({ connection, namespace: stage.namespace });

  const environment = new MockActivityEnvironment({}, { client, logger });
  await environment.run(() => sendEvent(targets, report));
  await connection.close();

  const eventId = `${environment.context.info.workflowExecution!.runId}.final`;
  expect(log).toMatchObject([{ message: 'An event is lost: it is too large for Temporal', eventId }]);
});

test('flows end although 20 posts get no answer, because posts take no activity slots of flows', async () => {
  await stage.restartWorker({ maxConcurrentActivityTaskExecutions: 5 }, targets);
  const open: ServerResponse[] = [];
  receiver.answers((response) => void open.push(response));
  const hanging = await Promise.all(Array.from({ length: 20 }, () => stage.scene('Openrates')));
  await eventually(() => open.length >= 20);
  const scene = await stage.sceneIn('awaitingCredentials', 'Brightdesk');

  const end = await scene.gives({ kind: 'apiKey', key: 'right' });
  await Promise.all(hanging.map(({ handle }) => handle.result()));
  const deliveries = hanging.map(({ runId }) => stage.client.workflow.getHandle(`event/${runId}.final`));
  const pending = await Promise.all(deliveries.map((delivery) => delivery.describe()));
  receiver.answers();
  for (const response of open) response.writeHead(204).end();

  expect(end.state).toBe('authenticated');
  expect(pending.map(({ status }) => status.name)).toEqual(Array(20).fill('RUNNING'));
  await receiver.gets(scene.workflowId, ['connector.waiting', 'connector.authenticated']);
  await stage.restartWorker({}, targets);
});

describe('a run in a final state that is still open', () => {
  let release!: () => void;

  beforeEach(async () => {
    const held = holding('sendEvent');
    release = held.release;
    await stage.restartWorker(held.options, targets);
  });

  afterEach(async () => {
    release();
    await stage.restartWorker({}, targets);
  });

  /** A ConnectorAuth whose first description of a run lets the run close. */
  function releasing(): ConnectorAuth {
    const interceptor: WorkflowClientInterceptor = { describe: (input, next) => next(input).finally(release) };
    const { connection, namespace } = stage;
    return new ConnectorAuth(new Client({ connection, namespace, interceptors: { workflow: [interceptor] } }));
  }

  test('if the latest run of a flow is in a final state but still open, a start waits until this run has closed, and starts the next run', async () => {
    const { key, runId } = await stage.sceneIn('authenticated', 'Openrates');

    const client = releasing();
    const next = await eventually(() => client.start(key), ({ started }) => started); // prettier-ignore

    expect(next.runId).not.toBe(runId);
  });

  test('a call that makes a session starts a new run if the latest run is in a final state but still open', async () => {
    const { key, runId, signals, reaches } = await stage.sceneIn('awaitingCredentials', 'Brightdesk');
    await signals('cancel');
    await reaches('cancelled');

    await openFlow(releasing(), key, { by: 'shop' });

    const latest = await stage.auth.latestRun(key);
    expect(latest.runId).not.toBe(runId);
  });

  test('a flow ends although an operator has ended the activity that sends its final event', async () => {
    const { handle } = await stage.sceneIn('authenticated', 'Openrates');

    await endActivity(stage.client, handle, 'sendEvent');

    expect(await handle.result()).toMatchObject({ state: 'authenticated' });
    expect(stage.log.join('\n')).toContain('An event is lost: its activity was ended');
  });

  test('if the latest run of an onboarding is in a final state but still open, addConnectors fails as closed, and a start waits until this run has closed, and starts the next run', async () => {
    const { accountId, connectorId } = stage.install('Brightdesk', { patch: { Authenticated: true } });
    const onboarding = { accountId, onboardingId: 'order', scope: { connectorIds: [connectorId] } };
    const { runId } = await stage.auth.startOnboarding(onboarding);
    await eventually(() => stage.auth.onboarding(onboarding), ({ state }) => state === 'completed'); // prettier-ignore

    // On a busy machine, the query after the signal can get no answer within 10 s.
    const adds = (connectorIds: number[]) => persistently(() => stage.auth.addConnectors(onboarding, { connectorIds }));
    const known = await adds([connectorId]);
    const refused = await adds([connectorId, 7]).catch((err: unknown) => err);
    const client = releasing();
    const next = await eventually(() => client.startOnboarding(onboarding), ({ started }) => started); // prettier-ignore

    expect(known).toMatchObject({ state: 'completed', total: 1 });
    expect(refused).toMatchObject({ code: 'closed' });
    expect(next.runId).not.toBe(runId);
  });
});

describe('secrets', () => {
  const mark = createTestSecrets();

  test('secrets of users are in no event and in no history of a delivery, and the address and the secret of a target are in no history', async () => {
    const [keys, properties] = await Promise.all([
      stage.sceneIn('awaitingCredentials', 'Brightdesk'),
      stage.sceneIn('awaitingProperties', 'Kestrel'),
    ]);
    const match = { method: 'PUT', account: keys.key.accountId } as const;
    stage.sandbox.fault({ match, then: { kind: 'echo400', form: 'plain' } });
    for (const name of ['wrong', 'right']) {
      await keys.gives({ kind: 'apiKey', key: mark.secret(name) });
      const SigningSecret = await stage.sealedProperty(properties.key, name, 'SigningSecret', mark.secret(name));
      const { state } = await properties.sets({ Environment: 'staging', SigningSecret }, name);
      if (state !== 'awaitingProperties') break;
    }
    await receiver.gets(keys.workflowId, ['connector.waiting', 'connector.problem', 'connector.authenticated']);
    await eventually(() => receiver.eventsOf(properties.workflowId).length >= 2);

    const runs = await histories(stage);
    const encoded = runs.map(({ history }) => temporal.api.history.v1.History.encode(history).finish());
    const deliveries = encoded.filter((_, index) => runs[index]!.workflowId.startsWith('event/'));
    const sent = stage.sandbox.requests.filter(({ body }) => mark.foundIn(JSON.stringify(body) ?? '').length > 0);
    expect(sent.length).toBeGreaterThanOrEqual(3);
    expect(deliveries.length).toBeGreaterThanOrEqual(5);
    expect(receiver.received.flatMap(({ text }) => mark.foundIn(text))).toEqual([]);
    expect(deliveries.flatMap((history) => mark.foundIn(history))).toEqual([]);
    for (const held of ['secret-of-the-path', receiver.secret.replace('whsec_', '')])
      expect([...encoded, ...stage.log].flatMap((text) => searchFor(held)(text))).toEqual([]);
  });
});

test('an undelivered event is listed, and a redelivery posts the same id and body again', async () => {
  receiver.answers(status(410));
  const scene = await stage.scene('Openrates');

  const delivery = stage.client.workflow.getHandle(`event/${scene.runId}.final`);
  const { status: ended, runId } = await eventually(
    () => delivery.describe(),
    ({ status }) => status.name !== 'RUNNING',
  );
  stage.record('event-gone', stage.client.workflow.getHandle(delivery.workflowId, runId));
  receiver.answers();

  const id = `${scene.runId}.final`;
  const { accountId } = scene.key;
  const request = { accountId, type: 'connector.authenticated', state: 'undelivered' } as const;
  const { items } = await eventually(
    () => stage.auth.events(request),
    ({ items }) => items.length > 0,
  );
  const again = await stage.auth.redeliver(id);
  const shown = await eventually(
    () => stage.auth.event(id),
    ({ state }) => state === 'delivered',
  );
  stage.record('event-redelivered', delivery);

  expect(ended.name).toBe('FAILED');
  expect(stage.log.join()).toContain('An event is undelivered');
  expect(items).toEqual([{ id, accountId, type: request.type, state: 'undelivered', sentAt: expect.any(String), endedAt: expect.any(String) }]); // prettier-ignore
  expect(again).toMatchObject({ id, state: expect.stringMatching(/^(pending|delivered)$/) });
  const posts = receiver.received.filter(({ event }) => event.data.id === id);
  expect(posts.map(({ text }) => text)).toEqual([posts[0]!.text, posts[0]!.text]);
  expect(shown).toMatchObject({ targets: ['default'], body: posts[0]!.event });
  await expect(stage.auth.redeliver('unknown.1')).rejects.toMatchObject({ code: 'notStarted' });
});

test('a delivery with a malformed argument fails as invalidInput and posts nothing', async () => {
  const { client } = stage;
  const sentBefore = new Set(receiver.received);
  const body = (id: unknown) => ({ type: 'connector.failed', timestamp: '2026-01-01T00:00:00Z', data: { id } });
  const malformed = [
    null,
    'text',
    { body: body('malformed-2'), targets: 'default' },
    { body: body({ toString: 1 }), targets: ['default'] },
    { body: body('another'), targets: ['default'] },
    { body: body('malformed-5'), targets: [null] },
    { body: body('malformed-6'), targets: Array<string>(12).fill('default') },
    { body: { ...body('malformed-7'), type: undefined }, targets: ['default'] },
  ];

  for (const [index, argument] of malformed.entries()) {
    const workflowId = `event/malformed-${index}`;
    const handle = await client.workflow.start('deliverEvent', { taskQueue: 'connector-auth', workflowId, args: [argument] }); // prettier-ignore
    const failure = await handle.result().catch((err: WorkflowFailedError) => err.cause);
    expect([index, failure]).toMatchObject([index, { type: 'invalidInput' }]);
    await expect(stage.auth.event(`malformed-${index}`)).rejects.toMatchObject({ code: 'notStarted' });
    await expect(stage.auth.redeliver(`malformed-${index}`)).rejects.toMatchObject({ code: 'notStarted' });
  }
  // Events of earlier flows can still arrive during this test. The filter removes them by their workflow id.
  const posted = receiver.received.filter((post) => !sentBefore.has(post) && !post.event.data?.workflowId);
  expect(posted).toEqual([]);
});

test('a workflow of another type with the id of an event is not redelivered, and a run without an event type is not listed', async () => {
  const body = { type: 'connector.failed', timestamp: '2026-01-01T00:00:00Z', data: { id: 'other' } };
  const argument = { body, targets: ['default'] };
  const start = (type: string, workflowId: string) =>
    stage.client.workflow.start(type, { taskQueue: 'connector-auth', workflowId, args: [argument] });
  const other = await start('authenticateConnector', 'event/other');
  const untyped = await start('deliverEvent', 'event/untyped');
  await Promise.allSettled([other.result(), untyped.result()]);
  const query = `WorkflowId = 'event/untyped' AND ExecutionStatus = 'Failed'`;
  await eventually(() => stage.client.workflow.count(query), ({ count }) => count === 1); // prettier-ignore

  await expect(stage.auth.redeliver('other')).rejects.toMatchObject({ code: 'notStarted' });
  const { items } = await stage.auth.events({ pageSize: 1000 });

  expect(items.map(({ id }) => id)).not.toContain('untyped');
  expect(items.length).toBeGreaterThan(0);
});

test('verify returns the event of a post, and refuses other secrets, changed bodies and old signatures', async () => {
  const { headers, text, event } = receiver.received.at(-1)!; // `verify` refuses a signature that is older than five minutes

  expect(verify(headers, text, [createSecret(), receiver.secret])).toEqual(event);
  expect(verify(new Headers(headers), Buffer.from(text), receiver.secret)).toEqual(event);
  const old = { ...headers, 'webhook-timestamp': String(Math.floor(Date.now() / 1000) - 301) };
  for (const [given, body, secret] of [
    [headers, text, createSecret()],
    [headers, `${text} `, receiver.secret],
    [old, text, receiver.secret],
    [{}, text, receiver.secret],
  ] as const)
    expect(() => verify(given, body, secret)).toThrow(WebhookVerificationError);
});
