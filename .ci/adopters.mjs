/**
 * `node .ci/adopters.mjs`: packs this project, installs it into empty projects as adopters do, compiles and runs it
 * there, and runs `examples/`. Prints one line for each case. Exits with 1 if a case fails.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import {
  check,
  compile,
  compileInit,
  copySource,
  example,
  expectLines,
  folder,
  install,
  jsonIn,
  node,
  pack,
  result,
  root,
  run,
  versionOf,
  whileRunning,
} from './adopters/tools.mjs';

const require = createRequire(import.meta.url);
const peers = jsonIn(join(root, 'package.json')).peerDependencies;
/**
 * The oldest version of the SDK that `peerDependencies` allows. If a project names no version, npm installs the newest
 * SDK.
 */
const OLDEST_SDK = peers['@temporalio/worker'].replace('^', '');
const TYPESCRIPT = 'typescript@7.0.2';
const PREVIOUS_TYPESCRIPT = 'typescript-previous@npm:typescript@6.0.3';
const NODE_TYPES = '@types/node@20.19.43';
const strict = { target: 'es2022', strict: true, skipLibCheck: true, types: ['node'] };

async function main() {
  const tarball = await pack();
  await Promise.all([
    packageChecks(tarball).then(() => withoutTemporal(tarball)),
    newestSdk(tarball).then(() => oldestSdk(tarball)),
  ]);
}

async function packageChecks(tarball) {
  const path = await install('checks', ['publint@0.3.25', '@arethetypeswrong/cli@0.18.5']);
  const bin = (name) => join(path, 'node_modules', '.bin', name);
  await check('publint', () => run(bin('publint'), ['run', tarball, '--strict', '--pack', 'false']));
  // The element is an ES module for browsers, so a CommonJS program must load it by `import`, and not by `require`.
  const options = ['--profile', 'node16', '--ignore-rules', 'cjs-resolves-to-esm', '--no-color'];
  await check('attw', () => run(bin('attw'), [tarball, ...options]));
}

/** Compiles and runs `./http` and `./element` in a project that has no package of Temporal. */
async function withoutTemporal(tarball) {
  const path = await install('http', [tarball, TYPESCRIPT, NODE_TYPES], ['--legacy-peer-deps']);
  copySource('doors.cjs', join(path, 'doors.cjs'));
  await check('http without @temporalio: run', () => node(['doors.cjs', 'cyclr-connect/http'], { cwd: path }));
  await check('http without @temporalio: compile without skipLibCheck', () =>
    compile(path, 'typescript', 'backend.ts', { ...strict, module: 'nodenext', skipLibCheck: false }),
  );
}

async function newestSdk(tarball) {
  const packages = ['@tsconfig/strictest@2.0.8', NODE_TYPES, '@types/express@5.0.6', 'express@5.3.0'];
  const path = await install('newest', [tarball, TYPESCRIPT, PREVIOUS_TYPESCRIPT, ...packages]);
  copySource('doors.cjs', join(path, 'doors.cjs'));
  await check('require and import give the same named exports', () => node(['doors.cjs'], { cwd: path }));
  await Promise.all([
    compileAll(path, 'typescript').then(() => compileAll(path, 'typescript-previous')),
    withStack(async (env) => {
      await flows(path, env);
      await check('examples/express', () => expressBackend(path, env));
      await check('examples/python', () => pythonClient(env));
    }),
  ]);
}

async function compileAll(path, compiler) {
  const version = `TypeScript ${versionOf(path, compiler)}`;
  const settings = {
    strictest: { extends: '@tsconfig/strictest/tsconfig.json', module: 'nodenext', target: 'es2022' },
    verbatimModuleSyntax: { ...strict, module: 'nodenext', verbatimModuleSyntax: true },
    exactOptionalPropertyTypes: { ...strict, module: 'nodenext', exactOptionalPropertyTypes: true },
    bundler: { ...strict, module: 'esnext', moduleResolution: 'bundler' },
    nodenext: { ...strict, module: 'nodenext' },
  };
  await check(`tsc --init, ${version}`, () => compileInit(path, compiler, 'adopter.ts'));
  for (const [name, options] of Object.entries(settings))
    await check(`${name}, ${version}`, () => compile(path, compiler, 'adopter.ts', options));
}

