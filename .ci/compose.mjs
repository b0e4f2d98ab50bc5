/**
 * `node .ci/compose.mjs`: does what docker-compose.yml says of our own processes, without a container engine. Each
 * command runs on this machine in a folder that is laid out as the image is, with the environment of its service and
 * nothing else, on a Temporal dev server. Paths, ports and addresses are changed to this machine's.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);
const YAML = require('yaml');
const { findBinary } = require('../dist/scripts/local/binary.js');
const { startTemporal } = require('../dist/scripts/local/parts.js');
const { freePort } = require('../dist/scripts/local/ports.js');

const folder = mkdtempSync(join(tmpdir(), 'cyclr-connect-compose-'));
const image = join(folder, 'app');
const bin = join(folder, 'bin');
const running = [];
layOut();
symlink(await findBinary('temporal'), join(bin, 'temporal'));
const server = await startTemporal({ logFolder: folder });
const here = [
  ['temporal:7233', server.address],
  ['0.0.0.0', '127.0.0.1'],
  ['7080', await freePort()],
  ['8080', await freePort()],
  ['8081', await freePort()],
  ['9464', await freePort()],
];
try {
  await check();
  console.log('docker-compose.yml: every command of ours did what it should');
} finally {
  for (const child of running) child.kill('SIGKILL');
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}

async function check() {
  const { services: trial } = composed({}, '--env-file', 'deploy/sandbox.env');
  for (const name of ['worker', 'service'])
    assert.equal(trial[name].scale, 0, `beside the sandbox's ${name} runs no other`);
  for (const name of ['temporal-namespace', 'search-attributes', 'sandbox-keys']) {
    once(trial[name]);
    once(trial[name]); // as at the next start
  }
  const keys = native(trial['sandbox-keys'], '/keys');
  for (const name of readdirSync(keys)) assert.equal(statSync(join(keys, name)).mode & 0o777, 0o600, name);

  const sandbox = await healthy(trial.sandbox);
  const sandboxWorker = await healthy(trial['sandbox-worker']);
  const sandboxService = await healthy(trial['sandbox-service']);
  const start = ['node', 'dist/cli/main.js', 'start', 'acme', '1016', '--wait']; // nothing to authenticate
  once({ ...trial['sandbox-worker'], command: start });
  await embeds(trial['sandbox-service']);
  await stopped(sandboxService);
  await stopped(sandboxWorker);

  const { CYCLR_API_URL, CYCLR_SERVICE_URL, CYCLR_CLIENT_ID, CYCLR_CLIENT_SECRET } =
    trial['sandbox-worker'].environment;
  const { PUBLIC_URL, SERVICE_API_KEYS } = trial['sandbox-service'].environment;
  const given = {
    CYCLR_API_URL,
    CYCLR_SERVICE_URL,
    CYCLR_CLIENT_ID,
    CYCLR_CLIENT_SECRET,
    PUBLIC_URL,
    SERVICE_API_KEYS,
  };
  const files = {
    SEALING_KEYS_FILE: join(keys, 'private.json'),
    PUBLIC_SEALING_KEYS_FILE: join(keys, 'public.json'),
    SESSION_KEYS_FILE: join(keys, 'session.json'),
  };
  const real = composed({ ...given, ...files });
  for (const name of ['worker', 'service']) await stopped(await healthy(withSecrets(real, name)));
  await stopped(sandbox);

  const unset = composed({});
  for (const name of ['sandbox', 'sandbox-keys', 'sandbox-worker', 'sandbox-service'])
    assert.deepEqual(unset.services[name].profiles, ['sandbox']);
  refuses(withSecrets(unset, 'worker'), ['CYCLR_API_URL', 'CYCLR_CLIENT_SECRET', 'SEALING_KEYS']);
  refuses(withSecrets(unset, 'service'), ['PUBLIC_URL', 'SERVICE_API_KEYS', 'SESSION_KEYS', 'SEALING_KEYS']);
}

/** A backend's call. */
async function embeds(service) {
  const response = await fetch(native(service, 'http://127.0.0.1:8080/v1/sessions'), {
    method: 'POST',
    headers: { Authorization: 'Bearer key-for-trying-the-cyclr-sandbox-only', 'Content-Type': 'application/json' },
    body: JSON.stringify({ accountId: 'acme', connectorIds: [1002] }),
  });
  assert.equal(response.status, 201, await response.text());
  console.log('✓ POST /v1/sessions');
}

