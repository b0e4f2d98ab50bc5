/** The calls of the service that a session token allows. */
import type { Prefill } from '../client/http/shapes';
import type { Sealed } from '../workflows/connector';
import type { Problem, View } from '../workflows/messages';

export interface SessionAnswer {
  accountId: string;
  accountLabel?: string;
  language: string;
  returnTo?: string;
  expiresAt: string;
  /** The connectors that the session may re-authenticate. */
  reauthenticate?: number[];
  prefill?: Prefill;
  connectors: View[];
}

export interface Token {
  token: string;
  expiresAt: string;
}

/** One input for a connector. Each value is sealed for this submission. */
export type Submission =
  { submissionId: string; values: { [name: string]: Sealed } } | { submissionId: string; credentials: Sealed };

/**
 * Why the service can't be used: the device is offline, the service does not answer, or the service answers that it
 * can't continue.
 */
export type Trouble = 'offline' | 'unreachable' | 'busy';

/** A call of the service that failed. */
export class ServiceFailure extends Error {
  override readonly name = 'ServiceFailure';
  constructor(
    /**
     * The code of the problem document. `unreachable` if no complete answer has arrived, `unexpected` if the answer
     * has no problem document.
     */
    readonly code: string,
    /** The view of the flow. The service sends a view only with some codes. */
    readonly view?: View,
    readonly fields?: Problem['fields'],
    readonly retryAfterMs?: number,
  ) {
    super(code);
  }

  /** True if the same call may succeed later: the service did not answer, or answered with `Retry-After`. */
  get isTemporary(): boolean {
    return this.retryAfterMs !== undefined || this.code === 'unreachable' || this.code === 'unexpected';
  }

  /** The cause that the page shows during the repetitions of the call. */
  get trouble(): Trouble {
    if (this.code !== 'unreachable') return 'busy';
    return navigator.onLine ? 'unreachable' : 'offline';
  }

  /** True if the token's session has ended. */
  get endsSession(): boolean {
    return sessionEnds.includes(this.code);
  }
}

const sessionEnds = ['unauthorized', 'tokenExpired', 'tokenVoid'];
/** A submission may wait 10 s for Cyclr and 15 s for a worker. */
const ANSWER_WITHIN_MS = 40_000;

interface CallOptions {
  body?: object;
  headers?: { [name: string]: string };
  signal?: AbortSignal;
}

export class ServiceClient {
  constructor(
    /** The base URL of the service, with a slash at its end. */
    readonly base: string,
    public token: string,
    /** Called after each successful answer. */
    private readonly answered: () => void = () => undefined,
  ) {}

  session = (): Promise<SessionAnswer> => this.#json('GET', '');
  renew = (): Promise<Token> => this.#json('POST', '/renew');
  /** Turns an invitation into a session. */
  redeem = (invitation: string): Promise<Token> => new ServiceClient(this.base, invitation).#json('POST', '/redeem');
  /** The public JWK set as text. */
  sealingKeys = async (): Promise<string> => (await this.#call('GET', '/sealing-keys')).text().catch(unreachable);
  confirm = (connectorId: number): Promise<View> => this.#json('POST', `/connectors/${connectorId}/confirm`);
  /** Lets a waiting flow re-read its connector. */
  recheck = (connectorId: number): Promise<View> => this.#json('POST', `/connectors/${connectorId}/recheck`);
  /**
   * Starts a re-authentication. If a re-authentication is open, returns its view. After the end of that
   * re-authentication, a repetition of this call starts another re-authentication.
   */
  reauthenticate = (connectorId: number): Promise<View> =>
    this.#json('POST', `/connectors/${connectorId}/reauthenticate`);
  /** Sends an input. Safe to repeat, because the flow ignores a submission id seen before. */
  submit = (connectorId: number, body: Submission): Promise<View> =>
    this.#json('POST', `/connectors/${connectorId}/${'values' in body ? 'properties' : 'credentials'}`, body);

  /** Opens the event stream. The stream leaves out the view with the id `lastEventId`. */
  events(lastEventId: string | undefined, signal: AbortSignal): Promise<Response> {
    const headers = lastEventId === undefined ? undefined : { 'Last-Event-ID': lastEventId };
    return this.#call('GET', '/events', { headers, signal });
  }

  async #json<T>(method: string, path: string, body?: object): Promise<T> {
    return (await this.#call(method, path, { body })).json().catch(unreachable) as Promise<T>;
  }

  async #call(method: string, path: string, options: CallOptions = {}): Promise<Response> {
    const { token } = this;
    const { body, headers, signal } = options;
    const response = await fetch(`${this.base}v1/session${path}`, {
      method,
      headers: {
        Authorization: `Bearer ${token}`,
        ...(body && { 'Content-Type': 'application/json' }),
        ...headers,
      },
      body: body && JSON.stringify(body),
      signal: signal ?? AbortSignal.timeout(ANSWER_WITHIN_MS),
      credentials: 'omit',
      cache: 'no-store',
    }).catch(unreachable);
    if (response.ok) {
      this.answered();
      return response;
    }
    const failure = await failureOf(response);
    // The client has got another token during the call, so the refusal says nothing about the present session.
    if (failure.endsSession && token !== this.token) return this.#call(method, path, options);
    throw failure;
  }
}

/** Called when no answer has arrived, or only a part of an answer. */
function unreachable(): never {
  throw new ServiceFailure('unreachable');
}

async function failureOf(response: Response): Promise<ServiceFailure> {
  const document = (await response.json().catch(() => ({}))) as Partial<ServiceFailure>;
  const seconds = Number(response.headers.get('Retry-After') ?? NaN);
  const retryAfterMs = Number.isFinite(seconds) ? seconds * 1000 : undefined;
  return new ServiceFailure(document.code ?? 'unexpected', document.view, document.fields, retryAfterMs);
}
