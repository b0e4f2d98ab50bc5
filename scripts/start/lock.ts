/** The lock of a data folder: only one `npm start` uses a folder at a time. */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive } from '../../temporal/local-stack';

/** The path of the lock in the data folder. The file has the process id of the `npm start` that holds the lock. */
export const lockFile = (folder: string): string => join(folder, 'start.lock');

/**
 * Takes the lock of the data folder, and returns a function that releases it. Takes over the lock of a process that has
 * ended. If another process holds the lock, fails with the error that `refusal` makes of its process id.
 */
export function takeLock(folder: string, refusal: (pid: number) => Error): () => void {
  const file = lockFile(folder);
  const mine = `${file}.${process.pid}`;
  writeFileSync(mine, `${process.pid}`, { mode: 0o600 });
  try {
    // A hard link appears together with its content, so no process reads a lock without a process id.
    while (!succeeds(() => linkSync(mine, file), 'EEXIST')) {
      const pid = holderOf(file);
      if (pid > 0 && pid !== process.pid && isAlive(pid)) throw refusal(pid);
      dropStale(file, pid);
    }
  } finally {
    rmSync(mine, { force: true });
  }
  return () => rmSync(file, { force: true });
}

/** Removes a stale lock. Renames it first: if two processes find the same lock, only one of them can rename it. */
function dropStale(file: string, stale: number): void {
  const aside = `${file}.${process.pid}.stale`;
  if (!succeeds(() => renameSync(file, aside), 'ENOENT')) return;
  if (holderOf(aside) !== stale) succeeds(() => linkSync(aside, file), 'EEXIST'); // the lock is new, so put it back
  rmSync(aside, { force: true });
}

/** The process id in the lock. -1 if there is no lock, or no process id in it. */
function holderOf(file: string): number {
  try {
    return Number(readFileSync(file, 'utf8')) || -1;
  } catch {
    return -1;
  }
}

/** Returns false if `act` fails with this error code. */
function succeeds(act: () => void, otherwise: string): boolean {
  try {
    act();
    return true;
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === otherwise) return false;
    throw err;
  }
}
