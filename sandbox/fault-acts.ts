import { setTimeout as elapsed } from 'node:timers/promises';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { pascalCased, readableBodyOf } from './body';
import type { EchoForm, Fault } from './fault-rule';
import { unauthorized } from './refusal';

/** What a fault happens to. */
export interface Scene {
  request: FastifyRequest;
  reply: FastifyReply;
  /** The account connector that the path names, as Cyclr would answer it. */
  connector: object | undefined;
  /** Aborted when the sandbox closes. */
  closing: AbortSignal;
  /** Resolves when the rule's requests may go on. */
  released: Promise<void>;
}

/** What happens instead of the answer. An act that neither answers nor takes the reply over lets the request go on. */
type Acts = { [K in Fault['kind']]: (scene: Scene, fault: Extract<Fault, { kind: K }>) => unknown };

const acts: Acts = {
  answer: ({ reply }, { status, headers = {}, body = '' }) => reply.code(status).headers(headers).send(body),
  echo400: ({ request, reply }, { form }) =>
    reply.code(400).send({ Message: `The value '${inForm[form](secretOf(request))}' is not valid.` }),
  unauthenticated: ({ reply, connector }) => reply.send({ ...connector, Authenticated: false }),
  html: ({ reply }) => reply.type('text/html').send(page('Welcome')),
  html500: ({ reply }) => reply.code(500).type('text/html').send(page('Runtime Error')),
  empty: ({ reply }) => reply.send(),
  truncated: ({ reply }) => {
    reply.hijack();
    reply.raw.writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'content-length': 4096 });
    reply.raw.write('{"Id": 1001, "Name": "Bri', () => reply.raw.destroy());
  },
  reset: ({ reply }) => {
    reply.hijack();
    resetConnection(reply);
  },
  hang: ({ reply }) => void reply.hijack(),
  held: ({ released }) => released,
  unauthorized: () => {
    throw unauthorized();
  },
  redirect: ({ reply }) => reply.redirect('/elsewhere', 302),
  throttled: ({ reply }, { retryAfter }) =>
    reply.code(429).header('retry-after', String(retryAfter)).send({ Message: 'API calls quota exceeded.' }),
  // When the sandbox closes meanwhile, nothing is done any more and nobody is answered.
  slow: ({ reply, closing }, { ms }) => elapsed(ms, undefined, { signal: closing }).catch(() => void reply.hijack()),
  'applied-then-reset': ({ request }) => void lost.set(request, resetConnection),
  'applied-then-hang': ({ request }) => void lost.set(request, () => new Promise(() => undefined)),
};

/** What becomes of the answers that nobody is to get. */
const lost = new WeakMap<FastifyRequest, (reply: FastifyReply) => unknown>();

/** Lets a fault happen. What it returns is what a Fastify hook must return. */
export function act(scene: Scene, fault: Fault): unknown {
  return acts[fault.kind](scene, fault as never);
}

/** To be awaited when the answer is ready: takes the connection away, or never ends, where the answer is to be lost. */
export function loseAnswer(request: FastifyRequest, reply: FastifyReply): unknown {
  return lost.get(request)?.(reply);
}

function resetConnection(reply: FastifyReply): void {
  reply.raw.socket?.resetAndDestroy();
}

const inForm: Record<EchoForm, (secret: string) => string> = {
  plain: (secret) => secret,
  'json-escaped': (secret) => JSON.stringify(secret).slice(1, -1),
  base64: (secret) => Buffer.from(secret).toString('base64'),
  'url-encoded': encodeURIComponent,
  truncated: (secret) => `${secret.slice(0, Math.ceil(secret.length / 2))}…`,
  upper: (secret) => secret.toUpperCase(),
};

/** What of a request must never be seen elsewhere. */
function secretOf(request: FastifyRequest): string {
  const body = pascalCased(readableBodyOf(request)) as Partial<Record<string, string>> | undefined;
  return String(body?.['AuthValue'] ?? body?.['Value'] ?? body?.['Client_secret'] ?? '');
}

const page = (title: string): string =>
  `<!DOCTYPE html>\n<html><head><title>${title}</title></head><body></body></html>\n`;
