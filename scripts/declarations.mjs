/** `npm pack`: writes the declarations of the package's doors into dist/. */
import { execFileSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
execFileSync(process.execPath, [compiler, '-p', 'tsconfig.package.json'], { cwd: root, stdio: 'inherit' });
copyFileSync(join(root, 'page', 'cyclr-connect.d.ts'), join(root, 'dist', 'page', 'cyclr-connect.d.ts'));
