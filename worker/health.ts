/** What a probe asks a worker: whether it lives, and whether it is really working. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Worker } from '@temporalio/worker';
import { troubleReaching } from '../temporal/reach';

/** Each says what is wrong, in words that hold nothing secret; undefined when nothing is. */
export interface Health {
  /** What only a new process would mend. */
  failure(): string | undefined;
  /** Why it gets no tasks; within 2 s. */
  trouble(): Promise<string | undefined>;
}

/** Before there is a worker. */
export const starting: Health = { failure: () => undefined, trouble: async () => 'The worker is starting.' };

/**
 * `GET /healthz` and `GET /readyz`: 200, or 503 with one line of JSON that says why. It listens on all addresses, since
 * a container is probed from outside. Port 0 is any free one. Returns the port; fails where it is taken.
 */
export async function serveHealth(port: number, health: () => Health): Promise<number> {
  const wrong: { [path: string]: () => Promise<string | undefined> } = {
    '/healthz': async () => health().failure(),
    '/readyz': async () => health().trouble(),
  };
  const server = createServer(async ({ url = '' }, response) => {
    const look = Object.hasOwn(wrong, url) ? wrong[url] : undefined;
    const why = look ? await look() : 'There is only /healthz and /readyz.';
    response.writeHead(!look ? 404 : why ? 503 : 200, {
      'Content-Type': 'application/json',
      'Cache-Control': 'no-store',
    });
    response.end(`${JSON.stringify({ ok: why === undefined, why })}\n`);
  });
  try {
    await once(server.listen(port), 'listening');
  } catch (err) {
    const { code, message } = err as NodeJS.ErrnoException;
    throw code === 'EADDRINUSE'
      ? new Error(
          `port ${port} is taken, which its health is served on: set HEALTH_PORT to another one, or to 0 for any`,
        )
      : new Error(`its health can't be served: ${message}`);
  }
  return (server.address() as AddressInfo).port;
}

/** Asks nothing of Temporal until somebody asks for it, and then at most once at a time and once a second. */
export function healthOf(worker: Pick<Worker, 'getStatus'>, reach: () => Promise<unknown>): Health {
  const unreached = troubleReaching(reach);
  return {
    failure: () => (worker.getStatus().runState === 'FAILED' ? 'The worker has failed.' : undefined),
    async trouble() {
      const { runState, workflowPollerState, activityPollerState } = worker.getStatus();
      if (runState !== 'RUNNING') return `The worker is ${runState}.`;
      if (workflowPollerState !== 'POLLING') return `The poller for workflow tasks is ${workflowPollerState}.`;
      if (activityPollerState !== 'POLLING') return `The poller for activity tasks is ${activityPollerState}.`;
      // A worker that is cut off from Temporal says of itself that it runs and polls: its core tries again without a
      // word, for as long as it takes. Only a call tells.
      return unreached();
    },
  };
}
