import { setTimeout as elapsed } from 'node:timers/promises';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { pascalCased, readableBodyOf } from './body';
import type { EchoForm, Fault } from './fault-rule';
import { unauthorized } from './refusal';

/** The request that gets the fault. */
export interface FaultContext {
  request: FastifyRequest;
  reply: FastifyReply;
  /** The account connector that the path names, as Cyclr would return it. */
  connector: object | undefined;
  /** Aborted when the sandbox closes. */
  closing: AbortSignal;
  /** Resolves when the requests of a `held` rule may continue. */
  released: Promise<void>;
}

/**
 * For each kind of fault, the function that causes the fault. After the function, the request continues normally,
 * except if the function has answered the request or has hijacked the reply.
 */
type Effects = { [K in Fault['kind']]: (context: FaultContext, fault: Extract<Fault, { kind: K }>) => unknown };

const effects: Effects = {
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
  // If the sandbox closes during the wait, the request ends without an effect and without an answer.
  slow: ({ reply, closing }, { ms }) => elapsed(ms, undefined, { signal: closing }).catch(() => void reply.hijack()),
  'applied-then-reset': ({ request }) => void replacedAnswers.set(request, resetConnection),
  'applied-then-hang': ({ request }) => void replacedAnswers.set(request, () => new Promise(() => undefined)),
  'applied-then-204': ({ request }) => void replacedAnswers.set(request, withoutContent),
  'applied-then-empty': ({ request }) => void replacedAnswers.set(request, () => ''),
  'applied-then-html': ({ request }) =>
    void replacedAnswers.set(request, (reply) => {
      reply.type('text/html');
      return page('Welcome');
    }),
};

/** The requests whose answer the sandbox must replace, each with the function that returns the new body. */
const replacedAnswers = new WeakMap<FastifyRequest, (reply: FastifyReply) => unknown>();

function withoutContent(reply: FastifyReply): string {
  reply.code(204).removeHeader('content-type');
  return '';
}

/** Applies a fault in a Fastify hook. The hook must return the result of this function. */
export function applyFault(context: FaultContext, fault: Fault): unknown {
  return effects[fault.kind](context, fault as never);
}

/**
 * Replaces the answer to a request if the fault of this request changes only the answer. Depending on the fault,
 * returns the new body, resets the connection, or returns a promise that never resolves. Returns undefined if the
 * answer stays unchanged. The caller must await this call before it sends the answer.
 */
export function replaceAnswer(request: FastifyRequest, reply: FastifyReply): unknown {
  return reply.statusCode < 300 ? replacedAnswers.get(request)?.(reply) : undefined;
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

/** Returns the secret in the body of a request: an `AuthValue`, the `Value` of a property, or a client secret. */
function secretOf(request: FastifyRequest): string {
  const body = pascalCased(readableBodyOf(request)) as Partial<Record<string, string>> | undefined;
  return String(body?.['AuthValue'] ?? body?.['Value'] ?? body?.['Client_secret'] ?? '');
}

const page = (title: string): string =>
  `<!DOCTYPE html>\n<html><head><title>${title}</title></head><body></body></html>\n`;
