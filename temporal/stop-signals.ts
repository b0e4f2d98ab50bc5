/**
 * Calls `stop` once, at the first SIGINT or SIGTERM. A repeated one within 5 s is the same wish heard twice (npm hands
 * on what the whole process group got already) and does nothing; a later one means it, and kills this process.
 */
export function onStopSignal(stop: (signal: NodeJS.Signals) => void): void {
  let firstAt: number | undefined;
  const heard = (signal: NodeJS.Signals) => {
    if (firstAt === undefined) {
      firstAt = Date.now();
      stop(signal);
    } else if (Date.now() - firstAt > REPEATED_WITHIN_MS) {
      process.exit(130);
    }
  };
  process.on('SIGINT', heard);
  process.on('SIGTERM', heard);
}

const REPEATED_WITHIN_MS = 5_000;
