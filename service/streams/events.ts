/** The event streams of the service: what happens to flows, pushed to whoever reads, without polling. */
import type { ConnectorKey } from '../../workflows/connector';
import { workflowIdOf } from '../../workflows/messages';
import type { ConnectorAuth } from '../../client/connector-auth';
import { EventStream } from './event-stream';
import { Feed } from './flow-watcher';
import type { ServerSentEvent } from './server-sent-event';

export { textOf, type ServerSentEvent } from './server-sent-event';

export interface EventHubOptions {
  /** How long a stream may be silent before a comment is sent. 15 s by default. */
  heartbeatMs?: number;
  /** After how long a flow that is not open is looked at again. 15 s by default. */
  lookEveryMs?: number;
  /** The longest pause between two tries while Temporal or the workers are away. 15 s by default. */
  retryAtMostMs?: number;
  /**
   * How many flows are followed by long poll; those beyond are looked at every `lookEveryMs`. 1,000 by default: a server
   * allows 1,200 for each namespace and frontend, `result` takes some, and so does every other instance of the service.
   * Where the server refuses one, its readers get the present view, and news only when the poll is tried again.
   */
  polls?: number;
  /** Hears what kept a flow from being followed. It is tried again by itself. */
  onError?: (error: unknown, key: ConnectorKey) => void;
}

export interface StreamOptions {
  /** The id that the reader got last: the view that has it is not sent again. */
  lastEventId?: string;
  /** Ends the stream: the reader is gone. */
  signal?: AbortSignal;
}

export interface EventHub {
  /**
   * Each connector's present view first, then each one's next, and `final` when all are final: that is the end. Of a
   * flow that is not started nothing is sent until it is. Who reads slowly gets fewer views, the newest always.
   */
  stream(keys: ConnectorKey[], options?: StreamOptions): AsyncIterableIterator<ServerSentEvent>;
  /** Sends all readers away, to come again to another instance. */
  close(): void;
}

/** Whoever reads the same flow shares one long poll, and one query when something can have changed. */
export function createEventHub(auth: ConnectorAuth, options: EventHubOptions = {}): EventHub {
  const { heartbeatMs = 15_000, lookEveryMs = 15_000, retryAtMostMs = 15_000, polls = 1000, onError } = options;
  const settings = { lookEveryMs, retryAtMostMs, polls: { free: polls }, onError: onError ?? (() => undefined) };
  const feeds = new Map<string, Feed>();
  const streams = new Set<EventStream>();
  let closed = false;

  /** The feed of a flow, as long as anybody reads it. */
  const feedOf = (key: ConnectorKey): Feed => {
    const id = workflowIdOf(key);
    const feed = feeds.get(id) ?? new Feed(auth, key, settings, () => feeds.delete(id));
    feeds.set(id, feed);
    return feed;
  };

  return {
    stream(keys, { lastEventId, signal } = {}) {
      const join = () => {
        streams.add(stream);
        return new Set(keys.map(feedOf));
      };
      const leave = () => streams.delete(stream);
      const stream = new EventStream({ join, leave, heartbeatMs, lastEventId, signal });
      if (closed) stream.sendAway();
      return stream;
    },
    close() {
      closed = true;
      for (const stream of streams) stream.sendAway();
    },
  };
}
