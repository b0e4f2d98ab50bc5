/** Cyclr over HTTP: one method for each endpoint. The client never retries, because Temporal retries the activity. */
import { z } from 'zod';
import { isAccountId, isConnectorId, type Connector, type ConnectorKey } from '../../workflows/connector';
import type { Policies } from '../policies/policies';
import type { Policy } from '../policies/schema';
import { shaped } from '../policies/shape';
import { bounded } from './bounds';
import { CyclrError, isOfKind, kindOfStatus, retryAfterMsOf, type CyclrErrorKind } from './errors';
import { createHttp, type Http, type HttpRequest, type HttpResponse } from './http';
import { smallIcon } from './icons';
import { withOptions } from './options';
import { allPages, type Page } from './pages';
import { recorded, type RequestRecorder } from './recorded';
import { TokenSource, type Token } from './token';
import {
  authValueIn,
  CycleConnectors,
  draftOf,
  ListedConnectors,
  parsed,
  Prerequisites,
  SignInToken,
  StoredProperty,
  TriggerAnswer,
  type Draft,
  type ListedConnector,
  type Prerequisite,
} from './wire';

export interface CyclrConfig {
  /** The origin of the API: https, or http on loopback. */
  apiUrl: string;
  clientId: string;
  clientSecret: string;
  /** The time limit, in milliseconds, of a call together with the token request before it. The default is 10,000. */
  timeoutMs?: number;
  /** The operator's policies. The client applies the policies to each connector that it reads. */
  policies?: Policies;
}

/** An account connector, with the data that an activity needs to apply the connector's policy. */
export interface Found extends Draft {
  policy?: Policy;
}

/** The account for which a call is made, and the time limit of the call. */
export interface AccountTarget extends Partial<ConnectorKey> {
  accountId: string;
  /** The time, by `performance.now()`, at which the call must have ended. Several calls can have the same time. */
  endsAtMs?: number;
}

/** The account connector for which a call is made, and the time limit of the call. */
export type Target = AccountTarget & ConnectorKey;

export interface Call extends Omit<HttpRequest, 'headers' | 'timeoutMs'> {
  /** True if the call is made for the partner and not for one account. The request then has no account header. */
  ofPartner?: boolean;
  /**
   * True if the answer can come from the third party, through Cyclr. A 401 of such an answer does not mean that Cyclr
   * refuses the bearer token or the account.
   */
  ofThirdParty?: boolean;
}

const TIMEOUT_MS = 10_000;
const MAX_PAGES = 50;
/**
 * The number of connectors on one page of the list. An icon in the list can have 100 KB, so a much larger page could
 * exceed 5 MiB, the largest answer that the client accepts.
 */
const CONNECTORS_A_PAGE = 20;
const MAX_CONNECTOR_PAGES = 100;
/** The time limit, in milliseconds, for all triggers that one read of a connector runs. */
const OPTIONS_MS = 3000;
/**
 * The limits of `#refusedSince`: the highest number of accounts, and the time after which the client forgets a first
 * 401.
 */
const MAX_REFUSED_ACCOUNTS = 10_000;
const IN_A_ROW_MS = 10 * 60_000;

const noPage: HttpResponse = { status: 200, text: '[]', totalPages: undefined, retryAfter: undefined };

/**
 * The schema for the answer to a write: any JSON object. Without this check, the error page of a proxy would count as
 * success.
 */
const Written = z.object({});

export class CyclrClient {
  readonly #http: Http;
  readonly #tokens: TokenSource;
  readonly #timeoutMs: number;
  readonly #policies?: Policies;
  /**
   * The time of the first 401 of each account, by `performance.now()`. When a call for an account gets an answer with
   * another status than 401, the account is removed from this map.
   */
  readonly #refusedSince = new Map<string, number>();

  /** `record` gets the outcome of each request, for metrics. */
  constructor(
    { apiUrl, clientId, clientSecret, timeoutMs = TIMEOUT_MS, policies }: CyclrConfig,
    record: RequestRecorder = () => undefined,
  ) {
    this.#http = recorded(createHttp(apiUrl), record);
    this.#tokens = new TokenSource(this.#http, { clientId, clientSecret, timeoutMs });
    this.#timeoutMs = timeoutMs;
    this.#policies = policies;
  }

