/** A map with a highest number of entries. A full map drops the entry whose last `set` call is the oldest. */
export class RecentMap<Value> {
  readonly #max: number;
  /** The entries, in the order of their last `set` calls. */
  readonly #entries = new Map<string, Value>();

  constructor(max: number) {
    this.#max = max;
  }

  get(key: string): Value | undefined {
    return this.#entries.get(key);
  }

  /** Sets an entry. If the map then has too many entries, drops the entry whose last `set` call is the oldest. */
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
