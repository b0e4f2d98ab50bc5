/**
 * The client of the onboarding service for backends. The client has a method for each call that an API key may make.
 */
import { randomUUID } from 'node:crypto';
import { isAccountId, isConnectorId } from '../../workflows/connector';
import { OnboardingError } from './onboarding-error';
import type * as shapes from './shapes';
import type { ConnectorKey, OnboardingKey } from './shapes';
import { Transport, type Call, type CallOptions } from './transport';

export interface OnboardingServiceOptions {
  /**
   * The service's address: the `PUBLIC_URL`, such as `https://connect.acme.example`, or an address inside your network.
   */
  url: string;
  /** One of the service's API keys, in clear. */
  apiKey: string;
  /**
   * The time limit of a call with all its repetitions, in milliseconds. The default is 60,000, because a link can take
   * 35 s.
   */
  timeoutMs?: number;
  /** The highest number of repetitions of a call. The default is 2. */
  retries?: number;
}

/** The options of a call that has only one effect, even if the call is repeated. */
export interface OnceOptions extends CallOptions {
  /**
   * A repeated call with the same key has no second effect. A key has 1 to 255 characters of printable ASCII. The
   * default is a random key.
   */
  idempotencyKey?: string;
}

const TIMEOUT_MS = 60_000;
const RETRIES = 2;

/**
 * Each method fails with an {@link OnboardingError}. In addition to the codes that a method names, each method can fail
 * with `unauthorized`, `rateLimited`, `malformed`, `unexpected`, `unreachable`, `timedOut`, `unexpectedAnswer`,
 * `temporalUnavailable` and `noWorker`. A user's mistake causes no error, but a view with a `problem`.
 *
 * If a call gets no answer, or the status 429 or 503, the client repeats the call, within the time limit. The pause
 * before a repetition is the time in `Retry-After`. Without this header, the first pause is 0.5 s, and each further
 * pause is twice as long. A repetition of a call does no harm. Some calls only read. Some calls have only one effect
 * because of their `Idempotency-Key`. Any other call can have its effect twice, for example make two sessions or two
 * links. A repeated `cancel` can cancel a flow that was started after the first `cancel`.
 */
export class OnboardingService {
  readonly #transport: Transport;

  constructor({ url, apiKey, timeoutMs = TIMEOUT_MS, retries = RETRIES }: OnboardingServiceOptions) {
    this.#transport = new Transport({ url, apiKey, timeoutMs, retries });
  }

  /**
   * Makes a session for a user, with the link to the connect page. Starts the flow of each connector of the session if
   * the connector's latest run is neither open nor `authenticated`. With `recheck`, also starts flows of connectors
   * whose latest run is `authenticated`. For a session of an onboarding, starts no flows, because the onboarding starts
   * them. `POST /v1/sessions`
   */
  createSession(session: shapes.SessionRequest, options?: CallOptions): Promise<shapes.Session> {
    return this.#send({ method: 'POST', path: '/v1/sessions', body: session }, options);
  }

  /**
   * All connectors of an account, each with the latest run of its flow. Reads the pages one after another. `GET
   * …/connectors`
   */
  async *list(
    accountId: string,
    filter: Omit<shapes.ListRequest, 'page'> = {},
    options?: CallOptions,
  ): AsyncGenerator<shapes.ListedConnector, void, undefined> {
    let page: string | undefined;
    do {
      const { items, next }: shapes.ConnectorList = await this.listPage(accountId, { ...filter, page }, options);
      yield* items;
      page = next;
    } while (page !== undefined);
  }

  /**
   * One page of the connectors of an account: by default the first page, with up to 50 connectors. A page with a `next`
   * can have fewer items than `pageSize`, or no items. `GET …/connectors`
   */
  async listPage(
    accountId: string,
    query: shapes.ListRequest = {},
    options?: CallOptions,
  ): Promise<shapes.ConnectorList> {
    return this.#send({ method: 'GET', path: pathOfAccount(accountId), query }, options);
  }

  /**
   * Starts a flow, or returns the open flow, or the flow that was started with the same idempotency key. Fails:
   * `alreadyRunning`. `POST …/{connectorId}`
   */
  async start(key: ConnectorKey, request: shapes.StartRequest = {}, options?: OnceOptions): Promise<shapes.Started> {
    return this.#postOnce(key, '', request, options);
  }

  /** The view of the latest run, even after its end. Fails: `notFound`. `GET …/{connectorId}` */
  async view(key: ConnectorKey, options?: CallOptions): Promise<shapes.View> {
    return this.#send({ method: 'GET', path: pathOf(key) }, options);
  }

  /** The timeline of the latest run. Fails: `notFound`. `GET …/timeline` */
  async timeline(key: ConnectorKey, options?: CallOptions): Promise<shapes.Timeline> {
    return this.#send({ method: 'GET', path: pathOf(key, 'timeline') }, options);
  }

