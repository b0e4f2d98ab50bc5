/** Pauses in a page that can be hidden or offline. */

/** Resolves after `ms`. Resolves earlier when the page becomes visible or online, or when `signal` aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      for (const end of ended) end();
      resolve();
    };
    const seen = () => document.visibilityState === 'visible' && done();
    const timer = setTimeout(done, ms);
    const ended = [
      listen(window, 'online', done),
      listen(document, 'visibilitychange', seen),
      listen(signal, 'abort', done),
    ];
    if (signal.aborted) done();
  });
}

function listen(target: EventTarget, type: string, listener: () => void): () => void {
  target.addEventListener(type, listener);
  return () => target.removeEventListener(type, listener);
}

const FIRST_MS = 500;
const MOST_MS = 15_000;

/**
 * The pause after this number of failures in a row. The pause grows exponentially to at most 15 s, and has a random
 * part.
 */
export const backoffMs = (failures: number): number =>
  Math.min(FIRST_MS * 2 ** failures, MOST_MS) * (0.5 + Math.random() / 2);
