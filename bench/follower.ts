/** Follows the history of a flow by Temporal's long poll, in the same way for both workflows. */
import type { Client } from '@temporalio/client';
import type { Execution } from './contenders';

const POLL_MS = 70_000;
const WITHIN_MS = 600_000;

type Events = NonNullable<
  NonNullable<Awaited<ReturnType<Client['workflowService']['getWorkflowExecutionHistory']>>['history']>['events']
>;

/**
 * Returns, for each number of activities, the time of the workflow task that handled their results, in milliseconds
 * since 1970. The first item is the time of the first workflow task.
 */
export async function transitionsOf(client: Client, { workflowId, runId }: Execution): Promise<(number | undefined)[]> {
  const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
  const times: (number | undefined)[] = [];
  let known = 0;
  for (const event of events ?? []) {
    if (event.activityTaskCompletedEventAttributes) known++;
    if (event.workflowTaskCompletedEventAttributes) times[known] ??= msOf(event.eventTime!);
  }
  return times;
}

const msOf = ({ seconds, nanos }: { seconds?: unknown; nanos?: number | null }): number =>
  Number(seconds) * 1000 + (nanos ?? 0) / 1e6;

/** Reads a history from its first event on. Each call of {@link reaches} continues to read until the awaited event. */
export class Follower {
  #nextPageToken?: Uint8Array;
  #activities = 0;
  #reached = 0;
  #open = true;

  constructor(
    private readonly client: Client,
    private readonly execution: Execution,
  ) {}

  /** Waits until a workflow task has handled the results of this number of activities. */
  async reaches(activities: number): Promise<void> {
    for (const until = performance.now() + WITHIN_MS; this.#reached < activities;) {
      if (!this.#open || performance.now() > until)
        throw new Error(`${this.execution.workflowId} did not complete ${activities} activities`);
      this.#read(await this.#more());
    }
  }

  async #more(): Promise<Events> {
    const { history, nextPageToken } = await this.client.withDeadline(Date.now() + POLL_MS, () =>
      this.client.workflowService.getWorkflowExecutionHistory({
        namespace: this.client.options.namespace,
        execution: this.execution,
        nextPageToken: this.#nextPageToken,
        waitNewEvent: true,
      }),
    );
    this.#nextPageToken = nextPageToken;
    this.#open = nextPageToken.length > 0;
    return history?.events ?? [];
  }

  #read(events: Events): void {
    for (const event of events) {
      if (event.activityTaskCompletedEventAttributes) this.#activities++;
      if (event.workflowTaskCompletedEventAttributes) this.#reached = this.#activities;
    }
  }
}
