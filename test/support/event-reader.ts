/** Event streams over HTTP, as a page reads them. */
import { setTimeout as delay } from 'node:timers/promises';
import type { View } from '../../workflows/messages';
import { eventually } from './eventually';

export interface SentEvent {
  event?: string;
  id?: string;
  data?: string;
  retry?: string;
}

/** One stream. */
export interface EventReader {
  status: number;
  headers: Headers;
  /** What has come so far, without comments. */
  events: SentEvent[];
  comments: string[];
  /** Resolves when the service has ended the stream, or this reader has; fails where it broke off. */
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
  ended.catch(() => undefined); // who awaits it hears of it
  const { status, headers: got } = response;
  return { status, headers: got, events, comments, ended, leave: () => leaving.abort() };
}

const eventOf = (text: string): SentEvent => Object.fromEntries(text.split('\n').map((line) => line.split(/: (.*)/s)));

export const viewsIn = ({ events }: Pick<EventReader, 'events'>): View[] =>
  events.filter(({ event }) => event === 'view').map(({ data }) => JSON.parse(data!) as View);
export const idsIn = ({ events }: Pick<EventReader, 'events'>): string[] => events.flatMap(({ id }) => id ?? []);

/** A page that is open until all is final: it comes again whenever its stream ends or breaks off. */
export interface Page {
  /** Each of its streams, in order. */
  streams: EventReader[];
  /** All that came, over all streams. */
  readonly events: SentEvent[];
  /** Waits until it reads, or has read all. */
  isThere(): Promise<unknown>;
  /** Resolves with `final`; fails where the page is sent away for good. */
  isFinal: Promise<void>;
  leave(): void;
}

/** Less than the service asks for: tests do not wait for nothing. */
const COME_AGAIN_MS = 100;

/** `token` is asked for each stream: it may have been renewed. */
export function openPage(serviceUrl: string, token: () => string): Page {
  const streams: EventReader[] = [];
  let [isReading, isOver, isLeft] = [false, false, false];
  const page: Page = {
    streams,
    get events() {
      return streams.flatMap(({ events }) => events);
    },
    isThere: () =>
      eventually(
        () => isReading || isOver,
        (isThere) => isThere,
      ),
    isFinal: follow().finally(() => (isOver = true)),
    leave() {
      isLeft = true;
      streams.at(-1)?.leave();
    },
  };
  page.isFinal.catch(() => undefined); // who awaits it hears of it
  return page;

  async function follow(): Promise<void> {
    for (let lastEventId = ''; !isLeft; await delay(COME_AGAIN_MS)) {
      const reader = await readEvents(serviceUrl, token(), { 'Last-Event-ID': lastEventId }).catch(() => undefined);
      if (!reader) continue; // nobody is there
      if (reader.status !== 200) throw new Error(`The stream is refused: ${reader.status}`);
      streams.push(reader);
      isReading = true;
      await reader.ended.catch(() => undefined);
      isReading = false;
      lastEventId = idsIn(reader).at(-1) ?? lastEventId;
      if (reader.events.at(-1)?.event === 'final') return;
    }
  }
}
