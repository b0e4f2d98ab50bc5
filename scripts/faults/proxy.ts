/** What stands between a process and a server, and can be cut. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface Proxy {
  address: string;
  /** Resets all connections, and every new one. */
  cut(): void;
  /** Passes nothing on, as a network that swallows: connections stay open, and new ones are accepted. */
  hold(): void;
  /** After either: passes everything on, also what it has held. */
  mend(): void;
  close(): Promise<void>;
}

/** Starts it on any free port of 127.0.0.1, in front of the server at `target`, `host:port`. */
export async function startProxy(target: string): Promise<Proxy> {
  const [host, port] = target.split(':') as [string, string];
  const sockets = new Set<Socket>();
  let state: 'open' | 'cut' | 'held' = 'open';

  const server = createServer((near) => {
    if (state === 'cut') return void near.resetAndDestroy();
    const far = connect(Number(port), host);
    join(near, far);
    join(far, near);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');

  /** What one end says, the other hears; when one is gone, the other is. */
  function join(from: Socket, to: Socket): void {
    sockets.add(from);
    from.on('data', (chunk) => to.write(chunk));
    from.on('error', () => undefined);
    from.on('close', () => sockets.delete(from) && to.destroy());
    if (state === 'held') from.pause();
  }
  function cut(): void {
    state = 'cut';
    for (const socket of sockets) socket.resetAndDestroy();
  }

  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    hold() {
      state = 'held';
      for (const socket of sockets) socket.pause();
    },
    mend() {
      state = 'open';
      for (const socket of sockets) socket.resume();
    },
    async close() {
      cut();
      await once(server.close(), 'close');
    },
  };
}
