import { ConnectorAuthError, type ConnectorAuthErrorCode } from '../client/connector-auth-error';
import { KeySetError } from '../sealing/keys';
import { SealingError } from '../sealing/seal';
import { ConfigError } from '../temporal/environment';

/**
 * The exit codes: 0 success, 1 failed or refused, 2 wrong usage, 130 interrupted. 3, only with --wait: the flow did not
 * end as `authenticated`, or the onboarding did not end as `completed`.
 */
export type ExitCode = 0 | 1 | 2 | 3 | 130;

/**
 * `wrongUsage`: an argument or option is wrong. `interrupted`: the user has pressed Ctrl-C or Ctrl-D. `configuration`:
 * an environment variable or a file of the local stack is wrong. `malformed`: standard input is wrong. `cyclr`: Cyclr
 * refuses the account, or gives no usable answer. All other codes come from the library.
 */
export type CliErrorCode =
  'wrongUsage' | 'interrupted' | 'configuration' | 'malformed' | 'cyclr' | ConnectorAuthErrorCode;

/**
 * An error of the command line. The message quotes no argument and no input, because arguments and inputs can be
 * secrets.
 */
export class CliError extends Error {
  override readonly name = 'CliError';
  constructor(
    readonly code: CliErrorCode,
    message: string,
  ) {
    super(message);
  }
}

/** The exit code of an error. */
export function exitCodeOf(err: unknown): ExitCode {
  if (!(err instanceof CliError)) return 1;
  return err.code === 'wrongUsage' ? 2 : err.code === 'interrupted' ? 130 : 1;
}

/** The code of an error for the output. `unexpected` for an error without a code. */
export function codeOf(err: unknown): string {
  if (err instanceof CliError || err instanceof ConnectorAuthError || err instanceof SealingError) return err.code;
  if (err instanceof ConfigError) return 'configuration';
  return err instanceof KeySetError ? 'invalidKeys' : 'unexpected';
}
