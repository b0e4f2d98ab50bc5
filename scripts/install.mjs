/** Finds out whether node_modules has the packages of package-lock.json, and installs them with `npm ci`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runTree } from './process-tree.mjs';

/**
 * True if node_modules has the packages of package-lock.json. At the end of an installation, npm writes a list of the
 * installed packages into node_modules. This function compares this list with package-lock.json. (The times of the
 * files can't be used, because a checkout changes all times.) Optional packages may be missing, because they are for
 * other platforms.
 */
export function isInstalled(root) {
  const installed = packagesIn(join(root, 'node_modules', '.package-lock.json'));
  if (!installed) return false;
  const { '': _project, ...locked } = packagesIn(join(root, 'package-lock.json'));
  return (
    Object.keys(installed).every((path) => path in locked) &&
    Object.entries(locked).every(([path, wanted]) => {
      const found = installed[path];
      return found ? found.version === wanted.version && found.integrity === wanted.integrity : wanted.optional;
    })
  );
}

/** Runs `npm ci` with its output on standard error. Fails if npm fails. */
export async function install(root) {
  console.error('node_modules is missing or older than package-lock.json: running npm ci …');
  const [command, ...args] = npm();
  const code = await runTree(command, [...args, 'ci', '--include=dev'], { cwd: root, stdio: ['ignore', 2, 2] });
  if (code !== 0) throw new Error(`npm ci failed (exit code ${code})`);
}

/**
 * Returns the command of the npm that runs this script. If no npm runs this script, returns `npm`, which is searched on
 * the PATH.
 */
function npm() {
  const script = process.env.npm_execpath;
  return script?.endsWith('npm-cli.js') ? [process.execPath, script] : ['npm'];
}

function packagesIn(lockfile) {
  try {
    return JSON.parse(readFileSync(lockfile, 'utf8')).packages;
  } catch {
    return undefined;
  }
}
