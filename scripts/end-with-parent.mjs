/**
 * Ends a Jest worker when its parent process is killed. Without this file, the worker would run its test file to the
 * end. The option `--import` loads this file into Jest, and also into its workers, because the workers inherit the
 * options of Jest. This file does not listen on the IPC channel to the parent: a listener would keep an idle worker
 * alive.
 */
import { isMainThread } from 'node:worker_threads';

const LOOK_MS = 500;
const parent = process.ppid;

function look() {
  if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
}

if (isMainThread) setInterval(look, LOOK_MS).unref();