  /**
   * Sends values of properties, sealed or in clear. The service seals secret values that are in clear. Returns the view
   * after Cyclr accepted or refused the values, or the current view if Cyclr has done neither within 10 s. Fails:
   * `notFound`, `notNow`, `closed`, `unknownProperty`, `missingProperty`. `POST …/properties`
   */
  async submitProperties(
    key: ConnectorKey,
    request: shapes.PropertiesRequest,
    options?: OnceOptions,
  ): Promise<shapes.View> {
    return this.#postOnce(key, 'properties', request, options);
  }

  /** Sends an API key, a user name and password, or tokens, as {@link submitProperties} does. `POST …/credentials` */
  async submitCredentials(
    key: ConnectorKey,
    request: shapes.CredentialsRequest,
    options?: OnceOptions,
  ): Promise<shapes.View> {
    return this.#postOnce(key, 'credentials', request, options);
  }

  /**
   * Requests a new link to the third party's consent. The newest attempt supersedes the older attempts. Fails:
   * `notFound`, `notNow`, `closed`, `cyclrUnavailable`. `POST …/authorization`
   */
  async requestAuthorization(
    key: ConnectorKey,
    request: shapes.AuthorizationRequest = {},
    options?: CallOptions,
  ): Promise<shapes.Link> {
    return this.#post(key, 'authorization', request, options);
  }

  /** Verifies whether the user has consented. Fails: `notFound`, `notNow`, `closed`. `POST …/confirm` */
  async confirm(key: ConnectorKey, request: shapes.ConfirmRequest = {}, options?: CallOptions): Promise<shapes.View> {
    return this.#post(key, 'confirm', request, options);
  }

  /** Cancels a flow. Changes nothing if the flow is closed. Fails: `notFound`. `POST …/cancel` */
  async cancel(key: ConnectorKey, request: shapes.CancelRequest = {}, options?: CallOptions): Promise<shapes.View> {
    return this.#post(key, 'cancel', request, options);
  }

  /**
   * Lets a waiting flow re-read the connector, and lets a flow in an outage repeat its call now. For each flow, at most
   * one call in 10 s has an effect. Fails: `notFound`, `closed`. `POST …/recheck`
   */
  async recheck(key: ConnectorKey, options?: CallOptions): Promise<shapes.View> {
    return this.#post(key, 'recheck', {}, options);
  }

  /**
   * One page of the flows of all accounts: open flows, or ended flows if the query has a final `state`. `GET /v1/flows`
   */
  async flows(query: shapes.FlowsRequest = {}, options?: CallOptions): Promise<shapes.FlowList> {
    return this.#send({ method: 'GET', path: '/v1/flows', query }, options);
  }

  /**
   * One page of events, newest first, each with the state of its latest delivery. A page with a `next` can have fewer
   * items than `pageSize`, or no items. `GET /v1/events`
   */
  async events(query: shapes.EventsRequest = {}, options?: CallOptions): Promise<shapes.EventList> {
    return this.#send({ method: 'GET', path: '/v1/events', query }, options);
  }

  /**
   * Delivers an event again, with the same id and body. Changes nothing if a delivery of the event is pending. Fails:
   * `notFound`. `POST /v1/events/{id}/redeliver`
   */
  async redeliver(id: string, options?: CallOptions): Promise<shapes.ListedEvent> {
    return this.#send({ method: 'POST', path: `/v1/events/${encodeURIComponent(id)}/redeliver`, body: {} }, options);
  }

  /**
   * Sends `recheck` or `cancel` to each open flow that matches the filter. Returns the id of Temporal's batch
   * operation. Fails: `batchRunning`. `POST /v1/flows/recheck`, `POST /v1/flows/cancel`
   */
  async batch(
    signal: 'recheck' | 'cancel',
    filter: shapes.BatchRequest,
    options?: CallOptions,
  ): Promise<{ batchId: string }> {
    return this.#send({ method: 'POST', path: `/v1/flows/${signal}`, body: filter }, options);
  }

  /**
   * Starts a re-authentication. Cyclr keeps the stored value until the user sends new input. Fails: `alreadyRunning`.
   * `POST …/reauthenticate`
   */
  async reauthenticate(
    key: ConnectorKey,
    request: shapes.ReauthenticateRequest = {},
    options?: OnceOptions,
  ): Promise<shapes.Started> {
    return this.#postOnce(key, 'reauthenticate', request, options);
  }

  /**
   * Tells whether integrations may run for a connector: the answer comes from the last read by the connector's monitor.
   * This call reads nothing from Cyclr. Fails: `notFound`. `GET …/connections/{connectorId}`
   */
  async connection(key: ConnectorKey, options?: CallOptions): Promise<shapes.ConnectionView> {
    return this.#send({ method: 'GET', path: pathOf(key).replace('/connectors/', '/connections/') }, options);
  }

  /** All connections of an account, page after page. `GET …/connections` */
  async *connections(
    accountId: string,
    filter: Omit<shapes.ConnectionsRequest, 'page'> = {},
    options?: CallOptions,
  ): AsyncGenerator<shapes.ListedConnection, void, undefined> {
    let page: string | undefined;
    do {
      const path = pathOfAccount(accountId).replace(/connectors$/, 'connections');
      const query = { ...filter, ...(page !== undefined && { page }) };
      const { items, next }: shapes.ConnectionList = await this.#send({ method: 'GET', path, query }, options);
      yield* items;
      page = next;
    } while (page !== undefined);
  }

