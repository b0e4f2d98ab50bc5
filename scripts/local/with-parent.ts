/**
 * Ends a process that `startMain` has started when its parent has ended. The process loads this file before its
 * `main.js`.
 */
const STOP_MS = 20_000;

process.on('disconnect', () => {
  process.kill(process.pid, 'SIGTERM');
  setTimeout(() => process.exit(1), STOP_MS).unref();
});
process.channel?.unref(); // the open channel must not keep the process alive
