/** A cache. For each flow, the cache keeps the last view that this instance of the service has read. */
import type { ConnectorAuth } from '../client/connector-auth';
import { workflowIdOf, type ConnectorKey } from '../workflows/connector';
import type { View } from '../workflows/view';
import { RecentMap } from './recent-map';

/** The highest number of views in the cache. With icons of 8 KB, the views need about 20 MB. */
const MAX_VIEWS = 2000;

interface Kept {
  runId: string;
  historyLength: number;
  view: View;
}

/**
 * Reads views of flows, with a cache. If the history of the run has not grown since the view was cached, returns the
 * cached view, which needs no worker. Otherwise, reads the view from the flow.
 */
export class ViewCache {
  readonly #auth: Pick<ConnectorAuth, 'progress' | 'view'>;
  /** The cached views. The key is the workflow id. */
  readonly #views: RecentMap<Kept>;

  constructor(auth: Pick<ConnectorAuth, 'progress' | 'view'>, maxViews = MAX_VIEWS) {
    [this.#auth, this.#views] = [auth, new RecentMap(maxViews)];
  }

  /** The current view of the latest run. Fails: notStarted, paused. */
  async view(key: ConnectorKey): Promise<View> {
    const id = workflowIdOf(key);
    const { runId, historyLength } = await this.#auth.progress(key);
    const kept = this.#views.get(id);
    const isCurrent = kept?.runId === runId && kept.historyLength === historyLength;
    // This method reads `historyLength` first and `view` second. If the history grows between these two reads, the next
    // call finds another length and reads the view again.
    const view = isCurrent ? kept.view : await this.#auth.view(key);
    this.#views.set(id, { runId, historyLength, view });
    return view;
  }
}
