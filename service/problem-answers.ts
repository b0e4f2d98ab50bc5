/** Answers errors, unknown paths and wrong methods with problem documents (RFC 9457). */
import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { ConnectionError, FastifyReply, FastifyRequest } from 'fastify';
import type { AnswerCode } from '../client/http/codes';
import { NO_ROUTE } from './log';
import type { Answered, App } from './parts';
import { answers, ServiceError, serviceErrorOf, type ErrorDetails, type ErrorKind } from './problems';
import type { Headers } from './security-headers';

/** The method in logs and metrics for a request that Node could not parse. */
const NO_METHOD = '(none)';

/** Answers every error of the app's routes, unknown paths and wrong methods with a problem document. */
export function answerErrors(app: App): void {
  const methodsOf = routeMethods(app);
  app.setErrorHandler(answerError);
  app.setNotFoundHandler((request, reply) => answerUnknown(request, reply, []));
  // Without this hook, Fastify 5 would refuse a QUERY request without a content type before it calls the not-found
  // handler.
  app.addHook('onRequest', async (request, reply) => {
    if (request.is404) return answerUnknown(request, reply, methodsOf(request.url.split('?')[0]!));
  });
}

/**
 * Returns a function that gives the allowed methods of a path, or an empty list for an unknown path. The function knows
 * only the routes that the service adds after this call.
 */
function routeMethods(app: App): (path: string) => string[] {
  const known: { pattern: RegExp; methods: string[] }[] = [];
  app.addHook('onRoute', ({ url, method }) => {
    if (url.endsWith('*')) return; // a wildcard route only serves preflights or static files
    const pattern = new RegExp(`^${url.replace(/[.]/g, '\\.').replace(/:\w+/g, '[^/]+')}$`);
    known.push({ pattern, methods: [method].flat() });
  });
  return (path) => known.filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => methods);
}

export function answerError(err: Error, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  request.failure = err;
  return answerProblem(serviceErrorOf(err), request, reply);
}

const ofNode: { [code: string]: ErrorKind } = {
  ERR_HTTP_REQUEST_TIMEOUT: 'requestTimeout',
  HPE_HEADER_OVERFLOW: 'headersTooLarge',
};

/**
 * Answers a request that Node's HTTP parser refuses, or that is too slow, and closes its connection. Sends no answer
 * and returns undefined if the caller has closed the connection, or has sent nothing: browsers open connections in
 * advance.
 */
export function answerClientError({ code }: ConnectionError, socket: Socket, headers: Headers): Answered | undefined {
  if (code === 'ECONNRESET' || !socket.writable || socket.bytesRead === 0) return void socket.destroy();
  const requestId = randomUUID();
  const error = new ServiceError((code !== undefined && ofNode[code]) || 'brokenRequest');
  const { status } = answers[error.kind];
  socket.write(
    httpAnswer(status, { ...headers, 'X-Request-Id': requestId }, JSON.stringify(documentOf(error, requestId))),
  );
  socket.destroySoon();
  return { method: NO_METHOD, route: NO_ROUTE, status, durationMs: 0, requestId };
}

/** The text of an HTTP answer with the header `Connection: close`. */
function httpAnswer(status: number, headers: Headers, problem: string): string {
  const sent = {
    ...headers,
    'Content-Type': 'application/problem+json; charset=utf-8',
    'Content-Length': Buffer.byteLength(problem),
    Connection: 'close',
  };
  const lines = Object.entries(sent).map(([name, value]) => `${name}: ${value}`);
  return [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines, '', problem].join('\r\n');
}

function answerUnknown(request: FastifyRequest, reply: FastifyReply, methods: string[]): FastifyReply {
  if (methods.length === 0) return answerProblem(new ServiceError('notFound'), request, reply);
  return answerProblem(new ServiceError('methodNotAllowed'), request, reply.header('Allow', methods.join(', ')));
}

function answerProblem(error: ServiceError, { id }: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { status } = answers[error.kind];
  setRetryAfter(reply, error.kind);
  if (status === 401) reply.header('WWW-Authenticate', 'Bearer');
  reply.header('X-Request-Id', id).type('application/problem+json');
  return reply.code(status).send(JSON.stringify(documentOf(error, id)));
}

/** Sets `Retry-After` if `answers` has a time for this error and no plugin has set the header. */
export function setRetryAfter(reply: FastifyReply, kind: ErrorKind): void {
  const { retryAfterS } = answers[kind];
  if (retryAfterS !== undefined && !reply.hasHeader('Retry-After')) reply.header('Retry-After', retryAfterS);
}

export interface ProblemDocument extends ErrorDetails {
  title: string;
  status: number;
  code: AnswerCode;
  detail: string;
  requestId: string;
}

function documentOf({ kind, code, details }: ServiceError, requestId: string): ProblemDocument {
  const { status, detail } = answers[kind];
  return { title: STATUS_CODES[status] ?? 'Error', status, code, detail, requestId, ...details };
}
