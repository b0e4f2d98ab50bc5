/**
 * Builds the image of the Dockerfile without a container engine: each stage is a folder, in which its COPY and RUN
 * instructions are executed. The build context has only the files that `.dockerignore` allows, so a missing entry there
 * fails this build, too.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** Returns the working folder of the last stage. Fails with the output of the first command that fails. */
export function buildImage(root, folder) {
  const context = contextOf(root, join(folder, 'context'));
  const stages = {};
  let stage;
  for (const [instruction, text] of instructionsIn(readFileSync(join(root, 'Dockerfile'), 'utf8'))) {
    if (instruction === 'FROM') stage = newStage(folder, stages, text);
    else if (instruction === 'WORKDIR') mkdirSync((stage.workFolder = join(stage.folder, text)), { recursive: true });
    else if (instruction === 'COPY') copy(text.split(/\s+/), { context, stages, stage });
    // The RUN commands of the last stage need root, so they are skipped: system packages, owners of folders.
    else if (instruction === 'RUN' && stage.name) run(text, stage.workFolder);
    else if (instruction === 'ARG') assert.match(text, new RegExp(`^NODE_IMAGE=node:${nodeMajor()}\\.`));
  }
  return stage.workFolder;
}

/** The major version of this Node: it must be that of the image. */
const nodeMajor = () => process.versions.node.split('.')[0];

/** Pairs of an instruction and its text. */
function instructionsIn(dockerfile) {
  const code = dockerfile.replace(/^#.*\n/gm, '').replace(/\\\n/g, ' ');
  return [...code.matchAll(/^([A-Z]+) (.*)$/gm)].map(([, instruction, text]) => [instruction, text.trim()]);
}

/** Copies the files that `.dockerignore` allows. The file must have `*` first, then allowed top-level names only. */
function contextOf(root, context) {
  const lines = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n');
  const [first, ...allowed] = lines.filter((line) => line !== '' && !line.startsWith('#'));
  assert.equal(first, '*', 'the first line of .dockerignore must be *');
  mkdirSync(context, { recursive: true });
  for (const line of allowed) {
    assert.match(line, /^![\w.-]+$/, '.dockerignore must allow top-level names only');
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
