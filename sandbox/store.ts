import { randomUUID } from 'node:crypto';
import { catalogue } from './catalogue';
import { DataFile, readDataFile } from './data-file';
import type { CatalogueEntry } from './definition';
import { badRequest, notFound } from './refusal';
import { seed } from './seed';
import { State, type Account, type Cycle, type Property, type StoredConnector } from './state';

/** The accounts and tokens of this Cyclr, in memory and, given a file, on the disk. */
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

  /** What the file holds, or the seeded accounts where there is none yet. Fails: a file that can't be read or written. */
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

  /** Resolves once everything changed so far is on the disk. */
  async save(): Promise<void> {
    await this.#file?.save();
  }

  account(id: string): Account | undefined {
    return this.#accounts.get(id);
  }

  /** Fails: 404 where the account does not have it. */
  connector(accountId: string, id: number): StoredConnector {
    return connectorIn(this.#accounts.get(accountId), id);
  }

  /** Installs connectors, each with an id of its own, in an account that is created where it does not exist. */
  install(accountId: string, entries: readonly CatalogueEntry[]): StoredConnector[] {
    if (accountId === '') throw badRequest('An account id is not empty.');
    const installed = entries.map((entry) => installedFrom(entry, this.state.nextConnectorId++));
    this.#accountMade(accountId).connectors.push(...installed);
    return installed;
  }

  /** A cycle that needs these connectors, and lacks something for each other reason code. */
  addCycle(accountId: string, connectorIds: number[], otherReasonCodes: number[], id: string = randomUUID()): Cycle {
    const cycle = { id, connectorIds, otherReasonCodes };
    this.#accountMade(accountId).cycles.push(cycle);
    return cycle;
  }

  /** A new property of a connector; whether it has one of this name already does not matter. */
  addProperty(connector: StoredConnector, Name: string, Value: string): Property {
    const property = { Id: this.state.nextPropertyId++, Name, Value };
    connector.Properties.push(property);
    return property;
  }

  #accountMade(id: string): Account {
    const known = this.#accounts.get(id);
    if (known) return known;
    const account: Account = { id, connectors: [], cycles: [] };
    this.state.accounts.push(account);
    this.#accounts.set(id, account);
    return account;
  }
}

/** Fails: 404 where the account does not have it. */
export function connectorIn(account: Account | undefined, id: number): StoredConnector {
  const connector = account?.connectors.find((candidate) => candidate.Id === id);
  if (!connector) throw notFound(`Account connector ${id} could not be found.`);
  return connector;
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
    throw new Error(`${path} is no data of this sandbox. Delete it or name another file`);
  }
  return data;
}
