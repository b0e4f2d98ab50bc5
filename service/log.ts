/** The log of the service: one JSON line for each answer. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { DestinationStream, Level, Logger } from 'pino';
import { createJsonLog } from '../temporal/log';
import { isAccountId } from '../workflows/connector';
import type { Answered, App, Parts } from './parts';

/** Creates the log of the service, which writes JSON lines. The default destination is standard output. */
export const createLog = (level: Level, destination?: DestinationStream): Logger =>
  createJsonLog({ process: 'service', level, destination });

/**
 * Writes the log line of an answer, with only the fields of an allow-list. The line of a successful health check has
 * the level debug.
 */
export function logAnswer(
  log: Logger,
  { method, route, status, durationMs, requestId, accountId, error, lost }: Answered,
): void {
  const level = status >= 500 || lost ? 'error' : status < 400 && isProbe(route) ? 'debug' : 'info';
  log[level]({ method, route, status, durationMs, requestId, accountId, error, lost }, 'answered');
}

/** True for the route of a health check. */
export const isProbe = (route: string): boolean => route === '/healthz' || route === '/readyz';

/**
 * Calls `report` once for each answer: when the service has sent the whole answer, or when the caller closes the
 * connection earlier. If the caller closes the connection before the answer exists, the report waits for the answer,
 * because the answer can be an error. If the caller closes the connection before it has sent the whole request, there
 * is no answer to report.
 */
export function reportAnswers(app: App, { report }: Pick<Parts, 'report'>): void {
  const begun = new WeakMap<FastifyRequest, number>();
  const ready = new WeakSet<FastifyRequest>();
  const reportOne = (request: FastifyRequest, reply: FastifyReply) => {
    const isAnswer = reply.raw.headersSent || request.raw.complete;
    if (isAnswer) report(answeredOf(request, reply, performance.now() - begun.get(request)!));
  };
  app.addHook('onRequest', async (request, reply) => {
    begun.set(request, performance.now());
    reply.raw.once('close', () => ready.has(request) && reportOne(request, reply));
  });
  app.addHook('onSend', async (request, reply) => {
    ready.add(request);
    if (reply.raw.destroyed) reportOne(request, reply);
  });
}

/** The status in logs and metrics for an answer whose caller left before the service began to send the answer. */
const CALLER_LEFT = 499;

/** The route in the log for a request whose path matches no route. */
export const NO_ROUTE = '(none)';

/** The facts about an answered request. The facts contain the pattern of the route, but not the URL. */
export function answeredOf(request: FastifyRequest, reply: FastifyReply, durationMs = 0): Answered {
  const isKnown = Boolean(request.caller) || undefined; // without authentication a caller can send any account id
  const { accountId } = Object(request.params) as { accountId?: unknown };
  return {
    method: request.method,
    route: request.is404 ? NO_ROUTE : (request.routeOptions.url ?? NO_ROUTE),
    status: reply.raw.headersSent ? reply.statusCode : CALLER_LEFT,
    durationMs: Math.round(durationMs),
    requestId: request.id,
    accountId: isKnown && (request.accountId ?? (isAccountId(accountId) ? accountId : undefined)),
    error: reply.statusCode === 500 || request.lost === 'unexpected' ? traceOf(request.failure) : undefined,
    lost: request.lost,
  };
}

/**
 * The type and the stack of an error. The log does not contain the message of the error, because the message can quote
 * the request.
 */
function traceOf(err: unknown): { type: string; at: string[] } {
  const { name = 'unknown', stack = '' } = err instanceof Error ? err : {};
  const at = stack.split('\n').filter((line) => /^ {4}at /.test(line));
  return { type: name, at: at.slice(0, 8).map((line) => line.trim()) };
}
