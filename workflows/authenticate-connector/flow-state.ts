/** The state of a flow with its timeline. Only this file changes the state and publishes the changes. */
import { log, workflowInfo } from '@temporalio/workflow';
import { patienceMs, waitRulesOf, type Input } from '../input';
import type { CarriedEvents } from '../event-sender';
import { IgnoredSignals } from '../ignored-signals';
import { newest, type CarriedLinks } from './links';
import { isFinal, isWaiting, outageIn, transition, type Event, type State, type WaitingState } from './machine';
import { countOutcome, countRefusedInputs, recordTransition } from '../metrics';
import { PublishedAttributes } from '../published-attributes';
import { publishStatus, viewOf } from './status';
import type { ProblemCode, Timeline, TimelineEntry, View } from '../view';

/**
 * The second argument of the next run after Continue-As-New, as plain JSON. The argument contains no value of the user,
 * sealed or in clear, because a waiting state holds no input.
 */
export interface Carried {
  state: WaitingState;
  revision: number;
  /** When the flow entered the state, in milliseconds. */
  since: number;
  /** When the current wait began and when it ends, in milliseconds. A refused input does not begin a new wait. */
  waitSince: number;
  deadline: number;
  /** The ids of the submissions that the flow accepted. */
  submissions: string[];
  links: CarriedLinks;
  timeline: Timeline;
  /** The workflow ids of the subscribers. */
  subscribers?: string[];
  /** Absent if no event has a target. */
  events?: CarriedEvents;
  /** True if the flow reports its end to the monitor of its connector. */
  isMonitored?: true;
}

export class FlowState {
  /** The ids of the submissions that the flow accepted. */
  readonly submissions: Set<string>;
  readonly #input: Input;
  readonly #timeline: TimelineLog;
  readonly #ignored = new IgnoredSignals();
  readonly #published = new PublishedAttributes();
  #state: State;
  #revision: number;
  #since: number;
  #waitSince: number;
  #deadline: number;

  constructor(input: Input, carried?: Carried) {
    this.#input = input;
    this.#state = carried?.state ?? { name: 'fetchingConnector', intent: input?.intent ?? 'authenticate' };
    this.#revision = carried?.revision ?? 1;
    this.#since = carried?.since ?? Date.now();
    this.#waitSince = carried?.waitSince ?? 0;
    this.#deadline = carried?.deadline ?? 0;
    this.submissions = new Set(carried?.submissions);
    this.#timeline = new TimelineLog(carried?.timeline);
    if (carried) this.#publish();
  }

  get state(): State {
    return this.#state;
  }

  /**
   * The deadline of the current waiting state, in milliseconds. In any other state, the deadline of the last waiting
   * state, or 0 if the flow has not waited yet.
   */
  get deadline(): number {
    return this.#deadline;
  }

  /** When the wait that ends at `deadline` began, in milliseconds. */
  get waitSince(): number {
    return this.#waitSince;
  }

  get view(): View {
    return viewOf({
      input: this.#input,
      runId: workflowInfo().runId,
      state: this.#state,
      revision: this.#revision,
      since: this.#since,
      ...(isWaiting(this.#state) && { deadline: this.#deadline }),
    });
  }

  get timeline(): Timeline {
    return this.#timeline.value;
  }

  /** The state of a waiting flow, for the next run. A new link changes the state without an end of the wait. */
  carried(more: Pick<Carried, 'links' | 'subscribers' | 'events' | 'isMonitored'>): Carried {
    return {
      state: this.#state as WaitingState,
      revision: this.#revision,
      since: this.#since,
      waitSince: this.#waitSince,
      deadline: this.#deadline,
      submissions: newest(this.submissions),
      timeline: this.timeline,
      ...more,
    };
  }

  /** Applies an event. Returns whether the flow has entered another state. */
  apply(event: Event): boolean {
    const before = this.#state;
    const state = transition(before, event);
    if (state !== before || event.type === 'inputRefused') this.#record(event, before, state);
    if (state === before) return false;
    if (isPolicyChanged(before, state))
      this.#timeline.add({ from: state.name, event: 'policyChanged', to: state.name });
    this.#state = state;
    this.#revision++;
    if (event.type === 'propertiesSubmitted' || event.type === 'credentialsSubmitted') this.submissions.add(event.id);
    const isEntered = state.name !== before.name;
    if (isEntered) {
      recordChange(before, state, Date.now() - this.#since);
      this.#since = Date.now();
    }
    // If an input was refused before it reached Cyclr, the user gets no more time: the deadline of the wait stays the
    // same.
    if (isEntered && isWaiting(state) && event.type !== 'inputRefused') {
      this.#waitSince = Date.now();
      this.#deadline = this.#waitSince + patienceMs(waitRulesOf(this.#input, state.connector).patience, state.name);
    }
    this.#publish();
    return isEntered;
  }

  /**
   * Records the name of a signal that has no handler. Does not record its arguments, because they can contain a secret.
   */
  recordUnknownSignal(signal: string): void {
    this.#recordSignal('unknownSignal', signal.slice(0, 100));
  }

  /**
   * Records an operator's trouble that does not change the state of the flow. Equal troubles in a row have one entry in
   * the timeline, with a count.
   */
  recordTrouble(operatorsTrouble: string): void {
    const { name } = this.#state;
    this.#timeline.addOrCount({
      from: name,
      event: 'cyclrUnavailable',
      to: name,
      note: noteOfTrouble(operatorsTrouble),
    });
    this.#publish();
  }

  /** Records the names in `notify` that are no targets of the worker. */
  recordUnknownTargets(names: readonly string[]): void {
    const { name } = this.#state;
    log.warn('The start input names unknown targets of events', { targets: names });
    this.#timeline.add({ from: name, event: 'unknownTarget', to: name, note: names.join(', ') });
  }

  /** Records an input that Temporal delivered again after a reset, and that the flow no longer needs. */
  recordReapplied(kind: string): void {
    this.#recordSignal('reappliedInput', kind);
  }

  /**
   * Records a signal that the flow refused on arrival, for example because the inbox is full. Equal refusals in a row
   * have one entry in the timeline, with a count.
   */
  recordRefusedSignal(code: ProblemCode): void {
    this.#recordSignal('inputRefused', code, code);
  }

  /**
   * Adds a signal to the timeline and to the log. If the signal equals the last entry of the timeline, the log does not
   * show the signal. If this signal also has a `code`, the count of the last entry grows by one, and the timeline gets
   * no new entry.
   */
  #recordSignal(event: string, note: string, code?: ProblemCode): void {
    const { name } = this.#state;
    const entry = { from: name, event, to: name, note };
    const isRepeated = this.#timeline.endsWith(entry);
    this.#ignored.add({ event, note }, { code, isLogged: !isRepeated });
    if (code) this.#timeline.addOrCount(entry);
    else this.#timeline.add(entry);
  }

