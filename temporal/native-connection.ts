/**
 * Connects a worker to Temporal. This code is not in `connection.ts`, because it loads the native module of the SDK.
 * Most programs that import `connection.ts` do not need that module.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { NativeConnection } from '@temporalio/worker';
import { CONNECT_MS, connect, refusalOf, unavailable, type TemporalTarget } from './connection';

const PAUSE_MS = 500;

/** Connects a worker to Temporal. Tries to connect for at most `withinMs` milliseconds. Fails: TemporalUnavailable. */
export async function connectNative(target: TemporalTarget, withinMs = CONNECT_MS): Promise<NativeConnection> {
  // NativeConnection.connect has no retries and no timeout (SDK 1.24). So this function first connects a client, which
  // retries within a time limit. If the server ends between the two connects, the function begins again.
  for (const until = Date.now() + withinMs; ; await delay(PAUSE_MS)) {
    await (await connect(target, Math.max(until - Date.now(), PAUSE_MS))).close();
    try {
      return await NativeConnection.connect(target.connectionOptions);
    } catch (err) {
      if (Date.now() > until) throw unavailable(target, refusalOf(err));
    }
  }
}
