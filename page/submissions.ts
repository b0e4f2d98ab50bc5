import type { View } from '../workflows/messages';
import { backoffMs } from './pause';
import { ServiceFailure, type ServiceClient, type Submission } from './service-client';
import type { Trouble } from './state';

/** Something that was given, until it is known what became of it. It holds what was typed only sealed. */
export interface Given {
  /** The view that asked for it. */
  view: View;
  /** `unsent`: it can be sent again as it is; `refused`: see the problem. */
  status: 'sending' | 'unsent' | 'refused';
  problem?: Trouble;
}

export interface SubmissionsParts {
  client: ServiceClient;
  hear(view: View): void;
  /** Whether there is another session now. */
  lose(failure: ServiceFailure): Promise<boolean>;
  changed(): void;
}

const TRIES = 4;

/** What is given to connectors: one thing at a time for each, and the same thing once, however often it is sent. */
export class Submissions {
  readonly #given = new Map<number, Given & { body?: Submission }>();

  constructor(private readonly parts: SubmissionsParts) {}

  of(connectorId: number): Given | undefined {
    return this.#given.get(connectorId);
  }

  /** Seals it and sends it, unless something given for the same view is on its way. */
  async give(view: View, seal: (submissionId: string) => Promise<Submission>): Promise<void> {
    const before = this.of(view.connectorId);
    if (before?.status === 'sending' && before.view.revision === view.revision) return;
    const given: Given & { body?: Submission } = { view, status: 'sending' };
    this.#given.set(view.connectorId, given);
    this.parts.changed();
    try {
      given.body = await seal(crypto.randomUUID());
      await this.#send(given);
    } catch (err) {
      this.#fail(given, err);
    }
    this.parts.changed();
  }

  /** Sends what could not be sent again, as it was sealed. */
  async again(connectorId: number): Promise<void> {
    const given = this.#given.get(connectorId);
    if (given?.status !== 'unsent') return;
    given.status = 'sending';
    this.parts.changed();
    await this.#send(given).catch((err: unknown) => this.#fail(given, err));
    this.parts.changed();
  }

  async #send({ view, body }: Given & { body?: Submission }): Promise<void> {
    for (let failures = 0; ; failures++) {
      try {
        const answer = await this.parts.client.submit(view.connectorId, body!);
        this.#forget(view);
        return this.parts.hear(answer);
      } catch (err) {
        if (!(err instanceof ServiceFailure) || failures + 1 >= TRIES) throw err;
        if (err.isEnd && (await this.parts.lose(err))) continue;
        if (!err.isPassing) throw err;
        await new Promise((resolve) =>
          setTimeout(resolve, Math.min(err.retryAfterMs ?? 0, 5000) + backoffMs(failures)),
        );
      }
    }
  }

  #fail(given: Given & { body?: Submission }, err: unknown): void {
    const failure = err instanceof ServiceFailure ? err : new ServiceFailure('malformed');
    if (failure.isEnd) void this.parts.lose(failure);
    if (failure.view) {
      this.#forget(given.view);
      return this.parts.hear(failure.view);
    }
    given.status = failure.isPassing && given.body ? 'unsent' : 'refused';
    given.problem = {
      code: (failure.isPassing ? 'unreachable' : failure.code) as Trouble['code'],
      fields: failure.fields,
    };
    if (given.status === 'refused') delete given.body;
  }

  #forget(view: View): void {
    if (this.of(view.connectorId)?.view === view) this.#given.delete(view.connectorId);
  }
}
