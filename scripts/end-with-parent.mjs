/**
 * Loaded before Jest, and so before its workers, which inherit the options of Node: a worker whose parent is killed would
 * otherwise run its test file to the end. (An open IPC channel can't tell: a listener for its end would keep an idle
 * worker alive.)
 */
import { isMainThread } from 'node:worker_threads';

const LOOK_MS = 500;
const parent = process.ppid;

function look() {
  if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
}

if (isMainThread) setInterval(look, LOOK_MS).unref();
