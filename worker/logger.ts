import { DefaultLogger, type Logger } from '@temporalio/worker';
import pino from 'pino';

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
  'name',
  'at',
] as const;

/** Writes the SDK's log as JSON lines on standard output: allow-listed fields, and type and message of errors. */
export function createLogger(level: keyof typeof levels = 'INFO', destination?: pino.DestinationStream): Logger {
  const log = pino(
    { level: levels[level], base: { process: 'worker' } },
    destination ?? pino.destination({ sync: true }),
  );
  return new DefaultLogger(level, ({ level, message, meta = {} }) => {
    const fields = Object.fromEntries(allowed.flatMap((name) => (name in meta ? [[name, meta[name]]] : [])));
    log[levels[level]]({ ...fields, ...errorOf(meta.error) }, message);
  });
}

const errorOf = (error: unknown): { error?: { type: string; message: string } } =>
  error instanceof Error
    ? { error: { type: 'type' in error ? String(error.type) : error.name, message: error.message } }
    : {};
