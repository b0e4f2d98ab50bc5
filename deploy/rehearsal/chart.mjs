/** Runs the containers of the Helm chart as their manifests describe them, with the Temporal server of the rehearsal. */
import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { examples, helmIn, render } from '../helm/tools.mjs';
import { authenticate, compose, container, docker, eventually, startWaitingFlows } from './stack.mjs';

const work = process.env.WORK ?? tmpdir();
const NETWORKS = ['rehearsal_temporal', 'rehearsal_outside'];
/** The ports that `kubectl port-forward` would open. */
const FORWARDED = { service: 8080, sandbox: 7080 };
const API_KEY_DIGEST = '524ace5675cc5988dbf8584b4e1913507bfe210742c583df01ad7ad3c2399159';
const BYTES_PER_UNIT = { Mi: 2 ** 20, Gi: 2 ** 30 };

/**
 * Runs the Job, the Deployments and the test pod that the chart makes for examples/sandbox.yaml. Each container gets
 * the command, variables, user, files, limits and read-only root of its manifest. Checks all probes, takes a flow to
 * its end, and stops the containers within their grace periods.
 */
export async function checkChart() {
  const folders = writeSecrets(await secretsOfStack());
  await stopStack();
  const all = manifests();
  const deployed = podsOf(all, 'Deployment');
  try {
    for (const pod of podsOf(all, 'Job')) await runToItsEnd(pod, folders);
    for (const pod of deployed) await start(pod, folders);
    for (const pod of deployed) await checkProbes(pod.containers[0]);
    for (const pod of podsOf(all, 'Pod')) await runToItsEnd(pod, folders);
    const [key] = await startWaitingFlows('chart', 1);
    await authenticate(key);
    const memory = [];
    for (const pod of deployed) memory.push(await stop(pod));
    return memory.join(', ');
  } finally {
    await docker('rm', '--force', ...deployed.map(({ containers: [one] }) => nameOf(one)));
  }
}

/**
 * Returns the manifests that the chart makes for examples/sandbox.yaml, with the image and the Temporal of the
 * rehearsal.
 */
function manifests() {
  const temporal = ['temporal.config.TEMPORAL_ADDRESS=temporal:7233', 'temporal.config.TEMPORAL_NAMESPACE=default'];
  const sets = ['image.repository=cyclr-connect', 'image.tag=new', ...temporal];
  const values = ['--values', join(examples, 'sandbox.yaml'), ...sets.flatMap((set) => ['--set', set])];
  const text = render(helmIn(join(work, 'bin'), 'helm4'), ...values);
  return parseAllDocuments(text, { version: '1.1' }).map((document) => document.toJS());
}

/**
 * Returns the pod specification of each manifest of one kind, such as `Job` or `Deployment`. Fails if the chart has no
 * manifest of this kind.
 */
function podsOf(all, kind) {
  const pods = all.filter((manifest) => manifest.kind === kind).map(({ spec }) => spec.template?.spec ?? spec);
  assert.ok(pods.length > 0, `the chart has no ${kind}`);
  return pods;
}

/** Returns the Secrets that a reader of docs/kubernetes.md makes by kubectl, here with the keys of the stack. */
async function secretsOfStack() {
  const key = (service, name) => compose(['exec', '-T', service, 'cat', `/keys/${name}.json`]);
  return {
    'cyclr-connect-worker': {
      'cyclr-client-secret': 'sandbox-secret',
      'sealing-keys': await key('sandbox-worker', 'private'),
    },
    'cyclr-connect-service': {
      'service-api-keys': API_KEY_DIGEST,
      'session-keys': await key('sandbox-service', 'session'),
      'public-sealing-keys': await key('sandbox-service', 'public'),
    },
  };
}

/**
 * Writes a folder for each Secret as Kubernetes does: the files are links into `..data`, and the owner is root. Returns
 * the path of the folder that contains these folders.
 */
function writeSecrets(secrets) {
  const root = join(work, 'chart');
  rmSync(root, { recursive: true, force: true });
  for (const [name, files] of Object.entries(secrets)) {
    mkdirSync(join(root, name, '..data'), { recursive: true });
    for (const [file, text] of Object.entries(files)) {
      writeFileSync(join(root, name, '..data', file), text);
      symlinkSync(join('..data', file), join(root, name, file));
    }
  }
  return root;
}

/** Stops the workers, services and the sandbox of docker-compose.yml. */
async function stopStack() {
  for (const name of ['sandbox-worker', 'sandbox-service', 'sandbox', 'worker', 'service'])
    await docker('stop', '--time', '90', container(name));
}

