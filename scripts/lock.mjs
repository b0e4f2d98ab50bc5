/** A lock between processes that outlives none of them: a file with the holder's process id in it. */
import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, statSync, unlinkSync, utimes, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const BEAT_MS = 5_000;
const SILENT_MS = 60_000; // the process id of a holder that died long ago may be another's by now

/** Runs `action` while no other process holds the lock at `path`. A dead holder's lock is taken over. */
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
    if (holderOf(path) === process.pid) unlinkSync(path); // a machine that slept may have lost it
  }
}

/** A link appears with its content: nobody ever reads a lock that has no holder yet. */
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

/** Moved aside before it is removed: of several that see it stale, one alone gets it. */
function dropStale(path) {
  const holder = holderOf(path);
  if (holder === undefined || (isAlive(holder) && !isSilent(path))) return false;
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
    if (holderOf(aside) !== holder) linkSync(aside, path); // a new holder was faster: it gets its lock back
    unlinkSync(aside);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
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
