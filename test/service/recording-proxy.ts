/** Between a client and the service: sees what goes over the wire, and can be a bad wire. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What was sent, and what was answered. */
export interface Exchange {
  method: string;
  /** With its query. */
  path: string;
  sent: { headers: Headers; body: string };
  answer: { status: number; headers: Headers; body: string };
}

/** What happens to a call in place of an answer of the service; `lost`: it arrives, its answer does not. */
export type Mishap = 'cut' | 'hangs' | 'lost' | { status: number; headers?: { [name: string]: string }; body?: string };

export interface Wire {
  url: string;
  /** All that came through. */
  exchanges: Exchange[];
  /** All that arrived here, also what was not passed on: when, and with which headers. */
  arrived: { atMs: number; headers: Headers }[];
  /** What happens to the next calls, one after the other. */
  suffers(...mishaps: Mishap[]): void;
  close(): Promise<void>;
}

export async function openWire(target: string): Promise<Wire> {
  const exchanges: Exchange[] = [];
  const arrived: Wire['arrived'] = [];
  const mishaps: Mishap[] = [];
  const server = createServer(async (request, response) => {
    const sent = { headers: headersOf(request), body: await bodyOf(request) };
    arrived.push({ atMs: Date.now(), headers: sent.headers });
    const mishap = mishaps.shift();
    if (mishap === 'cut') return void request.socket.destroy();
    if (mishap === 'hangs') return;
    if (typeof mishap === 'object') return reply(response, { headers: {}, body: '', ...mishap });
    const exchange = await passOn(target, request, sent);
    exchanges.push(exchange);
    if (mishap === 'lost') return void request.socket.destroy();
    const { status, headers, body } = exchange.answer;
    reply(response, { status, headers: Object.fromEntries(headers), body });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    exchanges,
    arrived,
    suffers: (...more) => void mishaps.push(...more),
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

/** What belongs to one connection alone. */
const ofConnection = ['connection', 'content-length', 'host', 'keep-alive', 'transfer-encoding'];

async function passOn(
  target: string,
  { method = '', url: path = '' }: IncomingMessage,
  sent: Exchange['sent'],
): Promise<Exchange> {
  const headers = [...sent.headers].filter(([name]) => !ofConnection.includes(name));
  const response = await fetch(target + path, { method, headers, body: sent.body || undefined, redirect: 'manual' });
  const answer = { status: response.status, headers: response.headers, body: await response.text() };
  return { method, path, sent, answer };
}

function reply(
  response: ServerResponse,
  { status, headers, body }: { status: number; headers: { [name: string]: string }; body: string },
): void {
  const own = Object.entries(headers).filter(([name]) => !ofConnection.includes(name));
  response.writeHead(status, Object.fromEntries(own)).end(body);
}
