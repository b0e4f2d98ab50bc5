/** The command that exports the audit of an account. */
import type { Command } from 'commander';
import { isTime } from '../client/audit';
import { accountIdAt, addCommand } from './arguments';
import type { Cli } from './cli';
import { CliError } from './errors';
import { print } from './output';

export function addAuditCommand(program: Command, cli: Cli): void {
  addCommand(
    program,
    'audit',
    'Exports the entries of all runs of an account, the oldest run first: a line of JSON for each entry.',
  )
    .argument('<account>', 'id of the account in Cyclr', accountIdAt('<account>'))
    .option('--from <time>', 'only runs that started at this time or later, in ISO 8601', timeAt('--from'))
    .option('--to <time>', 'only runs that started before this time, in ISO 8601', timeAt('--to'))
    .action(async (accountId: string, { from, to }: { from?: string; to?: string }) => {
      for await (const entry of (await cli.flows()).audit({ accountId, from, to })) print(cli, true, entry, '');
    });
}

/** The parser of an option that takes a time. Fails: `wrongUsage`. */
const timeAt =
  (option: string) =>
  (text: string): string => {
    if (isTime(text)) return text;
    throw new CliError('wrongUsage', `${option} takes a time in ISO 8601 such as 2026-01-31T12:00:00Z`);
  };
