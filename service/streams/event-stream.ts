import { Bell } from './bell';
import type { Feed, Told } from './flow-watcher';
import type { ServerSentEvent } from './server-sent-event';

/** After how long whoever is sent away comes again: not all at once. */
const COME_AGAIN_MS = { least: 500, most: 3000 };

export interface EventStreamSettings {
  /** Called when somebody begins to read: the feeds to read from. */
  join: () => Iterable<Feed>;
  /** Called at the end. */
  leave: () => void;
  heartbeatMs: number;
  lastEventId?: string;
  signal?: AbortSignal;
}

/** What one reader gets. It holds no more than the newest view of each flow, however slowly it is read. */
export class EventStream implements AsyncIterableIterator<ServerSentEvent> {
  readonly #bell = new Bell();
  readonly #events: AsyncGenerator<ServerSentEvent, undefined>;
  /** Whatever has news, the longest waiting first: no busy flow hides another. */
  readonly #news = new Set<Subscription>();
  #subscriptions: Subscription[] = [];
  #isLeft = false;
  #isSentAway = false;

  constructor(private readonly settings: EventStreamSettings) {
    this.#events = this.#read();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<ServerSentEvent, undefined>> {
    return this.#events.next();
  }

  /** Ends it, also while a `next` is waited for: a generator alone would end after its next event. */
  return(): Promise<IteratorResult<ServerSentEvent, undefined>> {
    this.#leave();
    return this.#events.return(undefined);
  }

  /** Ends it with a word when to come again. */
  sendAway(): void {
    this.#isSentAway = true;
    this.#letGo();
  }

  readonly #leave = (): void => {
    this.#isLeft = true;
    this.#letGo();
  };

  /** Lets everything go at once: a reader who has stopped reading may never ask for another event. */
  #letGo(): void {
    for (const subscription of this.#subscriptions) subscription.end();
    this.settings.signal?.removeEventListener('abort', this.#leave);
    this.settings.leave();
    this.#bell.ring();
  }

  readonly #hear = (subscription: Subscription, isNews: boolean): void => {
    if (isNews) this.#news.add(subscription);
    this.#bell.ring();
  };

  #take(subscription: Subscription): ServerSentEvent {
    this.#news.delete(subscription);
    return subscription.newest!.event;
  }

  async *#read(): AsyncGenerator<ServerSentEvent, undefined> {
    const { join, heartbeatMs, lastEventId, signal } = this.settings;
    if (signal?.aborted) return;
    if (!this.#isSentAway)
      this.#subscriptions = [...join()].map((feed) => new Subscription(feed, this.#hear, lastEventId));
    signal?.addEventListener('abort', this.#leave);
    try {
      while (!this.#isLeft) {
        if (this.#isSentAway) return void (yield { retry: comeAgainMs() });
        const [next] = this.#news;
        if (next) yield this.#take(next);
        else if (this.#subscriptions.every(({ isFinal }) => isFinal))
          return void (yield { event: 'final', data: '{}' });
        else if (!(await this.#bell.heard(heartbeatMs))) yield { comment: 'nothing new' };
      }
    } finally {
      this.#letGo();
    }
  }
}

/** What one stream knows of one flow. */
class Subscription {
  newest?: Told;

  constructor(
    private readonly feed: Feed,
    private readonly onHeard: (subscription: Subscription, isNews: boolean) => void,
    private readonly lastEventId?: string,
  ) {
    feed.add(this.#hear);
  }

  get isFinal(): boolean {
    return this.newest?.final === true;
  }

  end(): void {
    this.feed.remove(this.#hear);
  }

  readonly #hear = (told: Told): void => {
    if (told.event.id === this.newest?.event.id) return;
    const isFirst = !this.newest;
    this.newest = told;
    // What the reader has from an earlier stream is the first that is heard here, or nothing.
    this.onHeard(this, !isFirst || told.event.id !== this.lastEventId);
  };
}

const comeAgainMs = (): number =>
  Math.round(COME_AGAIN_MS.least + Math.random() * (COME_AGAIN_MS.most - COME_AGAIN_MS.least));
