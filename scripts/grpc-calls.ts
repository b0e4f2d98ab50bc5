/** A gRPC proxy between a process and Temporal that counts the calls by name. */
import { once } from 'node:events';
import { connect, constants, createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';

export interface GrpcCalls {
  address: string;
  /** Returns the number of calls of this name so far. `name`: a gRPC method, such as `QueryWorkflow`. */
  started(name: string): number;
  /** The number of open calls of this name. */
  open(name: string): number;
  close(): Promise<void>;
}

/** Starts the proxy on a free port of 127.0.0.1. `target`: `host:port` of the server. */
export async function countGrpcCalls(target: string): Promise<GrpcCalls> {
  const [started, open] = [new Map<string, number>(), new Map<string, number>()];
  const add = (counts: Map<string, number>, name: string, more: number) =>
    void counts.set(name, (counts.get(name) ?? 0) + more);
  const ends = new Set<() => void>();

  const server = createServer();
  server.on('session', (near) => {
    const far = connect(`http://${target}`);
    const end = () => (near.destroy(), far.destroy());
    ends.add(end);
    near.on('close', end).on('error', end);
    far.on('close', end).on('error', end);
    near.on('close', () => ends.delete(end));
    near.on('stream', (call, headers) => {
      const name = `${headers[':path']}`.split('/').at(-1)!;
      add(started, name, 1);
      add(open, name, 1);
      call.on('close', () => add(open, name, -1));
      pass(call, far.request(headers));
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');

  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    started: (name) => started.get(name) ?? 0,
    open: (name) => open.get(name) ?? 0,
    async close() {
      for (const end of ends) end();
      // Waits for the event `close`, because close() of http2 returns no promise on Node 24.
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}

/**
 * Forwards a call in both directions. When one of the two streams ends, the other stream is ended, too. The trailers
 * have the gRPC status.
 */
function pass(near: ServerHttp2Stream, far: ReturnType<ReturnType<typeof connect>['request']>): void {
  let trailers: IncomingHttpHeaders = {};
  far.on('response', ({ ':status': status, ...headers }, flags) => {
    if (near.destroyed) return;
    const isAll = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    near.respond({ ':status': status, ...headers }, { waitForTrailers: !isAll, endStream: isAll });
  });
  far.on('trailers', (given) => (trailers = given));
  near.on('wantTrailers', () => near.sendTrailers(trailers));
  near.on('error', () => undefined).on('close', () => far.close(constants.NGHTTP2_CANCEL));
  far.on('error', () => near.close(constants.NGHTTP2_INTERNAL_ERROR));
  near.pipe(far);
  far.pipe(near);
}
