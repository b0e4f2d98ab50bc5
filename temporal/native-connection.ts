/** Connects a worker to Temporal. This code is not in `connection.ts`, because only workers load the native module. */
import { NativeConnection } from '@temporalio/worker';
import { CONNECT_MS, connect, refusalOf, unavailable, type TemporalTarget } from './connection';

/** Connects; tries for `withinMs`. Fails: TemporalUnavailable. */
export async function connectNative(target: TemporalTarget, withinMs = CONNECT_MS): Promise<NativeConnection> {
  // NativeConnection.connect neither retries nor has a timeout (SDK 1.24): a client's connection is tried first.
  await (await connect(target, withinMs)).close();
  return NativeConnection.connect(target.connectionOptions).catch((err: unknown) => {
    throw unavailable(target, refusalOf(err));
  });
}
