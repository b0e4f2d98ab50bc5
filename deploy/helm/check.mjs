/**
 * `node deploy/helm/check.mjs [FOLDER]`: checks the chart with Helm 3 and 4, and its manifests against the schemas of three
 * versions of Kubernetes. The check keeps the programs that it downloads in FOLDER. The last line is `N passed, N failed`.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { chart, examples, helmIn, render } from './tools.mjs';

/**
 * Three versions of Kubernetes: the oldest version that `kubeVersion` in Chart.yaml allows, the newest version for which
 * the validator has schemas, and a version between them.
 */
const KUBERNETES = ['1.29.0', '1.33.0', '1.37.0'];
const VALIDATOR = 'kubernetes-validate==1.37.0';
const folder = process.argv[2] ?? join(tmpdir(), 'cyclr-connect-helm');
const counts = { passed: 0, failed: 0 };
const files = readdirSync(examples).map((file) => join(examples, file));

function step(name, act) {
  try {
    act();
    counts.passed++;
    console.log(`✓ ${name}`);
  } catch (error) {
    counts.failed++;
    console.log(`✗ ${name}\n    ${outputOf(error).replaceAll('\n', '\n    ')}`);
  }
}

const outputOf = (error) => (error.stdout === undefined ? error.message : `${error.stdout}${error.stderr}`).trim();
const run = (command, ...args) => execFileSync(command, args, { encoding: 'utf8', stdio: 'pipe' });

/**
 * Returns the path of the program kubernetes-validate. If the program is missing, installs it into a Python virtual
 * environment of its own.
 */
function validator() {
  const venv = join(folder, 'venv');
  const program = join(venv, 'bin/kubernetes-validate');
  if (existsSync(program)) return program;
  run('python3', '-m', 'venv', venv);
  run(join(venv, 'bin/pip'), 'install', '--quiet', VALIDATOR);
  return program;
}

/**
 * Validates the manifests that Kubernetes itself defines. The Prometheus Operator defines ServiceMonitor, so the
 * validator has no schema of a ServiceMonitor.
 */
function validate(name, manifests, version) {
  const known = manifests.filter(({ apiVersion }) => !apiVersion.startsWith('monitoring.coreos.com/'));
  const path = join(folder, `${name}-${version}.yaml`);
  writeFileSync(path, known.map((manifest) => JSON.stringify(manifest)).join('\n---\n'));
  run(validator(), '--strict', '--quiet', '--kubernetes-version', version, path);
}

const manifestsOf = (text) => parseAllDocuments(text, { version: '1.1' }).map((document) => document.toJS());
const podOf = ({ kind, spec }) => (kind === 'Pod' ? spec : spec.template?.spec);
const podsOf = (manifests) => manifests.map(podOf).filter(Boolean);
const containersOf = (manifests) => podsOf(manifests).flatMap(({ containers }) => containers);

/**
 * Checks the rules of the Pod Security Standard "restricted", and that no container can write to its root file system.
 */
function checkHardening(manifests) {
  for (const pod of podsOf(manifests)) {
    const { runAsNonRoot, runAsUser, runAsGroup, seccompProfile } = pod.securityContext;
    assert.deepEqual(
      { runAsNonRoot, runAsUser, runAsGroup },
      { runAsNonRoot: true, runAsUser: 1000, runAsGroup: 1000 },
    );
    assert.deepEqual(seccompProfile, { type: 'RuntimeDefault' });
    assert.equal(pod.automountServiceAccountToken, false);
    assert.equal(pod.enableServiceLinks, false);
  }
  for (const { name, securityContext, resources } of containersOf(manifests)) {
    const hardened = { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } };
    assert.deepEqual(securityContext, hardened, name);
    assert.ok(resources.limits.memory && resources.requests.cpu, `${name}: no resources`);
  }
}

/**
 * Checks that each container has the command, the grace period and the memory limit of its service in
 * docker-compose.yml.
 */
function checkCompose(manifests, isSandbox) {
  const { services } = parse(readFileSync(join(import.meta.dirname, '../../docker-compose.yml'), 'utf8'), {
    merge: true,
  });
  for (const pod of podsOf(manifests))
    for (const { name, args, resources } of pod.containers.filter((container) => container.name !== 'doctor')) {
      const service = services[isSandbox && name === 'worker' ? 'sandbox-worker' : name];
      assert.deepEqual(args, service.command, name);
      assert.equal(resources.limits.memory, service.mem_limit.replace('m', 'Mi'), name);
      if (service.stop_grace_period) assert.equal(`${pod.terminationGracePeriodSeconds}s`, service.stop_grace_period);
    }
}

/**
 * Checks that no environment variable has a name ending in _SECRET, _SECRETS, _KEY or _KEYS, and that each file that a
 * variable names is in a mounted volume.
 */
