/** A host site of another origin that embeds the element, with the content security policy that the element needs. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import type { Options } from '../service/scene';
import { openWebScene, type WebScene } from './scene';

export interface HostPage {
  /** The origin that serves the element's module. */
  service: string;
  /** HTML of the page's body. */
  body: string;
  /** Scripts that the host serves, by path. */
  scripts?: { [path: string]: string };
  /** Headers that are added to the page's headers, or replace headers of the same name. */
  headers?: { [name: string]: string };
}

export interface Host {
  /**
   * The origin of the host page. The host of this origin is `localhost`. For a browser, `localhost` and 127.0.0.1 (the
   * host of the service) are two sites.
   */
  origin: string;
  serves(page: HostPage): void;
  close(): Promise<unknown>;
}

/** The nonce by which a content security policy can allow the element's script. */
export const NONCE = 'of-this-page';

/** The smallest content security policy with which the element works. */
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

/**
 * Opens a scene and a host before the tests of a `describe`, and closes both after the tests. Each test starts without
 * open pages.
 */
export function besideHost(
  opened: (both: { scene: WebScene; host: Host }) => void,
  options: Pick<Options, 'now'> = {},
): void {
  let host: Host | undefined;
  let scene: WebScene | undefined;
  beforeAll(async () => {
    host = await startHost();
    scene = await openWebScene({ ...options, allowedOrigins: [host.origin] });
    opened({ scene, host });
  });
  afterAll(async () => {
    await scene?.close();
    await host?.close();
  });
  afterEach(() => scene?.everybodyLeaves());
}
