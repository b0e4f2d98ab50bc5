import { join } from 'node:path';
import { connect, cyclrConfig, programName, taskQueueOf } from '../../cli/config';
import { freePort } from '../../scripts/local/ports';
import { stackFile } from '../../temporal/local-stack';
import { temporaryFolder, write } from '../scripts/parts/scene';
import { folderOfStack } from './scene';

const temporalAt = (address: string) => ({ temporal: { address, namespace: 'default' } });
const closedAddress = async () => `127.0.0.1:${await freePort()}`;

test('the command line uses the Temporal server of the local stack, and the error for a closed port names the address and the remedy', async () => {
  const address = await closedAddress();

  const connecting = connect({ env: {}, cwd: folderOfStack(temporalAt(address)) });

  await expect(connecting).rejects.toMatchObject({
    code: 'temporalUnavailable',
    message: expect.stringMatching(
      new RegExp(`^Temporal at ${address} does not run .* set TEMPORAL_ADDRESS .*server\\.$`),
    ),
  });
});

test('TEMPORAL_ADDRESS overrides the local stack, and if npm runs the command, the error also names npm start', async () => {
  const address = await closedAddress();
  const env = { TEMPORAL_ADDRESS: address, npm_lifecycle_event: 'cli', npm_package_name: 'cyclr-connect' };

  const connecting = connect({ env, cwd: folderOfStack(temporalAt(await closedAddress())) });

  await expect(connecting).rejects.toThrow(new RegExp(`Temporal at ${address} .* npm start$`));
});

test('a stack file that is not valid causes a configuration error of one line', async () => {
  const cwd = temporaryFolder();
  const file = write(stackFile(join(cwd, '.data')), '{"service":{"apiKey":"marked-secret"}}');

  const failure = await connect({ env: {}, cwd }).catch((err: Error) => err);

  expect(failure).toMatchObject({ code: 'configuration', message: expect.stringContaining(file) });
  expect(String(failure)).not.toMatch(/marked-secret|\n/);
});

test('the task queue and the sandbox of the local stack are the defaults, unless TEMPORAL_ADDRESS names another server', async () => {
  const cwd = folderOfStack();
  const elsewhere = { TEMPORAL_ADDRESS: await closedAddress() };

  expect(await taskQueueOf({ env: {}, cwd })).toBe('connector-auth-local');
  expect(await taskQueueOf({ env: { TASK_QUEUE: 'connector-auth-eu' }, cwd })).toBe('connector-auth-eu');
  expect(await taskQueueOf({ env: elsewhere, cwd })).toBe('connector-auth');
  expect(await cyclrConfig({ env: {}, cwd })).toMatchObject({ apiUrl: 'http://127.0.0.1:2' });
  await expect(cyclrConfig({ env: elsewhere, cwd })).rejects.toMatchObject({ code: 'configuration' });
});

test.each([
  [{ npm_lifecycle_event: 'cli', npm_package_name: 'cyclr-connect' }, '/app/dist/cli/main.js', 'npm run cli --'],
  [{ npm_lifecycle_event: 'cli', npm_package_name: 'adopter' }, '/x/node_modules/.bin/cyclr-connect', 'cyclr-connect'],
  [{ npm_lifecycle_event: 'npx' }, '/x/node_modules/.bin/cyclr-connect', 'npx cyclr-connect'],
  [{}, '/usr/local/bin/cyclr-connect', 'cyclr-connect'],
  [{}, '/app/dist/cli/main.js', 'node dist/cli/main.js'],
])('with the variables %j and the main file %s, hints contain the program name %s', (env, main, name) => {
  expect(programName({ env, cwd: '/app' }, main)).toBe(name);
});
