/**
 * Part of `npm pack`. Writes the type declarations of the package's exports and the ES module of the element into
 * dist/.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
execFileSync(process.execPath, [compiler, '-p', 'tsconfig.package.json'], { cwd: root, stdio: 'inherit' });

const element = join(root, 'dist', 'element');
mkdirSync(element, { recursive: true });
copyFileSync(join(root, 'dist', 'page', 'cyclr-connect.js'), join(element, 'index.mjs'));
copyFileSync(join(root, 'page', 'cyclr-connect.d.ts'), join(element, 'index.d.mts'));
