import axios, { type AxiosInstance } from 'axios';
import { CyclrError } from './errors';

const MAX_BODY_BYTES = 5 * 1024 * 1024;

export interface HttpRequest {
  method: 'GET' | 'POST' | 'PUT';
  path: string;
  headers: { [name: string]: string };
  /** A form (`URLSearchParams`), or a value sent as JSON. */
  body?: unknown;
  /** For all of it, the answer's body included. Where nothing is left, nothing is sent. */
  timeoutMs: number;
}

export interface HttpResponse {
  status: number;
  retryAfter: unknown;
  totalPages: unknown;
  text: string;
}

export type Http = (request: HttpRequest) => Promise<HttpResponse>;

/**
 * Sends a request, once: no retry, no redirect. Fails with `unreachable` where no whole answer came in time.
 * An axios error never leaves this function, not even as a cause: it carries the bearer token and the body.
 */
export function createHttp(baseURL: string): Http {
  const http: AxiosInstance = axios.create({
    baseURL,
    // http is for this machine alone: a proxy would not find it, and would read the bearer token.
    ...(baseURL.startsWith('http:') && { proxy: false as const }),
    maxRedirects: 0,
    maxContentLength: MAX_BODY_BYTES,
    responseType: 'text',
    transformResponse: (text: unknown) => text, // axios would parse, and its parser's error quotes the text
    validateStatus: () => true,
  });
  return async ({ method, path, headers, body, timeoutMs }) => {
    // One signal: Node 20 collects those behind AbortSignal.any as garbage, and the limit with them.
    const signal = timeoutMs >= 1 ? AbortSignal.timeout(Math.floor(timeoutMs)) : AbortSignal.abort();
    const response = await http.request({ method, url: path, headers, data: body, signal }).catch((err: unknown) => {
      const reason = signal.aborted ? 'timeout' : codeOf(err);
      throw new CyclrError('unreachable', `${method} ${path}: no whole answer (${reason})`);
    });
    const { 'retry-after': retryAfter, 'total-pages': totalPages } = response.headers as { [name: string]: unknown };
    const text = typeof response.data === 'string' ? response.data : '';
    return { status: response.status, retryAfter, totalPages, text };
  };
}

const codeOf = (err: unknown): string => (axios.isAxiosError(err) && err.code) || 'unknown';
