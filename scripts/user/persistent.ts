/** Repeats calls until Temporal, the workers and Cyclr answer. */
import { setTimeout as delay } from 'node:timers/promises';
import { ConnectorAuthError, type ConnectorAuthErrorCode } from '../../client/connector-auth-error';
import type { Transport } from './transports';

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 2_000;

/** Codes of errors after which a repetition of the call can succeed. */
const passing: ConnectorAuthErrorCode[] = ['temporalUnavailable', 'noWorker', 'cyclrUnavailable'];

export interface PersistentOptions {
  /** When this signal is aborted, the repetitions end, and the call fails with an AbortError. */
  signal?: AbortSignal;
  /**
   * How long a failed call is repeated after the first error. The first error after this time is not followed by a
   * repetition. By default, the repetitions have no limit.
   */
  withinMs?: number;
  /** Called before each repetition. */
  onRepeat?(code: ConnectorAuthErrorCode): void;
}

/** Repeats the call until it succeeds. An error whose code is not in `passing` ends the repetitions at once. */
export async function persistently<T>(
  call: () => Promise<T>,
  { signal, withinMs = Infinity, onRepeat }: PersistentOptions = {},
): Promise<T> {
  let until: number | undefined;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    try {
      return await call();
    } catch (err) {
      until ??= Date.now() + withinMs;
      if (!(err instanceof ConnectorAuthError && passing.includes(err.code)) || Date.now() > until) throw err;
      await delay(pause, undefined, { signal });
      onRepeat?.(err.code);
    }
  }
}

/** Wraps a transport so that each call is repeated by {@link persistently}. */
export function persistent<T extends Partial<Transport>>(
  transport: T,
  {
    onRepeat,
    ...options
  }: Omit<PersistentOptions, 'onRepeat'> & {
    onRepeat?(method: keyof Transport, code: ConnectorAuthErrorCode): void;
  } = {},
): T {
  const methods = Object.entries(transport) as [keyof Transport, (...args: unknown[]) => Promise<unknown>][];
  const repeated = methods.map(([name, method]) => [
    name,
    (...args: unknown[]) =>
      persistently(() => method(...args), { ...options, onRepeat: (code) => onRepeat?.(name, code) }),
  ]);
  return Object.fromEntries(repeated) as T;
}
