/** Calling a Temporal that comes and goes. */
import { setTimeout as delay } from 'node:timers/promises';
import { WorkflowUpdateFailedError, type Client } from '@temporalio/client';
import { ConnectorAuthError, translated, type ConnectorAuthErrorCode } from '../../client/connector-auth-error';

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 2000;
const SIGNAL_MS = 5000;

const away: ConnectorAuthErrorCode[] = ['temporalUnavailable', 'noWorker'];

/** Whether it failed because Temporal, or every worker, is away: whoever called tries again. */
export const isAway = (err: unknown): boolean => err instanceof ConnectorAuthError && away.includes(err.code);

/** Whether it is one of the errors that the library promises. */
export const isPromised = (err: unknown): err is ConnectorAuthError => err instanceof ConnectorAuthError;

/** Calls until there is an answer, or until that time. `again` is told before each further call. */
export async function persistently<T>(call: () => Promise<T>, untilMs: number, again?: () => void): Promise<T> {
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    try {
      return await call();
    } catch (err) {
      if (!isAway(err) || Date.now() > untilMs) throw err;
    }
    await delay(pause);
    again?.();
  }
}

/** Sends a signal as anybody could. One to a flow that has ended is nobody's. */
export async function signal(client: Client, workflowId: string, name: string, body: unknown): Promise<void> {
  const send = () => client.workflow.getHandle(workflowId).signal(name, body);
  await translated(() => client.withDeadline(Date.now() + SIGNAL_MS, send)).catch((err: unknown) => {
    if (!isPromised(err)) throw err;
  });
}

/** Sends an update as anybody could. Whether it was taken or refused; nothing where nobody answered. */
export async function update(
  client: Client,
  workflowId: string,
  name: string,
  body: unknown,
): Promise<'taken' | 'refused' | undefined> {
  const send = () => client.workflow.getHandle(workflowId).executeUpdate(name, { args: [body] });
  try {
    await client.withDeadline(Date.now() + 3 * SIGNAL_MS, send);
    return 'taken';
  } catch (err) {
    if (err instanceof WorkflowUpdateFailedError) return 'refused';
    await translated(() => Promise.reject(err as Error)).catch((known: unknown) => {
      if (!isPromised(known)) throw known;
    });
    return undefined;
  }
}
