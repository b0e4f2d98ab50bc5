/**
 * `node deploy/image/modules.mjs ARCHITECTURE`: installs the production packages of the image into node_modules and
 * lists them in sbom.cdx.json. ARCHITECTURE: amd64 or arm64. The image has a prebuilt workflow bundle, so the image
 * needs no bundler. The image has only the native code of its own platform.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const platforms = {
  amd64: { cpu: 'x64', native: 'x86_64-unknown-linux-gnu', strip: 'x86_64-linux-gnu-strip' },
  arm64: { cpu: 'arm64', native: 'aarch64-unknown-linux-gnu', strip: 'aarch64-linux-gnu-strip' },
};
/** Packages that the SDK uses only to bundle workflows. The SDK loads the first three packages when it starts. */
const loadedBundlers = ['webpack', 'memfs', 'unionfs'];
const bundlers = [...loadedBundlers, '@swc/core', 'swc-loader', 'source-map-loader'];
const bridgeFiles = ['package.json', 'index.js', 'common.js', 'lib', 'releases'];
/** The names of folders from which Node loads nothing, such as tests, documents, and builds for browsers. */
const unusedFolders =
  /\/(tests?|__tests__|bench|benchmarks?|examples?|docs|\.github|browser|protobufjs\/dist|axios\/dist\/esm|rxjs\/dist\/(bundles|esm5?))$/;
/**
 * Names of folders with ES modules. If a package also has its modules as CommonJS modules in a folder beside such a folder,
 * Node does not load the ES modules.
 */
const esFolders = /\/(esm|esnext)$/;
const commonJsFolders = ['src', 'cjs', 'commonjs'];
const unusedFiles =
  /\.(map|ts|mts|cts|md|markdown|cc|h)$|@opentelemetry\/semantic-conventions\/dist\/(experimental_|index-incubating)/;
const legalFiles = /licen[cs]e|notice|copying/i;

const platform = platforms[process.argv[2]];
if (!platform) {
  console.error(`Usage: node deploy/image/modules.mjs ${Object.keys(platforms).join('|')}`);
  process.exit(2);
}
const worker = 'node_modules/@temporalio/worker';
edit('package-lock.json', ({ packages }) => leaveOut(packages[worker].dependencies, bundlers));
npm('ci', '--omit=dev', '--ignore-scripts', '--os=linux', '--libc=glibc', `--cpu=${platform.cpu}`);
edit('package.json', (manifest) => leaveOut(manifest, ['devDependencies', 'scripts']));
edit(`${worker}/package.json`, ({ dependencies }) => leaveOut(dependencies, bundlers));
writeFileSync('sbom.cdx.json', npm('sbom', '--omit=dev', '--sbom-format=cyclonedx'));
for (const name of loadedBundlers) addStub(name);
const bridge = 'node_modules/@temporalio/core-bridge';
keepOnly(bridge, bridgeFiles);
keepOnly(`${bridge}/releases`, [platform.native]);
execFileSync(platform.strip, ['--strip-unneeded', `${bridge}/releases/${platform.native}/index.node`]);
removeUnused('node_modules');

/**
 * Reads a JSON file, changes its content by `change`, and writes it. The script removes packages from the manifests and
 * the lockfile, because npm installs and lists the packages that they name.
 */
function edit(file, change) {
  const content = JSON.parse(readFileSync(file, 'utf8'));
  change(content);
  writeFileSync(file, JSON.stringify(content, null, 2));
}

function leaveOut(object, names) {
  for (const name of names) delete object[name];
}

function npm(...args) {
  return execFileSync('npm', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 2 ** 28 });
}

function addStub(name) {
  const folder = join('node_modules', name);
  mkdirSync(folder);
  writeFileSync(
    join(folder, 'index.js'),
    `module.exports = new Proxy({}, {
  get(_target, property) {
    if (property === '__esModule') return undefined;
    throw new Error('This image has no ${name}: give the worker a prebuilt workflow bundle.');
  },
});\n`,
  );
}

function keepOnly(folder, names) {
  for (const name of readdirSync(folder)) if (!names.includes(name)) rmSync(join(folder, name), { recursive: true });
}

/** Removes the files that Node does not load, except the texts of licences. */
function removeUnused(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && (unusedFolders.test(path) || isEsTwin(path))) rmSync(path, { recursive: true });
    else if (entry.isDirectory()) removeUnused(path);
    else if ((unusedFiles.test(path) || isEsFile(path)) && !legalFiles.test(entry.name)) rmSync(path);
  }
}

/** True for a folder of ES modules if the package also has these modules as CommonJS modules, in a folder beside it. */
function isEsTwin(folder) {
  return esFolders.test(folder) && commonJsFolders.some((name) => existsSync(join(folder, '..', name)));
}

/** True for an ES module with a CommonJS module of the same name beside it. */
function isEsFile(file) {
  return /\.m?js$/.test(file) && existsSync(file.replace(/\.m?js$/, '.cjs'));
}
