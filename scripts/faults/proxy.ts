/** What stands between a process and a server, and can be cut. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface Proxy {
  address: string;
  /** Resets all connections, and every new one. */
  cut(): void;
  /** Passes nothing on, as a network that swallows: connections stay open, and new ones are accepted. */
  hold(): void;
  /** Passes on what the server is told, and nothing of what it answers. */
  holdAnswers(): void;
  /** Whether it holds something that the server was told. */
  isHolding(): boolean;
  /** After either: passes everything on, also what it has held. */
  restore(): void;
  close(): Promise<void>;
}

/** Starts it on any free port of 127.0.0.1, in front of the server at `target`, `host:port`. */
export async function startProxy(target: string): Promise<Proxy> {
  const [host, port] = target.split(':') as [string, string];
  /** Each with what it says: what the server is told, or what it answers. */
  const sockets = new Map<Socket, 'told' | 'answered'>();
  let state: 'open' | 'cut' | 'held' | 'answers held' = 'open';

  const server = createServer((near) => {
    if (state === 'cut') return reset(near);
    const far = connect(Number(port), host);
    join(near, far, 'told');
    join(far, near, 'answered');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');

  /** What one end says, the other hears; when one is gone, the other is. */
  function join(from: Socket, to: Socket, says: 'told' | 'answered'): void {
    sockets.set(from, says);
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
    state === 'held' || (state === 'answers held' && sockets.get(from) === 'answered');
  function holdWhat(next: 'held' | 'answers held'): void {
    state = next;
    for (const socket of sockets.keys()) if (isHeld(socket)) socket.pause();
  }

  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    hold: () => holdWhat('held'),
    holdAnswers: () => holdWhat('answers held'),
    isHolding: () => [...sockets].some(([{ readableLength }, says]) => says === 'told' && readableLength > 0),
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

/** Node never closes a socket that is reset while it ends, and then runs in circles at its own end. */
const reset = (socket: Socket): void => void (socket.writableEnded ? socket.destroy() : socket.resetAndDestroy());
