/** Readers of event streams. */
import type { EventHub, ServerSentEvent, StreamOptions } from '../../service/streams/event-stream';
import type { ConnectorKey } from '../../workflows/connector';
import type { View } from '../../workflows/messages';
import { eventually } from './eventually';

export interface Reading {
  /** All that came. */
  events: ServerSentEvent[];
  views(): View[];
  ids(): string[];
  /** Everything that came, once the newest view is in this state. */
  sees(state: View['state']): Promise<View[]>;
  /** Settles when the stream has ended. */
  ended: Promise<void>;
  leave(): void;
}

/** Reads as fast as it can. */
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
