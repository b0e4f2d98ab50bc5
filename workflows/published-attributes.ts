/** The search attributes that a run sets. */
import type { SearchAttributeUpdatePair } from '@temporalio/common';
import { upsertSearchAttributes } from '@temporalio/workflow';

/**
 * The values that this run has set. A run does not compare with the search attributes of its start event: after an
 * operator has removed and registered a search attribute, Temporal can show the start event without the value (server
 * 1.32 on SQL). Then a replay would upsert other values than the run, and would fail.
 */
export class PublishedAttributes {
  /** The values as JSON, by name. */
  readonly #values = new Map<string, string>();

  /** Upserts each value that is not published yet. `null` removes a value. */
  publish(values: readonly SearchAttributeUpdatePair[]): void {
    const changed = values.filter((pair) => !this.has(pair));
    if (changed.length === 0) return; // an empty upsert fails the workflow task
    for (const { key, value } of changed) this.#values.set(key.name, JSON.stringify(value));
    upsertSearchAttributes(changed);
  }

  /** True if the value is published. A value that this run has never set counts as `null`. */
  has({ key, value }: SearchAttributeUpdatePair): boolean {
    return (this.#values.get(key.name) ?? 'null') === JSON.stringify(value);
  }
}
