import { backoffMs, pause } from './pause';
import { ServiceFailure } from './service-client';

/** Repeats the user's calls until the service answers. All calls of a session share one object. */
export class RepeatedCalls {
  readonly #stop = new AbortController();
  #pause = new AbortController();

  /** `replaceSession`: called when the session has ended. Resolves with true if a new session exists. */
  constructor(private readonly replaceSession: (failure: ServiceFailure) => Promise<boolean>) {}

  stop(): void {
    this.#stop.abort();
  }

  /** Repeats all waiting calls now. Call this method when the service answers again. */
  repeatNow(): void {
    this.#pause.abort();
    this.#pause = new AbortController();
  }

  /** Repeats a call until the service answers the call. `failed`: called before each repetition. */
  async untilAnswered<T>(call: () => Promise<T>, failed: (failure: ServiceFailure) => void): Promise<T> {
    for (let failures = 0; ; failures++) {
      try {
        return await call();
      } catch (err) {
        if (!(err instanceof ServiceFailure)) throw err;
        if (err.endsSession && (await this.replaceSession(err))) continue;
        if (!err.isTemporary) throw err;
        failed(err);
        const signal = AbortSignal.any([this.#stop.signal, this.#pause.signal]);
        await pause(Math.max(backoffMs(failures), err.retryAfterMs ?? 0), signal);
        if (this.#stop.signal.aborted) throw err;
      }
    }
  }
}
