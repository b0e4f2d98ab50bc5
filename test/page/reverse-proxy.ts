/** A reverse proxy in front of the service. The proxy adds a path, and can cut all connections. */
import { once } from 'node:events';
import { createServer, request as ask, type IncomingMessage, type ServerResponse } from 'node:http';

export interface ReverseProxy {
  /** Breaks all connections and refuses new ones. */
  cut(): void;
  mend(): void;
  close(): Promise<unknown>;
}

/**
 * Removes `path` from the URL of each request below `path`, and forwards the request to `target`. Answers all other
 * requests with 404.
 */
export async function startReverseProxy(port: number, path: string, target: () => string): Promise<ReverseProxy> {
  let isCut = false;
  const passOn = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const { url = '', method, headers } = incoming;
    if (!url.startsWith(`${path}/`)) return void outgoing.writeHead(404).end();
    const passed = ask(target() + url.slice(path.length), { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(outgoing);
    });
    passed.on('error', () => outgoing.destroy());
    outgoing.on('close', () => passed.destroy());
    incoming.pipe(passed);
  };
  const server = createServer(passOn);
  server.on('connection', (socket) => isCut && socket.destroy());
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    cut() {
      isCut = true;
      server.closeAllConnections();
    },
    mend: () => void (isCut = false),
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
