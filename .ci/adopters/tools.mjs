/** Projects of adopters in a temporary folder, and programs that run in them. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const sources = dirname(fileURLToPath(import.meta.url));
export const root = dirname(dirname(sources));
/** The temporary folder. The program that imports this file removes the folder. */
export const folder = mkdtempSync(join(tmpdir(), 'cyclr-connect-adopters-'));
const LIMIT_MS = 600_000; // only a program that hangs reaches this limit

export const jsonIn = (file) => JSON.parse(readFileSync(file, 'utf8'));
export const versionOf = (project, name) => jsonIn(join(project, 'node_modules', name, 'package.json')).version;

/** The number of cases that have failed. */
export const result = { failed: 0 };

/** Runs a case and prints its line. A failed case does not stop the other cases. */
export async function check(name, run) {
  const started = Date.now();
  try {
    await run();
    console.log(`pass  ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  } catch (error) {
    result.failed++;
    console.log(`FAIL  ${name}\n${textOf(error)}`);
  }
}

const textOf = ({ stdout = '', stderr = '', message }) => stdout + stderr || message;

/** Runs a program and returns its standard output. Fails if its exit code is not 0. */
export async function run(command, args, { cwd = folder, env = {} } = {}) {
  const options = { cwd, env: { ...process.env, ...env }, timeout: LIMIT_MS, maxBuffer: 64 * 1024 * 1024 };
  return (await promisify(execFile)(command, args, options)).stdout;
}

export const node = (args, options) => run(process.execPath, args, options);

/**
 * Runs a program, by default Node, while `use` runs. The function `use` starts when the program prints a line that matches
 * `ready`.
 */
export async function whileRunning(args, { cwd, env, program = process.execPath }, ready, use) {
  const child = spawn(program, args, { cwd, env: { ...process.env, ...env } });
  const exited = once(child, 'exit');
  const lines = [];
  const isReady = new Promise((resolve) => {
    for (const input of [child.stdout, child.stderr])
      createInterface({ input }).on('line', (line) => {
        lines.push(line);
        if (ready.test(line)) resolve();
      });
  });
  try {
    const ended = exited.then(() => Promise.reject(new Error('the program has ended')));
    await Promise.race([isReady, ended]);
    await use();
  } catch (error) {
    throw new Error(`${textOf(error)}\n${lines.slice(-20).join('\n')}`);
  } finally {
    child.kill();
    await exited;
  }
}

/** Fails if the text lacks one of the lines. */
export function expectLines(text, lines) {
  for (const line of lines)
    if (!text.split('\n').some((printed) => printed.trim() === line))
      throw new Error(`"${line}" is missing in:\n${text}`);
}

/** Packs the package that `npm publish` would publish. Returns the path of the tarball. */
export async function pack() {
  const printed = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: root });
  return join(folder, JSON.parse(printed.slice(printed.indexOf('[\n')))[0].filename);
}

/**
 * Creates a project with these packages. Uses the packages in npm's cache if possible. Returns the path of the project.
 */
export async function install(name, packages, options = []) {
  const path = join(folder, name);
  mkdirSync(path);
  writeFileSync(join(path, 'package.json'), JSON.stringify({ name, version: '1.0.0', private: true }));
  const quiet = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
  await run('npm', ['install', ...quiet, ...options, ...packages], { cwd: path });
  return path;
}

export const tsc = (project, compiler, cwd, args = []) =>
  node([join(project, 'node_modules', compiler, 'bin', 'tsc'), ...args], { cwd });

/** Copies a source of this folder into a project. */
export const copySource = (name, path) => cpSync(join(sources, name), path);

/** Compiles a source as an ES module. If the settings allow `import` in CommonJS, also compiles it as CommonJS. */
export async function compile(project, compiler, source, { extends: inherited, ...options }) {
  const path = mkdtempSync(join(project, 'compile-'));
  const kinds = options.verbatimModuleSyntax ? ['mts'] : ['mts', 'cts'];
  for (const kind of kinds) copySource(source, join(path, source.replace(/ts$/, kind)));
  const config = { ...(inherited && { extends: inherited }), compilerOptions: { ...options, noEmit: true } };
  writeFileSync(join(path, 'tsconfig.json'), JSON.stringify(config));
  await tsc(project, compiler, path);
}

/** Compiles a source with the settings that `tsc --init` writes. */
export async function compileInit(project, compiler, source) {
  const path = mkdtempSync(join(project, 'init-'));
  copySource(source, join(path, source.replace(/ts$/, 'mts')));
  await tsc(project, compiler, path, ['--init']);
  await tsc(project, compiler, path, ['--noEmit']);
}

/**
 * Copies a folder of `examples/` into a project, and compiles the copy with the packages of the project. Returns the
 * path of the copy.
 */
export async function example(project, name) {
  const path = join(project, name);
  cpSync(join(root, 'examples', name), path, { recursive: true });
  await tsc(project, 'typescript', path);
  return path;
}
