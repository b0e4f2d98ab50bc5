/** ViewCache returns a cached view without a query if the flow has not changed. */
import { ViewCache } from '../../../service/view-cache';
import type { ConnectorKey } from '../../../workflows/connector';
import type { View } from '../../../workflows/view';

const keyOf = (connectorId: number): ConnectorKey => ({ accountId: 'acme', connectorId });

/** A fake library: `grow` makes the history of its flow longer, and `started` replaces the run of the flow. */
function library() {
  const run = { runId: 'first', historyLength: 5 };
  const queried: number[] = [];
  return {
    queried,
    grow: () => void run.historyLength++,
    started: () => void (run.runId = 'second'),
    progress: async () => ({ ...run, open: true }),
    view: async ({ connectorId }: ConnectorKey) => {
      queried.push(connectorId);
      return { connectorId, runId: run.runId, revision: queried.length } as View;
    },
  };
}

test('a view is queried once until the history grows or another run starts', async () => {
  const auth = library();
  const cache = new ViewCache(auth);
  const revision = async () => (await cache.view(keyOf(1))).revision;

  const same = [await revision(), await revision()];
  auth.grow();
  const grown = [await revision(), await revision()];
  auth.started();
  const restarted = [await revision(), await revision()];

  expect([same, grown, restarted]).toEqual([
    [1, 1],
    [2, 2],
    [3, 3],
  ]);
});

test('if the history grows during the query of a view, the next call queries the view again', async () => {
  const auth = library();
  const cache = new ViewCache({
    progress: auth.progress,
    view: async (key) => {
      if (auth.queried.length === 0) auth.grow();
      return auth.view(key);
    },
  });

  await cache.view(keyOf(1));
  await cache.view(keyOf(1));

  expect(auth.queried).toEqual([1, 1]);
});

test('above its limit, the cache drops the least recently used view', async () => {
  const auth = library();
  const cache = new ViewCache(auth, 2);

  for (const connectorId of [1, 2, 1, 3, 1, 2]) await cache.view(keyOf(connectorId));

  expect(auth.queried).toEqual([1, 2, 3, 2]);
});
