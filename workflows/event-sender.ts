/** Sends the events of a run. Numbers the events, and leaves out events without a target. */
import { ActivityFailure, CancellationScope, log, proxyActivities } from '@temporalio/workflow';
import type { EventData, EventType } from './events';
import { isNotify } from './input';
import { activityRetry, type ConnectorActivities, type TargetFacts } from './ports';

/** The data of the event sender that the next run receives at Continue-As-New, as plain JSON. */
export interface CarriedEvents {
  types: EventType[];
  sequence: number;
  /** The number of reminders that the flow has sent in the present wait. */
  reminders?: number;
}

const { sendEvent } = proxyActivities<Pick<ConnectorActivities, 'sendEvent'>>({
  startToCloseTimeout: '15s',
  summary: 'Start the delivery of an event',
  retry: activityRetry, // the retries have no limit, so that no event is lost
});

export class EventSender {
  readonly #notify: string[] | undefined;
  /** The types of events that have a target. `undefined` until the first answer of an activity. */
  #types?: readonly EventType[];
  #sequence: number;
  #unsent = 0;

  /** `input`: a start input that is not checked yet. `carried`: absent in the first run. */
  constructor(input: unknown, carried?: Partial<CarriedEvents>) {
    const { notify } = Object(input) as { notify?: unknown };
    this.#notify = isNotify(notify) ? notify : undefined;
    this.#types = carried && (carried.types ?? []);
    this.#sequence = carried?.sequence ?? 0;
  }

  /**
   * The data for the next run after Continue-As-New. `undefined` if this run has sent no event, and no event has a
   * target.
   */
  get carried(): CarriedEvents | undefined {
    const types = [...(this.#types ?? [])];
    return types.length > 0 || this.#sequence > 0 ? { types, sequence: this.#sequence } : undefined;
  }

  /** True if Temporal has started the delivery of each event. */
  get areSent(): boolean {
    return this.#unsent === 0;
  }

  /** Sets the types of events that have a target. The run sends no event whose type has no target. */
  set(facts: TargetFacts | undefined): void {
    this.#types = facts?.types ?? [];
  }

  /**
   * True if an event of the type has a target. Before the first answer of an activity, the run does not know the
   * targets. In this case, the result is true, and the activity `sendEvent` looks for a target.
   */
  hasTarget(type: EventType): boolean {
    return this.#types?.includes(type) ?? true;
  }

  /** Sends an event, even after Temporal's cancellation of the run. */
  send(type: EventType, data: EventData): void {
    const report = {
      type,
      timestamp: new Date().toISOString(),
      sequence: ++this.#sequence,
      data,
      ...(this.#notify && { notify: this.#notify }),
    };
    this.#unsent++;
    const sent = () => void this.#unsent--;
    void CancellationScope.nonCancellable(() => sendEvent(report)).then(sent, (error: unknown) => {
      // Temporal repeats the activity without a limit, but an operator can end it. An unhandled rejection would fail
      // each later workflow task.
      if (!(error instanceof ActivityFailure)) throw error;
      log.error('An event is lost: its activity was ended', { type });
      sent();
    });
  }
}
