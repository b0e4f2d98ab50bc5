import type { View } from '../workflows/messages';
import { backoffMs, pause } from './pause';
import { ServiceFailure, type ServiceClient, type Submission } from './service-client';
import { panelOf, shownView, type ShownProblem } from './state';

/** The last submission of a connector, until a view shows the outcome of the submission. */
export interface PendingSubmission {
  /** The view that the input answers. */
  view: View;
  /**
   * The view whose form the user filled in. If a form has both properties and credentials, the page first sends the
   * properties, and sends the credentials as the answer to a later view. For these credentials, `formView` is the
   * earlier view, and `view` is the later view.
   */
  formView: View;
  /** `refused`: the input was refused, and `problem` has the reason. */
  status: 'sending' | 'refused';
  /** When the user submitted the input, in milliseconds. */
  since: number;
  problem?: ShownProblem;
}

export interface SubmissionsParts {
  client: ServiceClient;
  receive(view: View): void;
  /** Called when the session has ended. Resolves with true if a new session exists. */
  replaceSession(failure: ServiceFailure): Promise<boolean>;
  /** Called when the service did not answer. */
  unreachable(failure: ServiceFailure): void;
  changed(): void;
  /** Called when the flow of this view no longer exists. */
  removed(view: View): void;
}

/**
 * The submissions of a session. Each connector has at most one submission at a time. The page seals a submission once,
 * and sends the submission with the same id until the service answers.
 */
export class Submissions {
  readonly #pending = new Map<number, PendingSubmission>();
  readonly #stop = new AbortController();
  #pause = new AbortController();

  constructor(private readonly parts: SubmissionsParts) {}

  of(connectorId: number): PendingSubmission | undefined {
    return this.#pending.get(connectorId);
  }

  /**
   * The pending submission for this view. Undefined if the connector has no pending submission, or if the flow has
   * moved on since the submission.
   */
  pendingFor(view: View): PendingSubmission | undefined {
    const pending = this.of(view.connectorId);
    return pending && shownView(view, pending.view) === pending.view ? pending : undefined;
  }

  /** Forgets the submission of the connector if the flow has moved on since the submission. */
  settle(view: View): void {
    if (!this.pendingFor(view)) this.#pending.delete(view.connectorId);
  }

  /** True if a submission is still being sent or applied. */
  get isSending(): boolean {
    return [...this.#pending.values()].some(({ status }) => status === 'sending');
  }

  stop(): void {
    this.#stop.abort();
  }

  /** Sends the pending inputs now, because the service answers again. */
  sendNow(): void {
    this.#pause.abort();
    this.#pause = new AbortController();
  }

  /** Seals an input and sends it. Does nothing if an input for the same view is being sent. */
  async submit(view: View, seal: (submissionId: string) => Promise<Submission>, formView: View = view): Promise<void> {
    if (this.pendingFor(view)?.status === 'sending') return;
    const pending: PendingSubmission = { view, formView, status: 'sending', since: Date.now() };
    this.#pending.set(view.connectorId, pending);
    this.parts.changed();
    const submissionId = crypto.randomUUID();
    try {
      const body = await this.#untilAnswered(() => seal(submissionId));
      this.#receive(pending, await this.#untilAnswered(() => this.parts.client.submit(view.connectorId, body)));
    } catch (err) {
      this.#fail(pending, err);
    }
    this.parts.changed();
  }

  /** Repeats a call until the service answers the call. */
  async #untilAnswered<T>(call: () => Promise<T>): Promise<T> {
    for (let failures = 0; ; failures++) {
      try {
        return await call();
      } catch (err) {
        if (!(err instanceof ServiceFailure)) throw err;
        if (err.endsSession && (await this.parts.replaceSession(err))) continue;
        if (!err.isTemporary || this.#stop.signal.aborted) throw err;
        if (err.code === 'unreachable') this.parts.unreachable(err);
        const signal = AbortSignal.any([this.#stop.signal, this.#pause.signal]);
        await pause(Math.max(backoffMs(failures), err.retryAfterMs ?? 0), signal);
      }
    }
  }

  /** An input that the flow is applying stays pending, so that the form keeps the values that the user typed. */
  #receive({ view }: PendingSubmission, answer: View): void {
    if (panelOf(answer) !== 'applying') this.#forget(view);
    this.parts.receive(answer);
  }

  #fail(pending: PendingSubmission, err: unknown): void {
    const failure = err instanceof ServiceFailure ? err : new ServiceFailure('malformed');
    if (failure.endsSession) void this.parts.replaceSession(failure);
    if (failure.view) return this.#receive(pending, failure.view);
    if (failure.code === 'notFound') return (this.#forget(pending.view), this.parts.removed(pending.view));
    pending.status = 'refused';
    pending.problem = { code: failure.code as ShownProblem['code'], fields: failure.fields };
  }

  #forget(view: View): void {
    if (this.of(view.connectorId)?.view === view) this.#pending.delete(view.connectorId);
  }
}
