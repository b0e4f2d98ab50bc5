/** dist/: the compiled TypeScript, the workflow bundle and the page, made anew when a source has changed. */
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

/** Whether dist/ was built from what the sources, the lockfile and the compiler's settings are now. */
export function isBuilt(root) {
  return JSON.stringify(stampIn(join(root, 'dist'))) === JSON.stringify(stampOf(root));
}

/**
 * Builds beside dist/ and then takes its place, so that a build that fails or is interrupted leaves dist/ as it was.
 * Output on standard error. One at a time: hold the lock.
 */
export async function build(root) {
  console.error('building dist/ …');
  const started = Date.now();
  const stamp = stampOf(root);
  removeLeftovers(root);
  const workshop = mkdtempSync(join(root, 'dist.'));
  const made = join(workshop, 'made');
  try {
    // All have ended before the workshop is removed, also when one fails: they would write into it again.
    const parts = await Promise.allSettled([
      compile(root, made),
      bundle(root, join(workshop, BUNDLE), stamp),
      page(root, join(workshop, 'page'), stamp),
    ]);
    for (const { reason } of parts) if (reason) throw reason;
    renameSync(join(workshop, BUNDLE), join(made, BUNDLE));
    renameSync(join(workshop, 'page'), join(made, PAGE));
    writeFileSync(join(made, STAMP), JSON.stringify(stamp));
    replace(join(root, 'dist'), made, join(workshop, 'replaced'));
  } finally {
    rmSync(workshop, { recursive: true, force: true });
  }
  console.error(`built dist/ in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

/** Types are checked by `npm run types`; here they would cost seconds and stop nothing that runs. */
function compile(root, outDir) {
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  return run(root, compiler, ['-p', 'tsconfig.build.json', '--noCheck', '--outDir', outDir]);
}

/** Where no workflow has changed, the bundle that is there is the one that would be made. */
async function bundle(root, outFile, { bundle }) {
  const dist = join(root, 'dist');
  if (stampIn(dist)?.bundle === bundle) copyFileSync(join(dist, BUNDLE), outFile);
  else await run(root, bundler, [root, outFile]);
}

/** The element and the hosted page, as browsers get them. */
async function page(root, outDir, { page }) {
  const dist = join(root, 'dist');
  if (stampIn(dist)?.page === page) return cpSync(join(dist, PAGE), outDir, { recursive: true });
  const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js');
  await run(root, vite, ['build', '--config', join(PAGE, 'vite.config.mjs'), '--outDir', outDir]);
}

/** In a process of its own: compiler and bundler would stay in the memory of the one that goes on. */
async function run(root, script, args) {
  const code = await runTree(process.execPath, [script, ...args], { cwd: root, stdio: ['ignore', 2, 2] });
  if (code !== 0) throw new Error(`the build failed: ${basename(script)} ended with ${code}`);
}

function replace(dist, made, aside) {
  try {
    renameSync(dist, aside);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  renameSync(made, dist);
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
    page: hashOf(root, ['package-lock.json', 'scripts/build.mjs', ...sourcesIn(root, [PAGE, 'sealing', 'workflows'])]),
  };
}

/** A container image has only the folders that its processes need: a folder that is missing has no sources. */
function sourcesIn(root, folders) {
  return folders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) => readdirSync(join(root, folder), { recursive: true }).map((name) => join(folder, name)))
    .filter((path) => /\.(ts|css|mjs)$/.test(path))
    .sort();
}

/** The lengths keep apart what would otherwise run together. */
function hashOf(root, paths) {
  const hash = createHash('sha256');
  for (const path of paths) {
    const content = readFileSync(join(root, path));
    hash.update(`${path} ${content.length}\n`).update(content);
  }
  return hash.digest('hex');
}
