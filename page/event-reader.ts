import type { View } from '../workflows/messages';
import { backoffMs, pause } from './pause';
import { EventParser, type StreamedEvent } from './server-sent-events';
import { ServiceFailure } from './service-client';

export interface EventReaderParts {
  /** Opens the stream where it was left. */
  open(lastEventId: string | undefined, signal: AbortSignal): Promise<Response>;
  /** Asks instead of being told. */
  look(): Promise<void>;
  /** Whether there is nothing more to be told. */
  isOver(): boolean;
  hear(view: View): void;
  /** Whether news arrive. */
  reach(isThere: boolean): void;
  /** The session is over. */
  end(failure: ServiceFailure): void;
}

/** Without a sign of life for so long, a connection is taken for dead: the service sends one every 15 s. */
const SILENT_MS = 40_000;
/** While a stream says nothing (something on the way may hold it back), the page looks by itself. */
const LOOK_EVERY_MS = 4000;

/**
 * Follows the event stream until all connectors are final: comes again where it was left, by itself, and looks from
 * time to time where there is no stream to be had.
 */
export class EventReader {
  readonly #abort = new AbortController();
  readonly #parser = new EventParser();
  #isFinal = false;

  constructor(private readonly parts: EventReaderParts) {
    void this.#run();
  }

  stop(): void {
    this.#abort.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    for (let failures = 0; !signal.aborted && !this.#isFinal;) {
      try {
        await this.#follow();
        failures = 0;
        if (!this.#isFinal) await pause(this.#parser.retryMs ?? backoffMs(0), signal);
      } catch (err) {
        if (signal.aborted) return;
        if (err instanceof ServiceFailure && err.isEnd) return this.parts.end(err);
        const leastMs = await this.#lookInstead();
        if (leastMs !== undefined && this.parts.isOver()) return;
        await pause(Math.max(backoffMs(failures++), leastMs ?? 0, retryAfterMs(err)), signal);
      }
    }
  }

  /** How long that will do; undefined where nobody answers. */
  async #lookInstead(): Promise<number | undefined> {
    const isThere = await this.parts.look().then(
      () => true,
      () => false,
    );
    if (!this.#abort.signal.aborted) this.parts.reach(isThere);
    return isThere ? LOOK_EVERY_MS : undefined;
  }

  /** One stream, from its beginning to its end. Fails where it can't be had, or breaks. */
  async #follow(): Promise<void> {
    const over = new AbortController();
    const leave = () => over.abort();
    this.#abort.signal.addEventListener('abort', leave);
    const looking = setInterval(() => void this.parts.look().catch(() => undefined), LOOK_EVERY_MS);
    let silence = setTimeout(leave, SILENT_MS);
    try {
      const response = await this.parts.open(this.#parser.lastEventId, over.signal);
      for await (const text of textsOf(response)) {
        clearTimeout(silence);
        clearInterval(looking);
        silence = setTimeout(leave, SILENT_MS);
        this.parts.reach(true);
        for (const event of this.#parser.push(text)) this.#take(event);
      }
    } finally {
      clearInterval(looking);
      clearTimeout(silence);
      over.abort();
      this.#abort.signal.removeEventListener('abort', leave);
    }
  }

  #take({ event, data }: StreamedEvent): void {
    if (event === 'final') this.#isFinal = true;
    if (event === 'view') this.parts.hear(JSON.parse(data) as View);
  }
}

const retryAfterMs = (err: unknown): number => (err instanceof ServiceFailure && err.retryAfterMs) || 0;

async function* textsOf({ body }: Response): AsyncGenerator<string> {
  if (!body) return;
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) yield value ?? '';
}
