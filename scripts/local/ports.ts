/** TCP ports on this machine. */
import { once } from 'node:events';
import { createServer } from 'node:net';

/** A port that nobody listens on; taken by nobody, so use it soon. */
export async function freePort(ip = '127.0.0.1'): Promise<number> {
  const server = createServer().listen(0, ip);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await closed(server);
  return port;
}

/** Whether a server could listen on it now. Fails where the address is none of this machine's. */
export async function isFree(port: number, ip = '127.0.0.1'): Promise<boolean> {
  const server = createServer().listen(port, ip);
  try {
    await once(server, 'listening');
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === 'EADDRINUSE') return false;
    throw err;
  }
  await closed(server);
  return true;
}

const closed = (server: ReturnType<typeof createServer>) => once(server.close(), 'close');
