/** Cyclr over HTTP: one method for each endpoint. The client never retries, because Temporal retries the activity. */
import { z } from 'zod';
import { isAccountId, isConnectorId, type Connector, type ConnectorKey } from '../../workflows/connector';
import { bounded } from './bounds';
import { CyclrError, isOfKind, retryAfterMsOf, type CyclrErrorKind } from './errors';
import { createHttp, type Http, type HttpRequest, type HttpResponse } from './http';
import { smallIcon } from './icons';
import { withOptions } from './options';
import { TokenSource, type Token } from './token';
import { authValueIn, draftOf, parsed, SignInToken, StoredProperty, TriggerAnswer, type Draft } from './wire';

export interface CyclrConfig {
  /** The origin of the API: https, or http on loopback. */
  apiUrl: string;
  clientId: string;
  clientSecret: string;
  /** The time limit, in milliseconds, of a call together with the token request before it. The default is 10,000. */
  timeoutMs?: number;
}

/** The account connector of a call. */
export interface Target extends ConnectorKey {
  /** The latest end of the call, as a time of `performance.now()`. Several calls can share one limit. */
  endsAtMs?: number;
}

interface Call extends Omit<HttpRequest, 'headers' | 'timeoutMs'> {
  /** True if the call is made for the partner, not for one account: the request has no account header. */
  ofPartner?: boolean;
  /**
   * True if the third party makes the answer. A 401 from the third party says nothing about the bearer token or the
   * account.
   */
  ofThirdParty?: boolean;
}

const TIMEOUT_MS = 10_000;
const MAX_PAGES = 50;
/** The limit of all calls for options together. */
const OPTIONS_MS = 3000;
/** The highest number of accounts whose first 401 is remembered, and the time after which a first 401 is forgotten. */
const MAX_REFUSED_ACCOUNTS = 10_000;
const IN_A_ROW_MS = 10 * 60_000;

const noPage: HttpResponse = { status: 200, text: '[]', totalPages: undefined, retryAfter: undefined };

/** The answer to a write is any JSON object. Without this check, the error page of a proxy would count as success. */
const Written = z.object({});

export class CyclrClient {
  readonly #http: Http;
  readonly #tokens: TokenSource;
  readonly #timeoutMs: number;
  /** The time of the first 401 of each account, by `performance.now()`, until its next call gets another answer. */
  readonly #refusedSince = new Map<string, number>();

  constructor({ apiUrl, clientId, clientSecret, timeoutMs = TIMEOUT_MS }: CyclrConfig) {
    this.#http = createHttp(apiUrl);
    this.#tokens = new TokenSource(this.#http, { clientId, clientSecret, timeoutMs });
    this.#timeoutMs = timeoutMs;
  }

  /** `GET /v1.0/account/connectors/{id}`, with the options that {@link #runTrigger} gets within 3 s. */
  async getAccountConnector(target: Target): Promise<Connector> {
    const { draft } = await this.#read(target);
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
    const { draft, text } = await this.#read(target);
    return { connector: await finished(draft), authValue: authValueIn(text) };
  }

