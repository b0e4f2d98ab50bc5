/** A TCP proxy between a process and a server. A test can cut or hold its connections. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

type Direction = 'requests' | 'answers';

export interface Proxy {
  address: string;
  /** Resets all open connections, and each new connection at once. */
  cut(): void;
  /**
   * Forwards no data, like a network that drops packets. Open connections stay open, and new connections are accepted.
   */
  hold(): void;
  /** Forwards the requests to the server, but holds the server's answers. */
  holdAnswers(): void;
  /** True if the proxy holds data that it received for the server. */
  isHolding(): boolean;
  /** Forwards all data again, and also the data that `hold` and `holdAnswers` have kept back. */
  restore(): void;
  close(): Promise<void>;
}

/** Starts a proxy on a free port of 127.0.0.1. `target`: `host:port` of the server. */
export async function startProxy(target: string): Promise<Proxy> {
  const [host, port] = target.split(':') as [string, string];
  /** Each open socket, with the direction of the data that is read from it. */
  const sockets = new Map<Socket, Direction>();
  let state: 'open' | 'cut' | 'held' | 'answers held' = 'open';

  const server = createServer((near) => {
    if (state === 'cut') return reset(near);
    const far = connect(Number(port), host);
    forward(near, far, 'requests');
    forward(far, near, 'answers');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');

  /** Writes the data of `from` to `to`. When `from` ends, `to` also ends. */
  function forward(from: Socket, to: Socket, direction: Direction): void {
    sockets.set(from, direction);
    from.on('data', (chunk) => to.write(chunk));
    from.on('error', () => undefined);
    from.on('close', () => sockets.delete(from) && to.destroy());
    if (isHeld(from)) from.pause();
  }
  function cut(): void {
    state = 'cut';
    for (const socket of sockets.keys()) reset(socket);
  }
  const isHeld = (from: Socket): boolean =>
    state === 'held' || (state === 'answers held' && sockets.get(from) === 'answers');
  function pause(next: 'held' | 'answers held'): void {
    state = next;
    for (const socket of sockets.keys()) if (isHeld(socket)) socket.pause();
  }

  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    hold: () => pause('held'),
    holdAnswers: () => pause('answers held'),
    isHolding: () =>
      [...sockets].some(([{ readableLength }, direction]) => direction === 'requests' && readableLength > 0),
    restore() {
      state = 'open';
      for (const socket of sockets.keys()) socket.resume();
    },
    async close() {
      cut();
      await once(server.close(), 'close');
    },
  };
}

/**
 * Resets a connection. Node never closes a socket that is reset after `end()`, so this function destroys a socket that
 * has been ended, without a reset.
 */
const reset = (socket: Socket): void => void (socket.writableEnded ? socket.destroy() : socket.resetAndDestroy());
