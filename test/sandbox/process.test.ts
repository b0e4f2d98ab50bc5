import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { eventually, scene, send, stopAll } from './scene';

const children: ChildProcess[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await stopAll();
});

function startProcess(env: Record<string, string>) {
  const child = fork(join(__dirname, 'typescript.mjs'), [join(__dirname, '../../sandbox/main.ts')], {
    execArgv: [],
    env: { PATH: process.env.PATH, ...env },
    silent: true,
  });
  children.push(child);
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  return { child, exited, stderr: text(child.stderr!) };
}

/** A process that listens, and the one line it has printed. */
async function startListening(env: Record<string, string> = {}) {
  const started = startProcess({ SANDBOX_PORT: '0', ...env });
  const [chunk] = await once(started.child.stdout!, 'data');
  const line = String(chunk);
  return { ...started, line, url: /http:\S+/.exec(line)?.[0] ?? '' };
}

test('prints one line that says where it is', async () => {
  const { line, url } = await startListening();

  const answer = await send({ url }, 'GET', '/_sandbox/accounts');

  expect(line).toMatch(/^Cyclr sandbox on http:\/\/127\.0\.0\.1:\d+ \(.*\)\n$/);
  expect(answer.status).toBe(200);
});

test('in a container it listens on all addresses, and is still known by that of this machine', async () => {
  const { url } = await startListening({ SANDBOX_HOST: '0.0.0.0' });

  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect((await send({ url }, 'GET', '/_sandbox/accounts')).status).toBe(200);
});

test.each(['SIGINT', 'SIGTERM'] as const)('%s ends it at once with 0, a repeated one is ignored', async (signal) => {
  const { child, exited, url } = await startListening();
  await send({ url }, 'POST', '/_sandbox/faults', { body: { match: {}, then: 'hang' } });
  const hanging = expect(send({ url }, 'GET', '/v1.0/account/connectors')).rejects.toThrow('fetch failed');
  await eventually(async () => (await send({ url }, 'GET', '/_sandbox/requests')).json.length > 0);

  child.kill(signal);
  child.kill(signal);

  expect(await exited).toBe(0);
  await hanging;
});

test('ends when its parent lets go of it', async () => {
  const { child, exited } = await startListening();

  child.disconnect();

  expect(await exited).toBe(0);
});

test('a port in use is one clear line and exit 1', async () => {
  const { sandbox } = await scene();
  const port = new URL(sandbox.url).port;

  const { exited, stderr } = startProcess({ SANDBOX_PORT: port });

  expect(await exited).toBe(1);
  expect(await stderr).toBe(`Cyclr sandbox: port ${port} is in use; set SANDBOX_PORT to another one\n`);
});

test('a port that is no port is one clear line and exit 1', async () => {
  const { exited, stderr } = startProcess({ SANDBOX_PORT: '70800' });

  expect(await exited).toBe(1);
  expect(await stderr).toBe('Cyclr sandbox: SANDBOX_PORT is no port number\n');
});
