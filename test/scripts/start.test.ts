import { createServer } from 'node:net';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import { ConnectorAuth } from '../../client/connector-auth';
import { connect } from '../../temporal/connection';
import { isFree } from '../../scripts/local/ports';
import { catalogue } from '../../sandbox/catalogue';
import { eventually } from '../support/eventually';
import { freePorts, install, type Installation } from './installation';

let installation: Installation;
beforeEach(() => (installation = install()));
afterEach(() => installation.remove());
jest.setTimeout(60_000);

const fernhill = { accountId: 'acme', connectorId: 1002 };

/** Uses the library on the Temporal that `npm start` has started. */
async function using<T>(env: NodeJS.ProcessEnv, use: (auth: ConnectorAuth) => Promise<T>): Promise<T> {
  const address = `127.0.0.1:${env.TEMPORAL_DEV_PORT}`;
  const connection = await connect({ address, namespace: 'default', connectionOptions: { address } });
  return use(new ConnectorAuth(new Client({ connection }))).finally(() => connection.close());
}

const waiting = (auth: ConnectorAuth) =>
  eventually(
    () => auth.view(fernhill),
    ({ state }) => state === 'awaitingProperties',
  );

test('everything comes up, Ctrl-C stops all of it, and the next start finds its flows again', async () => {
  const env = await freePorts();
  const first = installation.run('start', env);
  await first.says('Ctrl-C stops everything');
  const { runId } = await using(env, async (auth) => (await auth.start(fernhill), waiting(auth)));

  first.process.kill('SIGINT');
  first.process.kill('SIGINT'); // npm hands on what the terminal has sent to the whole group already
  expect(await first.ended).toBe(0);
  const free = await Promise.all(Object.values(env).map((port) => isFree(Number(port))));
  const second = installation.run('start', env);
  await second.says('Ctrl-C stops everything');
  const found = await using(env, waiting);
  const applied = await using(env, (auth) =>
    auth.submitProperties(fernhill, { submissionId: 's1', values: { Domain: 'acme' } }),
  );
  second.process.kill('SIGTERM');

  expect(free).toEqual([true, true, true, true]);
  expect(found.runId).toBe(runId);
  expect(applied.state).toBe('awaitingCredentials');
  expect(await second.ended).toBe(0);
});

test('the keys are made at the first start, for their owner alone', async () => {
  const running = installation.run('start', await freePorts());
  await running.says('Ctrl-C stops everything');

  const { mode } = statSync(join(installation.folder, '.data', 'sealing-keys.json'));

  expect(mode & 0o777).toBe(0o600);
});

test('it says where Temporal Web is and what to try next', async () => {
  const env = await freePorts();
  const running = installation.run('start', env);
  await running.says('Ctrl-C stops everything');

  const web = `http://127.0.0.1:${env.TEMPORAL_DEV_UI_PORT}/namespaces/default/workflows`;

  expect(running.output()).toContain(`Temporal Web: ${web}`);
  expect(running.output()).toContain('npm run demo');
  expect((await fetch(web)).status).toBe(200);
});

test('it prints a link to the connect page that works', async () => {
  const running = installation.run('start', await freePorts());
  await running.says('Ctrl-C stops everything');
  const [link = '', token = ''] = /http:\S+\/connect#session=(\S+)/.exec(running.output()) ?? [];

  const shown = await fetch(link);
  const session = await fetch(new URL('v1/session', link), { headers: { Authorization: `Bearer ${token}` } });

  expect(shown.status).toBe(200);
  expect(await session.json()).toMatchObject({ accountLabel: 'Acme Ltd', connectors: catalogue.map(() => ({})) });
  expect(statSync(join(installation.folder, '.data', 'service.json')).mode & 0o777).toBe(0o600);
});

test.each(['TEMPORAL_DEV_PORT', 'TEMPORAL_DEV_UI_PORT', 'SANDBOX_PORT', 'PORT'])(
  'a port in use is a clear message, and leaves nothing running (%s)',
  async (variable) => {
    const env = await freePorts();
    const other = createServer().listen(Number(env[variable]), '127.0.0.1');
    await once(other, 'listening');
    try {
      const running = installation.run('start', env);

      const code = await running.ended;

      expect(code).toBe(1);
      expect(running.output()).toContain(env[variable]);
      expect(running.output()).toContain(variable);
      const rest = Object.entries(env).filter(([name]) => name !== variable);
      expect(await Promise.all(rest.map(([, port]) => isFree(Number(port))))).toEqual([true, true, true]);
    } finally {
      other.close();
    }
  },
);

test('a Ctrl-C while it starts stops what has started', async () => {
  const env = await freePorts();
  const running = installation.run('start', env);
  await running.says('Temporal at');

  running.process.kill('SIGINT');

  expect(await running.ended).toBe(0);
  expect(await Promise.all(Object.values(env).map((port) => isFree(Number(port))))).toEqual([true, true, true, true]);
});