function checkFiles(manifests) {
  for (const pod of podsOf(manifests))
    for (const { env, volumeMounts = [] } of pod.containers)
      for (const { name, value } of env) {
        assert.doesNotMatch(name, /^(.*_SECRETS?|.*_KEYS?)$/);
        if (!value?.startsWith('/etc/cyclr-connect/')) continue;
        const [, mountPath, file] = /(.*)\/(.*)/.exec(value);
        const mount = volumeMounts.find((one) => one.mountPath === mountPath);
        const { secret, configMap } = pod.volumes.find((volume) => volume.name === mount?.name) ?? {};
        assert.ok(configMap ?? secret?.items.some(({ path }) => path === file), `${name}: no file ${value}`);
      }
}

/** Checks that each port of a probe and of a Service exists, and that each selector finds the pods of a Deployment. */
function checkReferences(manifests) {
  const deployments = manifests.filter(({ kind }) => kind === 'Deployment');
  const selected = (labels) =>
    deployments.filter(({ spec }) =>
      Object.entries(labels).every(([name, value]) => spec.template.metadata.labels[name] === value),
    );
  for (const { kind, metadata, spec } of manifests) {
    if (kind === 'Deployment') {
      const [{ ports, startupProbe, livenessProbe, readinessProbe }] = spec.template.spec.containers;
      for (const probe of [startupProbe, livenessProbe, readinessProbe].filter(Boolean))
        assert.ok(
          ports.some(({ name }) => name === probe.httpGet.port),
          metadata.name,
        );
    }
    if (kind === 'Service') {
      const found = selected(spec.selector).flatMap((one) => one.spec.template.spec.containers[0].ports);
      for (const { targetPort } of spec.ports)
        assert.ok(
          found.some(({ name }) => name === targetPort),
          metadata.name,
        );
    }
    if (kind === 'PodDisruptionBudget') assert.equal(selected(spec.selector.matchLabels).length, 1, metadata.name);
    if (kind === 'NetworkPolicy') assert.equal(selected(spec.podSelector.matchLabels).length, 1, metadata.name);
    if (kind === 'HorizontalPodAutoscaler')
      assert.ok(deployments.some((one) => one.metadata.name === spec.scaleTargetRef.name && !one.spec.replicas));
  }
}

/** Wrong values of the chart, which Helm must refuse. Each entry also has a part of the error message of Helm. */
const faults = [
  ['image.repository=', /image.?repository/i],
  ['image.tag=null', /tag/],
  ['temporal.config.TEMPORAL_ADDRESS=null', /TEMPORAL_ADDRESS/],
  ['temporal.config.TEMPORAL_ADDRESS=https://temporal', /TEMPORAL_ADDRESS/],
  ['worker.config.CYCLR_CLIENT_ID=null', /CYCLR_CLIENT_ID/],
  ['worker.config.CYCLR_API_URL=http://api.cyclr.com', /CYCLR_API_URL/],
  ['worker.config.CYCLR_CLIENT_SECRET=marked', /CYCLR_CLIENT_SECRET/],
  ['worker.config.OTEL_EXPORTER_OTLP_HEADERS=marked', /OTEL_EXPORTER_OTLP_HEADERS/],
  ['worker.config.MAX_CACHED_WORKFLOWS=1000', /MAX_CACHED_WORKFLOWS/],
  ['worker.existingSecret=', /worker\.existingSecret is not set/],
  ['service.config.PUBLIC_URL=null', /PUBLIC_URL/],
  ['service.config.PUBLIC_URL=http://connect.example.com', /PUBLIC_URL/],
  ['service.existingSecret=', /service\.existingSecret is not set/],
  ['worker.replica=3', /replica/],
];

function refuses(helm, value, pattern) {
  assert.throws(
    () => render(helm, '--values', join(examples, 'minimal.yaml'), '--set', value),
    (error) => {
      assert.match(outputOf(error), pattern);
      assert.doesNotMatch(outputOf(error), /marked/);
      return true;
    },
  );
}

mkdirSync(folder, { recursive: true });
const rendered = {};
for (const name of ['helm3', 'helm4']) {
  const helm = helmIn(folder, name);
  for (const file of files) {
    const example = basename(file, '.yaml');
    step(`${name} lint --strict: ${example}`, () => run(helm, 'lint', '--strict', chart, '--values', file));
    step(`${name} template: ${example}`, () => {
      const text = render(helm, '--values', file, '--set', 'networkPolicy.enabled=true');
      rendered[example] ??= text;
      assert.equal(text, rendered[example]);
    });
  }
  for (const [value, pattern] of faults) step(`${name} refuses ${value}`, () => refuses(helm, value, pattern));
}
for (const [example, text] of Object.entries(rendered)) {
  const manifests = manifestsOf(text);
  for (const version of KUBERNETES)
    step(`Kubernetes ${version}: ${example}`, () => validate(example, manifests, version));
  step(`pods are hardened: ${example}`, () => checkHardening(manifests));
  step(`commands, memory and grace are those of docker-compose.yml: ${example}`, () =>
    checkCompose(manifests, example === 'sandbox'),
  );
  step(`no secret in a variable, and each file is mounted: ${example}`, () => checkFiles(manifests));
  step(`ports, selectors and targets exist: ${example}`, () => checkReferences(manifests));
}
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed === 0 ? 0 : 1;
