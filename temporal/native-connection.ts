/** How a worker reaches Temporal. Apart from `connection.ts`, since only a worker loads the native module. */
import { NativeConnection } from '@temporalio/worker';
import { CONNECT_MS, connect, refusalOf, unavailable, type TemporalTarget } from './connection';

/** A worker's connection; tries for `withinMs`. Fails: TemporalUnavailable. */
export async function connectNative(target: TemporalTarget, withinMs = CONNECT_MS): Promise<NativeConnection> {
  // The native one neither tries again nor knows a timeout: it is given only what has just answered.
  await (await connect(target, withinMs)).close();
  return NativeConnection.connect(target.connectionOptions).catch((err: unknown) => {
    throw unavailable(target, refusalOf(err));
  });
}
