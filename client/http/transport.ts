/** Sends calls to the service within a time limit. Repeats a call that gets no answer, or the status 429 or 503. */
import { setTimeout as delay } from 'node:timers/promises';
import { jsonOf } from '../../workflows/connector';
import { isApiKey } from './api-key';
import { errorOf, OnboardingError } from './onboarding-error';

export interface CallOptions {
  /** When this signal aborts, the call ends and fails with the signal's reason. */
  signal?: AbortSignal;
  /**
   * The time limit of the call with all its repetitions, in milliseconds. This limit overrides the client's
   * `timeoutMs`.
   */
  timeoutMs?: number;
}

/** One call to the service. The client may repeat each call (see {@link OnboardingService}). */
export interface Call {
  method: 'GET' | 'POST';
  path: string;
  query?: { [name: string]: string | number | undefined };
  body?: object;
  idempotencyKey?: string;
}

export interface TransportOptions {
  url: string;
  apiKey: string;
  timeoutMs: number;
  retries: number;
}

const FIRST_PAUSE_MS = 500;

export class Transport {
  readonly #url: string;
  readonly #apiKey: string;
  readonly #limits: { timeoutMs: number; retries: number };

  /**
   * Fails with a TypeError if the URL or the key is malformed. Without this check, an error of `fetch` would quote the
   * key.
   */
  constructor({ url, apiKey, timeoutMs, retries }: TransportOptions) {
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
      throw new TypeError('url is not an http(s) URL');
    if (!isApiKey(apiKey)) throw new TypeError('apiKey is not an API key of the service');
    this.#url = url.replace(/\/+$/, '');
    this.#apiKey = apiKey;
    this.#limits = { timeoutMs, retries };
  }

  /**
   * Sends a call and returns the body of a successful answer. Fails with an {@link OnboardingError}, or with the reason
   * of an aborted signal.
   */
  async send<Body>(call: Call, { signal, timeoutMs = this.#limits.timeoutMs }: CallOptions = {}): Promise<Body> {
    const until = Date.now() + timeoutMs;
    const over = new AbortController(); // on Node 20, `AbortSignal.any` with `AbortSignal.timeout` never aborts after a garbage collection
    const stop = () => over.abort(signal?.reason);
    const timer = setTimeout(() => over.abort(new OnboardingError('timedOut', nameOf(call))), timeoutMs);
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted) stop();
    try {
      return (await this.#repeatedly(call, over.signal, until)) as Body;
    } catch (err) {
      over.signal.throwIfAborted(); // the error of an aborted `fetch` or pause is not always the reason of the abort
      throw err;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
    }
  }

  /**
   * Sends a call once, and yields each line of the streamed answer, parsed as JSON. Closes the connection when the
   * caller leaves the loop. Fails with an {@link OnboardingError}, or with the reason of an aborted signal.
   */
  async *lines<Item>(call: Call, { signal }: Pick<CallOptions, 'signal'> = {}): AsyncGenerator<Item, void, undefined> {
    const fail = throwUnreachable(call, signal);
    const response = await fetch(this.#urlOf(call), this.#requestOf(call, signal)).catch(fail);
    const errorWith = (body?: unknown) => errorOf(nameOf(call), response, body);
    if (!response.ok || !response.body) throw errorWith(jsonOf(await response.text().catch(fail)));
    const texts = response.body.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]();
    let rest = '';
    try {
      for (;;) {
        const { value, done } = await texts.next().catch(fail);
        if (done && rest) throw errorWith(); // the last line has no line end, so the answer is incomplete
        if (done) return;
        const lines = (rest + value).split('\n');
        rest = lines.pop()!;
        for (const line of lines) {
          const item = jsonOf(line);
          if (item === undefined) throw errorWith();
          yield item as Item;
          signal?.throwIfAborted(); // without this check, the other entries of the same text would still be yielded
        }
      }
    } finally {
      await texts.return!().catch(() => undefined); // `return` fails if the connection is already closed
    }
  }

  async #repeatedly(call: Call, over: AbortSignal, until: number): Promise<unknown> {
    for (let repeats = 0; ; repeats++) {
      over.throwIfAborted();
      try {
        return await this.#once(call, over);
      } catch (err) {
        const pauseMs = pauseAfter(err, repeats);
        if (repeats >= this.#limits.retries || Date.now() + pauseMs >= until) throw err;
        await delay(pauseMs, undefined, { signal: over });
      }
    }
  }

  async #once(call: Call, signal: AbortSignal): Promise<unknown> {
    const { response, text } = await fetch(this.#urlOf(call), this.#requestOf(call, signal))
      .then(async (response) => ({ response, text: await response.text() }))
      .catch(throwUnreachable(call));
    const answer = jsonOf(text);
    if (response.ok && answer !== undefined) return answer;
    throw errorOf(nameOf(call), response, answer);
  }

  #requestOf(call: Call, signal?: AbortSignal): RequestInit {
    const { method, body } = call;
    return {
      method,
      headers: this.#headers(call),
      redirect: 'manual',
      ...(body && { body: JSON.stringify(body) }),
      ...(signal && { signal }),
    };
  }

  #headers({ body, idempotencyKey }: Call): { [name: string]: string } {
    return {
      Authorization: `Bearer ${this.#apiKey}`,
      Accept: 'application/json',
      ...(body && { 'Content-Type': 'application/json' }),
      ...(idempotencyKey !== undefined && { 'Idempotency-Key': idempotencyKey }),
    };
  }

  #urlOf({ path, query = {} }: Call): string {
    const url = new URL(this.#url + path);
    for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, `${value}`);
    return url.href;
  }
}

const nameOf = ({ method, path }: Call): string => `${method} ${path}`;

/** Throws the reason of an aborted signal, or an error without a cause, because the cause contains the API key. */
const throwUnreachable = (call: Call, signal?: AbortSignal) => (err: unknown) => {
  signal?.throwIfAborted();
  throw new OnboardingError('unreachable', `${nameOf(call)} (${reasonOf(err)})`);
};

/** The pause before the next try. Infinity if another try can not succeed. */
function pauseAfter(err: unknown, repeats: number): number {
  if (!(err instanceof OnboardingError)) return Infinity;
  const { code, status, retryAfterS } = err;
  if (code !== 'unreachable' && status !== 429 && status !== 503) return Infinity;
  return retryAfterS === undefined ? FIRST_PAUSE_MS * 2 ** repeats : retryAfterS * 1000;
}

/** The code of a network error, such as ECONNREFUSED. `no answer` for any other error. */
const reasonOf = (err: unknown): string => {
  const { code } = Object(Object(err).cause) as { code?: unknown };
  return typeof code === 'string' && /^\w{1,40}$/.test(code) ? code : 'no answer';
};
