/**
 * A lock between processes. The lock is a file with the process id of its holder. The lock of an ended process has no
 * effect.
 */
import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, statSync, unlinkSync, utimes, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const BEAT_MS = 5_000;
/**
 * A lock that was not refreshed for this time is stale, even if a process with the id in the lock is running. After the
 * holder has ended, its id can belong to another program.
 */
const SILENT_MS = 60_000;

/**
 * Takes the lock at `path`, runs `action`, and releases the lock. If another process holds the lock, waits until that
 * process has released the lock, or the lock is stale.
 */
export async function withLock(path, action) {
  for (let waiting = false; !take(path); waiting = true) {
    if (dropStale(path)) continue;
    if (!waiting) console.error(`waiting for another install or build (process ${holderOf(path) ?? 'unknown'}) …`);
    await sleep(50);
  }
  const beat = setInterval(() => utimes(path, new Date(), new Date(), () => undefined), BEAT_MS);
  try {
    return await action();
  } finally {
    clearInterval(beat);
    if (holderOf(path) === process.pid) unlinkSync(path); // after a suspend of the machine, another process can hold the lock
  }
}

/**
 * Takes the lock if it is free. A hard link makes the lock, because it appears together with its content: no process
 * reads a lock without a holder.
 */
function take(path) {
  const mine = `${path}.${randomUUID()}`;
  writeFileSync(mine, String(process.pid));
  try {
    linkSync(mine, path);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    unlinkSync(mine);
  }
}

/**
 * Removes the lock if it is stale. Renames the lock first: if several processes find the same stale lock, only one of
 * them can rename it.
 */
function dropStale(path) {
  const holder = holderOf(path);
  if (holder === undefined || (isAlive(holder) && !isSilent(path))) return false;
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
    if (holderOf(aside) !== holder) linkSync(aside, path); // another process has taken the lock in the meantime, so put its lock back
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'EEXIST') throw error;
  }
  rmSync(aside, { force: true });
  return true;
}

function holderOf(path) {
  try {
    return Number(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function isSilent(path) {
  const { mtimeMs = Date.now() } = statSync(path, { throwIfNoEntry: false }) ?? {};
  return Date.now() - mtimeMs > SILENT_MS;
}
