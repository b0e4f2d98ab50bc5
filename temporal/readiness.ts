/** The checks of readiness probes: the process reaches Temporal, and the namespace has the search attributes. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '@temporalio/client';
import { lackOf, missingSearchAttributes, type TemporalServices } from './search-attributes';

const ANSWER_MS = 2_000;
const REUSED_MS = 1_000;
/**
 * The time for which the check of the search attributes reuses its last answer. This time is longer than `REUSED_MS`,
 * because search attributes rarely change.
 */
const ATTRIBUTES_REUSED_MS = 5_000;

/**
 * Asks Temporal to describe the namespace. This is the cheapest call that fails if the connection, the credentials or
 * the namespace are wrong. Each try of the call ends after 2 s.
 */
export const callTemporal = (
  connection: Pick<Connection, 'withDeadline' | 'workflowService'>,
  namespace: string,
): Promise<unknown> =>
  connection.withDeadline(Date.now() + ANSWER_MS, () => connection.workflowService.describeNamespace({ namespace }));

/**
 * Asks Temporal for the namespace by this connection, and returns the connection. If the call fails, closes the
 * connection, and fails. An open connection does not prove that the process may use the namespace, because the SDK
 * opens a connection by `GetSystemInfo`, which needs no rights.
 */
export async function allowed<C extends Parameters<typeof callTemporal>[0] & { close(): Promise<void> }>(
  connection: C,
  namespace: string,
): Promise<C> {
  try {
    await callTemporal(connection, namespace);
    return connection;
  } catch (err) {
    await connection.close();
    throw err;
  }
}

/**
 * Returns a function that gives the reason why Temporal can't be reached, as text without secrets, within 2 s. The
 * result is undefined if Temporal answers. The function makes one call to Temporal at a time, and at most one call a
 * second.
 */
export function reachability(call: () => Promise<unknown>): () => Promise<string | undefined> {
  const reason = shared(() => call().then(() => undefined, reasonOf));
  const late = `Temporal does not answer within ${ANSWER_MS / 1000} s.`;
  return () => Promise.race([reason(), delay(ANSWER_MS, late, { ref: false })]);
}

/**
 * Returns a function that names the search attributes that the namespace lacks, with the remedy. The result is
 * undefined if the namespace has all search attributes, or if Temporal gives no answer. The function asks Temporal at
 * most every 5 s.
 */
export const attributeCheck = (
  connectionOf: () => TemporalServices & Pick<Connection, 'withDeadline'>,
  namespace: string,
): (() => Promise<string | undefined>) =>
  shared(async () => {
    const connection = connectionOf();
    const asking = connection.withDeadline(Date.now() + ANSWER_MS, () =>
      missingSearchAttributes(connection, namespace),
    );
    const missing = await asking.catch(() => []);
    return missing.length > 0 ? lackOf(namespace, missing) : undefined;
  }, ATTRIBUTES_REUSED_MS);

/**
 * Returns a function that shares the answer of `call`. Each use of the function while `call` runs, or within `reusedMs`
 * after its end, returns the same answer.
 */
export function shared<T>(call: () => Promise<T>, reusedMs = REUSED_MS): () => Promise<T> {
  let last: Promise<T> | undefined;
  const forget = () => (last = undefined);
  return () => (last ??= call().finally(() => setTimeout(forget, reusedMs).unref()));
}

const reasonOf = (err: unknown): string =>
  `Temporal does not answer, or refuses the call (gRPC code ${(err as { code?: number }).code ?? 'unknown'}).`;
