import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from '@temporalio/client';
import { ConnectorAuth } from '../../client/connector-auth';
import { connect } from '../../temporal/connection';
import { freePort, isFree } from '../../scripts/local/ports';
import { catalogue } from '../../sandbox/catalogue';
import { eventually } from '../support/eventually';
import { freePorts, install, type Installation, type Running } from './installation';

jest.setTimeout(300_000); // this limit only ends a test that hangs

const UP = 'Ctrl-C stops everything';
const key = { accountId: 'acme', connectorId: 1002 };

/** The address 127.0.0.1 as /proc/net/tcp writes it. */
const LOOPBACK = '0100007F';

const contentOf = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // the process has ended, so /proc no longer has the file
  }
};

/** The process and all its descendants. */
function familyOf(pid: number): number[] {
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => contentOf(`/proc/${name}/stat`).split(') ')[1]?.split(' ')[1] === `${pid}`);
  return [pid, ...children.flatMap((child) => familyOf(Number(child)))];
}

/** The address and the port of each listening TCP socket of the process. */
function listeningSocketsOf(pid: number): { address: string; port: number }[] {
  const descriptors = readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`));
  const inodes = new Set(descriptors.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
  const LISTEN = '0A';
  return ['tcp', 'tcp6']
    .flatMap((table) => contentOf(`/proc/${pid}/net/${table}`).trim().split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === LISTEN && inodes.has(inode!))
    .map(([, local = '']) => ({ address: local.split(':')[0]!, port: parseInt(local.split(':')[1]!, 16) }));
}

const linkOf = (path: string): string => {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
};

const portsIn = (env: NodeJS.ProcessEnv) => Object.values(env).map(Number);
const areFree = (env: NodeJS.ProcessEnv) => Promise.all(portsIn(env).map((port) => isFree(port)));

describe('with a running local stack', () => {
  let installation: Installation;
  let env: NodeJS.ProcessEnv;
  let start: Running;
  beforeAll(async () => {
    installation = install();
    env = await freePorts();
    start = installation.run('start', env);
    await start.prints(UP);
  });
  afterAll(() => installation.remove());

  test('npm start creates .data with mode 0700, and every file in it with mode 0600', () => {
    const modeOf = (name: string) => (statSync(join(installation.folder, '.data', name)).mode & 0o777).toString(8);
    const files = ['sealing-keys.json', 'service.json', 'session-keys.json', 'running.json', 'temporal.db'];
    const logs = ['logs/temporal.log', 'logs/sandbox.log', 'logs/worker.log', 'logs/service.log'];

    expect(['.', 'logs'].map(modeOf)).toEqual(['700', '700']);
    expect([...files, ...logs].map((name) => [name, modeOf(name)])).toEqual(
      [...files, ...logs].map((name) => [name, '600']),
    );
  });

  const onLinux = process.platform === 'linux' ? test : test.skip;

  onLinux('no process of npm start has a secret in its environment or command line', () => {
    const secretsIn = (name: string) =>
      [...readFileSync(join(installation.folder, '.data', name), 'utf8').matchAll(/"(?:k|d|apiKey)": "([^"]+)"/g)].map(
        ([, secret]) => secret!,
      );
    const secrets = [...secretsIn('sealing-keys.json'), ...secretsIn('service.json')];
    const family = familyOf(start.process.pid!);
    const text = family.flatMap((pid) => [`/proc/${pid}/environ`, `/proc/${pid}/cmdline`].map(contentOf)).join('\n');

    expect(secrets).toHaveLength(3);
    expect(family.length).toBeGreaterThan(4);
    expect(text).toContain('worker/main.js');
    expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
  });

  onLinux('every port of npm start listens on 127.0.0.1 only', () => {
    const sockets = familyOf(start.process.pid!).flatMap(listeningSocketsOf);

    expect(sockets.length).toBeGreaterThan(4);
    expect(sockets.filter(({ address }) => address !== LOOPBACK)).toEqual([]);
  });

  test('npm start prints a working address of Temporal Web, and the next commands', async () => {
    const web = `http://127.0.0.1:${env.TEMPORAL_DEV_UI_PORT}/namespaces/default/workflows`;

    expect(start.output()).toContain(`Temporal Web: ${web}`);
    expect(start.output()).toContain('npm run demo');
    expect((await fetch(web)).status).toBe(200);
  });

  test('npm start prints a working link to the connect page', async () => {
    const [link = '', token = ''] = /http:\S+\/connect#session=(\S+)/.exec(start.output()) ?? [];

    const shown = await fetch(link);
    const session = await fetch(new URL('v1/session', link), { headers: { Authorization: `Bearer ${token}` } });

    expect(shown.status).toBe(200);
    expect(await session.json()).toMatchObject({ accountLabel: 'Acme Ltd', connectors: catalogue.map(() => ({})) });
  });

  test('the command line finds the local stack on ports that are not the defaults', async () => {
    const run = async (main: string, ...args: string[]) =>
      promisify(execFile)(process.execPath, [join('dist', main), ...args], { cwd: installation.folder });

    const view = await run('cli/main.js', 'view', 'acme', '1002', '--json');
    const attributes = await run('cli/main.js', 'search-attributes');

    expect(JSON.parse(view.stdout)).toMatchObject(key);
    expect(attributes.stdout).toMatch(`127.0.0.1:${env.TEMPORAL_DEV_PORT}, namespace default: `);
  });

  test('a second npm start exits with 1 and prints folder, process and addresses of the first npm start, even if the ports of the second are free', async () => {
    const second = installation.run('start', await freePorts());

    expect(await second.ended).toBe(1);
    expect(second.output()).toContain(`npm start runs already, as process ${start.process.pid}`);
    expect(second.output()).toContain(join(installation.folder, '.data'));
    expect(second.output()).toContain(`http://127.0.0.1:${env.PORT}`);
    expect(second.output()).toContain(`127.0.0.1:${env.TEMPORAL_DEV_PORT}`);
  });
});

