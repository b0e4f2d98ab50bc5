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

test('without a running stack, npm run demo starts a stack, and every flow ends as expected', async () => {
  const before = leftovers();
  const demo = installation.run('demo');

  const code = await demo.ended;

  expect(demo.output()).toContain(allEnded);
  expect(demo.output()).not.toContain('Warning');
  expect(code).toBe(0);
  expect(leftovers()).toEqual(before);
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
