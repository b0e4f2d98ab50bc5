/**
 * Sends the events of a flow: the event of each change of the state, and the reminders while the flow waits for the
 * user.
 */
import { EventSender, type CarriedEvents } from '../event-sender';
import { isFinalType, type EventType } from '../events';
import type { FlowState } from './flow-state';
import { durationMs, waitRulesOf, type Input } from '../input';
import { isFinal, isWaiting, type State, type WaitingState } from './machine';
import { resultOf } from './status';
import type { TargetFacts } from '../ports';
import { Timer } from '../timer';
import type { Timeline, View } from '../view';

/** The data of the flow from which an event is made. */
interface Source {
  view: View;
  timeline: Timeline;
}

/** The type of the event that reports a change of the state. `undefined` if no event reports the change. */
export function eventTypeOf(before: State, after: State): EventType | undefined {
  const isEntered = after.name !== before.name;
  if (isFinal(after)) return isEntered ? (`connector.${after.name}` as EventType) : undefined;
  const code = codeOf(after);
  if (code !== undefined && code !== codeOf(before)) return 'connector.problem';
  return isEntered && isWaiting(after) ? 'connector.waiting' : undefined;
}

const codeOf = (state: State): string | undefined => ('problem' in state ? state.problem?.code : undefined);

/** When a wait began and when it ends, in milliseconds. */
type Wait = Pick<FlowState, 'waitSince' | 'deadline'>;

/**
 * The times of the reminders in one wait, in milliseconds, in order. Leaves out the reminders after the deadline. The
 * policy can change during the wait, so the times do not depend on the patience.
 */
function reminderTimes(input: Input, { connector }: WaitingState, { waitSince, deadline }: Wait): number[] {
  const times = waitRulesOf(input, connector).remindAfter.map((after) => waitSince + durationMs(after));
  return times.filter((time) => time < deadline).sort((one, other) => one - other);
}

export class FlowEvents {
  readonly #input: Input;
  readonly #sender: EventSender;
  #reminders: number;
  #reminder?: Timer;

  constructor(input: Input, carried?: Partial<CarriedEvents>) {
    this.#input = input;
    this.#sender = new EventSender(input, carried);
    this.#reminders = carried?.reminders ?? 0;
  }

  get carried(): { events?: CarriedEvents } {
    const { carried } = this.#sender;
    return carried ? { events: { ...carried, reminders: this.#reminders } } : {};
  }

  get areSent(): boolean {
    return this.#sender.areSent;
  }

  setTargets(facts: TargetFacts | undefined): void {
    this.#sender.set(facts);
  }

  /**
   * Sends the event that reports a change of the state. Does nothing if no event reports the change, or if the event
   * has no target.
   */
  report(before: State, after: State, source: Source): void {
    const type = eventTypeOf(before, after);
    if (type && this.#sender.hasTarget(type)) this.#send(type, source);
  }

  /**
   * The timer of the next reminder in this waiting state. `undefined` if no reminder follows, or if no target gets
   * reminders.
   */
  reminderOf(state: WaitingState, wait: Wait): Timer | undefined {
    if (this.#reminder || !this.#sender.hasTarget('connector.reminder')) return this.#reminder;
    const next = reminderTimes(this.#input, state, wait)[this.#reminders];
    return (this.#reminder = next === undefined ? undefined : new Timer(next, 'Reminder of the user'));
  }

  remind(source: Source): void {
    this.stopReminder();
    this.#reminders++;
    this.#send('connector.reminder', source);
  }

  /** Cancels the timer of the next reminder when the flow leaves a waiting state. */
  stopReminder(): void {
    this.#reminder?.cancel();
    this.#reminder = undefined;
  }

  /** Sets the number of sent reminders to 0. Call this method when a waiting state gets a new deadline. */
  restartReminders(): void {
    this.#reminders = 0;
  }

  #send(type: EventType, { view, timeline }: Source): void {
    const { timeline: whole, ...rest } = resultOf(view, timeline);
    this.#sender.send(type, isFinalType(type) ? { ...rest, timeline: whole } : rest);
  }
}
