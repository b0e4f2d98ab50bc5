import { CancellationScope, sleep } from '@temporalio/workflow';

/** One timer, however often one looks whether it is over. */
export class Timer {
  readonly #scope = new CancellationScope();
  #over = false;

  constructor(ms: number, summary: string) {
    // 0 would be no timer in one version of the SDK and a timer in another.
    this.#scope
      .run(() => sleep(Math.max(1, ms), { summary }))
      .then(
        () => (this.#over = true),
        () => undefined, // cancelled: what it waited for came first
      );
  }

  get over(): boolean {
    return this.#over;
  }

  cancel(): void {
    this.#scope.cancel();
  }
}
