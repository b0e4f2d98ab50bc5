/** Loaded before a main that `startProcess` starts: it ends with its parent, even if that was killed. */
const STOP_MS = 20_000;

process.on('disconnect', () => {
  process.kill(process.pid, 'SIGTERM');
  setTimeout(() => process.exit(1), STOP_MS).unref();
});
process.channel?.unref(); // waiting for this keeps no process alive
