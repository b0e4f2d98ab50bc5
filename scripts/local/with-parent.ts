/**
 * `startMain` lets each process load this file before its `main.js`. When the parent ends, this file ends the process.
 */
const STOP_MS = 20_000;

process.on('disconnect', () => {
  process.kill(process.pid, 'SIGTERM');
  setTimeout(() => process.exit(1), STOP_MS).unref();
});
process.channel?.unref(); // the open channel must not keep the process alive
