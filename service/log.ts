import pino, { type DestinationStream, type Logger } from 'pino';
import type { Answered } from './parts';

/** JSON lines on standard output. */
export const createLog = (destination?: DestinationStream): Logger =>
  pino({ base: { process: 'service' } }, destination ?? pino.destination({ sync: true }));

/** One line for each answer, of an allow-list of fields. What only probes ask is not told while all is well. */
export function logAnswer(
  log: Logger,
  { method, route, status, durationMs, requestId, accountId, error }: Answered,
): void {
  const level = status >= 500 ? 'error' : status < 400 && probes.includes(route) ? 'debug' : 'info';
  log[level]({ method, route, status, durationMs, requestId, accountId, error }, 'answered');
}

const probes = ['/healthz', '/readyz'];
