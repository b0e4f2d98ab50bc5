/** TCP ports on this machine. */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * The range in which `freePort` searches. Linux, macOS and Windows use higher ports for outgoing connections, so no
 * outgoing connection takes a port of this range.
 */
const [FIRST_PORT, LAST_PORT] = [15_000, 32_000];

/**
 * The ports that this process has tried. A returned port stays free until its caller uses the port, but must not be
 * returned twice.
 */
const tried = new Set<number>();

/**
 * Returns a port on which no process listens. Returns each port only once. Use the port soon, because other processes
 * can take it.
 */
export async function freePort(ip = '127.0.0.1'): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST_PORT, LAST_PORT);
    if (tried.has(port)) continue;
    tried.add(port);
    if (await isFree(port, ip)) return port;
  }
}

/** True if the port is free. Fails if this machine does not have the address. */
export async function isFree(port: number, ip = '127.0.0.1'): Promise<boolean> {
  const server = createServer().listen(port, ip);
  try {
    await once(server, 'listening');
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === 'EADDRINUSE') return false;
    throw err;
  }
  await once(server.close(), 'close');
  return true;
}
