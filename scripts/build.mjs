/** Builds dist/ when a source has changed: the compiled TypeScript, the workflow bundle and the page. */
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runTree } from './process-tree.mjs';

const STAMP = 'built-from.json';
const BUNDLE = 'workflow-bundle.js';
const PAGE = 'page';
const bundler = fileURLToPath(new URL('bundle.mjs', import.meta.url));

/** True if dist/ was built from the present sources, lockfile and compiler settings. */
export const isBuilt = (root) => isStampOf(root, stampIn(join(root, 'dist')));

/** True if the stamp is that of the present sources, lockfile and compiler settings. */
const isStampOf = (root, stamp) => JSON.stringify(stamp) === JSON.stringify(stampOf(root));

/**
 * Builds in a separate folder, which then replaces dist/. So a failed or interrupted build does not change dist/.
 * Output goes to standard error. The caller must hold the lock, so that only one build runs at a time.
 */
export async function build(root) {
  const stamp = stampOf(root);
  console.error('building dist/ …');
  const started = Date.now();
  removeLeftovers(root);
  const workFolder = mkdtempSync(join(root, 'dist.'));
  const output = join(workFolder, 'output');
  try {
    // Waits for all three steps, even if one step fails: no step may still write into the work folder when it is
    // removed.
    const parts = await Promise.allSettled([
      compile(root, output),
      bundle(root, join(workFolder, BUNDLE), stamp),
      page(root, join(workFolder, 'page'), stamp),
    ]);
    for (const { reason } of parts) if (reason) throw reason;
    if (!isStampOf(root, stamp))
      throw new Error('the build failed: the sources have changed during the build. Repeat the command');
    renameSync(join(workFolder, BUNDLE), join(output, BUNDLE));
    renameSync(join(workFolder, 'page'), join(output, PAGE));
    writeFileSync(join(output, STAMP), JSON.stringify(stamp));
    replace(join(root, 'dist'), output, join(workFolder, 'replaced'));
  } finally {
    rmSync(workFolder, { recursive: true, force: true });
  }
  console.error(`built dist/ in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

/** Compiles without type checks, because these take seconds. `npm run types` checks the types. */
function compile(root, outDir) {
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  return run(root, compiler, ['-p', 'tsconfig.build.json', '--noCheck', '--outDir', outDir]);
}

/** Bundles the workflows. If no workflow has changed, copies the bundle of the last build. */
async function bundle(root, outFile, { bundle }) {
  const dist = join(root, 'dist');
  if (stampIn(dist)?.bundle === bundle) copyFileSync(join(dist, BUNDLE), outFile);
  else await run(root, bundler, [root, outFile]);
}

/** Builds the element and the hosted page for browsers, or copies them from the last build. */
async function page(root, outDir, { page }) {
  const dist = join(root, 'dist');
  if (stampIn(dist)?.page === page) return cpSync(join(dist, PAGE), outDir, { recursive: true });
  const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js');
  await run(root, vite, ['build', '--config', join(PAGE, 'vite.config.mjs'), '--outDir', outDir]);
}

/**
 * Runs a build script in a process of its own. The present process may become a worker, and the compiler and the
 * bundler would stay in the memory of this worker.
 */
async function run(root, script, args) {
  const code = await runTree(process.execPath, [script, ...args], { cwd: root, stdio: ['ignore', 2, 2] });
  if (code !== 0) throw new Error(`the build failed: ${basename(script)} ended with ${code}`);
}

function replace(dist, output, aside) {
  try {
    renameSync(dist, aside);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  renameSync(output, dist);
}

function removeLeftovers(root) {
  const leftovers = readdirSync(root, { withFileTypes: true }).filter(
    (entry) => entry.isDirectory() && entry.name.startsWith('dist.'),
  );
  for (const { name } of leftovers) rmSync(join(root, name), { recursive: true, force: true });
}

function stampIn(dist) {
  try {
    return JSON.parse(readFileSync(join(dist, STAMP), 'utf8'));
  } catch {
    return undefined;
  }
}

function stampOf(root) {
  const config = 'tsconfig.build.json';
  const folders = JSON.parse(readFileSync(join(root, config), 'utf8')).include;
  const common = ['package-lock.json', 'scripts/bundle.mjs'];
  return {
    code: hashOf(root, [...common, 'tsconfig.json', config, 'scripts/build.mjs', ...sourcesIn(root, folders)]),
    bundle: hashOf(root, [...common, ...sourcesIn(root, ['workflows'])]),
    page: hashOf(root, [
      ...['package-lock.json', 'scripts/build.mjs'],
      ...sourcesIn(root, [PAGE, 'sealing', 'workflows']),
      ...sourcesIn(root, [PAGE], /\.json$/), // the translations
    ]),
  };
}

/**
 * Returns the paths of the files in the folders. Takes only files whose path matches `kinds`. Skips a missing folder,
 * because a container image has only the folders that its processes need.
 */
function sourcesIn(root, folders, kinds = /\.(ts|css|mjs)$/) {
  return folders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) => readdirSync(join(root, folder), { recursive: true }).map((name) => join(folder, name)))
    .filter((path) => kinds.test(path))
    .sort();
}

/**
 * Returns one hash of all these files. The length of each file is hashed before its content. Without the lengths, two
 * different lists of files could have the same hash.
 */
function hashOf(root, paths) {
  const hash = createHash('sha256');
  for (const path of paths) {
    const content = readFileSync(join(root, path));
    hash.update(`${path} ${content.length}\n`).update(content);
  }
  return hash.digest('hex');
}
