/** The health endpoints of a worker. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Worker } from '@temporalio/worker';
import { latestTokenReport } from '../activities/cyclr/token';
import { reachability } from '../temporal/readiness';

/**
 * The health of a worker. Each method returns the reason of a fault, as text without secrets, or undefined if there is
 * no fault.
 */
export interface Health {
  /** Why the process must be restarted. */
  failure(): string | undefined;
  /** Why the worker gets no tasks. Returns within 2 s. */
  notReady(): Promise<string | undefined>;
}

/** The health before the worker is created. */
export const starting: Health = { failure: () => undefined, notReady: async () => 'The worker is starting.' };

/**
 * Serves `GET /healthz` and `GET /readyz`: 200, or 503 with one line of JSON that has the reason. `/readyz` also has
 * `cyclr`, the outcome of the last token request to Cyclr; this outcome does not change the status. Without `host` the
 * server listens on all addresses. Port 0 means any free port. Returns the port. Fails if the port is taken.
 */
export async function serveHealth(
  { port, host }: { port: number; host?: string },
  health: () => Health,
): Promise<number> {
  const checks: { [path: string]: () => Promise<string | undefined> } = {
    '/healthz': async () => health().failure(),
    '/readyz': async () => health().notReady(),
  };
  const server = createServer(async ({ url = '' }, response) => {
    const check = Object.hasOwn(checks, url) ? checks[url] : undefined;
    const why = check ? await check() : 'The paths are /healthz and /readyz.';
    response.writeHead(!check ? 404 : why ? 503 : 200, {
      'Content-Type': 'application/json',
      'Cache-Control': 'no-store',
    });
    const cyclr = url === '/readyz' ? latestTokenReport() : undefined;
    response.end(`${JSON.stringify({ ok: why === undefined, why, cyclr })}\n`);
  });
  try {
    await once(server.listen(port, host), 'listening');
  } catch (err) {
    throw portError(port, err as NodeJS.ErrnoException);
  }
  return (server.address() as AddressInfo).port;
}

const portError = (port: number, { code, message }: NodeJS.ErrnoException): Error =>
  new Error(
    code === 'EADDRINUSE'
      ? `port ${port} of the health endpoints is taken: set HEALTH_PORT to another port, or to 0 for any free port`
      : `the health endpoints can't be served: ${message}`,
  );

/**
 * The health of a running worker. `call` makes one request to Temporal. This request is made only when a probe asks for
 * `/readyz`, and at most once a second. `lack` returns a reason if Temporal answers, but flows would fail: for example,
 * a search attribute is missing. `events` returns the worker for events, or `undefined` before that worker has started.
 */
export function healthOf(
  worker: Pick<Worker, 'getStatus'>,
  call: () => Promise<unknown>,
  lack: () => Promise<string | undefined> = async () => undefined,
  events: () => Pick<Worker, 'getStatus'> | undefined = () => worker,
): Health {
  const notReachable = reachability(call);
  return {
    failure: () =>
      [worker, events()].some((one) => one?.getStatus().runState === 'FAILED') ? 'The worker has failed.' : undefined,
    async notReady() {
      const { runState, workflowPollerState, activityPollerState } = worker.getStatus();
      if (runState !== 'RUNNING') return `The worker is ${runState}.`;
      if (workflowPollerState !== 'POLLING') return `The poller for workflow tasks is ${workflowPollerState}.`;
      if (activityPollerState !== 'POLLING') return `The poller for activity tasks is ${activityPollerState}.`;
      const posts = events()?.getStatus();
      if (posts?.runState !== 'RUNNING' || posts.activityPollerState !== 'POLLING')
        return `The worker for events is ${posts?.runState ?? 'starting'}.`;
      // getStatus() stays RUNNING and POLLING while Temporal is unreachable (SDK 1.24), so a call to Temporal is
      // needed.
      return (await notReachable()) ?? (await lack());
    },
  };
}
