/**
 * Replaces the connection of a running process when the certificates or the API key in its files have changed. The SDK
 * reads certificates and keys only once for each connection (SDK 1.24).
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '@temporalio/client';
import { temporalTarget, type TemporalTarget } from './connection';

const LOOK_EVERY_MS = 5_000;

/**
 * Reads the files again every 5 s, and calls `replace` with the new certificates or the new API key. If the new
 * certificates or the new key can't be read, or if `replace` fails, the process keeps its connection, reports the fault
 * once, and tries again. A new address or namespace needs a restart. The timer does not keep the process alive.
 */
export function followCredentials(
  target: TemporalTarget,
  replace: (target: TemporalTarget) => Promise<void>,
  log: { info(line: string): void; warn(line: string): void },
  read: () => TemporalTarget = temporalTarget,
): void {
  const { tls, apiKey } = target.connectionOptions;
  if (!tls && !apiKey) return;
  let used = textOf(target);
  let fault: string | undefined;
  async function look(): Promise<void> {
    const { tls, apiKey } = read().connectionOptions;
    if (!tls && !apiKey) throw new Error('the certificates and the API key are no longer set');
    const next = { ...target, connectionOptions: { ...target.connectionOptions, tls, apiKey } };
    if (textOf(next) === used) return;
    await replace(next);
    used = textOf(next);
    log.info("The new certificates or the new API key of Temporal's client are in use");
  }
  async function follow(): Promise<never> {
    for (;;) {
      await delay(LOOK_EVERY_MS, undefined, { ref: false });
      const found = await look().then(
        () => undefined,
        ({ message }: Error) => message,
      );
      if (found && found !== fault)
        log.warn(`The new certificates or the new API key can't be used, so the connection stays as it was: ${found}`);
      fault = found;
    }
  }
  void follow();
}

const textOf = ({ connectionOptions: { tls, apiKey } }: TemporalTarget): string => JSON.stringify({ tls, apiKey });

/** After this time, each open call has ended. The longest call, a long poll, lasts 60 s. */
const CALL_MS = 70_000;

/**
 * Closes a connection after 70 s. By then, all open calls of the connection have ended. The timer does not keep the
 * process alive.
 */
export function closeLater(connection: Pick<Connection, 'close'>): void {
  setTimeout(() => void connection.close(), CALL_MS).unref();
}

/**
 * Returns a connection for a client. The calls of this connection go to `first`; after `replace(next)`, new calls go to
 * `next`. A function in the scope of `withDeadline`, `withMetadata` or `withAbortSignal` uses one connection for all
 * its calls: the deadline, the metadata or the signal belongs to that connection. `replace` closes the former
 * connection by {@link closeLater}. `close` closes the present connection.
 */
export function replaceable(first: Connection): { connection: Connection; replace(next: Connection): void } {
  let present = first;
  const ofScope = new AsyncLocalStorage<Connection>();
  const connection = new Proxy(first, {
    get(_first, name) {
      const used = ofScope.getStore() ?? present;
      const value: unknown = Reflect.get(used, name);
      return typeof value === 'function' ? ofScope.run.bind(ofScope, used, value.bind(used) as () => unknown) : value;
    },
  });
  const replace = (next: Connection) => {
    closeLater(present);
    present = next;
  };
  return { connection, replace };
}
