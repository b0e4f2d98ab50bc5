/** A map with a limit. Over the limit, the map drops the entries that were set first. */
export class RecentMap<Value> {
  readonly #max: number;
  /** The entries in the order in which they were set. */
  readonly #entries = new Map<string, Value>();

  constructor(max: number) {
    this.#max = max;
  }

  get(key: string): Value | undefined {
    return this.#entries.get(key);
  }

  /** Sets an entry. Over the limit, drops the entry that was set the longest time ago. */
  set(key: string, value: Value): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > this.#max) this.#entries.delete(oldest!);
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }
}
