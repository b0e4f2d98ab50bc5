/** An open event stream, as a page reads it. */
import type { BenchService } from '../stack';

export interface EventReader {
  /** Fails where the stream breaks off. */
  ended: Promise<void>;
  leave(): void;
}

/** Opens it. `onEvent` hears the fields of each event, comments too, as they stand on the wire. */
export async function readEvents(
  { url }: BenchService,
  token: string,
  onEvent: (text: string) => void,
): Promise<EventReader> {
  const leaving = new AbortController();
  const headers = { Authorization: `Bearer ${token}` };
  const { status, body } = await fetch(`${url}/v1/session/events`, { headers, signal: leaving.signal });
  if (status !== 200 || !body) throw new Error(`A stream is answered with ${status}`);
  const ended = tell(body, onEvent).catch((err: unknown) => {
    if (!leaving.signal.aborted) throw err;
  });
  return { ended, leave: () => leaving.abort() };
}

async function tell(body: ReadableStream<Uint8Array>, onEvent: (text: string) => void): Promise<void> {
  let text = '';
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    const events = (text + chunk).split('\n\n');
    text = events.pop()!;
    events.forEach(onEvent);
  }
}

/** What an event holds as its data: one line of JSON. */
export const dataOf = (event: string): unknown => JSON.parse(/^data: (.*)$/m.exec(event)?.[1] ?? 'null');
