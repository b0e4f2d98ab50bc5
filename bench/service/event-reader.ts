/** Reads an event stream of the service. */
import type { BenchService } from '../stack';

export interface EventReader {
  /** Resolves when the stream ends, or after `leave`. Rejects if the connection breaks. */
  ended: Promise<void>;
  leave(): void;
}

/** Opens a stream. `onEvent` gets the raw text of each event or comment. */
export async function readEvents(
  { url }: BenchService,
  token: string,
  onEvent: (text: string) => void,
): Promise<EventReader> {
  const leaving = new AbortController();
  const headers = { Authorization: `Bearer ${token}` };
  const { status, body } = await fetch(`${url}/v1/session/events`, { headers, signal: leaving.signal });
  if (status !== 200 || !body) throw new Error(`GET /v1/session/events: status ${status}`);
  const ended = readAll(body, onEvent).catch((err: unknown) => {
    if (!leaving.signal.aborted) throw err;
  });
  return { ended, leave: () => leaving.abort() };
}

async function readAll(body: ReadableStream<Uint8Array>, onEvent: (text: string) => void): Promise<void> {
  let text = '';
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    const events = (text + chunk).split('\n\n');
    text = events.pop()!;
    events.forEach(onEvent);
  }
}

/** Returns the parsed JSON in the data line of an event. */
export const dataOf = (event: string): unknown => JSON.parse(/^data: (.*)$/m.exec(event)?.[1] ?? 'null');
