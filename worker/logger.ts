import { DefaultLogger, Runtime, type Logger } from '@temporalio/worker';
import type { DestinationStream } from 'pino';
import { createJsonLog } from '../temporal/log';

const levels = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;

/** The fields that a log line may have. All others are dropped. */
const allowed = [
  'sdkComponent',
  'taskQueue',
  'workflowId',
  'workflowType',
  'runId',
  'activityType',
  'attempt',
  'durationMs',
  'code',
  'purpose',
  'kid',
  'accounts',
  'name',
  'at',
] as const;

/** Writes the SDK's log as JSON lines: allow-listed fields, and type and message of errors. */
export function createLogger(level: keyof typeof levels = 'INFO', destination?: DestinationStream): Logger {
  const log = createJsonLog({ process: 'worker', level: levels[level], destination, time: false });
  return new DefaultLogger(level, ({ level, timestampNanos, message, meta = {} }) => {
    const time = new Date(Number(timestampNanos / 1_000_000n)).toISOString();
    const fields = Object.fromEntries(allowed.flatMap((name) => (name in meta ? [[name, meta[name]]] : [])));
    log[levels[level]]({ time, ...fields, ...errorOf(meta.error) }, message);
  });
}

/**
 * Installs the SDK's runtime with this logger, which also gets the lines of the SDK's native core: by default core
 * prints them itself, as coloured text. The SDK's own signal hook is off, because it ends the process at a second
 * signal.
 */
export function installRuntime(logger: Logger): void {
  const logging = { forward: {}, filter: { core: 'WARN', other: 'ERROR' } } as const;
  Runtime.install({ logger, shutdownSignals: [], telemetryOptions: { logging } });
}

const errorOf = (error: unknown): { error?: { type: string; message: string } } =>
  error instanceof Error
    ? { error: { type: 'type' in error ? String(error.type) : error.name, message: error.message } }
    : {};
