/**
 * `node --import ./deploy/sandbox/forward.mjs dist/worker/main.js`: forwards port 7080 of this container's loopback
 * address to the host `sandbox`, because a worker accepts an http address only on loopback. This file looks up the
 * address of the host for each connection, because the sandbox can have a new address after a restart.
 */
import { connect, createServer } from 'node:net';
import { isMainThread } from 'node:worker_threads';

const PORT = 7080;

/** The threads of the worker load this file, too, but only the main thread must listen. */
if (isMainThread) createServer(forward).listen(PORT, '127.0.0.1').unref();

function forward(client) {
  const server = connect(PORT, 'sandbox');
  client.on('error', () => server.destroy()).pipe(server);
  server.on('error', () => client.destroy()).pipe(client);
}
