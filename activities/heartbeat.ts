import { Context } from '@temporalio/activity';

const EVERY_MS = 5_000;

/**
 * Runs a call of many steps. It tells Temporal now and then that the attempt is under way: when its worker dies, the next
 * one comes soon, and not after all the time that one may take. A call that is over before says nothing, and costs
 * nothing. `done` is what it and the attempts before it have done: it is added to as they go on, and outlives them.
 */
export async function withHeartbeats<T>(call: (done: Set<string>) => Promise<T>): Promise<T> {
  const context = Context.current();
  const done = new Set((context.info.heartbeatDetails as string[] | undefined) ?? []);
  const tell = () => context.heartbeat([...done]);
  const timer = setInterval(tell, EVERY_MS);
  try {
    return await call(done);
  } catch (err) {
    if (done.size > 0) tell();
    throw err;
  } finally {
    clearInterval(timer);
  }
}
