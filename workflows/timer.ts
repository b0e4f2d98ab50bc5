import { CancellationScope, sleep } from '@temporalio/workflow';

/** A timer. Several `condition` calls can test whether the timer has fired. */
export class Timer {
  readonly #scope = new CancellationScope();
  #fired = false;

  /** `at`: milliseconds since 1970. Temporal Web shows `purpose` and the time `at`. */
  constructor(
    readonly at: number,
    purpose: string,
  ) {
    const fire = () => void (this.#fired = true);
    const ignoreCancellation = () => undefined;
    const summary = `${purpose}: ${new Date(at).toISOString()}`;
    // The timer has at least 1 ms, because some SDK versions start no timer for 0 ms. The scope does not await the
    // timer, because the SDK keeps a stack trace of about a kilobyte for each pending promise, and a waiting flow has
    // several timers.
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
