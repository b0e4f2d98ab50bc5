/**
 * Ends a Jest worker when its parent is killed. Otherwise the worker would run its test file to the end. `--import`
 * loads this file into Jest and, by inherited options, into its workers. This file does not use a listener on the IPC
 * channel: such a listener would keep an idle worker alive.
 */
import { isMainThread } from 'node:worker_threads';

const LOOK_MS = 500;
const parent = process.ppid;

function look() {
  if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
}

if (isMainThread) setInterval(look, LOOK_MS).unref();
