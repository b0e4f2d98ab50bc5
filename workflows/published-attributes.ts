/** The search attributes that a run sets. */
import type { SearchAttributeUpdatePair } from '@temporalio/common';
import { upsertSearchAttributes } from '@temporalio/workflow';

/**
 * The search attributes that this run has upserted. The run upserts a value only if the value differs from the last
 * upserted value. The run does not compare with the search attributes in its start event, because these can get lost:
 * after an operator has removed a search attribute and registered it again, the start event can lack its value (server
 * 1.32 on SQL). A replay would then upsert other values than the run, and would fail.
 */
export class PublishedAttributes {
  /** The last upserted value of each search attribute, as JSON. The key is the name of the search attribute. */
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