  async #read(target: Target): Promise<{ draft: Draft; text: string }> {
    const path = pathOf(target);
    const { status, text } = await this.#call(target, { method: 'GET', path });
    return { draft: draftOf(`GET ${path}`, target.connectorId, status, text), text };
  }

  /** `POST /v1.0/account/connectors/{id}/triggers/{triggerId}`: the suggested values of a property. */
  async #runTrigger(target: Target, triggerId: string): Promise<string[] | undefined> {
    const path = `${pathOf(target)}/triggers/${encodeURIComponent(triggerId)}`;
    const { status, text } = await this.#call(target, { method: 'POST', path, body: {}, ofThirdParty: true });
    return parsed(TriggerAnswer, `POST ${path}`, status, text);
  }

  /**
   * `POST /v1.0/accounts/{accountId}/signintoken`: a single-use token that signs a browser in. Each call makes a new
   * token.
   */
  async postSignInToken(target: Target, username: string): Promise<SignInToken> {
    const path = `/v1.0/accounts/${encodeURIComponent(target.accountId)}/signintoken`;
    const { status, text } = await this.#call(target, {
      method: 'POST',
      path,
      body: { Username: username },
      ofPartner: true,
    });
    return parsed(SignInToken, `POST ${path}`, status, text);
  }

  /**
   * `PUT /v1.0/account/connectors/{id}`: stores the `AuthValue`. Safe to repeat, because the call overwrites the value.
   * Fails: `unconfirmed` after a success without a readable connector.
   */
  async putAuthValue(target: Target, authValue: string): Promise<Connector> {
    const path = pathOf(target);
    const { status, text } = await this.#call(target, { method: 'PUT', path, body: { AuthValue: authValue } });
    return finished(written(() => draftOf(`PUT ${path}`, target.connectorId, status, text)));
  }

  /**
   * `GET /v1.0/account/connectors/{id}/properties`: the stored properties, with secrets in clear. Reads at most 50
   * pages (see {@link allPages}).
   */
  async listProperties(target: Target): Promise<StoredProperty[]> {
    const found = new Map<number, StoredProperty>();
    for (let page = 1, size = 1; page <= MAX_PAGES; page++) {
      const { items, totalPages } = await this.#propertyPage(target, page);
      const known = found.size;
      for (const property of items) found.set(property.Id, property);
      if (page === 1) size = Math.max(1, items.length);
      const isLast = items.length < size || found.size === known;
      if (totalPages === undefined ? isLast : page >= totalPages) break;
    }
    return [...found.values()];
  }

  async #propertyPage(target: Target, page: number): Promise<{ items: StoredProperty[]; totalPages?: number }> {
    const path = `${pathOf(target)}/properties${page > 1 ? `?page=${page}` : ''}`;
    const { status, text, totalPages } = await this.#call(target, { method: 'GET', path }).catch((err: unknown) => {
      // Cyclr does not document its answer to a request for a page after the last page. So a 404 counts as an empty
      // page.
      if (page > 1 && isOfKind(err, 'notFound')) return noPage;
      throw err;
    });
    const items = parsed(z.array(StoredProperty), `GET ${path}`, status, text);
    return { items, ...(/^\d+$/.test(`${totalPages}`) && { totalPages: Number(totalPages) }) };
  }

  /**
   * `POST /v1.0/account/connectors/{id}/properties`. Cyclr does not document the effect of a second POST with the same
   * name. So list the properties first, and use PUT for each property that exists. Fails: `unconfirmed` after a success
   * without a JSON object.
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
   * `unconfirmed` after a success without a JSON object.
   */
  async putProperty(target: Target, { Id, Name }: StoredProperty, value: string): Promise<void> {
    const path = `${pathOf(target)}/properties/${Id}`;
    await this.#write(target, { method: 'PUT', path, body: { Name, Value: value } }).catch((err: unknown) => {
      throw isOfKind(err, 'notFound') ? new CyclrError('outdated', err.message) : err;
    });
  }

  async #write(target: Target, call: Call): Promise<void> {
    const { status, text } = await this.#call(target, call);
    written(() => parsed(Written, `${call.method} ${call.path}`, status, text));
  }

  /**
   * Sends one request. Fails with a CyclrError if the answer is no success. The kind of this error is never `outdated`
   * or `unconfirmed`.
   */
  async #call(
    { accountId, connectorId, endsAtMs = Infinity }: Target,
    { ofPartner = false, ofThirdParty = false, ...call }: Call,
  ): Promise<HttpResponse> {
    // axios drops characters that a header can't carry: with a malformed id, the call could go to another tenant's
    // account.
    if (!isAccountId(accountId) || !isConnectorId(connectorId))
      throw new CyclrError('invalidKey', 'The account id or the connector id is not valid.');
    const endMs = Math.min(performance.now() + this.#timeoutMs, endsAtMs);
    const token = await this.#tokens.get();
    const response = await this.#http({
      ...call,
      headers: { Authorization: `Bearer ${token.value}`, ...(!ofPartner && { 'X-Cyclr-Account': accountId }) },
      timeoutMs: endMs - performance.now(),
    });
    const { status, retryAfter } = response;
    const isOurs = status === 401 && !ofThirdParty;
    const kind = isOurs ? this.#unauthorized(accountId, token) : kindOf(status, call.method);
    if (status !== 401) this.#refusedSince.delete(accountId);
    if (!kind) return response;
    throw new CyclrError(kind, `${call.method} ${call.path}: ${status}`, retryAfterMsOf(retryAfter));
  }

  /**
   * The kind of error of a 401. The cause of a 401 is an expired token (`unauthorized`) or an account that the client
   * must not use (`accessDenied`). The account is the cause if a token that was requested after the first 401 also gets
   * a 401. The first 401 counts for 10 minutes only. Another worker's call can have succeeded since then, which shows
   * that the account is right, but this worker does not see that call.
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

const pathOf = ({ connectorId }: ConnectorKey): string => `/v1.0/account/connectors/${connectorId}`;

/** The connector with a small icon, in at most 256 KiB. Fails: `tooLarge`. */
async function finished(draft: Draft, connector: Connector | Promise<Connector> = draft.connector): Promise<Connector> {
  const [whole, icon] = await Promise.all([connector, smallIcon(draft.icon)]);
  return bounded({ ...whole, ...(icon && { icon }) });
}

/**
 * Reads the answer to a write. Fails: `unconfirmed` if the answer can't be read, because Cyclr can have accepted the
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

/** The kind of error of a status; undefined for success. A GET is never `refused`, because it has no input. */
function kindOf(status: number, method: HttpRequest['method']): CyclrErrorKind | undefined {
  if (status >= 200 && status < 300) return undefined;
  if (status === 403) return 'forbidden';
  if (status === 404) return 'notFound';
  if (status === 429) return 'throttled';
  if (status === 408 || status >= 500) return 'unreachable';
  return status >= 400 && method !== 'GET' ? 'refused' : 'unreadable';
}
