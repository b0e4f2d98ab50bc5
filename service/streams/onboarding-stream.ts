/** The event stream of a session that shows an onboarding. */
import { setTimeout as delay } from 'node:timers/promises';
import type { OnboardingProgress } from '../../workflows/onboarding';
import type { ServerSentEvent } from './event-stream';

/** The interval at which the stream reads the connectors of the onboarding. */
const CHECK_MS = 5000;
/**
 * This event tells the reader to reconnect at once. The stream sends the event when the onboarding has another
 * connector, or when the service stops after all flows of the onboarding have ended.
 */
const RECONNECT: ServerSentEvent = { retry: 100 };

export interface OnboardingStreamOptions {
  /** The events of the connectors until `signal` aborts. */
  events: (signal: AbortSignal) => AsyncIterable<ServerSentEvent>;
  progress: () => Promise<OnboardingProgress>;
  /** True if the service stops. */
  isClosing: () => boolean;
  /** The connectors of the onboarding when the reader connected. */
  known: readonly number[];
  /** Ends the stream when the reader has disconnected. */
  signal: AbortSignal;
}

/**
 * The events of the connectors of an onboarding. The stream ends when the onboarding gets another connector, so that
 * the reader connects again and gets the view of this connector. `final` is sent only after both the flows and the
 * onboarding have ended.
 */
export async function* onboardingStream(options: OnboardingStreamOptions): AsyncGenerator<ServerSentEvent> {
  if (options.signal.aborted) return;
  const stop = new AbortController();
  options.signal.addEventListener('abort', () => stop.abort(), { once: true });
  const watching = untilChanged(options, stop.signal).then((hasChanged) => {
    if (hasChanged) stop.abort();
    return hasChanged;
  });
  try {
    for await (const event of options.events(stop.signal)) {
      if (event.retry !== undefined) return yield event; // the service stops
      if (event.event === 'final') yield* commentsUntil(watching);
      if (event.event !== 'final' || !(await watching)) yield event;
    }
    if (!options.signal.aborted && (await watching)) yield RECONNECT;
  } finally {
    stop.abort();
  }
}

/**
 * Resolves with true when the onboarding has a new connector or the service stops, or with false when the onboarding has
 * ended.
 */
async function untilChanged(
  { progress, known, isClosing }: OnboardingStreamOptions,
  signal: AbortSignal,
): Promise<boolean> {
  while (!signal.aborted) {
    if (isClosing()) return true;
    const now = await progress().catch(() => undefined); // after an error, the next check reads the progress again
    if (now?.connectors.some(({ connectorId }) => !known.includes(connectorId))) return true;
    if (now && now.state !== 'running') return false;
    await delay(CHECK_MS, undefined, { signal, ref: false }).catch(() => undefined);
  }
  return false;
}

async function* commentsUntil(settled: Promise<unknown>): AsyncGenerator<ServerSentEvent> {
  const isSettled = settled.then(() => true);
  while (!(await Promise.race([isSettled, delay(CHECK_MS, false, { ref: false })]))) yield { comment: 'nothing new' };
}
