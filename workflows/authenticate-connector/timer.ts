import { CancellationScope, sleep } from '@temporalio/workflow';

/** One timer, however often one looks whether it is over. */
export class Timer {
  readonly #scope = new CancellationScope();
  #over = false;

  constructor(ms: number, summary: string) {
    const over = () => void (this.#over = true);
    const cancelled = () => undefined; // what it waited for came first
    // 0 would be no timer in one version of the SDK and a timer in another. The scope does not wait for it: the SDK
    // keeps the stack of each promise that is pending, a kilobyte each, and a waiting flow has some.
    void this.#scope.run(async () => void sleep(Math.max(1, ms), { summary }).then(over, cancelled));
  }

  get over(): boolean {
    return this.#over;
  }

  cancel(): void {
    this.#scope.cancel();
  }
}
