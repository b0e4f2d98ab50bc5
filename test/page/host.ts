/** A site of somebody else that embeds the element: another origin, with a policy that allows what it has to. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { openWebScene, type WebScene } from './scene';

export interface HostPage {
  /** Where the element comes from. */
  service: string;
  /** What stands in the page's body. */
  body: string;
  /** Files of its own, by path. */
  scripts?: { [path: string]: string };
  /** What the page is sent with, beside or in place of its policy. */
  headers?: { [name: string]: string };
}

export interface Host {
  /** `localhost`, while the service is at 127.0.0.1: another site. */
  origin: string;
  serves(page: HostPage): void;
  close(): Promise<unknown>;
}

/** What a policy can know the element's script by. */
export const NONCE = 'of-this-page';

/** The least that a policy has to allow. */
export const policyFor = (service: string): string =>
  `default-src 'none'; script-src 'self' ${service}; connect-src ${service}; img-src data:; form-action ${service}`;

export async function startHost(): Promise<Host> {
  let files: { [path: string]: string } = {};
  let sent: { [name: string]: string } = {};
  const server = createServer(({ url = '/' }, response) => {
    const file = files[url];
    if (file === undefined) return void response.writeHead(404).end();
    const type = url.endsWith('.js') ? 'text/javascript' : 'text/html';
    response.writeHead(200, { ...sent, 'Content-Type': `${type}; charset=utf-8` }).end(file);
  });
  server.listen(0, 'localhost');
  await once(server, 'listening');
  return {
    origin: `http://localhost:${(server.address() as AddressInfo).port}`,
    serves({ service, body, scripts = {}, headers = {} }) {
      sent = { 'Content-Security-Policy': policyFor(new URL(service).origin), ...headers };
      const page = `<!doctype html><html lang="en"><title>Host</title><link rel="icon" href="data:,">
        <script nonce="${NONCE}" type="module" src="${service}/connect/cyclr-connect.js"></script>${body}`;
      files = { '/': page, ...scripts };
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Both for the tests of a `describe`: opened before the first of them, closed after the last. Each starts without pages. */
export function besideHost(opened: (both: { scene: WebScene; host: Host }) => void): void {
  let host: Host | undefined;
  let scene: WebScene | undefined;
  beforeAll(async () => {
    host = await startHost();
    scene = await openWebScene({ allowedOrigins: [host.origin] });
    opened({ scene, host });
  });
  afterAll(async () => {
    await scene?.close();
    await host?.close();
  });
  afterEach(() => scene?.everybodyLeaves());
}
