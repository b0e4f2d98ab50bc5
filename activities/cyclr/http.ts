import axios, { type AxiosInstance } from 'axios';
import { isSecureUrl } from '../../workflows/connector';
import { CyclrError } from './errors';

const MAX_BODY_BYTES = 5 * 1024 * 1024;

export interface HttpRequest {
  method: 'GET' | 'POST' | 'PUT';
  path: string;
  headers: { [name: string]: string };
  /** A form (`URLSearchParams`), or a value sent as JSON. */
  body?: unknown;
  /** The time limit of the request and its whole answer, in milliseconds. If the limit is below 1, nothing is sent. */
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
 * The proxy setting of axios for calls to `origin`. For an http origin, axios ignores the proxy that the environment
 * variables name. Such an origin is on loopback, or is a target that WEBHOOK_ALLOW_HTTP allows. A proxy can't reach the
 * loopback of this machine, and would see the bearer token.
 */
export const proxyOf = (origin: string): { proxy?: false } =>
  new URL(origin).protocol === 'http:' ? { proxy: false } : {};

/**
 * Creates a function that sends one request, without retry and redirect. The function fails with `unreachable` if it
 * gets no complete answer in time. An axios error never leaves the function, not even as a cause, because this error
 * contains the bearer token and the body. Throws a TypeError if `baseURL` is neither https nor http on loopback.
 */
export function createHttp(baseURL: string): Http {
  if (!isSecureUrl(new URL(baseURL))) throw new TypeError("Cyclr's address must be https (http on loopback only)");
  const http: AxiosInstance = axios.create({
    baseURL,
    ...proxyOf(baseURL),
    maxRedirects: 0,
    maxContentLength: MAX_BODY_BYTES,
    responseType: 'text',
    transformResponse: (text: unknown) => text, // the text is not parsed here, because the error of axios' parser quotes the text
    validateStatus: () => true,
  });
  return async ({ method, path, headers, body, timeoutMs }) => {
    // Use one signal and not AbortSignal.any: on Node 20, AbortSignal.any over AbortSignal.timeout never fires after a
    // garbage collection (https://github.com/nodejs/node/issues/57736).
    const signal = timeoutMs >= 1 ? AbortSignal.timeout(Math.floor(timeoutMs)) : AbortSignal.abort();
    const response = await http.request({ method, url: path, headers, data: body, signal }).catch((err: unknown) => {
      const reason = signal.aborted ? 'timeout' : codeOf(err);
      throw new CyclrError('unreachable', `${method} ${path}: no complete answer (${reason})`);
    });
    const { 'retry-after': retryAfter, 'total-pages': totalPages } = response.headers as { [name: string]: unknown };
    const text = typeof response.data === 'string' ? response.data : '';
    return { status: response.status, retryAfter, totalPages, text };
  };
}

const codeOf = (err: unknown): string => (axios.isAxiosError(err) && err.code) || 'unknown';
