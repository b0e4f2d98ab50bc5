/** Whether node_modules is what package-lock.json says, and `npm ci`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runTree } from './process-tree.mjs';

/**
 * By content, since a checkout gives every file the time of the checkout: npm leaves in node_modules the list of what
 * it put there, at its end. Optional packages are for other platforms and may be missing.
 */
export function isInstalled(root) {
  const installed = packagesIn(join(root, 'node_modules', '.package-lock.json'));
  if (!installed) return false;
  const { '': _project, ...locked } = packagesIn(join(root, 'package-lock.json'));
  return (
    Object.keys(installed).every((path) => path in locked) &&
    Object.entries(locked).every(([path, wanted]) => {
      const there = installed[path];
      return there ? there.version === wanted.version && there.integrity === wanted.integrity : wanted.optional;
    })
  );
}

/** Runs `npm ci`, its output on standard error. Fails where npm does. */
export async function install(root) {
  console.error('node_modules is missing or older than package-lock.json: running npm ci …');
  const [command, ...args] = npm();
  const code = await runTree(command, [...args, 'ci', '--include=dev'], { cwd: root, stdio: ['ignore', 2, 2] });
  if (code !== 0) throw new Error(`npm ci failed (exit code ${code})`);
}

/** The npm that runs us, else the one on the PATH. */
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
