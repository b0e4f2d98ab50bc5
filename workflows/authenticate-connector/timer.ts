import { CancellationScope, sleep } from '@temporalio/workflow';

/** One timer that can be polled from several `condition`s. */
export class Timer {
  readonly #scope = new CancellationScope();
  #fired = false;

  constructor(ms: number, summary: string) {
    const fire = () => void (this.#fired = true);
    const ignoreCancellation = () => undefined;
    // At least 1 ms: whether 0 starts a timer depends on the SDK's version. The scope does not await the timer: the
    // SDK keeps the stack of each pending promise, a kilobyte each, and a waiting flow holds several timers.
    void this.#scope.run(async () => void sleep(Math.max(1, ms), { summary }).then(fire, ignoreCancellation));
  }

  get fired(): boolean {
    return this.#fired;
  }

  cancel(): void {
    this.#scope.cancel();
  }
}
