import { catalogue, entryOf } from './catalogue';
import type { Store } from './store';

/** The accounts that are there at start. Their ids are the same on every machine, so that guides can name them. */
export function seed(store: Store): void {
  store.state.nextConnectorId = 1001;
  const acme = store.install('acme', catalogue);
  const ids = acme.map(({ Id }) => Id);
  store.addCycle('acme', ids, [40], 'a3c1f0de-5d0c-4f57-9b1e-2f6f0a7c1001');

  store.state.nextConnectorId = 2001;
  store.install('Müller & Söhne/1', ['Brightdesk', 'Zenodesk', 'Shopwell'].map(entryOf));

  store.state.nextConnectorId = 3001;
  store.install('7c9e6679-7425-40de-944b-e07fc1f90ae7', ['Fernhill', 'Ledgerly', 'Quartz'].map(entryOf));

  store.state.nextConnectorId = 10_001;
}
