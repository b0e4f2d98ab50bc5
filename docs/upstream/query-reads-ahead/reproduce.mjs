/**
 * Shows that queries make a worker write histories that do not replay: see ../query-reads-ahead.md. Needs a Temporal
 * server at TEMPORAL_ADDRESS. Exit code: 0 if the fault was shown, 1 if it was not, 2 after an error.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';

const RUNS = 12;
const QUERIES = Number(process.argv[2] ?? 5); // for each run
const LIMIT_MS = 60_000;

process.on('uncaughtException', (err) => {
  console.error(err);
  process.exit(2);
});
const logger = new DefaultLogger('ERROR');
Runtime.install({ logger, telemetryOptions: { logging: { filter: 'OFF' } } });
const address = process.env.TEMPORAL_ADDRESS ?? '127.0.0.1:7233';
const client = new Client({ connection: await Connection.connect({ address }) });
const connection = await NativeConnection.connect({ address });
const taskQueue = `query-reads-ahead-${Date.now()}`;
const activities = { work: async () => undefined };
const workflowsPath = fileURLToPath(new URL('workflow.mjs', import.meta.url));
const workflowBundle = await bundleWorkflowCode({ workflowsPath, logger });

async function withWorker(options, act) {
  const worker = await Worker.create({ connection, taskQueue, ...options });
  return worker.runUntil(act);
}

const withLimit = (act) => client.withDeadline(Date.now() + LIMIT_MS, act);
const kindOf = (event) =>
  /(\w+)EventAttributes/.exec(Object.keys(event).find((key) => key.endsWith('EventAttributes') && event[key]))[1];

/** Waits until the history of each run has an event of this kind. */
async function haveEvent(kind) {
  const end = Date.now() + LIMIT_MS;
  for (const handle of handles)
    while (!(await handle.fetchHistory()).events.some((event) => kindOf(event) === kind)) {
      if (Date.now() > end) throw new Error(`${handle.workflowId} has no event ${kind}`);
      await sleep(100);
    }
}

const ids = Array.from({ length: RUNS }, (_, i) => `${taskQueue}-${i}`);
const handles = await Promise.all(ids.map((workflowId) => client.workflow.start('example', { taskQueue, workflowId })));

await withWorker({ workflowBundle }, () => haveEvent('activityTaskScheduled'));
for (const handle of handles)
  for (let i = 0; i < QUERIES; i++) withLimit(() => handle.query('finished')).catch(() => undefined);
await withWorker({ activities }, () => haveEvent('activityTaskCompleted'));
const updates = withLimit(() => Promise.allSettled(handles.map((handle) => handle.executeUpdate('finish'))));
await sleep(1000); // the history has no event for an update that waits for a worker
const answers = await withWorker({ workflowBundle, activities }, () => updates);

const histories = await Promise.all(
  handles.map(async (handle) => ({ workflowId: handle.workflowId, history: await handle.fetchHistory() })),
);
let failed = 0;
for await (const { workflowId, error } of Worker.runReplayHistories({ workflowBundle }, histories)) {
  const message = error && (/\[TMPRL1100\][^"]*/.exec(error.message)?.[0] ?? String(error));
  if (message?.startsWith('[TMPRL1100]')) failed++;
  const { events } = histories.find((run) => run.workflowId === workflowId).history;
  console.log(`${workflowId}: ${message ?? 'replays'}`);
  console.log(...events.slice(8).map((event) => ` ${event.eventId} ${kindOf(event)}`));
}
const lost = answers.filter(({ reason }) => reason?.cause?.type === 'UnprocessedUpdate').length;
console.log(`${failed} of ${RUNS} histories do not replay; the worker lost ${lost} of ${RUNS} updates`);
process.exit(failed > 0 ? 0 : 1);
