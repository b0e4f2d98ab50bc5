import { jsonOf } from '../sealing/json';
import type { Cli } from './command';
import { CliError } from './errors';
import { readJsonText } from './stdin';

/** Values of properties by name, in clear. */
export interface Values {
  [name: string]: string;
}

/** The values of `NAME=VALUE` arguments. Fails: `wrongUsage`, without quoting them. */
export function valuesIn(assignments: string[]): Values {
  const pairs = assignments.map((text): [string, string] => {
    const end = text.indexOf('=');
    if (end < 1) throw new CliError('wrongUsage', '--set takes NAME=VALUE');
    return [text.slice(0, end), text.slice(end + 1)];
  });
  if (new Set(pairs.map(([name]) => name)).size < pairs.length) throw new CliError('wrongUsage', 'a name is set twice');
  return Object.fromEntries(pairs);
}

/** The values of a JSON object on standard input. Fails: `wrongUsage` where there is nothing, `malformed`. */
export async function valuesFromStdin(cli: Pick<Cli, 'stdin'>): Promise<Values> {
  const parsed = jsonOf(await readJsonText(cli));
  const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
  if (isObject && Object.values(parsed).every((value) => typeof value === 'string')) return parsed as Values;
  throw new CliError('malformed', 'standard input is no JSON object whose values are texts');
}