async function oldestSdk(tarball) {
  const sdk = Object.keys(peers).map((name) => `${name}@${OLDEST_SDK}`);
  const path = await install('oldest', [tarball, ...sdk, TYPESCRIPT, NODE_TYPES]);
  await check(`nodenext, SDK ${OLDEST_SDK}`, () =>
    compile(path, 'typescript', 'adopter.ts', { ...strict, module: 'nodenext' }),
  );
  await withStack(async (env) => {
    await flows(path, env);
    await check('docs/messages.md: its commands and its Python', () => documentedMessages(env));
  });
}

/** Starts a local stack and calls `use` with the variables that let the examples find the stack. */
async function withStack(use) {
  const { startStack } = require(join(root, 'dist', 'scripts', 'local', 'stack.js'));
  const { cyclrOf } = require(join(root, 'dist', 'scripts', 'local', 'settings.js'));
  const { temporal, cyclr, service, sealingKeys, stop } = await startStack({
    folder: mkdtempSync(join(folder, 'stack-')),
    say: () => undefined,
  });
  const { clientId, clientSecret } = cyclrOf(cyclr.url);
  try {
    await use({
      TEMPORAL_ADDRESS: temporal.address,
      SEALING_KEYS: sealingKeys,
      CYCLR_API_URL: cyclr.url,
      CYCLR_SERVICE_URL: cyclr.serviceUrl,
      CYCLR_CLIENT_ID: clientId,
      CYCLR_CLIENT_SECRET: clientSecret,
      SERVICE_URL: service.url,
      SERVICE_API_KEY: service.apiKey,
    });
  } finally {
    await stop();
  }
}

async function flows(path, env) {
  const sdk = `SDK ${versionOf(path, '@temporalio/worker')}`;
  await check(`examples/temporal-app: own workflows and the plugin, ${sdk}`, () => temporalApp(path, env));
  copySource('flow.cjs', join(path, 'flow.cjs'));
  await check(`createWorker with the bundle of the package, ${sdk}`, async () =>
    expectLines(await node(['flow.cjs'], { cwd: path, env }), ['connector 1004: authenticated']),
  );
}

/** Checks that docs/library.md has the code of the example. */
function documentedWorkflow() {
  const page = readFileSync(join(root, 'docs', 'library.md'), 'utf8');
  const blocks = [...page.matchAll(/```ts\n\/\/ (activities|workflows)\.ts\n(.*?)```/gs)];
  const copies = blocks.filter(([, , code]) => !code.startsWith('export * from'));
  for (const [, file, code] of copies) {
    const source = readFileSync(join(root, 'examples', 'temporal-app', `${file}.ts`), 'utf8');
    const parts = code.trim().split('\n\n');
    if (!parts.every((part) => source.includes(part)))
      throw new Error(`docs/library.md has other code than examples/temporal-app/${file}.ts`);
  }
  if (copies.length !== 2) throw new Error(`docs/library.md has ${copies.length} copies of the example`);
}

async function temporalApp(path, env) {
  documentedWorkflow();
  const cwd = await example(path, 'temporal-app');
  await whileRunning(['worker.js'], { cwd, env }, /state: 'RUNNING'/, async () =>
    expectLines(await node(['client.js'], { cwd, env }), ['connector 2001: authenticated', 'orders: 2']),
  );
}

