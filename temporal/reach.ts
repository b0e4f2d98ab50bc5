/** Whether a process reaches Temporal now: what a probe asks. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '@temporalio/client';

const ANSWER_MS = 2_000;
const REUSED_MS = 1_000;

/**
 * The cheapest call that fails where everything else would: it needs the connection, our credentials and the namespace.
 * The deadline holds for each try of it.
 */
export const reachTemporal = (
  connection: Pick<Connection, 'withDeadline' | 'workflowService'>,
  namespace: string,
): Promise<unknown> =>
  connection.withDeadline(Date.now() + ANSWER_MS, () => connection.workflowService.describeNamespace({ namespace }));

/**
 * Why Temporal is not reached, in words that hold nothing secret, within 2 s; undefined when it is. Asks nothing of
 * Temporal until somebody asks for it, and then at most once at a time and once a second.
 */
export function troubleReaching(reach: () => Promise<unknown>): () => Promise<string | undefined> {
  const reached = sharing(() => reach().then(() => undefined, refusalOf));
  const late = `Temporal does not answer within ${ANSWER_MS / 1000} s.`;
  return () => Promise.race([reached(), delay(ANSWER_MS, late, { ref: false })]);
}

/** Whoever asks during a call, or shortly after it, gets its answer. */
function sharing<T>(call: () => Promise<T>): () => Promise<T> {
  let last: Promise<T> | undefined;
  const forget = () => (last = undefined);
  return () => (last ??= call().finally(() => setTimeout(forget, REUSED_MS).unref()));
}

const refusalOf = (err: unknown): string =>
  `Temporal does not answer, or refuses us (gRPC code ${(err as { code?: number }).code ?? 'unknown'}).`;
