/**
 * `node deploy/healthcheck.mjs`: the health check of a container. Exits with 0 if process 1 runs the worker, the service
 * or the sandbox, and this process is ready; otherwise prints the answer and exits with 1. A container of any other
 * command is always healthy.
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