describe('the start and stop of the local stack', () => {
  let installation: Installation;
  beforeEach(() => (installation = install()));
  afterEach(() => installation.remove());

  /** Calls `use` with a library that uses the Temporal server of `npm start`. */
  async function using<T>(env: NodeJS.ProcessEnv, use: (auth: ConnectorAuth) => Promise<T>): Promise<T> {
    const address = `127.0.0.1:${env.TEMPORAL_DEV_PORT}`;
    const connection = await connect({ address, namespace: 'default', connectionOptions: { address } });
    return use(new ConnectorAuth(new Client({ connection }))).finally(() => connection.close());
  }

  const waiting = (auth: ConnectorAuth) =>
    eventually(
      () => auth.view(key),
      ({ state }) => state === 'awaitingProperties',
    );

  test('Ctrl-C stops every process of npm start, and the next npm start continues the flows', async () => {
    const env = await freePorts();
    const first = installation.run('start', env);
    await first.prints(UP);
    const { runId } = await using(env, async (auth) => (await auth.start(key), waiting(auth)));

    first.process.kill('SIGINT');
    // After Ctrl-C the process gets two signals: the terminal sends a signal to npm and to the process, and npm
    // forwards its signal.
    first.process.kill('SIGINT');
    expect(await first.ended).toBe(0);
    const free = await areFree(env);
    const second = installation.run('start', env);
    await second.prints(UP);
    const found = await using(env, waiting);
    const applied = await using(env, (auth) =>
      auth.submitProperties(key, { submissionId: 's1', values: { Domain: 'acme' } }),
    );
    second.process.kill('SIGTERM');

    expect(free).toEqual([true, true, true, true]);
    expect(found.runId).toBe(runId);
    expect(applied.state).toBe('awaitingCredentials');
    expect(await second.ended).toBe(0);
  });

  test('npm start takes a free port for each port variable that is 0, and stops when its terminal is closed (SIGHUP)', async () => {
    const variables = ['TEMPORAL_DEV_PORT', 'TEMPORAL_DEV_UI_PORT', 'SANDBOX_PORT', 'PORT', 'HEALTH_PORT'];
    const start = installation.run('start', Object.fromEntries(variables.map((variable) => [variable, '0'])));
    await start.prints(UP);

    const addresses = [...start.output().matchAll(/127\.0\.0\.1:(\d+)/g)].map(([, port]) => port);
    start.process.kill('SIGHUP');

    expect(await start.ended).toBe(0);
    expect(new Set(addresses).size).toBeGreaterThanOrEqual(5);
    expect(addresses).not.toContain('0');
  });

  test('Ctrl-C during the start stops the processes that npm start has already started', async () => {
    const env = await freePorts();
    const start = installation.run('start', env);
    await start.prints('Temporal at');

    start.process.kill('SIGINT');

    expect(await start.ended).toBe(0);
    expect(await areFree(env)).toEqual([true, true, true, true]);
  });

  test('a second npm start during the start of the first exits with 1, and prints folder and process of the first', async () => {
    const first = installation.run('start', await freePorts());
    await eventually(
      () => existsSync(join(installation.folder, '.data', 'start.lock')),
      (isThere) => isThere,
    );
    const second = installation.run('start', await freePorts());

    expect(await second.ended).toBe(1);
    expect(second.output()).toContain(`npm start runs already, as process ${first.process.pid}`);
    expect(second.output()).toContain(join(installation.folder, '.data'));
    first.process.kill('SIGINT');
    expect(await first.ended).toBe(0);
    expect(existsSync(join(installation.folder, '.data', 'start.lock'))).toBe(false);
  });

  test('a killed npm start leaves no process behind, and its stack file does not block the next start', async () => {
    const env = await freePorts();
    const start = installation.run('start', env);
    await start.prints(UP);

    start.process.kill('SIGKILL');
    await eventually(
      () => areFree(env),
      (free) => free.every(Boolean),
    );

    const next = installation.run('start', env);
    await next.prints(UP);
  });
});

