import type { FastifyReply, FastifyRequest } from 'fastify';
import { readableBodyOf } from './body';
import { accountIdOf } from './token';

/** A received request, for tests. The request contains its secrets in clear. */
export interface RecordedRequest {
  /** ISO 8601. */
  at: string;
  method: string;
  /** The received path, without the query. */
  path: string;
  query: Record<string, string>;
  /** The header `X-Cyclr-Account`. Absent if the request has no such header. */
  account?: string;
  /** The number of the request's bearer token: 1 is the first token that the sandbox minted. */
  tokenId?: number;
  /** The value of a JSON body, the fields of a form, or the text of any other body. */
  body?: unknown;
  /** The status of the answer. Absent until the answer is sent, or if no complete answer was sent. */
  status?: number;
}

const LIMIT = 10_000;

/** Keeps the last 10,000 requests, oldest first. */
export class Recorder {
  readonly requests: RecordedRequest[] = [];
  readonly #open = new WeakMap<FastifyRequest, RecordedRequest>();

  begin(request: FastifyRequest, tokenId: number | undefined): void {
    const { path, query } = urlOf(request);
    const recorded: RecordedRequest = {
      at: new Date().toISOString(),
      method: request.method,
      path,
      query: Object.fromEntries(new URLSearchParams(query)),
      account: accountIdOf(request),
      tokenId,
    };
    this.#open.set(request, recorded);
    this.requests.push(recorded);
    if (this.requests.length > LIMIT) this.requests.shift();
  }

  arrived(request: FastifyRequest): void {
    const recorded = this.#open.get(request);
    if (recorded) recorded.body = readableBodyOf(request);
  }

  /**
   * Records the status of the answer to a request. Call this method before the answer is sent, so that the list has the
   * status when the client has the answer.
   */
  end(request: FastifyRequest, reply: FastifyReply): void {
    const recorded = this.#open.get(request);
    if (recorded && !request.raw.socket.destroyed) recorded.status = reply.statusCode;
  }
}

/** Returns the path and the query of a request as received, without decoding. */
export function urlOf(request: FastifyRequest): { path: string; query: string } {
  const [, path = '', query = ''] = /^([^?]*)\??(.*)$/.exec(request.url) ?? [];
  return { path, query };
}
