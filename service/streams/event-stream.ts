/** Streams of server-sent events, which send a new view to each reader when a flow changes. */
import type { ConnectorAuth } from '../../client/connector-auth';
import type { ConnectorKey } from '../../workflows/connector';
import { workflowIdOf } from '../../workflows/messages';
import { FlowWatcher, Notifier, type ViewEvent, type WatcherSettings } from './flow-watcher';

/** The fields of one event, as the HTML standard names them. */
export interface ServerSentEvent {
  event?: 'view' | 'final';
  id?: string;
  data?: string;
  /** A comment. Readers ignore a comment, but a comment keeps the connection open. */
  comment?: string;
  /** Milliseconds to wait before the reader reconnects. */
  retry?: number;
}

/** The text of an event on the wire. Each line of a value gets its own field name, so no value can add a field. */
export function textOf({ comment, retry, event, id, data }: ServerSentEvent): string {
  const fields = { '': comment, retry: retry?.toString(), event, id: id?.replace(/\0/g, ''), data };
  const lines = Object.entries(fields).flatMap(([name, text]) =>
    text === undefined ? [] : text.split(/\r\n|\r|\n/).map((line) => `${name}: ${line}\n`),
  );
  return `${lines.join('')}\n`;
}

export interface EventHubOptions {
  /** The time without an event after which the stream sends a comment, in milliseconds. The default is 15,000. */
  heartbeatMs?: number;
  /** The time between two checks of a flow that has no long poll, in milliseconds. The default is 15,000. */
  checkEveryMs?: number;
  /**
   * The longest pause between two tries if Temporal or the workers do not answer, in milliseconds. The default is
   * 15,000.
   */
  maxRetryMs?: number;
  /**
   * The highest number of flows that the hub follows by long poll. The hub checks all other flows every `checkEveryMs`.
   * The default is 1,000: a Temporal server allows 1,200 long polls for each namespace and frontend, and
   * `ConnectorAuth.result()` and the other instances of the service need some of them. If the server refuses a long
   * poll, the readers of the flow get the current view, and get later views only after the hub has tried the long poll
   * again.
   */
  maxPolls?: number;
  /** Called with the error of each failed check. The hub repeats a failed check. */
  onError?: WatcherSettings['onError'];
}

export interface StreamOptions {
  /** The id of the last event that the reader got. The stream does not send the view with this id again. */
  lastEventId?: string;
  /** Ends the stream when the reader has disconnected. */
  signal?: AbortSignal;
}

export interface EventHub {
  /**
   * Sends the current view of each connector, then each later view. When all views are final, sends `final` and ends
   * the stream. If a flow has not started, the stream sends the first view of this flow after the start of the flow. A
   * slow reader gets fewer views, but always the newest view.
   */
  stream(keys: ConnectorKey[], options?: StreamOptions): AsyncIterableIterator<ServerSentEvent>;
  /**
   * Ends all open streams, and from now on ends each new stream at once. The last event of a stream tells the reader to
   * reconnect, so that the reader reaches another instance.
   */
  close(): void;
  /** True after `close`. */
  readonly isClosed: boolean;
}

/** Creates a hub. All streams of one flow in the hub share one long poll, and one query after each change. */
export function createEventHub(auth: ConnectorAuth, options: EventHubOptions = {}): EventHub {
  const { heartbeatMs = 15_000, checkEveryMs = 15_000, maxRetryMs = 15_000, maxPolls = 1000 } = options;
  const { onError = () => undefined } = options;
  const settings: WatcherSettings = { checkEveryMs, maxRetryMs, polls: { free: maxPolls }, onError };
  const watchers = new Map<string, FlowWatcher>();
  const streams = new Set<EventStream>();
  let isClosed = false;

  const watcherOf = (key: ConnectorKey): FlowWatcher => {
    const id = workflowIdOf(key);
    const watcher = watchers.get(id) ?? new FlowWatcher(auth, key, settings, () => watchers.delete(id));
    watchers.set(id, watcher);
    return watcher;
  };

  return {
    stream(keys, { lastEventId, signal } = {}) {
      const onOpen = () => {
        streams.add(stream);
        return new Set(keys.map(watcherOf));
      };
      const onClose = () => streams.delete(stream);
      const stream = new EventStream({ onOpen, onClose, heartbeatMs, lastEventId, signal });
      if (isClosed) stream.endWithRetry();
      return stream;
    },
    get isClosed() {
      return isClosed;
    },
    close() {
      isClosed = true;
      for (const stream of streams) stream.endWithRetry();
    },
  };
}