async function expressBackend(path, env) {
  const { freePort } = require(join(root, 'dist', 'scripts', 'local', 'ports.js'));
  const cwd = await example(path, 'express');
  const PORT = `${await freePort()}`;
  const url = `http://127.0.0.1:${PORT}`;
  await whileRunning(['server.js'], { cwd, env: { ...env, PORT, WEBHOOK_SECRETS } }, /^http/, async () => {
    const { status, headers } = await fetch(`${url}/connect`, { method: 'POST', redirect: 'manual' });
    const location = headers.get('location') ?? '';
    if (status !== 303 || !location.startsWith(`${env.SERVICE_URL}/connect#session=`))
      throw new Error(`POST /connect was answered ${status}, location ${location}`);
    const listed = await (await fetch(`${url}/connectors`)).json();
    if (!Array.isArray(listed)) throw new Error(`GET /connectors was answered ${JSON.stringify(listed)}`);
    await receivesEvents(`${url}/events`);
  });
}

const [third, secret, unknown] = [7, 8, 9].map((byte) => `whsec_${Buffer.alloc(32, byte).toString('base64')}`);
const WEBHOOK_SECRETS = `${third}, ${secret}`;

/** Checks that a receiver accepts a large signed event, and refuses an event with a wrong signature. */
async function receivesEvents(url) {
  const { Webhook } = require('standardwebhooks');
  const text = 'Müller '.repeat(200_000);
  const body = JSON.stringify({ type: 'connector.waiting', data: { id: 'run.1', text } });
  const post = async (by) => {
    const headers = {
      'webhook-id': 'run.1',
      'webhook-timestamp': `${Math.floor(Date.now() / 1000)}`,
      'webhook-signature': new Webhook(by).sign('run.1', new Date(), body),
    };
    return (await fetch(url, { method: 'POST', headers, body })).status;
  };
  const statuses = [await post(secret), await post(unknown)];
  if (`${statuses}` !== '204,401') throw new Error(`the receiver answered ${statuses}`);
}

/**
 * Checks that the commands in docs/messages.md work, and that the Python code in docs/messages.md equals the code of
 * the example.
 */
async function documentedMessages(env) {
  const page = readFileSync(join(root, 'docs', 'messages.md'), 'utf8');
  const [, commands] = /```sh\n(.*?)```/s.exec(page);
  const timeline = await run('bash', ['-euo', 'pipefail', '-c', commands], { cwd: root, env });
  if (!timeline.includes('credentialsApplied')) throw new Error(`the flow is not authenticated:\n${timeline}`);
  const [, python] = /```python\n(.*?)```/s.exec(page);
  if (!readFileSync(join(root, 'examples', 'python', 'connect.py'), 'utf8').includes(python))
    throw new Error('docs/messages.md has other Python than examples/python/connect.py');
}

async function pythonClient(env) {
  const [venv, sources] = [join(folder, 'venv'), join(root, 'examples', 'python')];
  const python = join(venv, 'bin', 'python');
  await run('python3', ['-m', 'venv', venv]);
  await run(python, ['-m', 'pip', 'install', '-q', '-r', join(sources, 'requirements.txt')]);
  expectLines(await run(python, [join(sources, 'connect.py')], { env }), [
    "asks for: ['Domain']",
    'rejected: notSealed',
    'answer: awaitingCredentials refused',
    'answer: authenticated',
    'result: authenticated',
    'result: cancelled',
  ]);
  await pythonReceiver(python, sources);
}

/** Checks that the Python receiver works, and that it contains the code in docs/events.md. */
async function pythonReceiver(python, sources) {
  const { freePort } = require(join(root, 'dist', 'scripts', 'local', 'ports.js'));
  const PORT = `${await freePort()}`;
  const env = { PORT, WEBHOOK_SECRETS };
  const file = join(sources, 'receiver.py');
  await whileRunning([file], { cwd: sources, env, program: python }, /^http/, () =>
    receivesEvents(`http://127.0.0.1:${PORT}`),
  );
  const [, documented] = /```python\n(.*?)```/s.exec(readFileSync(join(root, 'docs', 'events.md'), 'utf8'));
  if (!readFileSync(file, 'utf8').includes(documented))
    throw new Error('docs/events.md has other Python than examples/python/receiver.py');
}

try {
  await main();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(result.failed === 0 ? 'All cases pass.' : `${result.failed} cases fail.`);
process.exitCode = result.failed === 0 ? 0 : 1;
