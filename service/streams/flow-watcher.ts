import type { ConnectorKey } from '../../workflows/connector';
import { finalStates, type View } from '../../workflows/messages';
import type { ConnectorAuth, Progress } from '../../client/connector-auth';
import { ConnectorAuthError } from '../../client/connector-auth-error';
import { Bell } from './bell';
import type { ServerSentEvent } from './server-sent-event';

/** A view as all readers get it: made into text once. */
export interface Told {
  event: ServerSentEvent;
  final: boolean;
}
export type Reader = (told: Told) => void;

export interface FeedSettings {
  /** After how long Temporal is asked again whether a flow has begun, or begun again. */
  lookEveryMs: number;
  /** The longest pause between two tries while Temporal or the workers are away. */
  retryAtMostMs: number;
  /** How many long polls may still be opened. */
  polls: { free: number };
  onError: (error: unknown, key: ConnectorKey) => void;
}

const RETRY_MS = 500;

/**
 * What all readers of one flow share: one long poll while it is open, one query when something can have changed. Where
 * there is nothing to poll (it is not started, it is closed, or too many polls are open) Temporal is asked from time to
 * time how far it has come, and anything else only where it has come further.
 */
export class Feed {
  readonly #readers = new Set<Reader>();
  readonly #abort = new AbortController();
  readonly #bell = new Bell();
  #latest?: Told;
  /** How far it had come at the last look. */
  #seen?: Progress;
  /** Whether a long poll stands behind the latest view: else it may be of yesterday. */
  #isLive = false;
  #failures = 0;
  #running?: Promise<void>;

  constructor(
    private readonly auth: ConnectorAuth,
    private readonly key: ConnectorKey,
    private readonly settings: FeedSettings,
    /** Told when the last reader has gone: it has stopped then, and is of no use any more. */
    private readonly onUnread: () => void,
  ) {}

  /** The reader hears the present view first: at once, or once it is known. */
  add(reader: Reader): void {
    this.#readers.add(reader);
    if (this.#isLive && this.#latest) reader(this.#latest);
    else this.#bell.ring();
    this.#running ??= this.#run();
  }

  remove(reader: Reader): void {
    if (!this.#readers.delete(reader) || this.#readers.size > 0) return;
    this.#abort.abort();
    this.#bell.ring();
    this.onUnread();
  }

  async #run(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      this.#bell.hush(); // whoever has come until now is told by this very look
      const pauseMs = await this.#look().then(
        () => this.settings.lookEveryMs,
        (error: unknown) => this.#pauseAfter(error),
      );
      await this.#bell.heard(pauseMs);
    }
  }

  async #look(): Promise<void> {
    const progress = await this.auth.progress(this.key);
    if (progress.open && this.settings.polls.free > 0) return this.#poll();
    if (!this.#latest || !isSame(progress, this.#seen)) this.#latest = toldOf(await this.auth.view(this.key));
    this.#seen = progress;
    this.#tell();
  }

  /** Follows it to its end. */
  async #poll(): Promise<void> {
    this.settings.polls.free--;
    try {
      for await (const view of this.auth.views(this.key, this.#abort.signal)) {
        this.#isLive = true;
        if (idOf(view) !== this.#latest?.event.id) this.#latest = toldOf(view);
        this.#tell();
      }
    } finally {
      this.#isLive = false;
      this.#seen = undefined;
      this.settings.polls.free++;
    }
  }

  #tell(): void {
    this.#failures = 0;
    if (this.#latest) for (const reader of this.#readers) reader(this.#latest);
  }

  #pauseAfter(error: unknown): number {
    if (error instanceof ConnectorAuthError && error.code === 'notStarted') return this.settings.lookEveryMs;
    if (!this.#abort.signal.aborted) this.settings.onError(error, this.key);
    const pauseMs = Math.min(RETRY_MS * 2 ** this.#failures++, this.settings.retryAtMostMs);
    return pauseMs * (0.5 + Math.random() / 2); // not all at the same moment
  }
}

/** The same id, the same view: the revision grows with every visible change. */
const idOf = ({ runId, revision }: View): string => `${runId}.${revision}`;

const toldOf = (view: View): Told => ({
  event: { event: 'view', id: idOf(view), data: JSON.stringify(view) },
  final: finalStates.includes(view.state),
});

const isSame = (one: Progress, other?: Progress): boolean =>
  one.runId === other?.runId && one.historyLength === other.historyLength;
