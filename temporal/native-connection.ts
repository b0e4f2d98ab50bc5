/**
 * Connects a worker to Temporal. This code is not in `connection.ts`, because it loads the native module of the SDK.
 * Most programs that import `connection.ts` do not need that module.
 */
import { NativeConnection } from '@temporalio/worker';
import { CONNECT_MS, connect, refusalOf, unavailable, type TemporalTarget } from './connection';

/** Connects a worker to Temporal. Tries to connect for at most `withinMs` milliseconds. Fails: TemporalUnavailable. */
export async function connectNative(target: TemporalTarget, withinMs = CONNECT_MS): Promise<NativeConnection> {
  // NativeConnection.connect has no retries and no timeout (SDK 1.24). So this function first connects a client, which
  // retries within a time limit.
  await (await connect(target, withinMs)).close();
  return NativeConnection.connect(target.connectionOptions).catch((err: unknown) => {
    throw unavailable(target, refusalOf(err));
  });
}
