import type { Cli } from './command';
import { CliError } from './errors';

const MAX_INPUT_BYTES = 1024 * 1024;

/** The whole standard input as text. Fails: `malformed` where it is over 1 MiB or not UTF-8. */
export async function readAll({ stdin }: Pick<Cli, 'stdin'>): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stdin) {
    chunks.push(Buffer.from(chunk));
    length += chunk.length;
    if (length > MAX_INPUT_BYTES) throw new CliError('malformed', 'standard input is over 1 MiB');
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new CliError('malformed', 'standard input is not UTF-8');
  }
}

/** As {@link readAll}, for input that must be given: empty is `wrongUsage`. A byte order mark, as PowerShell adds, is dropped. */
export async function readJsonText(cli: Pick<Cli, 'stdin'>): Promise<string> {
  const text = (await readAll(cli)).replace(/^\uFEFF/, '');
  if (text.trim() === '')
    throw new CliError('wrongUsage', 'nothing was given, neither as an argument nor on standard input');
  return text;
}
