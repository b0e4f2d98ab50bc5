import type { View } from '../workflows/messages';
import { backoffMs, pause } from './pause';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { ServiceFailure, type Trouble } from './service-client';

export interface EventReaderParts {
  /** Opens the stream. `lastEventId`: the id of the last event that the page received. */
  open(lastEventId: string | undefined, signal: AbortSignal): Promise<Response>;
  /** Reads the views by a plain request. */
  refresh(): Promise<void>;
  /** True if the page waits for the first flow of an onboarding. */
  isGathering(): boolean;
  /** True if the page has views, and every view is final. */
  allFinal(): boolean;
  receive(view: View): void;
  /** Reports the reason why the service can't be used. `undefined` means that the service answers. */
  report(trouble: Trouble | undefined): void;
  /** Called when the service has refused the session. */
  end(failure: ServiceFailure): void;
  /** Called when the reader opens no stream any more. Not called after `stop`. */
  over(): void;
}

/** The reader closes a stream that has sent no data for this time. The service sends a heartbeat every 15 s. */
const SILENT_MS = 40_000;
/**
 * The interval of the plain requests for the views. The page needs these requests until the stream sends its first
 * data, because a proxy can delay the data of the stream. The page also needs them while it waits for the first
 * flow of an onboarding, because the stream can report a new flow 15 s late.
 */
const REFRESH_EVERY_MS = 4000;

/**
 * Follows the event stream until all views are final. If the stream ends early, opens a new stream, which begins after
 * the last event that arrived. While no stream works, the reader reads the views by plain requests.
 */
export class EventReader {
  readonly #abort = new AbortController();
  readonly #parser = createParser({
    onEvent: (event) => this.#take(event),
    onRetry: (ms) => (this.#retryMs = ms),
  });
  #lastEventId?: string;
  #retryMs?: number;
  /** The number of failed tries since a stream last sent data. */
  #failures = 0;
  #isFinal = false;
  /** True if the reader opens no stream any more. */
  isOver = false;

  constructor(private readonly parts: EventReaderParts) {
    void this.#run().finally(() => {
      this.isOver = true;
      if (!this.#abort.signal.aborted) parts.over();
    });
  }

  stop(): void {
    this.#abort.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted && !this.#isFinal) {
      try {
        await this.#follow();
        if (!this.#isFinal) await pause(this.#retryMs ?? backoffMs(0), signal);
      } catch (err) {
        if (signal.aborted) return;
        if (err instanceof ServiceFailure && err.endsSession) return this.parts.end(err);
        const leastMs = await this.#refreshInstead();
        if (leastMs !== undefined && this.parts.allFinal()) return;
        await pause(Math.max(backoffMs(this.#failures++), leastMs ?? 0, retryAfterMs(err)), signal);
      }
    }
  }

  /**
   * Reads the views by a plain request. Returns the pause until the next try, or undefined if the service does not
   * answer.
   */
  async #refreshInstead(): Promise<number | undefined> {
    const trouble = await this.parts.refresh().then(
      () => undefined,
      (err: unknown) => (err instanceof ServiceFailure ? err.trouble : 'busy'),
    );
    if (!this.#abort.signal.aborted) this.parts.report(trouble);
    return trouble === undefined ? REFRESH_EVERY_MS : undefined;
  }

  /** Reads one stream to its end. Fails if the stream cannot be opened, or breaks. */
  async #follow(): Promise<void> {
    const over = new AbortController();
    const leave = () => over.abort();
    this.#abort.signal.addEventListener('abort', leave);
    const polling = setInterval(() => void this.parts.refresh().catch(() => undefined), REFRESH_EVERY_MS);
    let silence = setTimeout(leave, SILENT_MS);
    try {
      const response = await this.parts.open(this.#lastEventId, over.signal);
      for await (const text of textsOf(response)) {
        clearTimeout(silence);
        if (!this.parts.isGathering()) clearInterval(polling);
        this.#failures = 0;
        silence = setTimeout(leave, SILENT_MS);
        this.parts.report(undefined);
        this.#parser.feed(text);
      }
    } finally {
      clearInterval(polling);
      clearTimeout(silence);
      this.#parser.reset(); // drops the incomplete event of a broken stream
      over.abort();
      this.#abort.signal.removeEventListener('abort', leave);
    }
  }

  #take({ event, data, id }: EventSourceMessage): void {
    if (id !== undefined) this.#lastEventId = id;
    if (event === 'final') this.#isFinal = true;
    if (event === 'view') this.parts.receive(JSON.parse(data) as View);
  }
}

const retryAfterMs = (err: unknown): number => (err instanceof ServiceFailure && err.retryAfterMs) || 0;

async function* textsOf({ body }: Response): AsyncGenerator<string> {
  if (!body) return;
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) yield value ?? '';
}
