/** Steps that build images and examine them. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compose, docker, repository, run } from './stack.mjs';

const NEW = 'cyclr-connect:new';
/** The largest number of bytes that the image may add to its base image. */
const MAX_OWN_BYTES = 65_000_000;
const ELF_ARM64 = 183;

/** Builds `cyclr-connect:new`, and `cyclr-connect:old` of the Git revision in REHEARSAL_OLD. */
export async function buildImages() {
  const { REHEARSAL_OLD } = process.env;
  await build(NEW, repository, 'new');
  if (!REHEARSAL_OLD) return build('cyclr-connect:old', repository, 'old');
  const folder = mkdtempSync(join(tmpdir(), 'cyclr-connect-old-'));
  try {
    mkdirSync(join(folder, 'files'));
    await run('git', ['archive', '-o', join(folder, 'files.tar'), REHEARSAL_OLD]);
    await run('tar', ['-xf', join(folder, 'files.tar'), '-C', join(folder, 'files')]);
    await build('cyclr-connect:old', join(folder, 'files'), REHEARSAL_OLD);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const build = async (name, folder, revision) =>
  void (await docker('build', '-q', '-t', name, '--build-arg', `REVISION=${revision}`, folder));

/**
 * Checks the size, the user and the labels of the image. Also checks that the image has no bundler and only one native
 * library, and that the command line starts.
 */
export async function checkImage() {
  const { Size, Config } = await inspect(NEW);
  const base = await inspect(Config.Labels['org.opencontainers.image.base.name']);
  const own = Size - base.Size;
  assert.ok(own <= MAX_OWN_BYTES, `the image adds ${own} bytes to its base`);
  assert.equal(Config.User, '1000');
  assert.equal(Config.Labels['org.opencontainers.image.revision'], 'new');
  const sbom = JSON.parse(await inImage('cat', 'sbom.cdx.json'));
  const names = sbom.components.map(({ group, name }) => (group ? `${group}/${name}` : name));
  assert.ok(names.includes('@temporalio/worker') && !names.includes('webpack'), names.join(' '));
  const files = await inImage('sh', '-c', 'ls node_modules/webpack node_modules/@temporalio/core-bridge/releases');
  assert.deepEqual(files.match(/\S+\.js|\S+-(linux|apple|pc)-\S+/g).sort(), ['index.js', 'x86_64-unknown-linux-gnu']);
  await inImage('node', 'dist/cli/main.js', '--help');
  return `${(Size / 1e6).toFixed(0)} MB, ${(own / 1e6).toFixed(1)} MB more than its base; ${names.length} packages`;
}

const inspect = async (image) => JSON.parse(await docker('image', 'inspect', image))[0];
const inImage = (...command) => docker('run', '--rm', NEW, ...command);

/**
 * Builds the packages for arm64, and checks the machine type in the headers of the native files. Does not run the
 * native files.
 */
export async function checkArm64() {
  const stage = ['--target', 'modules', '--build-arg', 'TARGETARCH=arm64'];
  await docker('build', '-q', '-t', 'cyclr-connect:arm64', ...stage, repository);
  const script = `for (const file of process.argv.slice(1)) console.log(fs.readFileSync(file).readUInt16LE(18))`;
  const find = `find node_modules /tini/usr/bin/tini \\( -name '*.node' -o -name '*.so*' -o -name tini \\) -type f`;
  const machines = await docker(
    'run',
    '--rm',
    '--entrypoint',
    'sh',
    'cyclr-connect:arm64',
    '-c',
    `node -e '${script}' $(${find})`,
  );
  const found = machines.split('\n');
  assert.ok(found.length >= 4 && found.every((machine) => machine === `${ELF_ARM64}`), machines);
}

/** Checks that a process without its variables ends with exit code 1 and names the missing variables. */
export async function refusesMissingVariables() {
  await refuses('worker', ['CYCLR_API_URL', 'CYCLR_CLIENT_SECRET', 'SEALING_KEYS']);
  await refuses('service', ['PUBLIC_URL', 'SERVICE_API_KEYS', 'SESSION_KEYS', 'SEALING_KEYS']);
}

async function refuses(service, variables) {
  const args = ['run', '--rm', '--no-deps', '-T', service];
  const refusal = compose(args, { CYCLR_CONNECT_IMAGE: NEW }, '/dev/null').then(
    () => '',
    (error) => error.message,
  );
  for (const variable of variables) assert.match(await refusal, new RegExp(`\\b${variable} `));
}