  /** True if the worker has at least one policy. */
  get hasPolicies(): boolean {
    return this.#policies !== undefined && !this.#policies.isEmpty;
  }

  /** `GET /v1.0/account/connectors/{id}`, with the options of the triggers that answer within 3 s. */
  async getAccountConnector(target: Target): Promise<Connector> {
    const draft = await this.read(target);
    const endsAtMs = Math.min(performance.now() + OPTIONS_MS, target.endsAtMs ?? Infinity);
    return finished(
      draft,
      withOptions(draft, (triggerId) => this.#runTrigger({ ...target, endsAtMs }, triggerId)),
    );
  }

  /**
   * `GET /v1.0/account/connectors/{id}`. Also returns the stored `AuthValue`, a secret in clear. `authValue` is absent
   * if the value can't be read.
   */
  async getAuthorization(target: Target): Promise<{ connector: Connector; authValue?: string }> {
    const { text, ...draft } = await this.#read(target);
    return { connector: await finished(draft), authValue: authValueIn(text) };
  }

  /**
   * `GET /v1.0/account/connectors/{id}`, without the options of triggers and without the icon. `stored` has values in
   * clear, including secrets.
   */
  async read(target: Target): Promise<Found> {
    const { text: _text, ...found } = await this.#read(target);
    return found;
  }

  async #read(target: Target): Promise<Found & { text: string }> {
    const path = pathOf(target);
    const { status, text } = await this.call(target, { method: 'GET', path });
    return { ...this.#withPolicy(target, draftOf(`GET ${path}`, target.connectorId, status, text)), text };
  }

  #withPolicy({ connectorId }: Target, draft: Draft): Found {
    const policy = this.#policies?.of({ connectorId, definition: draft.definition });
    if (!policy) return draft;
    const connector = shaped(draft.connector, policy, draft.stored);
    const asked = new Set(connector.fields.map(({ name }) => name));
    return { ...draft, connector, policy, triggers: new Map([...draft.triggers].filter(([name]) => asked.has(name))) };
  }

