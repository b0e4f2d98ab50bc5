/** Follows the history of a flow by Temporal's long poll, in the same way for both workflows. */
import type { Client } from '@temporalio/client';
import type { Execution } from './contenders';

const POLL_MS = 70_000;
const WITHIN_MS = 600_000;

type Events = NonNullable<
  NonNullable<Awaited<ReturnType<Client['workflowService']['getWorkflowExecutionHistory']>>['history']>['events']
>;

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
