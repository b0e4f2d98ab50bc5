import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { startProxy } from '../../scripts/faults/proxy';
import { expectations } from '../../scripts/user/expectations';
import { freePorts, install, type Installation } from './installation';

let installation: Installation;
beforeEach(() => (installation = install()));
afterEach(() => installation.remove());
jest.setTimeout(600_000); // this limit only ends a test that hangs

const allEnded = `${Object.keys(expectations).length} of ${Object.keys(expectations).length} connectors ended as expected.`;
const leftovers = () => readdirSync(tmpdir()).filter((name) => name.startsWith('cyclr-connect-demo-'));

test('without a running stack, npm run demo starts a stack on the task queue of TASK_QUEUE, and every flow ends as expected', async () => {
  const before = leftovers();
  const demo = installation.run('demo', { TASK_QUEUE: 'demo-queue' });

  const code = await demo.ended;

  expect(demo.output()).toContain('Worker on task queue demo-queue');
  expect(demo.output()).toContain(allEnded);
  expect(demo.output()).toContain('✓ onboarding completed, cycle active');
  expect(demo.output()).toMatch(/✓ (\d+) of \1 final events received and verified/);
  expect(demo.output()).not.toContain('Warning');
  expect(code).toBe(0);
  expect(leftovers().filter((name) => !before.includes(name))).toEqual([]);
});

test('npm run demo uses the running stack of npm start, and can be repeated', async () => {
  const start = installation.run('start', await freePorts());
  await start.prints('Ctrl-C stops everything');

  const first = installation.run('demo');
  await first.ended;
  const second = installation.run('demo');
  await second.ended;

  for (const { output } of [first, second]) expect(output()).toContain(allEnded);
  expect([await first.ended, await second.ended]).toEqual([0, 0]);
});

test('npm run demo continues after Temporal gave no answer for longer than the time limit of a call', async () => {
  const proxy = await startProxy(process.env.TEST_TEMPORAL_ADDRESS!);
  const demo = installation.run('demo', { TEMPORAL_ADDRESS: proxy.address });
  try {
    await demo.prints(/→/);
    proxy.hold();
    await demo.prints('The demo tries again.');
    proxy.restore();

    expect(await demo.ended).toBe(0);
    expect(demo.output()).toContain(allEnded);
  } finally {
    await proxy.close();
  }
});

test('npm run demo -- --life-after shows a break of a connection, the event, the new consent and the restoration', async () => {
  const before = leftovers();
  const demo = installation.run('demo', {}, ['--life-after']);

  const code = await demo.ended;

  const steps = demo.output().match(/^[✓✗] \d.*$/gm) ?? [];
  const expected = [
    /^✓ 1 connect .* authenticated$/,
    /^✓ 2 monitor .* connected,/,
    /^✓ 3 break .* Authenticated: false$/,
    /^✓ 4 webhook .* 204$/,
    /^✓ 5 event .*connection.broken is received .* broken$/,
    /^✓ 6 session .* reauthenticate$/,
    /^✓ 7 consent .* authenticated$/,
    /^✓ 8 event .*connection.restored is received .* connected$/,
    /^✓ 9 answer .* connected,/,
  ];
  expect(steps).toEqual(expected.map((step) => expect.stringMatching(step)));
  expect(code).toBe(0);
  expect(leftovers().filter((name) => !before.includes(name))).toEqual([]);
});

test('Ctrl-C during the start of the stack ends npm run demo with 130, and removes its folder', async () => {
  const before = leftovers();
  const demo = installation.run('demo');
  await demo.prints('Temporal at');

  demo.process.kill('SIGINT');

  expect(await demo.ended).toBe(130);
  expect(demo.output()).not.toContain('Onboarding service at');
  expect(leftovers().filter((name) => !before.includes(name))).toEqual([]);
});

test('npm run demo -- --help describes --life-after, and any other argument exits with 2', async () => {
  const [help, unknown] = [['--help'], ['--life-before']].map((args) => installation.run('demo', {}, args));

  expect([await help!.ended, await unknown!.ended]).toEqual([0, 2]);
  for (const { output } of [help!, unknown!]) expect(output()).toContain('npm run demo -- --life-after');
});
