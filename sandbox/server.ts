import { setMaxListeners } from 'node:events';
import { networkInterfaces } from 'node:os';
import Fastify, { type FastifyError, type FastifyInstance, type FastifyPluginCallback } from 'fastify';
import { createControl, type Control } from './control';
import { controlRoutes } from './control-routes';
import { cyclrApi } from './cyclr-api';
import { Faults } from './faults';
import { Refusal } from './refusal';
import { Recorder } from './requests';
import { serviceDomain } from './service-domain';
import { Store } from './store';
import { defaultSwitches } from './switches';
import { client } from './token';

const BODY_LIMIT_BYTES = 1024 * 1024;
/** The length of an account id of 200 characters if each character is encoded as 6 characters, such as %C3%BC. */
const PARAM_LIMIT = 1200;

/** A running sandbox. */
export interface Sandbox extends Control {
  /** Origin of the API and of the service domain: `http://127.0.0.1:{port}`. */
  readonly url: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /**
   * Stops the sandbox and ends all open requests at once. After this call, the data file is complete. Safe to repeat.
   */
  close(): Promise<void>;
}

export interface SandboxOptions {
  /** The port. The default is any free port. */
  port?: number;
  /**
   * The address on which the sandbox listens. The default is 127.0.0.1, because the sandbox has no access control. A
   * container needs `::`, which means all addresses, IPv6 and IPv4.
   */
  host?: string;
  /** A file that keeps the state over a restart. Without a file, a restart loses the state. */
  dataFile?: string;
}

/** Starts a sandbox. Fails: an Error if the port is taken, or the file can't be read or written. */
export async function startSandbox({ port = 0, host = '127.0.0.1', dataFile }: SandboxOptions = {}): Promise<Sandbox> {
  const store = await Store.open(dataFile);
  const switches = defaultSwitches();
  const faults = new Faults();
  const recorder = new Recorder();
  const closing = new AbortController();
  setMaxListeners(0, closing.signal); // no limit, because each slow answer adds a listener to this signal
  const control = createControl(store, { faults, requests: recorder.requests, switches, sandboxUrl: () => url });
  const parts = { store, switches };
  const hookParts = { faults, recorder, closing: closing.signal };

  const app = createApp(host);
  serve(app, '', (scope) => cyclrApi(scope, parts, hookParts));
  serve(app, '', (scope) => serviceDomain(scope, parts, hookParts));
  serve(app, '/_sandbox', (scope) => controlRoutes(scope, control, () => store.save()));
  const url = await listen(app, port, host);
  let closed: Promise<void> | undefined;

  return {
    ...control,
    url,
    clientId: client.id,
    clientSecret: client.secret,
    close: () => (closed ??= close()),
  };

  async function close(): Promise<void> {
    closing.abort();
    await app.close();
    await store.save();
  }
}

/** Listens, and returns the URL on this machine. On a machine without IPv6, listens on `0.0.0.0` in place of `::`. */
async function listen(app: FastifyInstance, port: number, host: string): Promise<string> {
  const addresses = Object.values(networkInterfaces()).flatMap((ofInterface) => ofInterface ?? []);
  const hasIPv6 = addresses.some(({ family }) => family === 'IPv6');
  const url = await app.listen({ port, host: host === '::' && !hasIPv6 ? '0.0.0.0' : host });
  return url.replace('[::]', '127.0.0.1');
}

/** Adds the routes of `build` under a prefix. A hook that `build` adds applies only to the routes of `build`. */
function serve(app: FastifyInstance, prefix: string, build: (scope: FastifyInstance) => void): void {
  const plugin: FastifyPluginCallback = (scope, _options, done) => {
    build(scope);
    done();
  };
  app.register(plugin, { prefix });
}

const isLoopback = (hostname: string): boolean => /^(localhost|127(\.\d+){3}|\[::1\])$/i.test(hostname);

/**
 * Makes an HTTP server that reads every body as text, because `body.ts` checks the content type. When the server
 * closes, it closes the open connections. The server accepts a request only if its header `Host` is loopback or the
 * server's own address. The reason is DNS rebinding: a web page whose host name resolves to this machine could
 * otherwise read the values that users typed. The client id and secret are public, so they are no protection.
 */
function createApp(host: string): FastifyInstance {
  const app = Fastify({
    bodyLimit: BODY_LIMIT_BYTES,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: PARAM_LIMIT },
  });
  app.addHook('onRequest', ({ hostname }, _reply, done) => {
    const isOwn = isLoopback(hostname) || hostname.toLowerCase() === host.toLowerCase();
    done(isOwn ? undefined : new Refusal(403, { Message: 'The Host is neither loopback nor SANDBOX_HOST.' }));
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  app.setErrorHandler<FastifyError>((err, _request, reply) => {
    if (err instanceof Refusal) return reply.code(err.status).send(err.body);
    return reply.code(err.statusCode ?? 500).send({ Message: 'An error has occurred.', ExceptionMessage: err.message });
  });
  return app;
}
