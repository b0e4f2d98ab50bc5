/** The log of worker and service. Each line is one JSON object with an ISO time and the level as text. */
import pino, { type DestinationStream, type Logger } from 'pino';

export interface LogOptions {
  /** The value of the field `process` in each line. */
  process: string;
  level?: pino.Level;
  /** The stream of the log. The default is standard output. */
  destination?: DestinationStream;
  /** False if each log call passes its own `time`. The log then adds no time to a line. */
  time?: boolean;
}

/**
 * Creates a log that writes JSON lines. The log writes each line at once, so that no line is lost when the process
 * ends.
 */
export const createJsonLog = ({ process, level = 'info', destination, time = true }: LogOptions): Logger =>
  pino(
    {
      level,
      base: { process },
      timestamp: time && pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination ?? standardOutput(),
  );

/** The highest number of characters that wait until standard output accepts lines again. */
const MAX_WAITING = 1024 * 1024;

/**
 * Standard output. An error, for example because the disk is full, does not end the process. Lines that can't be
 * written wait for the next line. If too many lines wait, further lines are lost.
 */
function standardOutput(): DestinationStream {
  const output = pino.destination({ sync: true, maxLength: MAX_WAITING });
  output.on('error', () => undefined);
  // A lost line also causes a try to write the waiting lines. Otherwise the log would stay silent for ever.
  output.on('drop', () => output.write(''));
  return output;
}

/**
 * Returns a function that reports the last error of a process on standard error. The function gets the message of the
 * error. If standard error is a terminal, the function writes the message as text. If not, the function writes each
 * line of the message as a JSON line of the level `fatal`.
 */
export function fatalReport(name: string): (message: string) => void {
  if (process.stderr.isTTY) return (message) => void process.stderr.write(`${name}: ${message}\n`);
  const destination = pino.destination({ fd: process.stderr.fd, sync: true });
  const log = createJsonLog({ process: name, destination });
  return (message) => message.split('\n').forEach((line) => log.fatal(line));
}
