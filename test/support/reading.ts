/** Reads streams of the event hub, without HTTP. */
import type { EventHub, ServerSentEvent, StreamOptions } from '../../service/streams/event-stream';
import type { ConnectorKey } from '../../workflows/connector';
import type { View } from '../../workflows/messages';
import { eventually } from './eventually';

export interface Reading {
  /** The events that the reader has received so far. */
  events: ServerSentEvent[];
  views(): View[];
  ids(): string[];
  /** Waits until the newest view has the state `state`. Returns all views so far. */
  sees(state: View['state']): Promise<View[]>;
  /** Settles when the stream has ended. */
  ended: Promise<void>;
  leave(): void;
}

/** Opens a stream and reads it without pauses. */
export function read(hub: EventHub, keys: ConnectorKey[], options: StreamOptions = {}): Reading {
  const abort = new AbortController();
  const events: ServerSentEvent[] = [];
  const ended = (async () => {
    for await (const event of hub.stream(keys, { signal: abort.signal, ...options })) events.push(event);
  })();
  const views = () => events.flatMap((event) => (event.event === 'view' ? [viewIn(event)] : []));
  return {
    events,
    views,
    ids: () => events.flatMap(({ id }) => id ?? []),
    sees: (state) => eventually(views, (seen) => seen.at(-1)?.state === state),
    ended,
    leave: () => abort.abort(),
  };
}

export const viewIn = ({ data }: ServerSentEvent): View => JSON.parse(data!) as View;
export const idOf = ({ runId, revision }: View): string => `${runId}.${revision}`;
