/** A gRPC server that demands a client certificate and an API key, as Temporal Cloud does, and forwards the calls. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, constants, createSecureServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';

/** The path of a file in the folder `certificates`. */
export const certificate = (name: string): string => join(__dirname, 'certificates', name);
/** The content of a file in the folder `certificates`. */
export const pem = (name: string): string => readFileSync(certificate(name), 'utf8');

/** A client certificate and an API key. The server accepts a call only with both. */
export interface Credentials {
  client: 'client-1' | 'client-2';
  apiKey: string;
}

export interface SecureServer {
  /** The address, with the host name `localhost`. */
  address: string;
  /** The client certificate and the header `temporal-namespace` of each forwarded call. */
  calls: { client: string; namespace?: string }[];
  /** Accepts only these credentials from now on, and ends the open connections. */
  accept(...credentials: Credentials[]): void;
  close(): Promise<void>;
}

const UNAUTHORIZED = { 'grpc-status': '7', 'grpc-message': 'Request unauthorized.' };
const GRPC = { ':status': 200, 'content-type': 'application/grpc' };

/**
 * Starts the server. `target`: the address of a Temporal server without TLS. The secure server refuses all calls of the
 * operator service, as Temporal Cloud does.
 */
export async function startSecureServer(target: string, first: Credentials): Promise<SecureServer> {
  let accepted = [first];
  const calls: SecureServer['calls'] = [];
  const sessions = new Set<ServerHttp2Session>();
  const far = connect(`http://${target}`);
  far.on('error', () => undefined);
  const context = () => ({
    key: pem('server.key'),
    cert: pem('server.pem'),
    ca: accepted.map(({ client }) => pem(client.replace('client', 'ca') + '.pem')),
  });
  const options = { ...context(), requestCert: true, rejectUnauthorized: true };
  const server = createSecureServer(options).listen(0, '127.0.0.1');
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session)).on('error', () => undefined);
  });
  server.on('stream', (stream, headers) => {
    const client = (stream.session!.socket as TLSSocket).getPeerCertificate().subject.CN;
    const isAccepted = accepted.some(
      ({ apiKey, ...one }) => one.client === client && headers.authorization === `Bearer ${apiKey}`,
    );
    if (!isAccepted || headers[':path']!.includes('OperatorService'))
      return stream.respond({ ...GRPC, ...UNAUTHORIZED }, { endStream: true });
    calls.push({ client: client as string, namespace: headers['temporal-namespace'] as string | undefined });
    forward(stream, far.request({ ...headers, ':authority': target, ':scheme': 'http' }));
  });
  await once(server, 'listening');
  const disconnect = () => sessions.forEach((session) => session.destroy());
  return {
    address: `localhost:${(server.address() as AddressInfo).port}`,
    calls,
    accept(...credentials) {
      accepted = credentials;
      server.setSecureContext(context());
      disconnect();
    },
    async close() {
      far.destroy();
      const closed = once(server, 'close');
      server.close();
      disconnect();
      await closed;
    },
  };
}

/** Forwards one call with its data and trailers. When one of the two streams ends, `forward` ends the other stream. */
function forward(near: ServerHttp2Stream, far: ReturnType<ReturnType<typeof connect>['request']>): void {
  let trailers = {};
  far.on('response', (headers, flags) => {
    const isEnd = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    if (near.destroyed) return;
    near.respond(headers, isEnd ? { endStream: true } : { waitForTrailers: true });
    if (!isEnd) far.pipe(near);
  });
  far.on('trailers', (received) => (trailers = received));
  near.on('wantTrailers', () => near.sendTrailers(trailers));
  near.pipe(far);
  near.on('error', () => undefined).on('close', () => far.close(constants.NGHTTP2_CANCEL));
  far.on('error', () => near.close(constants.NGHTTP2_CANCEL));
}
