import { setTimeout as delay } from 'node:timers/promises';

const WITHIN_MS = 120_000;
const CHECK_MS = 200;

/**
 * Calls `read` until it returns a value. Fails with `missing` after two minutes, a time that a working stack never
 * needs.
 */
export async function waitFor<T>(missing: string, read: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (const deadline = Date.now() + WITHIN_MS; Date.now() < deadline; await delay(CHECK_MS)) {
    const value = await read();
    if (value !== undefined) return value;
  }
  throw new Error(missing);
}
