/** A site of somebody else that embeds the element: another origin, with a policy that allows what it has to. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';

export interface Host {
  /** `localhost`, while the service is at 127.0.0.1: another site. */
  origin: string;
  /** What stands in the page's body; scripts are files of its own, by path. */
  serves(page: { service: string; body: string; scripts?: { [path: string]: string } }): void;
  close(): Promise<unknown>;
}

export async function startHost(): Promise<Host> {
  let files: { [path: string]: string } = {};
  let policy = '';
  const server = createServer(({ url = '/' }, response) => {
    const file = files[url];
    if (file === undefined) return void response.writeHead(404).end();
    const type = url.endsWith('.js') ? 'text/javascript' : 'text/html';
    response.writeHead(200, { 'Content-Type': `${type}; charset=utf-8`, 'Content-Security-Policy': policy }).end(file);
  });
  server.listen(0, 'localhost');
  await once(server, 'listening');
  return {
    origin: `http://localhost:${(server.address() as AddressInfo).port}`,
    serves({ service, body, scripts = {} }) {
      policy = `default-src 'none'; script-src 'self' ${service}; connect-src ${service}; img-src data:; form-action ${service}`;
      const page = `<!doctype html><html lang="en"><title>Host</title><link rel="icon" href="data:,">
        <script type="module" src="${service}/connect/cyclr-connect.js"></script>${body}`;
      files = { '/': page, ...scripts };
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
