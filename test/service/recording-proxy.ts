/** An HTTP proxy between a client and the service. The proxy records all calls, and can add a fault to a call. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline, Readable } from 'node:stream';

/** A request and its answer. */
export interface Exchange {
  method: string;
  /** The path and the query of the URL. */
  path: string;
  sent: { headers: Headers; body: string };
  answer: { status: number; headers: Headers; body: string };
}

/** The proxy's own answer to a call. If the body is an iterable, the proxy sends its texts one after another. */
interface OwnAnswer {
  status: number;
  headers?: { [name: string]: string };
  body?: string | AsyncIterable<string>;
}

/**
 * The fault that the proxy adds to a call. `cut`: the proxy closes the connection. `hangs`: the proxy does not answer.
 * `lost`: the service gets the call, but the client gets no answer. An object: the proxy sends this answer.
 */
export type Fault = 'cut' | 'hangs' | 'lost' | OwnAnswer;

export interface RecordingProxy {
  url: string;
  /** The calls that the service has answered. */
  exchanges: Exchange[];
  /** All calls from the client, including the calls to which the proxy added a fault. */
  received: { atMs: number; headers: Headers }[];
  /** Applies the faults `faults` to the next calls, one fault to each call, in order. */
  failNext(...faults: Fault[]): void;
  close(): Promise<void>;
}

export async function startRecordingProxy(target: string): Promise<RecordingProxy> {
  const exchanges: Exchange[] = [];
  const received: RecordingProxy['received'] = [];
  const faults: Fault[] = [];
  const server = createServer(async (request, response) => {
    const sent = { headers: headersOf(request), body: await bodyOf(request) };
    received.push({ atMs: Date.now(), headers: sent.headers });
    const fault = faults.shift();
    if (fault === 'cut') return void request.socket.destroy();
    if (fault === 'hangs') return;
    if (typeof fault === 'object') return reply(response, fault);
    const exchange = await forward(target, request, sent);
    exchanges.push(exchange);
    if (fault === 'lost') return void request.socket.destroy();
    const { status, headers, body } = exchange.answer;
    reply(response, { status, headers: Object.fromEntries(headers), body });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    exchanges,
    received,
    failNext: (...more) => void faults.push(...more),
    async close() {
      server.closeAllConnections();
      await once(server.close(), 'close');
    },
  };
}

const headersOf = ({ headers }: IncomingMessage): Headers =>
  new Headers(Object.entries(headers).map(([name, value]): [string, string] => [name, `${value}`]));

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) body += chunk;
  return body;
}

/** Headers that belong to one connection. The proxy does not forward these headers. */
const ofConnection = ['connection', 'content-length', 'host', 'keep-alive', 'transfer-encoding'];

async function forward(
  target: string,
  { method = '', url: path = '' }: IncomingMessage,
  sent: Exchange['sent'],
): Promise<Exchange> {
  const headers = [...sent.headers].filter(([name]) => !ofConnection.includes(name));
  const response = await fetch(target + path, { method, headers, body: sent.body || undefined, redirect: 'manual' });
  const answer = { status: response.status, headers: response.headers, body: await response.text() };
  return { method, path, sent, answer };
}

function reply(response: ServerResponse, { status, headers = {}, body = '' }: OwnAnswer): void {
  const own = Object.entries(headers).filter(([name]) => !ofConnection.includes(name));
  response.writeHead(status, Object.fromEntries(own));
  if (typeof body === 'string') response.end(body);
  else pipeline(Readable.from(body), response, () => undefined); // a client can close the connection before the end
}