/**
 * The delay before a reader reconnects, in milliseconds. The delay is random, so that not all readers reconnect at the
 * same time.
 */
const RETRY_MS = { min: 500, max: 3000 };

interface EventStreamSettings {
  /** Called when the reader asks for the first event. Returns the watchers of the reader's flows. */
  onOpen: () => Iterable<FlowWatcher>;
  onClose: () => void;
  heartbeatMs: number;
  lastEventId?: string;
  signal?: AbortSignal;
}

/** The event stream of one reader. The stream holds only the newest view of each flow, even if the reader is slow. */
class EventStream implements AsyncIterableIterator<ServerSentEvent> {
  readonly #settings: EventStreamSettings;
  readonly #notifier = new Notifier();
  readonly #events: AsyncGenerator<ServerSentEvent, undefined>;
  /**
   * The flows whose newest view has not been sent. The flow whose view has waited longest is first, so that a flow with
   * many changes can't block another flow.
   */
  readonly #unsent = new Set<Subscription>();
  #subscriptions: Subscription[] = [];
  #isClosed = false;
  #endsWithRetry = false;

  constructor(settings: EventStreamSettings) {
    this.#settings = settings;
    this.#events = this.#read();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<ServerSentEvent, undefined>> {
    return this.#events.next();
  }

  /**
   * Ends the stream. A generator's own `return()` would wait until its pending `next()` has an event:
   * https://github.com/tc39/proposal-async-iteration/issues/5
   */
  return(): Promise<IteratorResult<ServerSentEvent, undefined>> {
    this.#close();
    return this.#events.return(undefined);
  }

  /** Ends the stream. The last event of the stream tells the reader how long to wait before the reader reconnects. */
  endWithRetry(): void {
    this.#endsWithRetry = true;
    this.#release();
  }

  readonly #close = (): void => {
    this.#isClosed = true;
    this.#release();
  };

  /** Ends the subscriptions at once, because a reader that has stopped reading may never call `next()` again. */
  #release(): void {
    for (const subscription of this.#subscriptions) subscription.end();
    this.#settings.signal?.removeEventListener('abort', this.#close);
    this.#settings.onClose();
    this.#notifier.notify();
  }

  readonly #onView = (subscription: Subscription, isNew: boolean): void => {
    if (isNew) this.#unsent.add(subscription);
    this.#notifier.notify();
  };

  #take(subscription: Subscription): ServerSentEvent {
    this.#unsent.delete(subscription);
    const { id, json } = subscription.newest!;
    return { event: 'view', id, data: json };
  }

  async *#read(): AsyncGenerator<ServerSentEvent, undefined> {
    const { onOpen, heartbeatMs, lastEventId, signal } = this.#settings;
    if (signal?.aborted) return;
    if (!this.#endsWithRetry)
      this.#subscriptions = [...onOpen()].map((watcher) => new Subscription(watcher, this.#onView, lastEventId));
    signal?.addEventListener('abort', this.#close);
    try {
      while (!this.#isClosed) {
        if (this.#endsWithRetry) return void (yield { retry: retryMs() });
        const [next] = this.#unsent;
        if (next) yield this.#take(next);
        else if (this.#subscriptions.every(({ isFinal }) => isFinal))
          return void (yield { event: 'final', data: '{}' });
        else if (!(await this.#notifier.wait(heartbeatMs))) yield { comment: 'nothing new' };
      }
    } finally {
      this.#release();
    }
  }
}

/** Subscribes one stream to one flow, and keeps the newest view of the flow. */
class Subscription {
  newest?: ViewEvent;
  readonly #watcher: FlowWatcher;
  readonly #onView: (subscription: Subscription, isNew: boolean) => void;
  readonly #lastEventId?: string;

  constructor(
    watcher: FlowWatcher,
    onView: (subscription: Subscription, isNew: boolean) => void,
    lastEventId?: string,
  ) {
    [this.#watcher, this.#onView, this.#lastEventId] = [watcher, onView, lastEventId];
    watcher.subscribe(this.#receive);
  }

  get isFinal(): boolean {
    return this.newest?.isFinal === true;
  }

  end(): void {
    this.#watcher.unsubscribe(this.#receive);
  }

  readonly #receive = (event: ViewEvent): void => {
    if (event.id === this.newest?.id) return;
    const isFirst = !this.newest;
    this.newest = event;
    // Only the first view can be equal to the view that the reader already has from an earlier stream.
    this.#onView(this, !isFirst || event.id !== this.#lastEventId);
  };
}

const retryMs = (): number => Math.round(RETRY_MS.min + Math.random() * (RETRY_MS.max - RETRY_MS.min));
