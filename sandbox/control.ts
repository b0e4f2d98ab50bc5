import { z } from 'zod';
import { accountConnectorAnswer, definitionOf, type AccountConnector } from './answers';
import { checked } from './body';
import { consentInBrowser, type ConsentOutcome } from './browser';
import { catalogue, entryOf } from './catalogue';
import { FaultRule } from './fault-rule';
import type { Faults } from './faults';
import { refreshTokens, type Decision } from './oauth';
import type { RecordedRequest } from './requests';
import { signInsOf, type SignIn } from './sign-in';
import type { StoredConnector } from './state';
import type { Store } from './store';
import type { Switches } from './switches';
import { revokeTokens } from './token';

/** What to change of an account connector. `Connector` is laid over what the catalogue says. */
export const ConnectorPatch = z.strictObject({
  Name: z.string().optional(),
  Description: z.string().nullable().optional(),
  AuthValue: z.string().nullable().optional(),
  Authenticated: z.boolean().optional(),
  IsPartnerIntegrationConnector: z.boolean().optional(),
  Properties: z.array(z.strictObject({ Name: z.string(), Value: z.string() })).optional(),
  Connector: z.record(z.string(), z.unknown()).optional(),
});
export type ConnectorPatch = z.infer<typeof ConnectorPatch>;

export interface ConnectorSummary {
  id: number;
  name: string;
  authType: string;
  oauth2Type?: string;
}

export interface AccountSummary {
  accountId: string;
  connectors: ConnectorSummary[];
  cycleIds: string[];
}

/** What a test, or a person, may do to this Cyclr behind its API's back. */
export interface Control {
  /** All requests to Cyclr's API and its service domain, oldest first; the last 10,000. */
  readonly requests: RecordedRequest[];
  /** The variants nobody knows; to be set at will. */
  readonly switches: Switches;
  /**
   * Installs connectors with fresh ids, in an account that is created where it does not exist: those of these keys,
   * names or ids, in this order, else one of each. Fails: a Refusal (400) for one the catalogue does not have.
   */
  createAccount(accountId: string, options?: { connectors?: (string | number)[] }): ConnectorSummary[];
  accounts(): AccountSummary[];
  /** Adds a cycle that needs these connectors, and lacks something else for each other reason code. Returns its id. */
  createCycle(accountId: string, connectorIds: number[], otherReasonCodes?: number[]): string;
  /** An account connector as it stands; looking changes nothing. Fails: a Refusal (404) where there is none. */
  connectorOf(accountId: string, id: number): AccountConnector;
  /** Changes an account connector. What was about to happen to `Authenticated` by itself does not, once it is given. */
  update(accountId: string, id: number, patch: ConnectorPatch): AccountConnector;
  /**
   * From now on this goes wrong. Rules are tried in the order they came. Returns a function that lets the requests go on
   * which the rule has stopped, where it is `held`.
   */
  fault(rule: FaultRule): () => void;
  clearFaults(): void;
  /** Makes every token that was minted so far a bad one. */
  revokeTokens(): void;
  /** The sign-in tokens that were minted for an account, oldest first. */
  signIns(accountId: string): SignIn[];
  /**
   * Plays the user's browser, by HTTP: opens an OAuth link, decides, and reports where it is sent. Nothing is decided
   * where no consent page is shown. Fails: a Refusal (400) for a link that leads elsewhere.
   */
  consent(url: string, decision: Decision): Promise<ConsentOutcome>;
  /** Replaces the tokens of a connector, as Cyclr does by itself. Fails: a Refusal (400) where none are in use. */
  refreshTokens(accountId: string, id: number): AccountConnector;
}

export interface ControlParts {
  faults: Faults;
  requests: RecordedRequest[];
  switches: Switches;
  /** Where the sandbox is, once it listens. */
  sandboxUrl: () => string;
}

export function createControl(store: Store, { faults, requests, switches, sandboxUrl }: ControlParts): Control {
  return {
    requests,
    switches,
    createAccount: (accountId, { connectors } = {}) =>
      store.install(accountId, connectors?.map(entryOf) ?? catalogue).map(summaryOf),
    accounts: () =>
      store.state.accounts.map(({ id, connectors, cycles }) => ({
        accountId: id,
        connectors: connectors.map(summaryOf),
        cycleIds: cycles.map((cycle) => cycle.id),
      })),
    createCycle: (accountId, connectorIds, otherReasonCodes = []) => {
      for (const id of connectorIds) store.connector(accountId, id);
      return store.addCycle(accountId, connectorIds, otherReasonCodes).id;
    },
    connectorOf: (accountId, id) => structuredClone(accountConnectorAnswer(store.connector(accountId, id))),
    update: (accountId, id, patch) => {
      const connector = store.connector(accountId, id);
      patchConnector(store, connector, checked(ConnectorPatch, patch));
      return structuredClone(accountConnectorAnswer(connector));
    },
    fault: (rule) => faults.add(checked(FaultRule, rule)),
    clearFaults: () => faults.clear(),
    revokeTokens: () => revokeTokens(store),
    signIns: (accountId) => signInsOf(store, accountId),
    consent: (url, decision) => consentInBrowser(sandboxUrl(), url, decision),
    refreshTokens: (accountId, id) => {
      const connector = store.connector(accountId, id);
      refreshTokens(connector);
      return structuredClone(accountConnectorAnswer(connector));
    },
  };
}

function patchConnector(store: Store, connector: StoredConnector, { Properties, ...fields }: ConnectorPatch): void {
  Object.assign(connector, fields);
  if (fields.Authenticated !== undefined) connector.settlesAt = undefined;
  if (!Properties) return;
  connector.Properties = [];
  for (const { Name, Value } of Properties) store.addProperty(connector, Name, Value);
}

function summaryOf(connector: StoredConnector): ConnectorSummary {
  const { AuthType, OAuth2Type } = definitionOf(connector);
  return { id: connector.Id, name: connector.Name, authType: AuthType, ...(OAuth2Type && { oauth2Type: OAuth2Type }) };
}