  /**
   * Starts the monitoring of a connector. If a monitor of the connector is already open, this monitor reads the
   * connector now. `stop` ends the monitoring. Returns the connection after the read, or the current connection if the
   * monitor has not read within 10 s. Fails: `notFound`. `POST …/monitor`
   */
  async monitor(
    key: ConnectorKey,
    request: shapes.MonitorRequest = {},
    options?: CallOptions,
  ): Promise<shapes.ConnectionView> {
    return this.#post(key, 'monitor', request, options);
  }

  /**
   * The audit of an account: the entries of all runs that Temporal still has, the oldest run first. Yields each entry
   * as soon as the service has sent it. The call ends when the caller leaves the loop. The client does not repeat this
   * call, and the call has no time limit. Fails: `unreachable` if the connection breaks before the end of the answer.
   * `GET /v1/accounts/{accountId}/audit`
   */
  audit(
    accountId: string,
    query: shapes.AuditRequest = {},
    options?: Pick<CallOptions, 'signal'>,
  ): AsyncGenerator<shapes.AuditEntry, void, undefined> {
    const path = pathOfAccount(accountId).replace(/connectors$/, 'audit');
    return this.#transport.lines({ method: 'GET', path, query }, options);
  }

  /**
   * Starts an onboarding of an account, a cycle or a list of connectors. If an onboarding of this id is already open,
   * returns the open onboarding and ignores `request`. Safe to repeat. `POST /v1/onboardings`
   */
  async startOnboarding(request: shapes.OnboardingRequest, options?: CallOptions): Promise<shapes.OnboardingProgress> {
    return this.#send({ method: 'POST', path: '/v1/onboardings', body: request }, options);
  }

  /** The progress of the latest run of an onboarding, even after its end. Fails: `notFound`. `GET /v1/onboardings/…` */
  async onboarding(key: OnboardingKey, options?: CallOptions): Promise<shapes.OnboardingProgress> {
    return this.#send({ method: 'GET', path: pathOfOnboarding(key) }, options);
  }

  /**
   * Cancels an onboarding. Changes nothing if the onboarding has ended. With `cancelFlows: true`, also cancels the open
   * flows that the onboarding has started. Fails: `notFound`. `POST …/cancel`
   */
  async cancelOnboarding(
    key: OnboardingKey,
    request: shapes.CancelOnboardingRequest = {},
    options?: CallOptions,
  ): Promise<shapes.OnboardingProgress> {
    return this.#send({ method: 'POST', path: pathOfOnboarding(key, '/cancel'), body: request }, options);
  }

  /**
   * Adds connectors to an open onboarding. The call does not add a connector that the onboarding already has. Safe to
   * repeat. Fails: `notFound`, `closed`; `malformed` if the onboarding would have more than 500 connectors.
   * `POST …/connectors`
   */
  async addConnectors(
    key: OnboardingKey,
    request: shapes.AddConnectorsRequest,
    options?: CallOptions,
  ): Promise<shapes.OnboardingProgress> {
    return this.#send({ method: 'POST', path: pathOfOnboarding(key, '/connectors'), body: request }, options);
  }

  #post<Body>(key: ConnectorKey, call: string, body: object, options?: CallOptions): Promise<Body> {
    return this.#send({ method: 'POST', path: pathOf(key, call), body }, options);
  }

  #postOnce<Body>(key: ConnectorKey, call: string, body: object, options: OnceOptions = {}): Promise<Body> {
    const { idempotencyKey = randomUUID(), ...rest } = options;
    if (!/^[\x20-\x7e]{1,255}$/.test(idempotencyKey)) throw malformed('idempotencyKey');
    return this.#send({ method: 'POST', path: pathOf(key, call), body, idempotencyKey }, rest);
  }

  #send<Body>(call: Call, options?: CallOptions): Promise<Body> {
    return this.#transport.send(call, options);
  }
}

function pathOfAccount(accountId: string): string {
  if (!isAccountId(accountId)) throw malformed('accountId'); // `..` would change the path
  return `/v1/accounts/${encodeURIComponent(accountId)}/connectors`;
}

function pathOf({ accountId, connectorId }: ConnectorKey, call = ''): string {
  if (!isConnectorId(connectorId)) throw malformed('connectorId');
  return [pathOfAccount(accountId), connectorId, ...(call ? [call] : [])].join('/');
}

function pathOfOnboarding({ accountId, onboardingId }: OnboardingKey, call = ''): string {
  if (!isAccountId(accountId)) throw malformed('accountId');
  if (!isAccountId(onboardingId)) throw malformed('onboardingId'); // an onboarding id follows the rules of an account id
  return `/v1/onboardings/${encodeURIComponent(accountId)}/${encodeURIComponent(onboardingId)}${call}`;
}

const malformed = (name: string): OnboardingError =>
  new OnboardingError('malformed', 'The request was not sent', { fields: [{ name, code: 'malformed' }] });
