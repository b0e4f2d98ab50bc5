import { z } from 'zod';
import { CyclrError, retryAfterMsOf } from './errors';
import type { Http } from './http';
import { parsed } from './wire';

const PATH = '/oauth/token';
/** The client does not use a token that expires within this time. */
const RESERVE_MS = 60_000;

export interface Token {
  value: string;
  /** The time of the token request by `performance.now()`, a clock that never moves backwards. */
  askedForAtMs: number;
  expiresAtMs: number;
}

/** The outcome of a request for a token, in text without secrets. */
export interface TokenReport {
  ok: boolean;
  /** The time of the outcome. ISO 8601. */
  at: string;
  detail: string;
}

let latestReport: TokenReport | undefined;

/** The outcome of the latest request for a token in this process. Undefined before the first request. */
export const latestTokenReport = (): TokenReport | undefined => latestReport;

interface ClientCredentials {
  clientId: string;
  clientSecret: string;
  timeoutMs: number;
}

/** The lifetime of a token in seconds, if the answer has no usable `expires_in`. */
const SHORT_LIVED_S = 300;

/**
 * The answer to a token request. A token with a character that a header can't carry is refused, because axios drops
 * such characters without an error. `expires_in` can be a number or a number as text.
 */
const TokenAnswer = z.object({
  access_token: z.string().regex(/^[\x21-\x7e]+$/),
  expires_in: z.coerce.number().positive().catch(SHORT_LIVED_S),
});

/** The bearer token of all calls. Callers that need a new token at the same time share one request. */
export class TokenSource {
  #held?: Token;
  #pending?: Promise<Token>;

  readonly #http: Http;
  readonly #client: ClientCredentials;

  constructor(http: Http, client: ClientCredentials) {
    this.#http = http;
    this.#client = client;
  }

  /**
   * The present token if it is valid for at least another minute, otherwise a new token. Fails: `unreachable`,
   * `unreadable`, `throttled`, `clientRefused`. After a failure, the next caller requests a token again.
   */
  async get(): Promise<Token> {
    if (this.#held && this.#held.expiresAtMs - RESERVE_MS > Date.now()) return this.#held;
    return (this.#pending ??= reported(this.#fetch()).finally(() => (this.#pending = undefined)));
  }

  /** Removes a token that got a 401. If a newer token is already in use, this call does nothing. */
  drop(token: Token): void {
    if (this.#held === token) this.#held = undefined;
  }

  /** `POST /oauth/token`. */
  async #fetch(): Promise<Token> {
    const { clientId, clientSecret, timeoutMs } = this.#client;
    const askedForAtMs = performance.now();
    const { status, retryAfter, text } = await this.#http({
      method: 'POST',
      path: PATH,
      headers: {},
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: clientId,
        client_secret: clientSecret,
      }),
      timeoutMs,
    });
    const call = `POST ${PATH}: ${status}`;
    if (status === 429) throw new CyclrError('throttled', call, retryAfterMsOf(retryAfter));
    if (status === 408 || status >= 500) throw new CyclrError('unreachable', call, retryAfterMsOf(retryAfter));
    if (status >= 400) throw new CyclrError('clientRefused', `${call}: Cyclr refused the client id or secret`);
    const { access_token: value, expires_in } = parsed(TokenAnswer, `POST ${PATH}`, status, text);
    this.#held = { value, askedForAtMs, expiresAtMs: Date.now() + expires_in * 1000 };
    return this.#held;
  }
}

async function reported(request: Promise<Token>): Promise<Token> {
  const report = (ok: boolean, detail: string) => (latestReport = { ok, at: new Date().toISOString(), detail });
  try {
    const token = await request;
    report(true, `POST ${PATH}: token received`);
    return token;
  } catch (err) {
    report(false, err instanceof CyclrError ? err.message : 'unexpected error');
    throw err;
  }
}
