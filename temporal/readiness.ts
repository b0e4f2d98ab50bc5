/** A check that the process reaches Temporal, for readiness probes. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '@temporalio/client';

const ANSWER_MS = 2_000;
const REUSED_MS = 1_000;

/**
 * Asks Temporal for the namespace: the cheapest call that needs the connection, our credentials and the namespace. Each
 * try of the call ends after 2 s.
 */
export const callTemporal = (
  connection: Pick<Connection, 'withDeadline' | 'workflowService'>,
  namespace: string,
): Promise<unknown> =>
  connection.withDeadline(Date.now() + ANSWER_MS, () => connection.workflowService.describeNamespace({ namespace }));

/**
 * Returns a function that gives the reason why Temporal can't be reached, in text without secrets, within 2 s;
 * undefined if Temporal answers. The function makes one call to Temporal at a time, and at most one a second.
 */
export function reachability(call: () => Promise<unknown>): () => Promise<string | undefined> {
  const reason = shared(() => call().then(() => undefined, reasonOf));
  const late = `Temporal does not answer within ${ANSWER_MS / 1000} s.`;
  return () => Promise.race([reason(), delay(ANSWER_MS, late, { ref: false })]);
}

/** Callers during a call, and within {@link REUSED_MS} after it, get the answer of this call. */
function shared<T>(call: () => Promise<T>): () => Promise<T> {
  let last: Promise<T> | undefined;
  const forget = () => (last = undefined);
  return () => (last ??= call().finally(() => setTimeout(forget, REUSED_MS).unref()));
}

const reasonOf = (err: unknown): string =>
  `Temporal does not answer, or refuses us (gRPC code ${(err as { code?: number }).code ?? 'unknown'}).`;
