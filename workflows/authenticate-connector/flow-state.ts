import { log, metricMeter, workflowInfo } from '@temporalio/workflow';
import { newest, type Carried } from './carried';
import { patienceMs } from '../input';
import { isFinal, isWaiting, transition, type Event, type State, type WaitingState } from './machine';
import type { Input, Timeline, View } from '../messages';
import { show } from './signboard';
import { TimelineLog } from './timeline';
import { viewOf } from './status';

const refusedInputs = () =>
  metricMeter.createCounter('connector_auth_refused_inputs', '1', 'Inputs that a flow refused');

/** Where an authentication stands, and how it got there: the one place where its state changes, and is shown. */
export class Course {
  /** The submissions that were taken. */
  readonly submissions: Set<string>;
  readonly #timeline: TimelineLog;
  #state: State;
  #revision: number;
  #deadline: number;

  constructor(
    private readonly input: Input,
    carried?: Carried,
  ) {
    this.#state = carried?.state ?? { name: 'fetchingConnector', intent: input?.intent ?? 'authenticate' };
    this.#revision = carried?.revision ?? 1;
    this.#deadline = carried?.deadline ?? 0;
    this.submissions = new Set(carried?.submissions);
    this.#timeline = new TimelineLog(carried?.timeline);
    if (carried) this.#show();
  }

  get state(): State {
    return this.#state;
  }

  /** When the present or the last wait ends, in milliseconds. */
  get deadline(): number {
    return this.#deadline;
  }

  get view(): View {
    return viewOf({
      input: this.input,
      runId: workflowInfo().runId,
      state: this.#state,
      revision: this.#revision,
      ...(isWaiting(this.#state) && { deadline: this.#deadline }),
    });
  }

  get timeline(): Timeline {
    return this.#timeline.answer;
  }

  /** For the run that goes on in the place of this one. */
  carried(state: WaitingState): Omit<Carried, 'links'> {
    return {
      state,
      revision: this.#revision,
      deadline: this.#deadline,
      submissions: newest(this.submissions),
      timeline: this.timeline,
    };
  }

  /** Lets something happen. Whether that has led into another state. */
  happen(event: Event): boolean {
    const before = this.#state;
    const state = transition(before, event);
    if (state !== before || event.type === 'inputRefused') this.#record(event, before, state);
    if (state === before) return false;
    this.#state = state;
    this.#revision++;
    if (event.type === 'propertiesSubmitted' || event.type === 'credentialsSubmitted') this.submissions.add(event.id);
    const isEntered = state.name !== before.name;
    // An input that was refused here did not reach Cyclr: the wait that it came from goes on.
    if (isEntered && isWaiting(state) && event.type !== 'inputRefused')
      this.#deadline = Date.now() + patienceMs(this.input.patience, state.name);
    this.#show();
    return isEntered;
  }

  /** A signal came that nobody knows. Its name is recorded, never what came with it. */
  unknownSignal(signal: string): void {
    const { name } = this.#state;
    this.#timeline.add({ from: name, event: 'unknownSignal', to: name, note: signal.slice(0, 100) });
    log.warn('An unknown signal came');
  }

  #record(event: Event, { name: from, ...before }: State, { name: to }: State): void {
    const { id = 'submissionId' in before ? before.submissionId : undefined, by } = event;
    const note = 'problem' in event ? event.problem.code : 'reason' in event ? event.reason : undefined;
    this.#timeline.add({ from, event: event.type, to, id, by, note });
    if (event.type !== 'inputRefused') return;
    refusedInputs().add(1, { code: event.problem.code });
    log.warn('An input was refused', { code: event.problem.code });
  }

  #show(): void {
    show(this.view, isWaiting(this.#state) || isFinal(this.#state));
  }
}
