/**
 * `startMain` makes each process load this file before its `main.js`. This file ends the process when its parent
 * process ends.
 */
const STOP_MS = 20_000;

process.on('disconnect', () => {
  process.kill(process.pid, 'SIGTERM');
  setTimeout(() => process.exit(1), STOP_MS).unref();
});
process.channel?.unref(); // the open channel must not keep the process alive
