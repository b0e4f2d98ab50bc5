/** Two ways to follow the views of a flow: the service's event stream, and the library's direct calls to Temporal. */
import { ConnectorAuth } from '../../client/connector-auth';
import type { StateName, View } from '../../workflows/messages';
import type { Part } from '../flows';
import type { BenchService, Stack } from '../stack';
import { dataOf, readEvents } from './event-reader';
import { sessionTokenOf } from '../../scripts/local/parts';

export type WatchName = 'stream' | 'direct';
export const watchNames: readonly WatchName[] = ['stream', 'direct'];

const WITHIN_MS = 60_000;

/** Records the time of the first view in each state. */
export class Watch {
  readonly #seen = new Map<StateName, number>();
  readonly #waiting = new Map<StateName, () => void>();
  leave: () => void = () => undefined;

  readonly saw = ({ state }: Pick<View, 'state'>): void => {
    if (!this.#seen.has(state)) this.#seen.set(state, Date.now());
    this.#waiting.get(state)?.();
  };

  /**
   * Waits for the first view in this state. Returns the time of this view, in milliseconds since 1970. Fails after a
   * minute.
   */
  async sees(state: StateName): Promise<number> {
    if (!this.#seen.has(state)) await this.#comes(state);
    return this.#seen.get(state)!;
  }

  #comes(state: StateName): Promise<void> {
    return new Promise((done, failed) => {
      const timer = setTimeout(() => failed(new Error(`no view in ${state} within a minute`)), WITHIN_MS);
      this.#waiting.set(state, () => (clearTimeout(timer), done()));
    });
  }
}

type Open = (part: Part) => Promise<Watch>;

/**
 * Returns one function for each way to follow the views. The function starts a {@link Watch} that follows the views of
 * an open flow.
 */
export function watchesOf({ client }: Stack, service: BenchService): Record<WatchName, Open> {
  const auth = new ConnectorAuth(client);
  return {
    async stream({ key }) {
      const watch = new Watch();
      const token = await sessionTokenOf(service, key);
      const reader = await readEvents(service, token, (event) => {
        if (event.startsWith('event: view')) watch.saw(dataOf(event) as View);
      });
      watch.leave = reader.leave;
      return watch;
    },
    /** Makes the same calls to Temporal as the service: a long poll of the history, and a query after each change. */
    async direct({ key }) {
      const watch = new Watch();
      const leaving = new AbortController();
      watch.leave = () => leaving.abort();
      void (async () => {
        for await (const view of auth.views(key, leaving.signal)) watch.saw(view);
      })().catch(() => undefined); // after an error no view arrives, so `sees` fails after a minute
      return watch;
    },
  };
}
