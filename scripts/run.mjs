/**
 * `node scripts/run.mjs NAME [arguments]`: brings node_modules and dist/ up to date, then becomes the process NAME.
 * Needs nothing but Node, so that it works as the first command after a clone.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, isBuilt } from './build.mjs';
import { install, isInstalled } from './install.mjs';
import { withLock } from './lock.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const mains = {
  start: 'dist/scripts/start/main.js',
  demo: 'dist/scripts/demo/main.js',
  histories: 'dist/scripts/histories/main.js',
  bench: 'dist/bench/main.js',
  faults: 'dist/scripts/faults/main.js',
  screenshots: 'dist/scripts/screenshots/main.js',
  worker: 'dist/worker/main.js',
  service: 'dist/service/main.js',
  sandbox: 'dist/sandbox/main.js',
  cli: 'dist/cli/main.js',
  configuration: 'dist/scripts/configuration/main.js',
  'search-attributes': 'dist/scripts/search-attributes/main.js',
  test: 'node_modules/jest/bin/jest.js',
};
const installing = ['start', 'demo', 'histories', 'bench', 'faults', 'screenshots', 'test'];

const [name, ...args] = process.argv.slice(2);
if (name !== 'build' && !Object.hasOwn(mains, name ?? '')) {
  fail(`Usage: node scripts/run.mjs NAME [arguments], NAME one of: ${Object.keys(mains).join(', ')}, build`, 2);
}
await prepare().catch((error) => fail(error.message, 1));
if (name !== 'build') become(join(root, mains[name]));

async function prepare() {
  const installs = installing.includes(name);
  if (installs ? !isInstalled(root) : !existsSync(join(root, 'node_modules'))) {
    if (!installs) throw new Error('node_modules is missing. Run: npm ci');
    await withLock(join(root, 'dist.lock'), async () => isInstalled(root) || (await install(root)));
  }
  if (isBuilt(root)) return;
  await withLock(join(root, 'dist.lock'), async () => isBuilt(root) || (await build(root)));
}

/** In this very process, so that a signal, the exit code and the terminal are the main's own. */
function become(main) {
  process.argv = [process.argv[0], main, ...args];
  createRequire(import.meta.url)(main);
}

function fail(message, code) {
  console.error(message);
  process.exit(code);
}
