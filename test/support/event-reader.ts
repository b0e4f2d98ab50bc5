/** Reads the service's event streams over HTTP. */
import { setTimeout as delay } from 'node:timers/promises';
import type { View } from '../../workflows/messages';
import { eventually } from './eventually';

export interface SentEvent {
  event?: string;
  id?: string;
  data?: string;
  retry?: string;
}

/** One open stream. */
export interface EventReader {
  status: number;
  headers: Headers;
  /** The events that the reader has received so far, without comments. */
  events: SentEvent[];
  comments: string[];
  /** Resolves when the service or `leave` has ended the stream. Rejects if the connection breaks. */
  ended: Promise<void>;
  leave(): void;
}

export async function readEvents(
  serviceUrl: string,
  token: string,
  headers: { [name: string]: string } = {},
): Promise<EventReader> {
  const leaving = new AbortController();
  const response = await fetch(`${serviceUrl}/v1/session/events`, {
    headers: { Authorization: `Bearer ${token}`, ...headers },
    signal: leaving.signal,
  });
  const events: SentEvent[] = [];
  const comments: string[] = [];
  const reading = async () => {
    let text = '';
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      const parts = (text + chunk).split('\n\n');
      text = parts.pop()!;
      for (const part of parts) {
        if (part.startsWith(':')) comments.push(part.slice(2));
        else events.push(eventOf(part));
      }
    }
  };
  const ended = reading().catch((err: unknown) => {
    if (!leaving.signal.aborted) throw err;
  });
  ended.catch(() => undefined); // the error is ignored here, because the test that awaits `ended` gets it
  const { status, headers: got } = response;
  return { status, headers: got, events, comments, ended, leave: () => leaving.abort() };
}

const eventOf = (text: string): SentEvent => Object.fromEntries(text.split('\n').map((line) => line.split(/: (.*)/s)));

export const viewsIn = ({ events }: Pick<EventReader, 'events'>): View[] =>
  events.filter(({ event }) => event === 'view').map(({ data }) => JSON.parse(data!) as View);
export const idsIn = ({ events }: Pick<EventReader, 'events'>): string[] => events.flatMap(({ id }) => id ?? []);

/**
 * Reads events as an open page does. Opens a new stream after each end or break of a stream, until the event `final`.
 */
export interface Page {
  /** All streams that the page has opened, the oldest stream first. */
  streams: EventReader[];
  /** The events of all streams. */
  readonly events: SentEvent[];
  /** Waits until a stream is open, or the page has ended. */
  isReading(): Promise<unknown>;
  /** Resolves at `final`. Rejects if the service refuses a stream. */
  isFinal: Promise<void>;
  leave(): void;
}

/** The delay before a new stream: shorter than the service's `retry`, so that tests are fast. */
const RECONNECT_MS = 100;
/**
 * While no service answers, the delay doubles after each try, up to this value. With a constant delay, hundreds of
 * pages would keep the test process, in which the worker runs, too busy to answer.
 */
const LONGEST_RECONNECT_MS = 3_000;

/** Calls `token` before each stream, because a renewal of the session replaces the session token. */
export function openPage(serviceUrl: string, token: () => string): Page {
  const streams: EventReader[] = [];
  let [isOpen, isOver, isLeft] = [false, false, false];
  const page: Page = {
    streams,
    get events() {
      return streams.flatMap(({ events }) => events);
    },
    isReading: () => eventually(() => isOpen || isOver),
    isFinal: follow().finally(() => (isOver = true)),
    leave() {
      isLeft = true;
      streams.at(-1)?.leave();
    },
  };
  page.isFinal.catch(() => undefined); // the error is ignored here, because the test that awaits `isFinal` gets it
  return page;

  async function follow(): Promise<void> {
    let pauseMs = RECONNECT_MS;
    for (let lastEventId = ''; !isLeft; await delay(pauseMs)) {
      const reader = await readEvents(serviceUrl, token(), { 'Last-Event-ID': lastEventId }).catch(() => undefined);
      pauseMs = reader ? RECONNECT_MS : Math.min(2 * pauseMs, LONGEST_RECONNECT_MS);
      if (!reader) continue; // no service has answered, so the page tries again
      if (reader.status !== 200) throw new Error(`The stream is refused: ${reader.status}`);
      streams.push(reader);
      isOpen = true;
      await reader.ended.catch(() => undefined);
      isOpen = false;
      lastEventId = idsIn(reader).at(-1) ?? lastEventId;
      if (reader.events.at(-1)?.event === 'final') return;
    }
  }
}
