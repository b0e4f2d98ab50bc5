import { DefaultLogger, type Logger } from '@temporalio/worker';
import type { DestinationStream } from 'pino';
import { createJsonLog } from '../temporal/log';

const levels = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;

export type LogLevel = keyof typeof levels;

/** The fields that a log line may have. All other fields are dropped. */
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
  'type',
  'eventId',
  'targets',
] as const;

/** Writes the SDK's log as JSON lines: allow-listed fields, and type and message of errors. */
export function createLogger(level: LogLevel = 'INFO', destination?: DestinationStream): Logger {
  const log = createJsonLog({ process: 'worker', level: levels[level], destination, time: false });
  return new DefaultLogger(level, ({ level, timestampNanos, message, meta = {} }) => {
    const time = new Date(Number(timestampNanos / 1_000_000n)).toISOString();
    const fields = Object.fromEntries(allowed.flatMap((name) => (name in meta ? [[name, meta[name]]] : [])));
    log[levels[level]]({ time, ...fields, ...errorOf(meta.error) }, message);
  });
}

const errorOf = (error: unknown): { error?: { type: string; message: string } } =>
  error instanceof Error
    ? { error: { type: 'type' in error ? String(error.type) : error.name, message: error.message } }
    : {};
