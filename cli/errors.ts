import { ConnectorAuthError } from '../client/connector-auth-error';
import { KeySetError } from '../sealing/keys';
import { SealingError } from '../sealing/seal';
import type { ExitCode } from './command';
import { oneLine } from './render';

/**
 * What the command line itself refuses. `wrongUsage`: the arguments; `interrupted`: the user; `configuration`: the
 * environment; `malformed`: what was read from standard input; `notNow`: the flow asks for something else.
 */
export type CliErrorCode = 'wrongUsage' | 'interrupted' | 'configuration' | 'malformed' | 'notNow';

export class CliError extends Error {
  override readonly name = 'CliError';
  constructor(
    readonly code: CliErrorCode,
    message: string,
  ) {
    super(message);
  }
}

const exitCodes: Record<CliErrorCode, ExitCode> = {
  wrongUsage: 2,
  interrupted: 130,
  configuration: 1,
  malformed: 1,
  notNow: 1,
};

/** The exit code of an error. */
export const exitCodeOf = (err: unknown): ExitCode => (err instanceof CliError ? exitCodes[err.code] : 1);

/** The error as `code: message`, on one line. */
export const lineOf = (err: unknown): string =>
  oneLine(`${codeOf(err)}: ${err instanceof Error ? err.message : String(err)}`);

function codeOf(err: unknown): string {
  if (err instanceof CliError || err instanceof ConnectorAuthError || err instanceof SealingError) return err.code;
  return err instanceof KeySetError ? 'invalidKeys' : 'unexpected';
}
