import { randomUUID } from 'node:crypto';
import { catalogue, entryOf } from './catalogue';
import { DataFile, readDataFile } from './data-file';
import type { CatalogueEntry } from './definition';
import { badRequest, notFound } from './refusal';
import { State, type Account, type Cycle, type Property, type StoredConnector } from './state';

/** The accounts and tokens of the sandbox, in memory and optionally in a file. */
export class Store {
  readonly #accounts: Map<string, Account>;
  readonly #file: DataFile | undefined;

  private constructor(
    readonly state: State,
    path: string | undefined,
  ) {
    this.#accounts = new Map(state.accounts.map((account) => [account.id, account]));
    this.#file = path === undefined ? undefined : new DataFile(path, () => this.state);
  }

  /** Opens the data file. If there is no file, adds the first accounts. Fails if the file can't be read or written. */
  static async open(path: string | undefined): Promise<Store> {
    const found = path === undefined ? undefined : readDataFile(path);
    if (found !== undefined) return new Store(stateOf(found, path), path);
    const store = new Store(
      { nextConnectorId: 1, nextPropertyId: 1, accounts: [], tokens: [], signInTokens: [], consents: [] },
      path,
    );
    seed(store);
    await store.save();
    return store;
  }

  /** Resolves when all changes are on the disk. */
  async save(): Promise<void> {
    await this.#file?.save();
  }

  account(id: string): Account | undefined {
    return this.#accounts.get(id);
  }

  /** Returns the account connector with this id. Fails: 404 if the account does not have this connector. */
  connector(accountId: string, id: number): StoredConnector {
    return connectorIn(this.#accounts.get(accountId), id);
  }

  /** Installs connectors with new ids. Creates the account if it does not exist. */
  install(accountId: string, entries: readonly CatalogueEntry[]): StoredConnector[] {
    if (accountId === '') throw badRequest('An account id is not empty.');
    const installed = entries.map((entry) => installedFrom(entry, this.state.nextConnectorId++));
    this.#findOrCreate(accountId).connectors.push(...installed);
    return installed;
  }

  /** Adds a cycle with these connectors. Each item of `otherReasonCodes` adds one more unmet prerequisite. */
  addCycle(accountId: string, connectorIds: number[], otherReasonCodes: number[], id: string = randomUUID()): Cycle {
    const cycle: Cycle = { id, connectorIds, otherReasonCodes, status: 'Paused' };
    this.#findOrCreate(accountId).cycles.push(cycle);
    return cycle;
  }

  /** Returns the cycle with this id in the account. Fails: 404 if the account does not have this cycle. */
  cycle(accountId: string, id: string): Cycle {
    return cycleIn(this.#accounts.get(accountId), id);
  }

  /**
   * Removes a connector from the account and from its cycles. Fails: 404 if the account does not have this connector.
   */
  uninstall(accountId: string, id: number): StoredConnector {
    const connector = this.connector(accountId, id);
    const { connectors, cycles } = this.#findOrCreate(accountId);
    connectors.splice(connectors.indexOf(connector), 1);
    for (const cycle of cycles) cycle.connectorIds = cycle.connectorIds.filter((other) => other !== id);
    return connector;
  }

  /** Adds a property, even if the connector already has a property of this name. */
  addProperty(connector: StoredConnector, Name: string, Value: string): Property {
    const property = { Id: this.state.nextPropertyId++, Name, Value };
    connector.Properties.push(property);
    return property;
  }

  #findOrCreate(id: string): Account {
    const known = this.#accounts.get(id);
    if (known) return known;
    const account: Account = { id, connectors: [], cycles: [] };
    this.state.accounts.push(account);
    this.#accounts.set(id, account);
    return account;
  }
}

/** Adds the first accounts. Their ids are the same on every machine, so that guides can name them. */
function seed(store: Store): void {
  store.state.nextConnectorId = 1001;
  const acme = store.install('acme', catalogue);
  const ids = acme.map(({ Id }) => Id);
  store.addCycle('acme', ids, [40], 'a3c1f0de-5d0c-4f57-9b1e-2f6f0a7c1001');
  const [brightdesk, fernhill, ledgerly] = ['Brightdesk', 'Fernhill', 'Ledgerly'].map(
    (name) => acme.find(({ key }) => key === name)!.Id,
  );
  store.addCycle('acme', [brightdesk!, fernhill!, ledgerly!], [], 'a3c1f0de-5d0c-4f57-9b1e-2f6f0a7c1002');

  store.state.nextConnectorId = 2001;
  store.install('Müller & Söhne/1', ['Brightdesk', 'Zenodesk', 'Shopwell'].map(entryOf));

  store.state.nextConnectorId = 3001;
  store.install('7c9e6679-7425-40de-944b-e07fc1f90ae7', ['Fernhill', 'Ledgerly', 'Quartz'].map(entryOf));

  store.state.nextConnectorId = 10_001;
}

/** Returns the account connector with the id `id`. Fails: 404 if the account does not have this connector. */
export function connectorIn(account: Account | undefined, id: number): StoredConnector {
  const connector = account?.connectors.find((candidate) => candidate.Id === id);
  if (!connector) throw notFound(`Account connector ${id} could not be found.`);
  return connector;
}

/** Returns the cycle with the id `id`. Fails: 404 if the account does not have this cycle. */
export function cycleIn(account: Account | undefined, id: string | undefined): Cycle {
  const cycle = account?.cycles.find((candidate) => candidate.id === id);
  if (!cycle) throw notFound('The cycle could not be found.');
  return cycle;
}

function installedFrom(entry: CatalogueEntry, Id: number): StoredConnector {
  return {
    Id,
    key: entry.key,
    Name: entry.definition.Name,
    Description: null,
    AuthValue: entry.storedAuthValue ?? null,
    Authenticated: entry.storedAuthValue !== undefined,
    IsPartnerIntegrationConnector: entry.partnerIntegration,
    Properties: [],
  };
}

function stateOf(found: unknown, path: string | undefined): State {
  const { data } = State.safeParse(found);
  const isKnown = ({ key }: StoredConnector): boolean => catalogue.some((entry) => entry.key === key);
  if (!data?.accounts.every(({ connectors }) => connectors.every(isKnown))) {
    throw new Error(`${path} is no data file of this sandbox. Delete it or name another file`);
  }
  return data;
}
