import type { FastifyReply, FastifyRequest } from 'fastify';
import { readableBodyOf } from './body';
import { accountIdOf } from './token';

/** A request this Cyclr got, secrets and all: for tests to look at. */
export interface RecordedRequest {
  /** ISO 8601. */
  at: string;
  method: string;
  /** As received, without the query. */
  path: string;
  query: Record<string, string>;
  /** The header `X-Cyclr-Account`, if there was one. */
  account?: string;
  /** Which of the minted tokens it came with: 1 is the first. */
  tokenId?: number;
  /** What JSON or a form says, else the text. */
  body?: unknown;
  /** Absent until an answer leaves, and for good when none left whole. */
  status?: number;
}

const LIMIT = 10_000;

/** Keeps the newest requests, oldest first. */
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

  /** To be called just before the answer leaves, so that whoever has the answer finds it recorded. */
  end(request: FastifyRequest, reply: FastifyReply): void {
    const recorded = this.#open.get(request);
    if (recorded && !request.raw.socket.destroyed) recorded.status = reply.statusCode;
  }
}

/** Path and query of a request, as received. */
export function urlOf(request: FastifyRequest): { path: string; query: string } {
  const [, path = '', query = ''] = /^([^?]*)\??(.*)$/.exec(request.url) ?? [];
  return { path, query };
}
