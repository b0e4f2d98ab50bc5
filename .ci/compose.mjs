/**
 * `node .ci/compose.mjs`: builds the image and runs the processes of docker-compose.yml that use it, without a
 * container engine, on a Temporal dev server. Each command runs in the folder of the image, with only the variables of
 * its service. Paths, ports and addresses are replaced by those of this machine.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { buildImage } from './image.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);
const YAML = require('yaml');
const { findBinary } = require('../dist/scripts/local/binary.js');
const { startTemporal } = require('../dist/scripts/local/parts.js');
const { freePort } = require('../dist/scripts/local/ports.js');

const folder = mkdtempSync(join(tmpdir(), 'cyclr-connect-compose-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const image = buildImage(root, folder);
const bin = join(folder, 'bin');
const running = [];
symlink(await findBinary('temporal'), join(bin, 'temporal'));
const server = await startTemporal({ logFolder: folder });
/** Texts of docker-compose.yml, and their counterparts on this machine. */
const replacements = [
  ['temporal:7233', server.address],
  ['0.0.0.0', '127.0.0.1'],
  ['7080', await freePort()],
  ['8080', await freePort()],
  ['8081', await freePort()],
  ['9464', await freePort()],
];
try {
  await check();
  console.log('docker-compose.yml: all commands of the image work');
} finally {
  for (const child of running) child.kill('SIGKILL');
  await server.stop();
}

async function check() {
  const { services: trial } = composed({}, '--env-file', 'deploy/sandbox.env');
  for (const name of ['worker', 'service'])
    assert.equal(trial[name].scale, 0, `with sandbox.env the ${name} must have scale 0`);
  for (const name of ['temporal-namespace', 'search-attributes', 'sandbox-keys']) {
    once(trial[name]);
    once(trial[name]); // the second start of Compose runs the same command
  }
  const keys = native(trial['sandbox-keys'], '/keys');
  for (const name of readdirSync(keys)) assert.equal(statSync(join(keys, name)).mode & 0o777, 0o600, name);

  const sandbox = await healthy(trial.sandbox);
  const sandboxWorker = await healthy(trial['sandbox-worker']);
  const sandboxService = await healthy(trial['sandbox-service']);
  const start = ['node', 'dist/cli/main.js', 'start', 'acme', '1016', '--wait']; // connector 1016 needs no authentication
  once({ ...trial['sandbox-worker'], command: start });
  await callAsBackend(trial['sandbox-service']);
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

/** Calls the service as a backend does. */
async function callAsBackend(service) {
  const response = await fetch(native(service, 'http://127.0.0.1:8080/v1/sessions'), {
    method: 'POST',
    headers: { Authorization: 'Bearer key-for-trying-the-cyclr-sandbox-only', 'Content-Type': 'application/json' },
    body: JSON.stringify({ accountId: 'acme', connectorIds: [1002] }),
  });
  assert.equal(response.status, 201, await response.text());
  console.log('✓ POST /v1/sessions');
}

/** Checks that the process exits with 1, and that its message names these missing variables. */
function refuses(service, variables) {
  const { status, stderr } = run(service, service.command);
  assert.equal(status, 1);
  for (const variable of variables) assert.match(stderr, new RegExp(`\\b${variable}\\b`));
}

/** The content of docker-compose.yml after docker-compose has resolved it, with no variables but these. */
function composed(env, ...args) {
  const options = { cwd: root, env: { PATH: process.env.PATH, ...env }, encoding: 'utf8' };
  return YAML.parse(execFileSync('docker-compose', [...args, 'config'], options));
}

/** The service with a volume for the file of each of its secrets. */
function withSecrets({ services, secrets: files }, name) {
  const { secrets, ...service } = services[name];
  const volumes = secrets.map(({ source }) => `${files[source].file}:/run/secrets/${source}`);
  return { ...service, volumes };
}

function symlink(target, path) {
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(target, path);
}

/** Replaces the volumes in a text by folders of this machine, and the ports by free ports. */
function native(service, text) {
  const changes = new Map([...replacements, ...mountsOf(service)]);
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
  return { cwd: image, env: { PATH: `${bin}:${process.env.PATH}`, HOME: folder, ...own } };
}

function run(service, line) {
  const [command, ...args] = line.map((part) => native(service, part));
  return spawnSync(command, args, { ...settingsOf(service), encoding: 'utf8', timeout: 300_000 });
}

function once(service) {
  const line = service.entrypoint ?? service.command;
  const { status, stdout, stderr } = run(service, line);
  assert.equal(status, 0, `${line.join(' ')}: ${stdout}${stderr}`);
  console.log(`✓ ${line.join(' ')}`);
}

/** Starts a service and waits until its healthcheck passes. Before the start, the healthcheck must fail. */
async function healthy(service) {
  const [command, ...args] = service.command;
  const name = service.command.join(' ');
  const probe = () => run(service, service.healthcheck.test.slice(1)).status === 0;
  assert.equal(probe(), false, `${name} is healthy before it runs`);
  const child = spawn(command, args, { ...settingsOf(service), stdio: ['ignore', 'ignore', 'inherit'] });
  running.push(child);
  for (const until = Date.now() + 300_000; !probe(); await delay(200)) {
    assert.equal(child.exitCode, null, `${name} has ended`);
    assert.ok(Date.now() < until, `${name} is not healthy after 5 minutes`);
  }
  console.log(`✓ ${name} is healthy`);
  return child;
}

async function stopped(child) {
  const exited = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
  child.kill('SIGTERM');
  assert.equal(await exited, 0, child.spawnargs.join(' '));
}
