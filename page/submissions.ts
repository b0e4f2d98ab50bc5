import type { View } from '../workflows/messages';
import type { RepeatedCalls } from './repeated-calls';
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
  calls: RepeatedCalls;
  receive(view: View): void;
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

  #untilAnswered<T>(call: () => Promise<T>): Promise<T> {
    const { calls, unreachable } = this.parts;
    return calls.untilAnswered(call, (failure) => failure.code === 'unreachable' && unreachable(failure));
  }

  /**
   * Handles the answer to a submission. A submission stays pending while the flow applies its input, so that the form
   * keeps the values that the user typed.
   */
  #receive({ view }: PendingSubmission, answer: View): void {
    if (panelOf(answer) !== 'applying') this.#forget(view);
    this.parts.receive(answer);
  }

  #fail(pending: PendingSubmission, err: unknown): void {
    const failure = err instanceof ServiceFailure ? err : new ServiceFailure('malformed');
    if (failure.view) return this.#receive(pending, failure.view);
    if (failure.code === 'notFound') return (this.#forget(pending.view), this.parts.removed(pending.view));
    pending.status = 'refused';
    pending.problem = { code: failure.code as ShownProblem['code'], fields: failure.fields };
  }

  #forget(view: View): void {
    if (this.of(view.connectorId)?.view === view) this.#pending.delete(view.connectorId);
  }
}
