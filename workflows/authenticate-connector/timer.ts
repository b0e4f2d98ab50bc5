import { CancellationScope, sleep } from '@temporalio/workflow';

/** One timer that can be polled from several `condition`s. */
export class Timer {
  readonly #scope = new CancellationScope();
  #fired = false;

  /** `at`: milliseconds since 1970. Temporal Web shows the purpose and this time. */
  constructor(at: number, purpose: string) {
    const fire = () => void (this.#fired = true);
    const ignoreCancellation = () => undefined;
    const summary = `${purpose}: ${new Date(at).toISOString()}`;
    // At least 1 ms, because it depends on the SDK's version whether 0 ms starts a timer. The scope does not await the
    // timer: the SDK keeps the stack trace of each pending promise, about a kilobyte, and a waiting flow holds several
    // timers.
    void this.#scope.run(
      async () => void sleep(Math.max(1, at - Date.now()), { summary }).then(fire, ignoreCancellation),
    );
  }

  get fired(): boolean {
    return this.#fired;
  }

  cancel(): void {
    this.#scope.cancel();
  }
}
