/**
 * Runs the commands of `npm run`, after it has updated node_modules and dist/. This file needs only Node, so that it
 * works as the first command after a clone.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, isBuilt } from './build.mjs';
import { install, isInstalled } from './install.mjs';
import { withLock } from './lock.mjs';
import { runTree } from './process-tree.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const jest = join(root, 'node_modules', 'jest', 'bin', 'jest.js');
const mains = {
  start: 'dist/scripts/start/main.js',
  demo: 'dist/scripts/demo/main.js',
  bench: 'dist/bench/main.js',
  faults: 'dist/scripts/faults/main.js',
  screenshots: 'dist/scripts/screenshots/main.js',
  worker: 'dist/worker/main.js',
  service: 'dist/service/main.js',
  sandbox: 'dist/sandbox/main.js',
  cli: 'dist/cli/main.js',
  configuration: 'dist/scripts/configuration/main.js',
  temporal: 'dist/scripts/temporal/main.js',
};
/**
 * The processes that are configured only by environment variables, with their descriptions. These processes have no
 * options.
 */
const processes = {
  worker: 'Runs the flows: workflows and the calls to Cyclr.',
  service: 'Runs the onboarding service: HTTP for backends and browsers, and the connect page.',
  sandbox: 'Runs the Cyclr sandbox, which answers as Cyclr does, for trials and for tests.',
};
/**
 * The commands that install missing packages. A command that is not in this list fails if packages are missing, and its
 * error names the command that installs them: a worker in production must not install packages.
 */
const installing = ['start', 'demo', 'histories', 'bench', 'faults', 'screenshots', 'test'];
const names = [...Object.keys(mains), 'test', 'histories', 'build'];
const TEST_LIMIT_MS = 3_600_000;

/** Runs the command `name`. If the command can't be started, this process ends with one message. */
export async function runCommand([name = '', ...args]) {
  try {
    if (!names.includes(name))
      fail(`Usage: node scripts/run.mjs NAME [arguments], NAME one of: ${names.join(', ')}`, 2);
    if (processes[name] && ['--help', '-h'].includes(args[0])) return showUsage(name);
    await prepare(name);
    if (name === 'test') await test(args);
    else if (name === 'histories') await recordHistories(args);
    else if (name !== 'build') become(join(root, mains[name]), args);
  } catch (error) {
    fail(error.message, error.exitCode ?? 1);
  }
}

const showUsage = (name) =>
  console.log(`Usage: npm run ${name}\n\n${processes[name]}\nVariables: docs/configuration.md`);

async function prepare(name) {
  const installs = installing.includes(name);
  if (installs ? !isInstalled(root) : !existsSync(join(root, 'node_modules'))) {
    if (!installs) throw new Error('node_modules is missing. Run: npm ci');
    await withLock(join(root, 'dist.lock'), async () => isInstalled(root) || (await install(root)));
  }
  if (isBuilt(root)) return;
  await withLock(join(root, 'dist.lock'), async () => isBuilt(root) || (await build(root)));
}

/**
 * Runs the command's `main.js` in this process, so that the command gets the signals and the terminal, and sets the
 * exit code.
 */
function become(main, args) {
  process.argv = [process.argv[0], main, ...args];
  createRequire(import.meta.url)(main);
}

/**
 * Runs Jest in a child process. When this process ends, Jest and all its children end. In watch mode, runs Jest in this
 * process, because Jest then reads the terminal.
 */
async function test(args) {
  if (args.some((arg) => arg.startsWith('--watch'))) return become(jest, args);
  const preload = ['--import', new URL('end-with-parent.mjs', import.meta.url).href];
  const options = { cwd: root, stdio: 'inherit', limitMs: TEST_LIMIT_MS };
  process.exit(await runTree(process.execPath, [...preload, jest, ...args], options));
}

/**
 * Runs the workflow tests with RECORD=1, so that they write their histories into test/histories/next/ (see
 * `Stage.record`).
 */
async function recordHistories(args) {
  process.env.RECORD = '1';
  const recording = 'test/workflows/(?!replay|read-ahead|secrecy)';
  await test(['--selectProjects', 'flows', '--testPathPatterns', recording, ...args]);
}

function fail(message, code) {
  console.error(message);
  process.exit(code);
}
