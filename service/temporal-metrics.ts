/**
 * Gauges of Temporal's state: pollers and backlog of the task queues, flows in trouble, open deliveries. The service
 * reads this state when Prometheus scrapes its metrics. A worker can't report this state: if no worker runs, there
 * would be no metrics at all.
 */
import type { Client } from '@temporalio/client';
import { Gauge, type Registry } from 'prom-client';
import { shared } from '../temporal/readiness';
import { DELIVERY_TYPE, eventsQueueOf } from '../workflows/events';
import { taskQueue as defaultTaskQueue } from '../workflows/messages';
import { OF_FLOWS, OPEN } from '../workflows/visibility';

/** One value of a gauge. */
interface Sample {
  gauge: keyof typeof gauges;
  labels: { [name: string]: string };
  value: number;
}

const gauges = {
  cyclr_connect_pollers: { help: 'Workers that poll a task queue.', labelNames: ['queue', 'task'] },
  cyclr_connect_backlog_seconds: { help: 'Age of the oldest task that waits for a worker.', labelNames: ['queue', 'task'] }, // prettier-ignore
  cyclr_connect_flows_in_trouble: { help: 'Open flows with a problem.', labelNames: ['problem', 'older_than'] },
  cyclr_connect_open_deliveries: { help: 'Events whose delivery is not finished.', labelNames: ['older_than'] },
};

/** The service asks Temporal at most once in this time, even if Prometheus scrapes the metrics more often. */
const REUSED_MS = 15_000;
const ANSWER_MS = 5_000;
/**
 * A worker counts as running if its last poll began within this time. A worker polls about once a minute, but Temporal
 * lists a poller for 5 minutes after its last poll.
 */
const SEEN_WITHIN_MS = 90_000;
const ages = { '0h': 0, '1h': 3_600_000 };

/** Registers the gauges. A gauge whose call Temporal does not answer has no value. */
export function registerTemporalMetrics(registry: Registry, client: Client, taskQueue = defaultTaskQueue): void {
  const read = shared(() => samplesOf(client, taskQueue), REUSED_MS);
  for (const [name, { help, labelNames }] of Object.entries(gauges)) {
    new Gauge({
      ...{ name, help, labelNames, registers: [registry] },
      async collect() {
        const samples = await read();
        this.reset();
        for (const { gauge, labels, value } of samples) if (gauge === name) this.set(labels, value);
      },
    });
  }
}

const samplesOf = (client: Client, taskQueue: string): Promise<Sample[]> =>
  client.withDeadline(Date.now() + ANSWER_MS, async () => {
    const queues = [
      queueSamples(client, taskQueue, { queue: 'flows', task: 'workflow' }),
      queueSamples(client, taskQueue, { queue: 'flows', task: 'activity' }),
      queueSamples(client, eventsQueueOf(taskQueue), { queue: 'events', task: 'activity' }),
    ];
    // If Temporal refuses a count, for example because a search attribute is missing, the other gauges keep their values.
    const answers = await Promise.allSettled([...queues, troubleSamples(client), deliverySamples(client)]);
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  });

const taskQueueTypes = { workflow: 1, activity: 2 }; // temporal.api.enums.v1.TaskQueueType

async function queueSamples(
  { workflowService, options }: Client,
  name: string,
  labels: { queue: string; task: keyof typeof taskQueueTypes },
): Promise<Sample[]> {
  const { pollers, stats } = await workflowService.describeTaskQueue({
    namespace: options.namespace,
    taskQueue: { name },
    taskQueueType: taskQueueTypes[labels.task],
    reportStats: true,
  });
  const seen = pollers.filter(({ lastAccessTime }) => Number(lastAccessTime?.seconds) * 1000 > Date.now() - SEEN_WITHIN_MS); // prettier-ignore
  const workers = new Set(seen.map(({ identity }) => identity)).size;
  return [
    { gauge: 'cyclr_connect_pollers', labels, value: workers },
    { gauge: 'cyclr_connect_backlog_seconds', labels, value: Number(stats?.approximateBacklogAge?.seconds ?? 0) },
  ];
}

const problems = ['operatorsTrouble', 'cyclrUnavailable'];

const troubleSamples = (client: Client): Promise<Sample[]> =>
  Promise.all(
    problems.flatMap((problem) =>
      Object.entries(ages).map(async ([older_than, ms]): Promise<Sample> => {
        const query = `${OF_FLOWS} AND ${OPEN} AND ConnectorAuthProblem = '${problem}' AND ConnectorAuthSince <= '${before(ms)}'`;
        return { gauge: 'cyclr_connect_flows_in_trouble', labels: { problem, older_than }, value: await count(client, query) }; // prettier-ignore
      }),
    ),
  );

const deliverySamples = (client: Client): Promise<Sample[]> =>
  Promise.all(
    Object.entries(ages).map(async ([older_than, ms]): Promise<Sample> => {
      const query = `WorkflowType = '${DELIVERY_TYPE}' AND ${OPEN} AND StartTime <= '${before(ms)}'`;
      return { gauge: 'cyclr_connect_open_deliveries', labels: { older_than }, value: await count(client, query) };
    }),
  );

const before = (ms: number): string => new Date(Date.now() - ms).toISOString();

const count = async (client: Client, query: string): Promise<number> => (await client.workflow.count(query)).count;
