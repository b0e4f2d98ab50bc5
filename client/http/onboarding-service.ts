/** The onboarding service, for a backend in TypeScript: every call that an API key may make. */
import { randomUUID } from 'node:crypto';
import { isAccountId, isConnectorId } from '../../workflows/connector';
import { OnboardingError } from './onboarding-error';
import type * as shapes from './shapes';
import type { ConnectorKey } from './shapes';
import { Transport, type Call, type CallOptions } from './transport';

export { OnboardingError, type OnboardingErrorCode } from './onboarding-error';
export type * from './shapes';
export type { CallOptions } from './transport';

export interface OnboardingServiceOptions {
  /** Where it is, such as `https://connect.acme.example`: its `PUBLIC_URL`, or an address within your network. */
  url: string;
  apiKey: string;
  /** How long a call may take in all, in milliseconds: 60 s by default. The service itself may take 35 s for a link. */
  timeoutMs?: number;
  /** How often a call is repeated at most: 2 by default. */
  retries?: number;
}

/** For calls that are done once, however often they are sent. */
export interface OnceOptions extends CallOptions {
  /** The same call with the same key, 1 to 255 characters of ASCII, is done once. A fresh one by default. */
  idempotencyKey?: string;
}

const TIMEOUT_MS = 60_000;
const RETRIES = 2;

/**
 * Every method fails with an {@link OnboardingError}: besides the codes that it names, those of any call
 * (`unauthorized`, `rateLimited`, `malformed`, `unexpected`, `unreachable`, `timedOut`, `unexpectedAnswer`), and
 * `temporalUnavailable` and `noWorker` where a flow is concerned. What the user got wrong is no error, but a view with
 * a `problem`.
 *
 * A call that got no answer, or 429 or 503, is repeated after `Retry-After` where there is time for that. None does
 * harm by it: each reads, or is done once by its `Idempotency-Key`, or is harmless twice (another session, another
 * link that nobody has seen; a `cancel`, unless somebody starts anew in between).
 */
export class OnboardingService {
  readonly #transport: Transport;

  constructor({ url, apiKey, timeoutMs = TIMEOUT_MS, retries = RETRIES }: OnboardingServiceOptions) {
    this.#transport = new Transport({ url, apiKey, timeoutMs, retries });
  }

  /** A link to the connect page for a user, and starts what does not run yet. `POST /v1/sessions` */
  createSession(session: shapes.SessionRequest, options?: CallOptions): Promise<shapes.Session> {
    return this.#send({ method: 'POST', path: '/v1/sessions', body: session }, options);
  }

  /** The latest flow of each connector of an account, however many pages that is. `GET …/connectors` */
  async *list(
    accountId: string,
    filter: Omit<shapes.ListRequest, 'page'> = {},
    options?: CallOptions,
  ): AsyncGenerator<shapes.ListedConnector, void, undefined> {
    for (let page: number | undefined = 1; page !== undefined;) {
      const { items, next }: shapes.ConnectorList = await this.listPage(accountId, { ...filter, page }, options);
      yield* items;
      page = next;
    }
  }

  /** One page of that: the first, and of 50, by default. `GET …/connectors` */
  async listPage(
    accountId: string,
    query: shapes.ListRequest = {},
    options?: CallOptions,
  ): Promise<shapes.ConnectorList> {
    return this.#send({ method: 'GET', path: pathOfAccount(accountId), query }, options);
  }

  /** Starts a flow, or finds the one that runs, or that was started with the same key. Fails: alreadyRunning. `POST …/{connectorId}` */
  async start(key: ConnectorKey, request: shapes.StartRequest = {}, options?: OnceOptions): Promise<shapes.Started> {
    return this.#postOnce(key, '', request, options);
  }

  /** Where a flow stands, also after its end. Fails: notFound. `GET …/{connectorId}` */
  async view(key: ConnectorKey, options?: CallOptions): Promise<shapes.View> {
    return this.#send({ method: 'GET', path: pathOf(key) }, options);
  }