/** Without its variables it does not start, and says what it lacks. */
function refuses(service, variables) {
  const { status, stderr } = run(service, service.command);
  assert.equal(status, 1);
  for (const variable of variables) assert.match(stderr, new RegExp(`\\b${variable}\\b`));
}

/** What docker-compose makes of the file, with this environment alone. */
function composed(env, ...args) {
  const options = { cwd: root, env: { PATH: process.env.PATH, ...env }, encoding: 'utf8' };
  return YAML.parse(execFileSync('docker-compose', [...args, 'config'], options));
}

/** A secret is a file that is mounted. */
function withSecrets({ services, secrets: files }, name) {
  const { secrets, ...service } = services[name];
  const volumes = secrets.map(({ source }) => `${files[source].file}:/run/secrets/${source}`);
  return { ...service, volumes };
}

/** As the image: what the build made, and of the packages those that are no devDependencies. */
function layOut() {
  for (const part of ['package.json', 'dist', 'deploy']) symlink(join(root, part), join(image, part));
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  for (const [path, { dev }] of Object.entries(packages)) {
    const isTopLevel = path.lastIndexOf('node_modules/') === 0;
    if (isTopLevel && !dev) symlink(join(root, path), join(image, path));
  }
}

function symlink(target, path) {
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(target, path);
}

/** What a service's text is on this machine: its volumes are folders, its ports free ones. */
function native(service, text) {
  const changes = new Map([...here, ...mountsOf(service)]);
  const there = [...changes.keys()].map((part) => part.replaceAll('.', '\\.')).join('|');
  return text.replace(new RegExp(there, 'g'), (part) => changes.get(part));
}

function mountsOf({ volumes = [] }) {
  return volumes.map((volume) => {
    const [source, target] = volume.split(':');
    if (source.startsWith('/')) return [target, source];
    const ours = join(folder, 'volumes', source);
    mkdirSync(ours, { recursive: true });
    return [target, ours];
  });
}

function settingsOf(service) {
  const environment = Object.entries(service.environment ?? {}).filter(([, value]) => value !== null);
  const own = Object.fromEntries(environment.map(([name, value]) => [name, native(service, `${value}`)]));
  // Without these a linked package would look for its own among the devDependencies.
  const NODE_OPTIONS = '--preserve-symlinks --preserve-symlinks-main';
  return { cwd: image, env: { PATH: `${bin}:${process.env.PATH}`, HOME: folder, NODE_OPTIONS, ...own } };
}

function run(service, line) {
  const [command, ...args] = line.map((part) => native(service, part));
  return spawnSync(command, args, { ...settingsOf(service), encoding: 'utf8', timeout: 60_000 });
}

function once(service) {
  const line = service.entrypoint ?? service.command;
  const { status, stdout, stderr } = run(service, line);
  assert.equal(status, 0, `${line.join(' ')}: ${stdout}${stderr}`);
  console.log(`✓ ${line.join(' ')}`);
}

/** Starts it, and waits until its own healthcheck, which must fail before, says that it is well. */
async function healthy(service) {
  const [command, ...args] = service.command;
  const name = service.command.join(' ');
  const probe = () => run(service, service.healthcheck.test.slice(1)).status === 0;
  assert.equal(probe(), false, `${name} is healthy before it runs`);
  const child = spawn(command, args, { ...settingsOf(service), stdio: ['ignore', 'ignore', 'inherit'] });
  running.push(child);
  for (const until = Date.now() + 60_000; !probe(); await delay(200)) {
    assert.equal(child.exitCode, null, `${name} has ended`);
    assert.ok(Date.now() < until, `${name} is not healthy after a minute`);
  }
  console.log(`✓ ${name} is healthy`);
  return child;
}

async function stopped(child) {
  const exited = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
  child.kill('SIGTERM');
  assert.equal(await exited, 0, child.spawnargs.join(' '));
}
