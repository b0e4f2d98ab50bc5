/**
 * Functions for the steps of the rehearsal. They act on the containers and images of docker-compose.yml, and on the flows
 * of its sandbox.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chownSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

export const repository = join(import.meta.dirname, '..', '..');
export const isReal = Boolean(process.env.REHEARSAL_REAL);
const require = createRequire(import.meta.url);
const { OnboardingService } = require('../../dist/client/http/index.js');
const execute = promisify(execFile);
const PROJECT = 'rehearsal';
const LINES_SHOWN = 12;
const LIMIT_MS = 600_000; // this limit only ends a command that hangs
export const API_KEY = 'key-for-trying-the-cyclr-sandbox-only';
export const SERVICE_URL = 'http://127.0.0.1:8080';
export const SANDBOX_URL = 'http://127.0.0.1:7080';
const onboarding = new OnboardingService({ url: SERVICE_URL, apiKey: API_KEY });

/** Runs a command in the repository and returns its output. If the command fails, the error has its output. */
export async function run(command, args, env = {}) {
  const options = { cwd: repository, env: { ...process.env, ...env }, timeout: LIMIT_MS, maxBuffer: 2 ** 28 };
  const { stdout } = await execute(command, args, options).catch((error) => {
    const output = `${error.stdout}${error.stderr || error.message}`.trim().split('\n');
    throw new Error([`${command} ${args.join(' ')}`, ...output.slice(-LINES_SHOWN)].join('\n'));
  });
  return stdout.trim();
}

export const docker = (...args) => run('docker', args);

/** A password with every character that has a special meaning in one of the programs of docker-compose.yml. */
export const passwordFile = secretFile('postgres-password', `#'$%&:/?@{}!*=+;,<>|~^[]()-_.`);

/** Writes a file for a secret of docker-compose.yml, and returns its path. */
export function secretFile(name, text) {
  const path = join(process.env.WORK ?? tmpdir(), name);
  rmSync(path, { force: true });
  writeFileSync(path, text, { mode: 0o600 });
  chownSync(path, 1000, 1000);
  return path;
}

/** Runs `docker compose`. `env`: variables of docker-compose.yml, which override the variables of `envFile`. */
export function compose(args, env = {}, envFile = 'deploy/sandbox.env') {
  const files = ['docker-compose.yml', ...(isReal ? [] : ['deploy/rehearsal/quick.yml'])].flatMap((file) => [
    '-f',
    file,
  ]);
  return run('docker', ['compose', '-p', PROJECT, ...files, '--env-file', envFile, ...args], {
    POSTGRES_PASSWORD_FILE: passwordFile,
    ...env,
  });
}

/** Starts the stack of an image, and waits until all containers are healthy. */
export async function up(image) {
  const args = ['up', '-d', '--no-build', '--wait', '--wait-timeout', '300'];
  await compose(args, { CYCLR_CONNECT_IMAGE: image }).catch(async (error) => {
    throw new Error(`${error.message}\n${await compose(['logs', '--tail', '5'])}`);
  });
}

export const container = (service) => `${PROJECT}-${service}-1`;

/** Returns the state of a container, as `docker inspect` gives it. */
export const stateOf = async (service) =>
  JSON.parse(await docker('inspect', '-f', '{{json .State}}', container(service)));

export async function healthy(...services) {
  for (const service of services)
    await eventually(`${service} is healthy`, async () => {
      const { Health } = await stateOf(service);
      return Health.Status === 'healthy' || Health.Log?.at(-1)?.Output;
    });
}

/**
 * Kills the first process of a container, so that Docker restarts the container. (After `docker kill`, Docker would not
 * restart the container.)
 */
export async function kill(service) {
  const { Pid, StartedAt } = await stateOf(service);
  process.kill(Pid, 'SIGKILL');
  await eventually(`${service} starts again`, async () => (await stateOf(service)).StartedAt !== StartedAt);
}

/**
 * Stops a container, and checks that it ends with exit code 0 within its grace period. Returns the duration in seconds.
 */
export async function stop(service) {
  const began = Date.now();
  await compose(['stop', service]);
  const { ExitCode } = await stateOf(service);
  assert.equal(ExitCode, 0, `${service} ended with ${ExitCode} after ${Date.now() - began} ms`);
  return (Date.now() - began) / 1000;
}

export const cli = (...args) => compose(['exec', '-T', 'sandbox-worker', 'node', 'dist/cli/main.js', ...args]);

/** Starts a flow for each of `count` new account connectors. Each flow waits for an API key. */
export async function startWaitingFlows(accountId, count) {
  const connectors = Array(count).fill('Brightdesk');
  const installed = await postJson(`${SANDBOX_URL}/_sandbox/accounts`, { accountId, connectors });
  const keys = installed.map(({ id }) => ({ accountId, connectorId: id }));
  for (const key of keys) await patiently(() => onboarding.start(key));
  await allWait(keys);
  return keys;
}

export async function allWait(keys) {
  for (const key of keys)
    await eventually(`flow ${key.connectorId} waits`, async () => {
      const { state } = await patiently(() => onboarding.view(key));
      return state === 'awaitingCredentials' || state;
    });
}

/** Gives a waiting flow its API key, and checks that the flow ends as authenticated. */
export async function authenticate(key) {
  const credentials = { kind: 'apiKey', key: 'rehearsal-key' };
  await patiently(() => onboarding.submitCredentials(key, { credentials }));
  await eventually(`flow ${key.connectorId} is authenticated`, async () => {
    const { state } = await patiently(() => onboarding.view(key));
    return state === 'authenticated' || state;
  });
}

export const createSession = (accountId, connectorIds) =>
  patiently(() => onboarding.createSession({ accountId, connectorIds }));

async function postJson(url, body) {
  const headers = { 'Content-Type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  assert.ok(response.ok, `${url}: ${response.status}`);
  return response.json();
}

/** Repeats a call until it succeeds, because the service can answer 503 for some time after a failure. */
async function patiently(call) {
  let result;
  await eventually('the service answers', async () => {
    result = await call();
    return true;
  });
  return result;
}

/** Repeats a check until it returns true. If the check throws an error, repeats the check, too. */
export async function eventually(what, check) {
  let last;
  for (const until = Date.now() + LIMIT_MS; Date.now() < until; await delay(250)) {
    last = await check().catch((error) => error.message);
    if (last === true) return;
  }
  throw new Error(`after ${LIMIT_MS / 1000} s, this is still not true: ${what} (${last})`);
}
