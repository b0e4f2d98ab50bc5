/** Watches one flow for all event streams that show it. */
import type { ConnectorAuth, Progress } from '../../client/connector-auth';
import { ConnectorAuthError } from '../../client/connector-auth-error';
import type { ConnectorKey } from '../../workflows/connector';
import { finalStates, type View } from '../../workflows/messages';

/** A view as JSON, serialized once for all streams. */
export interface ViewEvent {
  /** `{runId}.{revision}` */
  id: string;
  json: string;
  isFinal: boolean;
}

export type Subscriber = (event: ViewEvent) => void;

export interface WatcherSettings {
  /** Milliseconds between two checks of a flow that has no long poll. */
  checkEveryMs: number;
  /** The longest pause between two tries if Temporal or the workers do not answer, in milliseconds. */
  maxRetryMs: number;
  /**
   * `free`: the number of long polls that the watchers may still open. All watchers share this object, so that they
   * count together.
   */
  polls: { free: number };
  onError: (error: unknown, key: ConnectorKey) => void;
}

const RETRY_MS = 500;

/**
 * Makes one long poll for all subscribers of an open flow, and one query after each change. A flow has no long poll if
 * it has not started, if it is closed, or if too many polls are open. Without a long poll, the watcher checks the flow
 * by `describe`, and reads the view only if the history has grown.
 */
export class FlowWatcher {
  readonly #auth: ConnectorAuth;
  readonly #key: ConnectorKey;
  readonly #settings: WatcherSettings;
  readonly #onUnused: () => void;
  readonly #subscribers = new Set<Subscriber>();
  readonly #stop = new AbortController();
  readonly #notifier = new Notifier();
  #latest?: ViewEvent;
  /** The run, and the length of its history, at the last check. */
  #checked?: Progress;
  /** True if a long poll keeps `#latest` up to date. */
  #isLive = false;
  #failures = 0;
  #running?: Promise<void>;

  /**
   * `onUnused`: called after the last subscriber has left. By then, the watcher has stopped, and can't be used again.
   */
  constructor(auth: ConnectorAuth, key: ConnectorKey, settings: WatcherSettings, onUnused: () => void) {
    [this.#auth, this.#key, this.#settings, this.#onUnused] = [auth, key, settings, onUnused];
  }

  /**
   * Adds a subscriber. The subscriber first gets the current view: at once if the view is known, otherwise after the
   * next check.
   */
  subscribe(subscriber: Subscriber): void {
    this.#subscribers.add(subscriber);
    if (this.#isLive && this.#latest) subscriber(this.#latest);
    else this.#notifier.notify();
    this.#running ??= this.#run();
  }

  unsubscribe(subscriber: Subscriber): void {
    if (!this.#subscribers.delete(subscriber) || this.#subscribers.size > 0) return;
    this.#stop.abort();
    this.#notifier.notify();
    this.#onUnused();
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      // Drops earlier notifications, because the check below sends the view to all present subscribers.
      this.#notifier.reset();
      const pauseMs = await this.#check().then(
        () => this.#settings.checkEveryMs,
        (error: unknown) => this.#pauseAfter(error),
      );
      await this.#notifier.wait(pauseMs);
    }
  }

  async #check(): Promise<void> {
    const progress = await this.#auth.progress(this.#key);
    if (progress.open && this.#settings.polls.free > 0) return this.#poll();
    if (!this.#latest || !isSame(progress, this.#checked)) this.#latest = viewEventOf(await this.#auth.view(this.#key));
    this.#checked = progress;
    this.#publish();
  }

  /** Reads each new view by long poll until the flow ends. */
  async #poll(): Promise<void> {
    this.#settings.polls.free--;
    try {
      for await (const view of this.#auth.views(this.#key, this.#stop.signal)) {
        this.#isLive = true;
        if (idOf(view) !== this.#latest?.id) this.#latest = viewEventOf(view);
        this.#publish();
      }
    } finally {
      this.#isLive = false;
      this.#checked = undefined;
      this.#settings.polls.free++;
    }
  }

  #publish(): void {
    this.#failures = 0;
    if (this.#latest) for (const subscriber of this.#subscribers) subscriber(this.#latest);
  }

  #pauseAfter(error: unknown): number {
    // `notStarted` and `paused` are no errors here: such a flow has no view.
    if (error instanceof ConnectorAuthError && (error.code === 'notStarted' || error.code === 'paused'))
      return this.#settings.checkEveryMs;
    if (!this.#stop.signal.aborted) this.#settings.onError(error, this.#key);
    const pauseMs = Math.min(RETRY_MS * 2 ** this.#failures++, this.#settings.maxRetryMs);
    return pauseMs * (0.5 + Math.random() / 2); // the random part spreads the retries of many flows over time
  }
}

/** Wakes one waiting task. If no task waits, the notification ends the next wait at once. */
export class Notifier {
  #notified = false;
  #wake?: () => void;

  notify(): void {
    this.#notified = true;
    this.#wake?.();
  }

  /** Drops a notification that has not ended a wait yet. */
  reset(): void {
    this.#notified = false;
  }

  /** Waits until a notification comes, but at most for `timeoutMs`. Returns true if a notification has come. */
  async wait(timeoutMs: number): Promise<boolean> {
    if (!this.#notified) await this.#notifiedWithin(timeoutMs);
    const notified = this.#notified;
    this.#notified = false;
    return notified;
  }

  #notifiedWithin(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#wake?.(), timeoutMs);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
    });
  }
}

/** The id of a view. Two views with the same id are equal, because the revision grows with every visible change. */
const idOf = ({ runId, revision }: View): string => `${runId}.${revision}`;

const viewEventOf = (view: View): ViewEvent => ({
  id: idOf(view),
  json: JSON.stringify(view),
  isFinal: finalStates.includes(view.state),
});

const isSame = (one: Progress, other?: Progress): boolean =>
  one.runId === other?.runId && one.historyLength === other.historyLength;
