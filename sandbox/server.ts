import { setMaxListeners } from 'node:events';
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
/** An account id of 200 characters, each sent as %C3%BC. */
const PARAM_LIMIT = 1200;

/** A Cyclr that runs on this machine. */
export interface Sandbox extends Control {
  /** Where its API is, and the pages of its service domain: `http://127.0.0.1:{port}`. */
  readonly url: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Ends at once, hanging requests too; what was changed is on the disk afterwards. Safe to repeat. */
  close(): Promise<void>;
}

export interface SandboxOptions {
  /** Any free one by default. */
  port?: number;
  /** The address it listens on: 127.0.0.1 by default, since it lets everybody in. A container needs 0.0.0.0. */
  host?: string;
  /** Keeps accounts and tokens over a restart. Nothing is kept by default. */
  dataFile?: string;
}

/** Starts a Cyclr on this machine. Fails: an Error when the port is taken, or the file can't be read or written. */
export async function startSandbox({ port = 0, host = '127.0.0.1', dataFile }: SandboxOptions = {}): Promise<Sandbox> {
  const store = await Store.open(dataFile);
  const switches = defaultSwitches();
  const faults = new Faults();
  const recorder = new Recorder();
  const closing = new AbortController();
  setMaxListeners(0, closing.signal); // each slow answer listens
  const control = createControl(store, { faults, requests: recorder.requests, switches, sandboxUrl: () => url });
  const parts = { store, switches };
  const surroundings = { faults, recorder, closing: closing.signal };

  const app = createApp();
  serve(app, '', (scope) => cyclrApi(scope, parts, surroundings));
  serve(app, '', (scope) => serviceDomain(scope, parts, surroundings));
  serve(app, '/_sandbox', (scope) => controlRoutes(scope, control, () => store.save()));
  const url = await app.listen({ port, host });
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

/** Adds routes with hooks of their own. */
function serve(app: FastifyInstance, prefix: string, build: (scope: FastifyInstance) => void): void {
  const plugin: FastifyPluginCallback = (scope, _options, done) => {
    build(scope);
    done();
  };
  app.register(plugin, { prefix });
}

/** A server that reads every body as text, so that what is accepted is decided in one place, and closes by force. */
function createApp(): FastifyInstance {
  const app = Fastify({
    bodyLimit: BODY_LIMIT_BYTES,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: PARAM_LIMIT },
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  app.setErrorHandler<FastifyError>((err, _request, reply) => {
    if (err instanceof Refusal) return reply.code(err.status).send(err.body);
    return reply.code(err.statusCode ?? 500).send({ Message: 'An error has occurred.', ExceptionMessage: err.message });
  });
  return app;
}
