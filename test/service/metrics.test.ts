/** The metrics of the alerts and the dashboard, compared with what a running worker and service serve. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { parse } from 'yaml';
import { generateKey, publicKeyOf } from '../../sealing/keys';
import { sealCredentials } from '../../sealing/seal';
import { createMetrics } from '../../service/metrics';
import { workflowIdOf } from '../../workflows/connector';
import { consentScene } from '../support/consent';
import { eventually } from '../support/eventually';
import { startReceiver, status, type Receiver } from '../support/receiver';
import { bundlePath, openStage, workerMetrics, type Stage } from '../support/stage';

const folder = 'deploy/observability';
const credentials = { kind: 'apiKey', key: 'my-key' } as const;

let stage: Stage;
let receiver: Receiver;

beforeAll(async () => {
  [stage, receiver] = await Promise.all([openStage(), startReceiver()]);
  const targets = { default: { url: receiver.url, secrets: [receiver.secret] } };
  await stage.restartWorker({}, targets, undefined, '1 day');
});

afterAll(async () => {
  await stage?.close();
  await receiver?.close();
});

/** Returns the PromQL expressions of the alerts and of the dashboard. */
function expressions(): string[] {
  const { groups } = parse(readFileSync(`${folder}/alerts.yml`, 'utf8'));
  const { panels } = JSON.parse(readFileSync(`${folder}/dashboard.json`, 'utf8'));
  const inPanels = panels.flatMap(({ targets = [] }) => targets.map(({ expr }: { expr: string }) => expr));
  return [...groups[0].rules.map(({ expr }: { expr: string }) => expr), ...inPanels];
}

/** Returns the names of the metrics in `expressions()`, without the suffix that a histogram's series has. */
const named = (): Set<string> =>
  new Set(
    expressions()
      .flatMap((expression) => expression.match(/\b(cyclr_connect|temporal|process)_\w+/g) ?? [])
      .map((name) => name.replace(/_bucket$/, '')),
  );

const typesIn = (text: string): string[] => [...text.matchAll(/^# TYPE (\w+) /gm)].map(([, name]) => name!);

/** Starts flows and causes faults, so that each metric of the worker has a value. */
async function countEverything(): Promise<void> {
  const forbidden = stage.install('Brightdesk');
  stage.sandbox.fault({ match: { account: forbidden.accountId }, times: 'always', then: { status: 403 } });
  await stage.scene(forbidden);
  const consent = await consentScene(stage);
  await consent.asks();
  const [flow, unknown] = await Promise.all([1, 2].map(() => stage.sceneIn('awaitingCredentials', 'Brightdesk')));
  await flow!.signals('credentialInput', 'malformed');
  await flow!.gives(credentials);
  const otherKey = await publicKeyOf(JSON.stringify({ keys: [await generateKey()] }));
  const sealed = await sealCredentials(credentials, { ...unknown!.key, submissionId: 's' }, otherKey);
  await unknown!.signals('credentialInput', { submissionId: 's', credentials: sealed });
}

/**
 * Makes two workflow tasks fail. The first task belongs to a workflow type that the worker does not have. The second
 * task belongs to a cancelled flow in a namespace without the search attributes, so Temporal refuses the upsert of the
 * final state. The worker runs until `settled` resolves.
 */
async function failWorkflowTasks(settled: () => Promise<unknown>): Promise<void> {
  // These workflows are not in the namespace of the stage, because the stage fails if a workflow task in its namespace
  // has failed.
  const [namespace, taskQueue] = ['default', `failing-${randomUUID()}`];
  const connection = await NativeConnection.connect({ address: process.env.TEST_TEMPORAL_ADDRESS });
  const client = new Client({ connection: stage.connection, namespace });
  const worker = await Worker.create({ connection, namespace, taskQueue, workflowBundle: { codePath: bundlePath } });
  const running = worker.run();
  const key = { accountId: taskQueue, connectorId: 1 };
  const cancelled = { taskQueue, workflowId: workflowIdOf(key), args: [key], signal: 'cancel', signalArgs: [] };
  const runs = await Promise.all([
    client.workflow.start('noSuchType', { taskQueue, workflowId: taskQueue }),
    client.workflow.signalWithStart('authenticateConnector', cancelled),
  ]);
  try {
    await settled();
  } finally {
    for (const run of runs) await run.terminate();
    worker.shutdown();
    await running;
    await connection.close();
  }
}

test('a running worker and service serve each metric of the alerts and of the dashboard', async () => {
  await countEverything();
  const metrics = createMetrics({ client: stage.client });
  const isOfWorker = (name: string) => !ofService.includes(name);
  const ofService = typesIn(await metrics.text());
  const wanted = [...named()].filter(isOfWorker);
  let served: string[] = [];

  await failWorkflowTasks(() =>
    eventually(
      async () => (served = typesIn(await workerMetrics())),
      () => wanted.every((name) => served.includes(name)),
    ).catch(() => undefined),
  );

  expect(wanted.length).toBeGreaterThan(10);
  expect(wanted.filter((name) => !served.includes(name))).toEqual([]);
});

test("the service's gauges count the workers, the flows with a problem and the open deliveries", async () => {
  receiver.answers(status(503));
  const flow = await stage.scene('Brightdesk'); // the delivery of this flow's event stays open, because the receiver answers 503
  await flow.reaches('awaitingCredentials');

  const expected = [
    /^cyclr_connect_open_deliveries{older_than="0h"} [1-9]/m,
    /^cyclr_connect_open_deliveries{older_than="1h"} 0$/m,
    /^cyclr_connect_flows_in_trouble{problem="operatorsTrouble",older_than="0h"} 1$/m,
    /^cyclr_connect_flows_in_trouble{problem="operatorsTrouble",older_than="1h"} 0$/m,
    /^cyclr_connect_pollers{queue="flows",task="workflow"} 1$/m,
    /^cyclr_connect_pollers{queue="events",task="activity"} 1$/m,
  ];
  // If Temporal does not answer within 5 s, the text lacks some of the gauges.
  const text = await eventually(
    () => createMetrics({ client: stage.client }).text(),
    (seen) => expected.every((line) => line.test(seen)),
  );

  for (const line of expected) expect(text).toMatch(line);
});

test('without an answer of Temporal, the service serves its other metrics', async () => {
  const connection = Connection.lazy({ address: '127.0.0.1:1', interceptors: [] });
  const text = await createMetrics({ client: new Client({ connection }) }).text();
  await connection.close();

  expect(text).toContain('cyclr_connect_streams 0');
  expect(text).not.toMatch(/^cyclr_connect_pollers\{/m);
});

test('in a namespace without the search attributes, the service serves the gauges of the task queues, and no count of flows', async () => {
  const client = new Client({ connection: stage.connection, namespace: 'default' });

  const text = await eventually(
    () => createMetrics({ client }).text(),
    (seen) => /^cyclr_connect_pollers\{queue="flows",task="workflow"\} 0$/m.test(seen),
  );

  expect(text).not.toMatch(/^cyclr_connect_flows_in_trouble\{/m);
});
