/**
 * Sends the final events of runs that Temporal terminated or timed out, because such a run can't send its event itself.
 * Each worker that has targets looks for these runs at its start and every hour. Several workers may look for these
 * runs at the same time, because Temporal starts only one delivery for each event id.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger, Worker } from '@temporalio/worker';
import { startDelivery } from '../activities/events/delivery';
import { targetsOf, type Targets } from '../activities/events/targets';
import { inputOf } from '../temporal/start-input';
import { resultOf } from '../workflows/authenticate-connector/status';
import { bodyOf, type EventType } from '../workflows/events';
import { FLOW_TYPE } from '../workflows/flow-start';
import { faultOfStart, isNotify, type Input } from '../workflows/input';
import {
  emptyProgress,
  faultOfOnboardingStart,
  ONBOARDING_TYPE,
  type OnboardingInput,
  type OnboardingProgress,
} from '../workflows/onboarding';
import type { FlowResult, Timeline, View } from '../workflows/view';
import { failureWithoutResult } from '../workflows/visibility';

type Client = NonNullable<Worker['client']>;
type Run = AsyncIterableOf<ReturnType<Client['workflow']['list']>>;
type AsyncIterableOf<T> = T extends AsyncIterable<infer Item> ? Item : never;

const EVERY_MS = 3_600_000;
const ENDED = `WorkflowType IN ('${FLOW_TYPE}', '${ONBOARDING_TYPE}') AND ExecutionStatus IN ('Terminated', 'TimedOut')`;

/**
 * Sends the missing final events now and every hour, until `signal` aborts. The promise never rejects, because each
 * error is logged.
 */
export async function sweepHourly(
  worker: Worker,
  targets: Targets,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  let done: ReadonlySet<string> = new Set();
  while (!signal.aborted) {
    const { client, options } = worker;
    try {
      const failed = (error: unknown) => logger.warn('A final event was not sent', { error });
      if (client) done = await sendFinalEvents(client, { taskQueue: options.taskQueue, targets, done, failed });
    } catch (error) {
      if (!signal.aborted) logger.warn('Ended runs without a final event can not be listed', { error });
    }
    await delay(EVERY_MS, undefined, { signal, ref: false }).catch(() => undefined);
  }
}

interface Sweep {
  taskQueue: string;
  targets: Targets;
  /** The ids of the runs that an earlier call of `sendFinalEvents` has handled. */
  done: ReadonlySet<string>;
  /**
   * Called with the error if the final event of a run was not sent. The next call of `sendFinalEvents` tries this run
   * again, except if the event is too large.
   */
  failed?: (error: unknown) => void;
}

/**
 * Starts the delivery of the final event of each run that Temporal ended. Leaves out a run that is not the latest run
 * of its workflow id, because after a reset another run continues the flow. Returns the ids of the runs that the next
 * call can leave out: the runs whose delivery was started now or earlier, the runs that need no delivery, and the runs
 * whose event is too large.
 */
export async function sendFinalEvents(
  client: Client,
  { taskQueue, targets, done, failed = () => undefined }: Sweep,
): Promise<Set<string>> {
  const seen = new Set<string>();
  for await (const run of client.workflow.list({ query: ENDED })) {
    if (run.taskQueue !== taskQueue) continue;
    try {
      if (!done.has(run.runId) && !(await sendFinalEvent(client, { taskQueue, targets }, run)))
        failed(new Error(`The final event of the run ${run.runId} is too large for Temporal`));
      seen.add(run.runId);
    } catch (error) {
      failed(error); // the error of one run must not stop the events of the other runs
    }
  }
  return seen;
}

/** Returns false if the event is too large for Temporal. */
async function sendFinalEvent(
  client: Client,
  { taskQueue, targets }: Pick<Sweep, 'taskQueue' | 'targets'>,
  run: Run,
): Promise<boolean> {
  const { workflowId, runId } = run;
  const isFlow = run.type === FLOW_TYPE;
  const type: EventType = isFlow ? 'connector.failed' : 'onboarding.failed';
  const input = await inputOf<unknown>(client, run);
  const { notify } = Object(input) as { notify?: unknown };
  const names = targetsOf(targets, type, isNotify(notify) ? notify : []);
  if (names.length === 0 || (await client.workflow.getHandle(workflowId).describe()).runId !== runId) return true;
  const data = await (isFlow ? endOfFlow(client, run, input) : endOfOnboarding(client, run, input));
  const timestamp = (run.closeTime ?? run.startTime).toISOString();
  return startDelivery(client, taskQueue, { body: bodyOf({ type, timestamp, data }, run), targets: names });
}

/**
 * Makes the result of a run that Temporal ended. The result has the state `failed`, the ids and the intent of the start
 * input, and the connector and the timeline, which this function queries. If a query gets no answer, the result lacks
 * the connector, or has an empty timeline.
 */
async function endOfFlow(client: Client, run: Run, given: unknown): Promise<FlowResult> {
  const handle = client.workflow.getHandle(run.workflowId, run.runId);
  const timeline = await handle.query<Timeline>('timeline').catch(() => ({ entries: [] }));
  const { connector, connected, revision = 0 }: Partial<View> = await handle.query<View>('view').catch(() => ({}));
  const fault = faultOfStart(given, run.workflowId);
  const { accountId, connectorId, intent = 'authenticate' } = fault ? unknownFlow : (given as Input);
  const since = (run.closeTime ?? run.startTime).toISOString();
  const view: View = { accountId, connectorId, runId: run.runId, intent, state: 'failed', failure: failureWithoutResult(run), since, revision }; // prettier-ignore
  return resultOf(
    { ...view, ...(connector && { connector }), ...(connected !== undefined && { connected }) },
    timeline,
  );
}

/** If the start input of a flow is malformed, the event has these ids, because the flow belongs to no account. */
const unknownFlow: Input = { accountId: '', connectorId: 0 };

async function endOfOnboarding(client: Client, run: Run, given: unknown): Promise<OnboardingProgress> {
  const handle = client.workflow.getHandle(run.workflowId, run.runId);
  const fault = faultOfOnboardingStart(given, run.workflowId);
  const start = fault ? { accountId: '', onboardingId: '' } : (given as OnboardingInput);
  const progress = await handle.query<OnboardingProgress>('progress').catch(() => emptyProgress(start));
  return { ...progress, state: 'failed', failure: failureWithoutResult(run) };
}
