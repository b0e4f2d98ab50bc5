import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { findLocalStack, findTemporal, stackFile } from '../../temporal/local-stack';
import { temporaryFolder, write } from '../scripts/parts/scene';

const stack = {
  pid: process.pid,
  taskQueue: 'connector-auth',
  temporal: { address: '127.0.0.1:4444', namespace: 'default' },
  cyclr: { url: 'http://127.0.0.1:4445', serviceUrl: 'http://127.0.0.1:4445', sandbox: true },
  sealingKeys: '/keys.json',
  service: { url: 'http://127.0.0.1:4446', apiKey: 'marked-secret' },
};

/** Makes a data folder whose stack file contains `content`. */
function folderWith(content: unknown): string {
  const folder = temporaryFolder();
  write(stackFile(folder), typeof content === 'string' ? content : JSON.stringify(content));
  return folder;
}

const deadPid = () => spawnSync(process.execPath, ['--version']).pid;
const noConfigFile = () => ({ HOME: temporaryFolder() });

test('findLocalStack returns the stack if the process that the stack file names is running', () => {
  expect(findLocalStack(folderWith(stack))).toEqual(stack);
});

test('findLocalStack finds no stack if there is no stack file, if the data folder is a file, or if the process has ended', () => {
  expect(findLocalStack(temporaryFolder())).toBeUndefined();
  expect(findLocalStack(write(join(temporaryFolder(), '.data'), ''))).toBeUndefined();
  expect(findLocalStack(folderWith({ ...stack, pid: deadPid() }))).toBeUndefined();
});

test.each(['', '{"service":{"apiKey":"marked-secret"', 'null', '{}', JSON.stringify({ ...stack, temporal: {} })])(
  'a stack file that is not valid causes an error of one line with the path of the file and without its content: %s',
  (content) => {
    const folder = folderWith(content);

    const finding = () => findLocalStack(folder);

    expect(finding).toThrow(`${stackFile(folder)} is not valid.`);
    expect(finding).not.toThrow(/marked-secret|\n/);
  },
);

test('findTemporal returns the server of the local stack, without the API key of another server', () => {
  const target = findTemporal({ TEMPORAL_API_KEY: 'k', TEMPORAL_DEV_PORT: '1' }, folderWith(stack));

  const { address, namespace } = stack.temporal;
  expect(target).toEqual({ address, namespace, connectionOptions: { address } });
});

test('findTemporal does not read the stack file if address, namespace or profile are set', () => {
  const TEMPORAL_CONFIG_FILE = write(
    join(temporaryFolder(), 'temporal.toml'),
    '[profile.default]\naddress = "by-file:1"\n[profile.away]\naddress = "by-profile:1"\n',
  );
  const folder = folderWith('broken');

  expect(findTemporal({ TEMPORAL_ADDRESS: 'by-variable:1' }, folder).address).toBe('by-variable:1');
  expect(findTemporal({ TEMPORAL_CONFIG_FILE }, folder).address).toBe('by-file:1');
  expect(findTemporal({ TEMPORAL_CONFIG_FILE, TEMPORAL_PROFILE: 'away' }, folder).address).toBe('by-profile:1');
  expect(findTemporal({ TEMPORAL_NAMESPACE: 'mine' }, folderWith(stack))).toMatchObject({
    address: '127.0.0.1:4444',
    namespace: 'mine',
  });
});

test('without variables and without a running stack, findTemporal returns the default address', () => {
  const folder = folderWith({ ...stack, pid: deadPid() });

  expect(findTemporal(noConfigFile(), folder)).toMatchObject({ address: 'localhost:7233', namespace: 'default' });
});