  /** How it got there. Fails: notFound. `GET …/timeline` */
  async timeline(key: ConnectorKey, options?: CallOptions): Promise<shapes.Timeline> {
    return this.#send({ method: 'GET', path: pathOf(key, 'timeline') }, options);
  }

  /**
   * Gives values for properties, in clear (the service seals what is secret) or sealed. The view after Cyclr took or
   * refused them, or as it stands after 10 s. Fails: notFound, notNow, closed, unknownProperty, missingProperty.
   * `POST …/properties`
   */
  async submitProperties(
    key: ConnectorKey,
    request: shapes.PropertiesRequest,
    options?: OnceOptions,
  ): Promise<shapes.View> {
    return this.#postOnce(key, 'properties', request, options);
  }

  /** Gives an API key, a user name and password, or tokens: as {@link submitProperties}. `POST …/credentials` */
  async submitCredentials(
    key: ConnectorKey,
    request: shapes.CredentialsRequest,
    options?: OnceOptions,
  ): Promise<shapes.View> {
    return this.#postOnce(key, 'credentials', request, options);
  }

  /**
   * A fresh link to the third party's consent; the newest wins. Fails: notFound, notNow, closed, cyclrUnavailable.
   * `POST …/authorization`
   */
  async requestAuthorization(
    key: ConnectorKey,
    request: shapes.AuthorizationRequest = {},
    options?: CallOptions,
  ): Promise<shapes.Link> {
    return this.#post(key, 'authorization', request, options);
  }

  /** Has Cyclr asked whether the user has consented. Fails: notFound, notNow, closed. `POST …/confirm` */
  async confirm(key: ConnectorKey, request: shapes.ConfirmRequest = {}, options?: CallOptions): Promise<shapes.View> {
    return this.#post(key, 'confirm', request, options);
  }

  /** Ends a flow; one that has ended already stays as it is. Fails: notFound. `POST …/cancel` */
  async cancel(key: ConnectorKey, request: shapes.CancelRequest = {}, options?: CallOptions): Promise<shapes.View> {
    return this.#post(key, 'cancel', request, options);
  }

  /** Starts a re-authentication: nothing changes until new input is given. Fails: alreadyRunning. `POST …/reauthenticate` */
  async reauthenticate(
    key: ConnectorKey,
    request: shapes.ReauthenticateRequest = {},
    options?: OnceOptions,
  ): Promise<shapes.Started> {
    return this.#postOnce(key, 'reauthenticate', request, options);
  }

  #post<Body>(key: ConnectorKey, what: string, body: object, options?: CallOptions): Promise<Body> {
    return this.#send({ method: 'POST', path: pathOf(key, what), body }, options);
  }

  #postOnce<Body>(key: ConnectorKey, what: string, body: object, options: OnceOptions = {}): Promise<Body> {
    const { idempotencyKey = randomUUID(), ...rest } = options;
    if (!/^[\x20-\x7e]{1,255}$/.test(idempotencyKey)) throw malformed('idempotencyKey');
    return this.#send({ method: 'POST', path: pathOf(key, what), body, idempotencyKey }, rest);
  }

  #send<Body>(call: Call, options?: CallOptions): Promise<Body> {
    return this.#transport.send(call, options);
  }
}

function pathOfAccount(accountId: string): string {
  if (!isAccountId(accountId)) throw malformed('accountId'); // `..` would lead to another path
  return `/v1/accounts/${encodeURIComponent(accountId)}/connectors`;
}

function pathOf({ accountId, connectorId }: ConnectorKey, what = ''): string {
  if (!isConnectorId(connectorId)) throw malformed('connectorId');
  return [pathOfAccount(accountId), connectorId, ...(what ? [what] : [])].join('/');
}

const malformed = (name: string): OnboardingError =>
  new OnboardingError('malformed', 'It was not sent', { fields: [{ name, code: 'malformed' }] });
