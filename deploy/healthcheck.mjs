/**
 * `node deploy/healthcheck.mjs`: the health check of a container. If process 1 is the worker, the service or the
 * sandbox, the check asks this process whether it is ready. Exits with 0 if the process is ready. If the process is not
 * ready, prints the reason and exits with 1. If process 1 is any other command, always exits with 0.
 */
import { readFileSync } from 'node:fs';

const { HEALTH_PORT, PORT, SANDBOX_PORT } = process.env;
const paths = {
  worker: `${HEALTH_PORT || 8081}/readyz`,
  service: `${PORT || 8080}/readyz`,
  sandbox: `${SANDBOX_PORT || 7080}/_sandbox/accounts`,
};
const [, name] = /dist\/(\w+)\/main\.js/.exec(readFileSync('/proc/1/cmdline', 'utf8')) ?? [];
try {
  if (name in paths) await check(`http://127.0.0.1:${paths[name]}`);
} catch (error) {
  console.error(error.cause?.message ?? error.message);
  process.exitCode = 1;
}

async function check(url) {
  const response = await fetch(url, { signal: AbortSignal.timeout(8_000) });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
}
