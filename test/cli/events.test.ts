import { PassThrough } from 'node:stream';
import { Webhook } from 'standardwebhooks';
import type { ListedEvent, ShownEvent } from '../../client/answers';
import { ConnectorAuthError } from '../../client/connector-auth-error';
import type { EventBody } from '../../workflows/events';
import { eventually } from '../support/eventually';
import { createSecret } from '../support/receiver';
import { cli } from './scene';

const sentAt = '2026-01-31T12:00:00.000Z';
const event = (id: string, parts: Partial<ListedEvent> = {}): ListedEvent => ({
  id,
  type: 'connector.waiting',
  accountId: 'acme',
  state: 'delivered',
  sentAt,
  ...parts,
});
const body = {
  type: 'connector.waiting',
  timestamp: sentAt,
  data: { id: 'run.1', sequence: 1, accountId: 'ac\u001bme' },
} as EventBody;

/** The events that the fake library lists: one on the first page, one on the second page. */
const found = [event('run.1'), event('run.final', { type: 'connector.failed', state: 'undelivered', accountId: 'Two\nlines' })]; // prettier-ignore
const events = async ({ page }: { page?: string } = {}) =>
  page === 'more' ? { items: found.slice(1) } : { items: found.slice(0, 1), next: 'more' };

test('events list prints a table of the events of all pages, and sends every filter with each page', async () => {
  const filters = ['--account', 'acme', '--type', 'connector.failed', '--state', 'undelivered'];

  const { exitCode, stdout, stderr, calls } = await cli(['events', 'list', ...filters], { answers: { events } });

  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(stdout.split('\n')).toEqual([
    'SENT                      STATE        TYPE               ACCOUNT    ID',
    `${sentAt}  delivered    connector.waiting  acme       run.1`,
    `${sentAt}  undelivered  connector.failed   Two lines  run.final`,
    '',
  ]);
  const filter = { accountId: 'acme', type: 'connector.failed', state: 'undelivered', pageSize: 1000 };
  expect(calls.map(({ args }) => args)).toEqual([[filter], [{ ...filter, page: 'more' }]]);
});

test('events list --json prints each event as one line of JSON, and nothing if there is no event', async () => {
  const none = { answers: { events: async () => ({ items: [] }) } };

  const { stdout } = await cli(['events', 'list', '--json'], { answers: { events } });

  const lines = stdout.trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line))).toEqual(found);
  expect(await cli(['events', 'list', '--json'], none)).toMatchObject({ exitCode: 0, stdout: '', stderr: '' });
  expect(await cli(['events', 'list'], none)).toMatchObject({ exitCode: 0, stdout: '', stderr: 'no event found\n' });
});

test.each([
  ['--type', 'connector.unknown'],
  ['--state', 'lost'],
])('events list refuses the unknown value of %s', async (option, value) => {
  expect(await cli(['events', 'list', option, value])).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining(option),
    calls: [],
  });
});

test('events show prints the event with its body and the last failure of its posts', async () => {
  const shown: ShownEvent = { ...found[0]!, targets: ['default'], posts: [{ attempt: 2, lastFailure: 'Target "default" answered 500' }], body }; // prettier-ignore

  const { exitCode, stdout, calls } = await cli(['events', 'show', 'run.1'], { answers: { event: async () => shown } });

  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout)).toEqual(shown);
  expect(stdout).not.toContain('\u001b');
  expect(calls).toEqual([{ name: 'event', args: ['run.1'] }]);
});

test('events redeliver prints the event, or the code of the error', async () => {
  const again = event('run.1', { state: 'pending' });
  const unknown = () => Promise.reject(new ConnectorAuthError('notStarted', 'No such event.'));

  const done = await cli(['events', 'redeliver', 'run.1'], { answers: { redeliver: async () => again } });
  const failed = await cli(['events', 'redeliver', 'run.2'], { answers: { redeliver: unknown } });

  expect(done).toMatchObject({ exitCode: 0, stdout: `${sentAt}  pending  connector.waiting  acme  run.1\n` });
  expect(done.calls).toEqual([{ name: 'redeliver', args: ['run.1'] }]);
  expect(failed).toMatchObject({ exitCode: 1, stdout: '', stderr: 'notStarted: No such event.\n' });
});

describe('events listen', () => {
  /** Runs `events listen` with the arguments `more`, calls `use`, and stops the command when `use` has ended. */
  async function listening(
    use: (url: string, secret: string) => Promise<void>,
    env: NodeJS.ProcessEnv = {},
    more: string[] = [],
  ) {
    // prettier-ignore
    const stop = new AbortController();
    const stderr = new PassThrough();
    let noted = '';
    stderr.on('data', (chunk) => (noted += String(chunk)));
    const running = cli(['events', 'listen', '--port', '0', ...more], { env, signal: stop.signal, stderr });
    const [, url, secret = ''] = await eventually(
      () => /WEBHOOK_URL=(\S+) (?:WEBHOOK_SECRETS=(\S+))?.*\n/.exec(noted)!,
      (match) => match !== null,
    );
    await use(url!, secret).finally(() => stop.abort());
    return { ...(await running), stderr: noted };
  }

  const post = (url: string, secret: string, text = JSON.stringify(body)) => {
    const now = new Date();
    const headers = {
      'webhook-id': 'run.1',
      'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
      'webhook-signature': new Webhook(secret).sign('run.1', now, text),
    };
    return fetch(url, { method: 'POST', headers, body: text });
  };

  test('the command events listen answers a signed event with 204 and prints it, and a wrongly signed event with 401', async () => {
    const statuses: number[] = [];

    const { exitCode, stdout, stderr } = await listening(async (url, secret) => {
      statuses.push((await post(url, secret)).status);
      statuses.push((await post(url, createSecret())).status);
      statuses.push((await fetch(url)).status);
      statuses.push((await post(url, secret, 'x'.repeat(2 * 1024 * 1024 + 1))).status);
    });

    expect(exitCode).toBe(130); // 130 means interrupted, the usual end of this command
    expect(statuses).toEqual([204, 401, 401, 413]);
    expect(stdout).toMatch(/^2026-01-31T12:00:00.000Z {2}connector.waiting {2}ac me {2}run.1\n$/);
    expect(stdout).not.toContain('\u001b');
    expect(stderr.match(/A request without a valid signature was answered with 401/g)).toHaveLength(2);
  });

  test('the command events listen verifies with each secret of WEBHOOK_SECRETS, prints no secret, and prints the event as JSON with --json', async () => {
    const [old, fresh] = [createSecret(), createSecret()];
    const statuses: number[] = [];

    const { stdout, stderr } = await listening(
      async (url) => {
        for (const secret of [old, fresh]) statuses.push((await post(url, secret)).status);
      },
      { WEBHOOK_SECRETS: `${old}, ${fresh}` },
      ['--json'],
    );

    expect(statuses).toEqual([204, 204]);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual([body, body]);
    expect(stderr).toContain('the same WEBHOOK_SECRETS');
    for (const secret of [old, fresh]) expect(stdout + stderr).not.toContain(secret);
  });

  test.each(['http', '65536', '-1'])('the command events listen refuses the port %p', async (port) => {
    expect(await cli(['events', 'listen', `--port=${port}`])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('--port takes a port number'),
    });
  });
});
