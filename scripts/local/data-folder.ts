/** The data folder of a stack, with keys, flows and logs. The data folder of `npm start` is `.data`. */
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { State } from '../../sandbox/state';
import { generateKey, privateKeysOf } from '../../sealing/keys';
import { newServiceKeys, type ServiceKeys } from './settings';

export interface DataFolder {
  logFolder: string;
  /** The data files of the Temporal dev server and of the sandbox. */
  temporalFile: string;
  sandboxFile: string;
  /** The file of the private sealing keys. */
  sealingKeysFile: string;
  serviceKeys: ServiceKeys;
}

/**
 * Creates the folder and its keys at the first use. Later calls use the same keys. If a file of an earlier start can't
 * be used, the call fails with one line that names the file and the remedy.
 */
export async function openDataFolder(folder: string): Promise<DataFolder> {
  const logFolder = makeDataFolder(folder);
  const [temporalFile, sandboxFile, sealingKeysFile, serviceFile] = [
    join(folder, 'temporal.db'),
    join(folder, 'sandbox.json'),
    join(folder, 'sealing-keys.json'),
    join(folder, 'service.json'),
  ];
  check(temporalFile, isDatabase, 'no SQLite database', 'without flows');
  check(sandboxFile, isSandboxState, 'no data of the sandbox', 'with the accounts of a new sandbox');
  if (!existsSync(sealingKeysFile)) writePrivate(sealingKeysFile, { keys: [await generateKey()] });
  await privateKeysOf(textOf(sealingKeysFile)).catch(({ message }: Error) => {
    throw unusable(sealingKeysFile, `no private JWK set (${message})`, 'with new sealing keys');
  });
  if (!existsSync(serviceFile)) writePrivate(serviceFile, newServiceKeys());
  check(serviceFile, isServiceKeys, 'no file of the keys of the service', 'with new keys');
  const serviceKeys = JSON.parse(textOf(serviceFile)) as ServiceKeys;
  const sessionKeysFile = join(folder, 'session-keys.json');
  writePrivate(sessionKeysFile, serviceKeys.sessionKeys);
  return { logFolder, temporalFile, sandboxFile, sealingKeysFile, serviceKeys: { ...serviceKeys, sessionKeysFile } };
}

/**
 * Creates the data folder and its folder of logs, for their owner only. Returns the folder of logs. Fails with one line
 * if `folder` is a file.
 */
export function makeDataFolder(folder: string): string {
  if (existsSync(folder) && !statSync(folder).isDirectory())
    throw new Error(
      `${folder} is a file, but the data of npm start is kept in a folder of this name. Rename the file.`,
    );
  const logFolder = join(folder, 'logs');
  mkdirSync(logFolder, { recursive: true });
  chmodSync(folder, 0o700); // so no other user can open the files below, whatever their modes are
  return logFolder;
}

function check(file: string, isUsable: (file: string) => boolean, isNo: string, startsWith: string): void {
  if (existsSync(file) && !isUsable(file)) throw unusable(file, isNo, startsWith);
}

const unusable = (file: string, isNo: string, startsWith: string): Error =>
  new Error(`${file} is ${isNo}. Restore the file; or remove it: npm start then starts ${startsWith}.`);

const SQLITE_HEADER = 'SQLite format 3\0';

function isDatabase(file: string): boolean {
  if (!statSync(file).isFile()) return false;
  const start = Buffer.alloc(SQLITE_HEADER.length);
  const opened = openSync(file, 'r');
  try {
    return readSync(opened, start) === 0 || start.toString('latin1') === SQLITE_HEADER;
  } finally {
    closeSync(opened);
  }
}

const isSandboxState = (file: string): boolean => State.safeParse(jsonIn(file)).success;

function isServiceKeys(file: string): boolean {
  const { apiKey, sessionKeys } = Object(jsonIn(file)) as Partial<ServiceKeys>;
  return typeof apiKey === 'string' && Array.isArray(sessionKeys?.keys) && sessionKeys.keys.length > 0;
}

function jsonIn(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** Writes a JSON file that only its owner can read. If the write fails, the file keeps its old content. */
export function writePrivate(file: string, content: object): void {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(content, undefined, 2), { mode: 0o600 });
  renameSync(draft, file);
}
