/**
 * The worker of the task queue for events. This worker runs in the same process as the worker of the flows, and has its
 * own activity slots.
 */
import { Runtime, Worker, type NativeConnection, type WorkerPlugin } from '@temporalio/worker';
import { createEventActivities, type Targets } from '../activities';
import { eventsQueueOf } from '../workflows/events';
import { sweepHourly } from './sweep';

/** Maps each running worker of the flows to its worker for events. */
const beside = new WeakMap<Worker, Worker>();

/**
 * The worker for events that runs beside a worker of the flows. `undefined` before the worker for events has started.
 */
export const eventsWorkerOf = (worker: Worker): Worker | undefined => beside.get(worker);

/**
 * Lets a running worker of the flows, and the worker for events beside it, use another connection to the same
 * namespace, for example with a new certificate. After this call, the caller closes the former connection. Polls that
 * are open on the former connection still end normally.
 */
export function replaceConnection(worker: Worker, connection: NativeConnection): void {
  worker.connection = connection;
  const events = beside.get(worker);
  if (events) events.connection = connection;
}

/**
 * Runs a worker of the flows by `next`, and a worker of the task queue for events. The worker for events stops after
 * the worker of the flows. If one worker fails, or the `check` of the namespace fails, both workers end, and the
 * promise rejects.
 */
export async function runWithEvents(
  worker: Worker,
  next: (worker: Worker) => Promise<void>,
  targets: Targets = {},
  check: (connection: NativeConnection) => Promise<void> = async () => undefined,
): Promise<void> {
  const { connection } = worker;
  if (!connection) return next(worker); // a worker that replays histories has no connection
  // `next` is called before any `await`, so that the caller can shut the worker down at any time.
  const ended = next(worker);
  ended.catch(() => undefined); // the error is handled below, after the creation of the worker for events
  const events = await check(connection)
    .then(() => createEventsWorker(worker, connection, targets))
    .catch(async (err: unknown) => {
      stop(worker);
      await ended;
      throw err;
    });
  beside.set(worker, events);
  const sweeping = new AbortController();
  if (Object.keys(targets).length > 0) void sweepHourly(worker, targets, Runtime.instance().logger, sweeping.signal);
  const eventsEnded = events.run();
  eventsEnded.catch(() => stop(worker));
  try {
    await ended;
  } finally {
    sweeping.abort();
    stop(events);
    await eventsEnded;
  }
}

const createEventsWorker = ({ options }: Worker, connection: NativeConnection, targets: Targets): Promise<Worker> =>
  Worker.create({
    connection,
    namespace: options.namespace,
    identity: options.identity,
    ...(options.dataConverter && { dataConverter: options.dataConverter }),
    taskQueue: eventsQueueOf(options.taskQueue),
    activities: createEventActivities({ targets }),
    maxConcurrentActivityTaskExecutions: 100,
    shutdownGraceTime: '20s', // longer than one post, which takes at most 15 s
    shutdownForceTime: '25s',
  });

function stop(worker: Worker): void {
  if (worker.getState() === 'RUNNING') worker.shutdown();
}

/** A plugin for the worker that `createWorker` creates. The plugin runs a worker for events beside this worker. */
export const eventsPlugin = (targets: Targets | undefined): WorkerPlugin => ({
  name: 'cyclr-connect-events',
  runWorker: (worker, next) => runWithEvents(worker, next, targets),
});
