import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { findLocalStack, findTemporal, noteFile } from '../../temporal/local-stack';
import { temporaryFolder, write } from '../scripts/parts/scene';

const stack = {
  pid: process.pid,
  temporal: { address: '127.0.0.1:4444', namespace: 'default' },
  cyclr: { url: 'http://127.0.0.1:4445', serviceUrl: 'http://127.0.0.1:4445', sandbox: true },
  sealingKeys: '/keys.json',
  service: { url: 'http://127.0.0.1:4446', apiKey: 'marked-secret' },
};

/** A data folder with this note. */
function folderWith(note: unknown): string {
  const folder = temporaryFolder();
  write(noteFile(folder), typeof note === 'string' ? note : JSON.stringify(note));
  return folder;
}

const deadPid = () => spawnSync(process.execPath, ['--version']).pid;
const noConfigFile = () => ({ HOME: temporaryFolder() });

test('a note of a process that runs is found', () => {
  expect(findLocalStack(folderWith(stack))).toEqual(stack);
});

test('without a note, with a file as data folder, and with the note of a dead process, no stack is found', () => {
  expect(findLocalStack(temporaryFolder())).toBeUndefined();
  expect(findLocalStack(write(join(temporaryFolder(), '.data'), ''))).toBeUndefined();
  expect(findLocalStack(folderWith({ ...stack, pid: deadPid() }))).toBeUndefined();
});

test.each(['', '{"service":{"apiKey":"marked-secret"', 'null', '{}', JSON.stringify({ ...stack, temporal: {} })])(
  'a broken note fails with one line that names the file and quotes nothing: %s',
  (note) => {
    const folder = folderWith(note);

    const finding = () => findLocalStack(folder);

    expect(finding).toThrow(`${noteFile(folder)} is not a note of npm start.`);
    expect(finding).not.toThrow(/marked-secret|\n/);
  },
);

test('Temporal is that of the local stack, without the API key of another server', () => {
  const target = findTemporal({ TEMPORAL_API_KEY: 'k', TEMPORAL_DEV_PORT: '1' }, folderWith(stack));

  const { address, namespace } = stack.temporal;
  expect(target).toEqual({ address, namespace, connectionOptions: { address } });
});

test('an explicit address, namespace or profile wins over the note, which is then not read', () => {
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

test('without a variable and a stack that runs, Temporal is at its default address', () => {
  const folder = folderWith({ ...stack, pid: deadPid() });

  expect(findTemporal(noConfigFile(), folder)).toMatchObject({ address: 'localhost:7233', namespace: 'default' });
});
