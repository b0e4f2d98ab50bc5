import { log } from '@temporalio/workflow';
import { countRefusedInputs } from './metrics';
import type { ProblemCode } from './view';

/**
 * A signal that changes nothing. `event`: the name of the signal, or the `event` of its timeline entry. `note`: the
 * reason, or the name of a signal without a handler.
 */
export interface IgnoredSignal {
  event: string;
  note?: string;
}

/**
 * Logs and counts the ignored signals of one workflow task together. One task can contain 10,000 signals. The SDK
 * (1.24) copies `workflowInfo()` for each log line and for each value of a counter. With one log line and one counter
 * value for each signal, a task with 10,000 signals would need more than 200 MB of the worker's memory.
 */
export class IgnoredSignals {
  /** The first signal of this workflow task that the log must show. */
  #first?: IgnoredSignal;
  #count = 0;
  readonly #refused = new Map<ProblemCode, number>();

  /**
   * `code`: present if the signal also counts as a refused input. `isLogged`: false if the log must not show the
   * signal, for example because it repeats the previous signal.
   */
  add(signal: IgnoredSignal, { code, isLogged = true }: { code?: ProblemCode; isLogged?: boolean }): void {
    // The SDK runs all signal handlers of a task before any microtask, so the report comes after the last signal of the
    // task.
    if (this.#count++ === 0) void Promise.resolve().then(() => this.#report());
    if (isLogged) this.#first ??= signal;
    if (code) this.#refused.set(code, (this.#refused.get(code) ?? 0) + 1);
  }

  #report(): void {
    if (this.#first) log.warn('Ignored a signal', { ...this.#first, signals: this.#count });
    for (const [code, times] of this.#refused) countRefusedInputs(code, times);
    this.#first = undefined;
    this.#count = 0;
    this.#refused.clear();
  }
}
