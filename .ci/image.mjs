/**
 * Builds what the Dockerfile describes, without a container engine: each stage is a folder, and its COPY and RUN
 * instructions are carried out there. The context has exactly what `.dockerignore` allows, so that a file which is
 * missing there fails this build as it fails the build of the image.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** Returns the folder of the last stage, in which its processes run. Fails with the output of a command that fails. */
export function buildImage(root, folder) {
  const context = contextOf(root, join(folder, 'context'));
  const stages = {};
  let stage;
  for (const [instruction, text] of instructionsIn(readFileSync(join(root, 'Dockerfile'), 'utf8'))) {
    if (instruction === 'FROM') stage = newStage(folder, stages, text);
    else if (instruction === 'WORKDIR') mkdirSync((stage.workFolder = join(stage.folder, text)), { recursive: true });
    else if (instruction === 'COPY') copy(text.split(/\s+/), { context, stages, stage });
    // The commands of the last stage need root: packages of the system, owners of folders.
    else if (instruction === 'RUN' && stage.name) run(text, stage.workFolder);
    else if (instruction === 'ARG') assert.match(text, new RegExp(`^NODE_IMAGE=node:${nodeMajor()}\\.`));
  }
  return stage.workFolder;
}

/** CI runs on the version of Node that the image has. */
const nodeMajor = () => process.versions.node.split('.')[0];

/** Pairs of an instruction and its text. */
function instructionsIn(dockerfile) {
  const code = dockerfile.replace(/^#.*\n/gm, '').replace(/\\\n/g, ' ');
  return [...code.matchAll(/^([A-Z]+) (.*)$/gm)].map(([, instruction, text]) => [instruction, text.trim()]);
}

/** The file must be a list of top-level names that are allowed: then it is easy to copy what it allows. */
function contextOf(root, context) {
  const lines = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n');
  const [first, ...allowed] = lines.filter((line) => line !== '' && !line.startsWith('#'));
  assert.equal(first, '*', '.dockerignore ignores everything first');
  mkdirSync(context, { recursive: true });
  for (const line of allowed) {
    assert.match(line, /^![\w.-]+$/, '.dockerignore allows top-level names');
    cpSync(join(root, line.slice(1)), join(context, line.slice(1)), { recursive: true });
  }
  return context;
}

function newStage(folder, stages, text) {
  const [, name] = /^\S+ AS (\w+)$/.exec(text) ?? [];
  const stage = { name, folder: join(folder, `stage-${name ?? 'last'}`) };
  if (name) stages[name] = stage;
  return stage;
}

function copy(words, { context, stages, stage }) {
  const [, name] = /^--from=(\w+)$/.exec(words[0]) ?? [];
  const sources = name ? words.slice(1, -1) : words.slice(0, -1);
  const target = join(stage.workFolder, words.at(-1));
  for (const source of sources) {
    const from = name ? join(stages[name].folder, source) : join(context, source);
    const into = source === '.' || !words.at(-1).endsWith('/') ? target : join(target, basename(source));
    assert.ok(existsSync(from), `COPY ${words.join(' ')}: there is no ${source}`);
    cpSync(from, into, { recursive: true, verbatimSymlinks: true });
  }
}

function run(command, cwd) {
  console.log(`RUN ${command}`);
  execFileSync('sh', ['-c', command], { cwd, stdio: ['ignore', 'inherit', 'inherit'] });
}