async function runToItsEnd(pod, folders) {
  const [name, ...args] = runArguments(pod, folders);
  await docker('run', '--rm', '--name', name, ...args);
}

async function start(pod, folders) {
  const [name, ...args] = runArguments(pod, folders);
  await docker('run', '--detach', '--name', name, ...args);
}

const nameOf = ({ name }) => `chart-${name}`;

/**
 * Returns the name of a pod's container, and the arguments with which `docker run` runs the container as the pod's
 * manifest says.
 */
function runArguments(pod, folders) {
  const [one] = pod.containers;
  const { runAsUser, runAsGroup, fsGroup } = pod.securityContext;
  const { readOnlyRootFilesystem, allowPrivilegeEscalation, capabilities } = one.securityContext;
  assert.ok(readOnlyRootFilesystem && allowPrivilegeEscalation === false);
  const forwarded = FORWARDED[one.name];
  return [
    nameOf(one),
    ...['--user', `${runAsUser}:${runAsGroup}`, '--group-add', `${fsGroup}`, '--read-only'],
    ...['--security-opt', 'no-new-privileges:true', ...capabilities.drop.flatMap((name) => ['--cap-drop', name])],
    ...['--memory', `${bytesOf(one.resources.limits.memory)}`],
    ...['--stop-timeout', `${pod.terminationGracePeriodSeconds ?? 30}`],
    ...NETWORKS.flatMap((network) => ['--network', `name=${network},alias=${one.name}`]),
    ...(forwarded ? ['--publish', `127.0.0.1:${forwarded}:${forwarded}`] : []),
    ...one.env.flatMap(({ name, value }) => ['--env', `${name}=${value}`]),
    ...(one.volumeMounts ?? []).flatMap((mount) => mountOf(pod, mount, folders)),
    one.image,
    ...one.args,
  ];
}

function bytesOf(quantity) {
  const [, number, unit] = /^(\d+)(\w+)$/.exec(quantity);
  return number * BYTES_PER_UNIT[unit];
}

/**
 * Returns the arguments of `docker run` that mount a Secret or an emptyDir. As in Kubernetes, the group of the mounted
 * files is fsGroup.
 */
function mountOf({ volumes, securityContext: { fsGroup } }, { name, mountPath }, folders) {
  const { secret, emptyDir } = volumes.find((volume) => volume.name === name);
  const folder = join(folders, secret?.secretName ?? name);
  if (emptyDir) {
    mkdirSync(folder);
    chownSync(folder, 0, fsGroup);
    chmodSync(folder, 0o2777);
    return ['--volume', `${folder}:${mountPath}`];
  }
  for (const { key } of secret.items) {
    const file = join(folder, '..data', key);
    chownSync(file, 0, fsGroup);
    chmodSync(file, secret.defaultMode);
  }
  return ['--volume', `${folder}:${mountPath}:ro`];
}

/** Sends the probes of a container to the address of the container, as the kubelet does. */
async function checkProbes(one) {
  const [{ NetworkSettings, Config }] = JSON.parse(await docker('inspect', nameOf(one)));
  assert.doesNotMatch(Config.Env.join('\n'), /sandbox-secret|"kty/);
  const host = NetworkSettings.Networks[NETWORKS[0]].IPAddress;
  for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe'].filter((name) => one[name])) {
    const { path, port, httpHeaders = [] } = one[probe].httpGet;
    const { containerPort } = one.ports.find(({ name }) => name === port);
    const headers = Object.fromEntries(httpHeaders.map(({ name, value }) => [name, value]));
    await eventually(`${probe} of ${one.name}`, async () => {
      const status = await statusOf({ host, port: containerPort, path, headers });
      return status === 200 || `${status} ${(await docker('logs', '--tail', '5', nameOf(one))).trim()}`;
    });
  }
}

const statusOf = (options) =>
  new Promise((resolve, reject) => {
    get(options, (response) => resolve(response.resume().statusCode)).on('error', reject);
  });

/** Stops the container of a pod within its grace period. Returns the memory that the container used before the stop. */
async function stop({ containers: [one] }) {
  const memory = await docker('stats', '--no-stream', '--format', '{{.MemUsage}}', nameOf(one));
  await docker('stop', nameOf(one));
  assert.equal(await docker('inspect', '--format', '{{.State.ExitCode}}', nameOf(one)), '0', one.name);
  return `${one.name} ${memory.split(' ')[0]}`;
}
