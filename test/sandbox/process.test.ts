import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { readEnvironment } from '../../sandbox/environment';
import { eventually } from '../support/eventually';
import { scene, send, stopAll } from './scene';

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

/** Starts a process and waits for the line that it prints. */
async function startListening(env: Record<string, string> = {}) {
  const started = startProcess({ SANDBOX_PORT: '0', ...env });
  const [chunk] = await once(started.child.stdout!, 'data');
  const line = String(chunk);
  return { ...started, line, url: /http:\S+/.exec(line)?.[0] ?? '' };
}

test.each(['SIGINT', 'SIGTERM'] as const)('%s, even if repeated, ends the sandbox with exit code 0', async (signal) => {
  const { child, exited, line, url } = await startListening({ SANDBOX_HOST: '0.0.0.0' });
  await send({ url }, 'POST', '/_sandbox/faults', { body: { match: {}, then: 'hang' } });
  const hanging = expect(send({ url }, 'GET', '/v1.0/account/connectors')).rejects.toThrow('fetch failed');
  await eventually(
    () => send({ url }, 'GET', '/_sandbox/requests'),
    ({ json }) => json.length > 0,
  );

  child.kill(signal);
  child.kill(signal);

  expect(line).toMatch(/^Cyclr sandbox on http:\/\/127\.0\.0\.1:\d+ \(.*\)\n$/);
  expect(await exited).toBe(0);
  await hanging;
});

test('the sandbox ends after its parent process disconnects', async () => {
  const { child, exited } = await startListening();

  child.disconnect();

  expect(await exited).toBe(0);
});

test('a port in use gives one line on standard error and exit code 1', async () => {
  const { sandbox } = await scene();
  const port = new URL(sandbox.url).port;

  const { exited, stderr } = startProcess({ SANDBOX_PORT: port });

  expect(await exited).toBe(1);
  expect(await stderr).toBe(`Cyclr sandbox: port ${port} is in use; set SANDBOX_PORT to another one\n`);
});

test('an invalid port gives an error that names SANDBOX_PORT', () => {
  expect(() => readEnvironment({ SANDBOX_PORT: '70800' })).toThrow(/^SANDBOX_PORT is no port number$/);
});
