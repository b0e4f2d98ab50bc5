/** A small project with the real scripts, lockfile and packages, so that a test can build it and break it. */
import { copyFileSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder, write } from './scene';

export const repository = join(__dirname, '..', '..', '..');

/** Creates the project in a temporary folder. If `installed` is false, the project has no node_modules. */
export function project({ installed = true } = {}): string {
  const root = temporaryFolder();
  mkdirSync(join(root, 'scripts'));
  for (const name of readdirSync(join(repository, 'scripts')).filter((name) => name.endsWith('.mjs'))) {
    copyFileSync(join(repository, 'scripts', name), join(root, 'scripts', name));
  }
  for (const name of ['package.json', 'package-lock.json', 'tsconfig.json']) {
    copyFileSync(join(repository, name), join(root, name));
  }
  const include = ['workflows', 'worker', 'client', 'scripts', 'bench']; // bench/ is missing in this project, as in a container image
  const settings = { extends: './tsconfig.json', compilerOptions: { types: [] }, include, exclude: ['page'] };
  write(join(root, 'tsconfig.build.json'), JSON.stringify(settings));
  write(join(root, 'workflows', 'index.ts'), 'export async function nothing(): Promise<void> {}\n');
  write(join(root, 'workflows', 'interceptors.ts'), 'export const interceptors = () => ({});\n');
  page(root);
  worker(root, 'console.log(JSON.stringify(process.argv.slice(1)));');
  if (installed) symlinkSync(join(repository, 'node_modules'), join(root, 'node_modules'));
  return root;
}

function page(root: string): void {
  const folder = 'page';
  for (const name of ['element', 'page', 'return']) write(join(root, folder, `${name}.ts`), 'export const made = 1;\n');
  write(join(root, 'sealing', 'seal.ts'), 'export const sealed = 1;\n');
  copyFileSync(join(repository, folder, 'vite.config.mjs'), join(root, folder, 'vite.config.mjs'));
}

/** Writes `code` to worker/main.ts, with declarations of the globals that the code can use. */
export const worker = (root: string, code: string) =>
  write(join(root, 'worker', 'main.ts'), `declare const console: any, process: any, setInterval: any;\n${code}\n`);
