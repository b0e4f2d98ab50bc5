import type { Timeline, TimelineEntry } from '../messages';

const MAX_ENTRIES = 200;

/** How a flow got where it is: the last 200 entries. */
export class TimelineLog {
  readonly #entries: TimelineEntry[];
  #dropped: number;

  constructor({ entries, dropped = 0 }: Timeline = { entries: [] }) {
    this.#entries = entries;
    this.#dropped = dropped;
  }

  /** Adds an entry, at the present time; what is `undefined` of it is left out. */
  add(entry: Omit<TimelineEntry, 'at'>): void {
    const given = Object.entries(entry).filter(([, value]) => value !== undefined);
    this.#entries.push({ at: new Date().toISOString(), ...(Object.fromEntries(given) as typeof entry) });
    if (this.#entries.length <= MAX_ENTRIES) return;
    this.#entries.shift();
    this.#dropped++;
  }

  get answer(): Timeline {
    return { entries: this.#entries, ...(this.#dropped > 0 && { dropped: this.#dropped }) };
  }
}