  #record(event: Event, { name: from, ...before }: State, { name: to }: State): void {
    const { id = 'submissionId' in before ? before.submissionId : undefined, by } = event;
    this.#timeline.add({ from, event: event.type, to, id, by, note: noteOf(event) });
    if (event.type !== 'inputRefused') return;
    const { code } = event.problem;
    countRefusedInputs(code);
    log.warn('Refused an input', { code });
  }

  #publish(): void {
    const { view, timeline } = this;
    const isSettled = isWaiting(this.#state) || isFinal(this.#state);
    publishStatus({ view, timeline, outage: outageIn(this.#state) }, isSettled, this.#published);
  }
}

function recordChange({ name: from }: State, state: State, ms: number): void {
  const { name: to } = state;
  const authType = 'connector' in state ? state.connector?.authType : undefined;
  recordTransition({ from, to, authType, seconds: ms / 1000 });
  if (isFinal(state)) countOutcome(to, authType, to === 'authenticated' ? state.verification : 'none');
}

function isPolicyChanged(before: State, state: State): boolean {
  const [old, present] = [before, state].map((one) => ('connector' in one ? one.connector : undefined));
  return old !== undefined && present !== undefined && old.policy?.digest !== present.policy?.digest;
}

const noteOfTrouble = (operatorsTrouble: string): string => `operatorsTrouble: ${operatorsTrouble}`;

function noteOf(event: Event): string | undefined {
  if ('problem' in event) return event.problem.code;
  if (event.type === 'cyclrUnavailable') return event.operatorsTrouble && noteOfTrouble(event.operatorsTrouble);
  return 'reason' in event ? event.reason : undefined;
}

const MAX_ENTRIES = 200;

/** The last 200 entries of the timeline. */
class TimelineLog {
  readonly #entries: TimelineEntry[];
  #dropped: number;

  constructor({ entries, dropped = 0 }: Timeline = { entries: [] }) {
    this.#entries = entries;
    this.#dropped = dropped;
  }

  /** Adds an entry with the present time, without its `undefined` members. */
  add(entry: Omit<TimelineEntry, 'at'>): void {
    const given = Object.entries(entry).filter(([, value]) => value !== undefined);
    this.#entries.push({ at: new Date().toISOString(), ...(Object.fromEntries(given) as typeof entry) });
    if (this.#entries.length <= MAX_ENTRIES) return;
    this.#entries.shift();
    this.#dropped++;
  }

  /** True if the last entry has the same `from`, `event` and `note`, and no id. */
  endsWith({ from, event, note }: Omit<TimelineEntry, 'at'>): boolean {
    const last = this.#entries.at(-1);
    return last?.from === from && last.event === event && last.note === note && last.id === undefined;
  }

  /** Adds an entry. If the entry equals the last entry, adds one to the count of the last entry instead. */
  addOrCount(entry: Omit<TimelineEntry, 'at'>): void {
    if (!this.endsWith(entry)) return this.add(entry);
    const last = this.#entries.at(-1)!;
    last.count = (last.count ?? 1) + 1;
  }

  get value(): Timeline {
    return { entries: this.#entries, ...(this.#dropped > 0 && { dropped: this.#dropped }) };
  }
}
