import { Context } from '@temporalio/activity';

const EVERY_MS = 5_000;

/**
 * Tells Temporal now and then that the attempt is under way: when its worker dies, the next one comes soon, and not after
 * all the time that one may take. A call that is over before says nothing, and costs nothing.
 */
export async function withHeartbeats<T>(call: () => Promise<T>): Promise<T> {
  const context = Context.current();
  const timer = setInterval(() => context.heartbeat(), EVERY_MS);
  try {
    return await call();
  } finally {
    clearInterval(timer);
  }
}
