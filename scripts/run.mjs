/**
 * `node scripts/run.mjs NAME [arguments]`: checks the version of Node, then runs the command NAME (commands.mjs). This
 * file must parse on old versions of Node: no optional chaining, no top-level await, no static import of other files.
 */
import { readFileSync } from 'fs';
import { fileURLToPath } from 'url';

const manifest = fileURLToPath(new URL('../package.json', import.meta.url));
const needed = JSON.parse(readFileSync(manifest, 'utf8')).engines.node; // such as >=20.19
const [major, minor] = needed.replace('>=', '').split('.').map(Number);
const [ourMajor, ourMinor] = process.versions.node.split('.').map(Number);

if (ourMajor > major || (ourMajor === major && ourMinor >= minor)) {
  import('./commands.mjs').then(({ runCommand }) => runCommand(process.argv.slice(2)));
} else {
  console.error(
    `cyclr-connect needs Node ${major}.${minor} or later, and this is Node ${process.versions.node} (${process.execPath}).`,
  );
  process.exit(1);
}