  /** `POST /v1.0/account/connectors/{id}/triggers/{triggerId}`: the suggested values of a property. */
  async #runTrigger(target: Target, triggerId: string): Promise<string[] | undefined> {
    const path = `${pathOf(target)}/triggers/${encodeURIComponent(triggerId)}`;
    const { status, text } = await this.call(target, { method: 'POST', path, body: {}, ofThirdParty: true });
    return parsed(TriggerAnswer, `POST ${path}`, status, text);
  }

  /**
   * `POST /v1.0/accounts/{accountId}/signintoken`: a single-use token that signs a browser in. Each call makes a new
   * token.
   */
  async postSignInToken(target: Target, username: string): Promise<SignInToken> {
    const path = `/v1.0/accounts/${encodeURIComponent(target.accountId)}/signintoken`;
    const { status, text } = await this.call(target, {
      method: 'POST',
      path,
      body: { Username: username },
      ofPartner: true,
    });
    return parsed(SignInToken, `POST ${path}`, status, text);
  }

  /**
   * `PUT /v1.0/account/connectors/{id}`: stores the `AuthValue`. Safe to repeat, because the call overwrites the value.
   * Fails: `unconfirmed` if the answer has a success status, but no readable connector.
   */
  async putAuthValue(target: Target, authValue: string): Promise<Connector> {
    const path = pathOf(target);
    const { status, text } = await this.call(target, { method: 'PUT', path, body: { AuthValue: authValue } });
    return finished(
      this.#withPolicy(
        target,
        written(() => draftOf(`PUT ${path}`, target.connectorId, status, text)),
      ),
    );
  }

  /**
   * `GET /v1.0/account/connectors/{id}/properties`: the stored properties, with secrets in clear. Reads at most 50
   * pages (see {@link allPages}).
   */
  async listProperties(target: Target): Promise<StoredProperty[]> {
    const path = `${pathOf(target)}/properties`;
    const { items } = await allPages(
      (page) => this.#page(target, page > 1 ? `${path}?page=${page}` : path, z.array(StoredProperty), page),
      MAX_PAGES,
    );
    return items;
  }

  async #page<T>(
    target: AccountTarget,
    path: string,
    schema: z.ZodType<(T | undefined)[]>,
    page: number,
  ): Promise<Page<T>> {
    const { status, text, totalPages } = await this.call(target, { method: 'GET', path }).catch((err: unknown) => {
      // Cyclr does not document its answer to a request for a page after the last page. So a 404 counts as an empty
      // page.
      if (page > 1 && isOfKind(err, 'notFound')) return noPage;
      throw err;
    });
    const all = parsed(schema, `GET ${path}`, status, text);
    const items = all.filter((item) => item !== undefined);
    return { items, size: all.length, ...(/^\d+$/.test(`${totalPages}`) && { totalPages: Number(totalPages) }) };
  }

  /**
   * `POST /v1.0/account/connectors/{id}/properties`. Cyclr does not document the effect of a second POST with the same
   * name. So list the properties first, and use PUT for each property that exists. Fails: `unconfirmed` if the answer
   * has a success status, but is no JSON object.
   */
  async postProperty(target: Target, name: string, value: string): Promise<void> {
    await this.#write(target, {
      method: 'POST',
      path: `${pathOf(target)}/properties`,
      body: { Name: name, Value: value },
    });
  }

  /**
   * `PUT /v1.0/account/connectors/{id}/properties/{propertyId}`. Fails: `outdated` if the property no longer exists,
   * `unconfirmed` if the answer has a success status, but is no JSON object.
   */
  async putProperty(target: Target, { Id, Name }: StoredProperty, value: string): Promise<void> {
    const path = `${pathOf(target)}/properties/${Id}`;
    await this.#write(target, { method: 'PUT', path, body: { Name, Value: value } }).catch((err: unknown) => {
      throw isOfKind(err, 'notFound') ? new CyclrError('outdated', err.message) : err;
    });
  }

  /**
   * `GET /v1.0/account/connectors`: all connectors of the account. Calls `onPage` after each page. Fails: `tooLarge`
   * for more than 2,000 connectors.
   */
  async listConnectors({ accountId }: AccountTarget, onPage: () => void): Promise<ListedConnector[]> {
    const path = '/v1.0/account/connectors';
    const readPage = async (page: number) => {
      const query = `?page=${page}&pageSize=${CONNECTORS_A_PAGE}`;
      const answer = await this.#page({ accountId }, `${path}${query}`, ListedConnectors, page);
      onPage();
      return answer;
    };
    const { items, isCut } = await allPages(readPage, MAX_CONNECTOR_PAGES);
    if (isCut) throw new CyclrError('tooLarge', `GET ${path}: more than ${MAX_CONNECTOR_PAGES} pages`);
    return items;
  }

  /** `GET /v1.0/cycles/{cycleId}/prerequisites`: the unmet prerequisites of the cycle. */
  async getPrerequisites({ accountId }: AccountTarget, cycleId: string): Promise<Prerequisite[]> {
    const path = `${cyclePathOf(cycleId)}/prerequisites`;
    const { status, text } = await this.call({ accountId }, { method: 'GET', path });
    return parsed(Prerequisites, `GET ${path}`, status, text);
  }

  /**
   * `GET /v1.0/cycles/{cycleId}`: the ids of the cycle's account connectors. Undefined if the answer has no list of
   * connectors, because Cyclr does not document the shape of the answer.
   */
  async getCycleConnectors({ accountId }: AccountTarget, cycleId: string): Promise<CycleConnectors> {
    const path = cyclePathOf(cycleId);
    const { status, text } = await this.call({ accountId }, { method: 'GET', path });
    return parsed(CycleConnectors, `GET ${path}`, status, text);
  }

  /**
   * `PUT /v1.0/account/connectors/{id}/deauthenticate`: Cyclr ends the authentication of the connector, and deregisters
   * its webhooks at the third party. Safe to repeat.
   */
  async putDeauthenticate(target: Target): Promise<void> {
    await this.#write(target, { method: 'PUT', path: `${pathOf(target)}/deauthenticate`, body: {} });
  }

  /**
   * `PUT /v1.0/cycles/{cycleId}/activate`. Safe to repeat. Cyclr does not document the answer, so an empty body and any
   * JSON count as success. Fails: `unconfirmed` for any other body, because such a body can be the error page of a
   * proxy.
   */
  async putActivate({ accountId }: AccountTarget, cycleId: string): Promise<void> {
    const path = `${cyclePathOf(cycleId)}/activate`;
    const { status, text } = await this.call({ accountId }, { method: 'PUT', path, body: {} });
    if (text !== '')
      written(() =>
        parsed(
          z.unknown().refine((body) => body !== undefined),
          `PUT ${path}`,
          status,
          text,
        ),
      );
  }

  async #write(target: Target, call: Call): Promise<void> {
    const { status, text } = await this.call(target, call);
    written(() => parsed(Written, `${call.method} ${call.path}`, status, text));
  }

  /**
   * Sends one request. Fails with a CyclrError if no answer comes, or if the answer has no success status. The kind of
   * this error is never `outdated` or `unconfirmed`.
   */
  async call(target: AccountTarget, { ofThirdParty = false, ...call }: Call): Promise<HttpResponse> {
    const { accountId } = target;
    const { response, token } = await this.#send(target, call);
    const { status, retryAfter } = response;
    const isOurs = status === 401 && !ofThirdParty;
    const kind = isOurs ? this.#unauthorized(accountId, token) : kindOfStatus(status, call.method);
    if (status !== 401) this.#refusedSince.delete(accountId);
    if (!kind) return response;
    throw new CyclrError(kind, `${call.method} ${call.path}: ${status}`, retryAfterMsOf(retryAfter));
  }

  /**
   * Sends one request. Returns the answer, also if its status is no success. Fails with a CyclrError: `invalidKey`,
   * `unreachable`.
   */
  async send(target: AccountTarget, call: Call): Promise<HttpResponse> {
    return (await this.#send(target, call)).response;
  }

  async #send(
    { accountId, connectorId, endsAtMs = Infinity }: AccountTarget,
    { ofPartner = false, ...call }: Call,
  ): Promise<{ response: HttpResponse; token: Token }> {
    // axios drops characters that a header can't carry. So with a malformed id, the call could go to the account of
    // another tenant.
    if (!isAccountId(accountId) || !(connectorId === undefined || isConnectorId(connectorId)))
      throw new CyclrError('invalidKey', 'The account id or the connector id is not valid.');
    const endMs = Math.min(performance.now() + this.#timeoutMs, endsAtMs);
    const token = await this.#tokens.get();
    const response = await this.#http({
      ...call,
      headers: { Authorization: `Bearer ${token.value}`, ...(!ofPartner && { 'X-Cyclr-Account': accountId }) },
      timeoutMs: endMs - performance.now(),
    });
    return { response, token };
  }

  /**
   * The kind of the error after a 401. A 401 has one of two causes: the token has expired (`unauthorized`), or the
   * client must not use the account (`accessDenied`). If a token that was requested after the first 401 also gets a
   * 401, the account is the cause. This worker forgets the first 401 after 10 minutes, because it does not see whether
   * another worker's call for the account has succeeded since then.
   */
  #unauthorized(accountId: string, token: Token): CyclrErrorKind {
    this.#tokens.drop(token);
    const now = performance.now();
    const since = this.#refusedSince.get(accountId);
    if (since !== undefined && now - since < IN_A_ROW_MS)
      return token.askedForAtMs > since ? 'accessDenied' : 'unauthorized';
    if (this.#refusedSince.size >= MAX_REFUSED_ACCOUNTS) this.#refusedSince.clear();
    this.#refusedSince.set(accountId, now);
    return 'unauthorized';
  }
}

const cyclePathOf = (cycleId: string): string => `/v1.0/cycles/${encodeURIComponent(cycleId)}`;
export const pathOf = ({ connectorId }: ConnectorKey): string => `/v1.0/account/connectors/${connectorId}`;

/** Adds a small icon to the connector, and shortens the connector to at most 256 KiB. Fails: `tooLarge`. */
async function finished(draft: Draft, connector: Connector | Promise<Connector> = draft.connector): Promise<Connector> {
  const [whole, icon] = await Promise.all([connector, smallIcon(draft.icon)]);
  return bounded({ ...whole, ...(icon && { icon }) });
}

/**
 * Reads the answer to a write. Fails: `unconfirmed` if the answer can't be read, because Cyclr may have accepted the
 * input.
 */
function written<T>(read: () => T): T {
  try {
    return read();
  } catch (err) {
    if (!isOfKind(err, 'unreadable')) throw err;
    throw new CyclrError('unconfirmed', err.message);
  }
}
