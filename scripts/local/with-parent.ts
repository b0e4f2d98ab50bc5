/** Loaded before a main that `startMain` starts: the process ends when its parent is gone. */
const STOP_MS = 20_000;

process.on('disconnect', () => {
  process.kill(process.pid, 'SIGTERM');
  setTimeout(() => process.exit(1), STOP_MS).unref();
});
process.channel?.unref(); // the open channel alone keeps no process alive