describe('faults that npm start finds before it starts a process', () => {
  let installation: Installation;
  let env: NodeJS.ProcessEnv;
  beforeEach(async () => {
    installation = install();
    env = { ...(await freePorts()), HEALTH_PORT: `${await freePort()}` };
  });
  afterEach(() => installation.remove());

  async function refusal(more: NodeJS.ProcessEnv = {}): Promise<string> {
    const start = installation.run('start', { ...env, ...more });
    expect(await start.ended).toBe(1);
    expect(start.output()).not.toMatch(/^ {2}Temporal at/m);
    return start.output();
  }

  const write = (name: string, content: string) => {
    mkdirSync(join(installation.folder, '.data'), { recursive: true });
    writeFileSync(join(installation.folder, '.data', name), content);
  };

  test('npm start fails if ports are taken, and prints one line for each port with its number and its variable', async () => {
    const variables = ['TEMPORAL_DEV_PORT', 'TEMPORAL_DEV_UI_PORT', 'SANDBOX_PORT', 'PORT', 'HEALTH_PORT'];
    const servers: Server[] = [];
    for (const variable of variables) {
      const server = createServer().listen(Number(env[variable]), '127.0.0.1');
      await once(server, 'listening');
      servers.push(server);
    }
    try {
      const lines = (await refusal()).trim().split('\n');

      expect(lines).toHaveLength(5);
      variables.forEach((variable, i) => {
        expect(lines[i]).toContain(`Port ${env[variable]} of 127.0.0.1`);
        expect(lines[i]).toContain(`set ${variable} to another port`);
      });
    } finally {
      for (const server of servers) server.close();
    }
  });

  test('npm start fails if CYCLR_API_URL is no origin, and does not print the user info of the URL', async () => {
    const output = await refusal({ CYCLR_API_URL: 'https://user:hunter2@api.cyclr.com', SANDBOX_PORT: '' });

    expect(output).toMatch(/^CYCLR_API_URL is no origin such as https:/);
    expect(output).not.toContain('hunter2');
  });

  test('npm start fails if two variables have the same port', async () => {
    expect(await refusal({ SANDBOX_PORT: env.PORT })).toContain(`are both ${env.PORT}`);
  });

  test('npm start fails if a port variable is no port number', async () => {
    expect(await refusal({ SANDBOX_PORT: 'http' })).toBe('SANDBOX_PORT is no port number.\n');
  });

  test('npm start fails if .data is a file', async () => {
    writeFileSync(join(installation.folder, '.data'), '');

    expect(await refusal()).toMatch(/\.data is a file, but .* Rename the file\.\n$/);
  });

  test.each([
    ['sealing-keys.json', '{"keys": ['],
    ['service.json', '{}'],
    ['sandbox.json', 'half a fi'],
    ['temporal.db', 'This is a text, and no database.'],
    ['running.json', '{'],
  ])(
    'npm start fails if %s in .data is broken, and prints one line with the file and the remedy',
    async (name, content) => {
      write(name, content);

      const output = await refusal();

      expect(output.trim().split('\n')).toHaveLength(1);
      expect(output).toContain(join('.data', name));
      expect(output).toMatch(/remove it|delete the file/);
      expect(readFileSync(join(installation.folder, '.data', name), 'utf8')).toBe(content);
    },
  );

  test('npm start fails if the port of the configured Temporal server is closed', async () => {
    const address = `127.0.0.1:${await freePort()}`;

    expect(await refusal({ TEMPORAL_ADDRESS: address })).toMatch(
      new RegExp(`^Temporal at ${address} does not run \\(the port is closed\\)[^\n]*\n$`),
    );
  });
});
