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
import type { Cycle, StoredConnector } from './state';
import type { Store } from './store';
import type { Switches } from './switches';
import { revokeTokens } from './token';
import { sendTransactionError } from './transaction-error';

/** Changes of an account connector. `Connector` overrides fields of the definition in the catalogue. */
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

/** Changes of a cycle. `connectorIds` and `otherReasonCodes` each replace the whole list that the cycle had. */
export const CyclePatch = z.strictObject({
  connectorIds: z.array(z.number()).optional(),
  otherReasonCodes: z.array(z.number()).optional(),
  status: z.enum(['Paused', 'Active', 'Stopped']).optional(),
});
export type CyclePatch = z.infer<typeof CyclePatch>;

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

/** The control surface of the sandbox, for tests and demos. Cyclr has no such calls. */
export interface Control {
  /** The last 10,000 requests to the API and the service domain, oldest first. */
  readonly requests: RecordedRequest[];
  /** The variants of Cyclr's undocumented behaviour. A test can set a switch at any time. */
  readonly switches: Switches;
  /**
   * Installs connectors with new ids. `connectors` names the connectors by key, name or id of the catalogue. By
   * default, installs each connector of the catalogue once. Creates the account if it does not exist. Fails: a Refusal
   * (400) for a connector that the catalogue does not have.
   */
  createAccount(accountId: string, options?: { connectors?: (string | number)[] }): ConnectorSummary[];
  accounts(): AccountSummary[];
  /**
   * Adds a cycle, Cyclr's word for an integration, with these connectors. Each item of `otherReasonCodes` adds one more
   * unmet prerequisite. Returns the id of the cycle.
   */
  createCycle(accountId: string, connectorIds: number[], otherReasonCodes?: number[]): string;
  /** Reads a cycle. Fails: a Refusal (404) if the cycle or the account does not exist. */
  cycleOf(accountId: string, cycleId: string): Cycle;
  /** Changes a cycle, such as the list of its connectors. Fails: a Refusal (404) for an unknown cycle or connector. */
  updateCycle(accountId: string, cycleId: string, patch: CyclePatch): Cycle;
  /**
   * Sends the message of Cyclr's Transaction Error Webhook about the cycle to `url` on this machine. Returns the status
   * of the answer. Fails: a Refusal (404) for an unknown cycle, or (400) if `url` does not answer.
   */
  sendTransactionError(
    accountId: string,
    cycleId: string,
    webhook: { url: string; message?: string },
  ): Promise<{ status: number }>;
  /**
   * Reads an account connector. Unlike a GET of the API, this call changes nothing. Fails: a Refusal (404) if the
   * connector does not exist.
   */
  connectorOf(accountId: string, id: number): AccountConnector;
  /**
   * Removes an account connector from its account and its cycles. Fails: a Refusal (404) if the connector does not
   * exist.
   */
  uninstall(accountId: string, id: number): void;
  /** Changes an account connector. A patch of `Authenticated` cancels a delayed authentication. */
  update(accountId: string, id: number, patch: ConnectorPatch): AccountConnector;
  /**
   * Adds a fault for the requests that match `rule`. If several rules match a request, the request gets the fault of
   * the oldest rule that has no more requests to skip. Returns a function that lets the requests of a `held` rule
   * continue.
   */
  fault(rule: FaultRule): () => void;
  clearFaults(): void;
  /** Makes all bearer tokens invalid. */
  revokeTokens(): void;
  /** Returns the sign-in tokens of an account, oldest first. */
  signIns(accountId: string): SignIn[];
  /**
   * Acts as the user's browser over HTTP. Opens a consent link, sends the decision, and returns the target of the
   * redirect. Sends no decision if the sandbox shows no consent page. Fails: a Refusal (400) for a link to another
   * host.
   */
  consent(url: string, decision: Decision): Promise<ConsentOutcome>;
  /**
   * Replaces the tokens of a connector, as Cyclr's own refresh does. Fails: a Refusal (400) if the connector has no
   * tokens.
   */
  refreshTokens(accountId: string, id: number): AccountConnector;
}

export interface ControlParts {
  faults: Faults;
  requests: RecordedRequest[];
  switches: Switches;
  /** Returns the URL of the sandbox. Call this function only after the server listens. */
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
    cycleOf: (accountId, cycleId) => structuredClone(store.cycle(accountId, cycleId)),
    updateCycle: (accountId, cycleId, patch) => {
      const changes = checked(CyclePatch, patch);
      for (const id of changes.connectorIds ?? []) store.connector(accountId, id);
      return structuredClone(Object.assign(store.cycle(accountId, cycleId), changes));
    },
    sendTransactionError: async (accountId, cycleId, webhook) =>
      sendTransactionError({ accountId, cycle: store.cycle(accountId, cycleId) }, webhook),
    uninstall: (accountId, id) => void store.uninstall(accountId, id),
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
