import type { View } from '../workflows/messages';
import { backoffMs } from './pause';
import { ServiceFailure, type ServiceClient, type Submission } from './service-client';
import type { ShownProblem } from './state';

/** A submission without a known outcome. The user's input is in it only in sealed form. */
export interface PendingSubmission {
  /** The view that the input answers. */
  view: View;
  /** `unsent`: can be sent again unchanged; `refused`: see `problem`. */
  status: 'sending' | 'unsent' | 'refused';
  problem?: ShownProblem;
}

export interface SubmissionsParts {
  client: ServiceClient;
  receive(view: View): void;
  /** Resolves with whether a new session exists. */
  replaceSession(failure: ServiceFailure): Promise<boolean>;
  changed(): void;
}

const TRIES = 4;

/** `body` is absent until the input is sealed. */
type Sending = PendingSubmission & { body?: Submission };

/** The submissions of a session: one at a time for each connector, and with the same id at each repetition. */
export class Submissions {
  readonly #pending = new Map<number, Sending>();

  constructor(private readonly parts: SubmissionsParts) {}

  of(connectorId: number): PendingSubmission | undefined {
    return this.#pending.get(connectorId);
  }

  /** Seals an input and sends it, unless an input for the same view is being sent. */
  async submit(view: View, seal: (submissionId: string) => Promise<Submission>): Promise<void> {
    const before = this.of(view.connectorId);
    if (before?.status === 'sending' && before.view.revision === view.revision) return;
    const pending: Sending = { view, status: 'sending' };
    this.#pending.set(view.connectorId, pending);
    this.parts.changed();
    try {
      pending.body = await seal(crypto.randomUUID());
      await this.#send(pending);
    } catch (err) {
      this.#fail(pending, err);
    }
    this.parts.changed();
  }

  /** Sends an unsent submission again, with the same sealed values. */
  async resend(connectorId: number): Promise<void> {
    const pending = this.#pending.get(connectorId);
    if (pending?.status !== 'unsent') return;
    pending.status = 'sending';
    this.parts.changed();
    await this.#send(pending).catch((err: unknown) => this.#fail(pending, err));
    this.parts.changed();
  }

  async #send({ view, body }: Sending): Promise<void> {
    for (let failures = 0; ; failures++) {
      try {
        const answer = await this.parts.client.submit(view.connectorId, body!);
        this.#forget(view);
        return this.parts.receive(answer);
      } catch (err) {
        if (!(err instanceof ServiceFailure) || failures + 1 >= TRIES) throw err;
        if (err.endsSession && (await this.parts.replaceSession(err))) continue;
        if (!err.isTemporary) throw err;
        await new Promise((resolve) =>
          setTimeout(resolve, Math.min(err.retryAfterMs ?? 0, 5000) + backoffMs(failures)),
        );
      }
    }
  }

  #fail(pending: Sending, err: unknown): void {
    const failure = err instanceof ServiceFailure ? err : new ServiceFailure('malformed');
    if (failure.endsSession) void this.parts.replaceSession(failure);
    if (failure.view) {
      this.#forget(pending.view);
      return this.parts.receive(failure.view);
    }
    pending.status = failure.isTemporary && pending.body ? 'unsent' : 'refused';
    pending.problem = {
      code: (failure.isTemporary ? 'unreachable' : failure.code) as ShownProblem['code'],
      fields: failure.fields,
    };
    if (pending.status === 'refused') delete pending.body;
  }

  #forget(view: View): void {
    if (this.of(view.connectorId)?.view === view) this.#pending.delete(view.connectorId);
  }
}
