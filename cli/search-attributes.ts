/** The command `search-attributes`, which registers the search attributes of the flows. */
import type { Command } from 'commander';
import { translated } from '../client/connector-auth-error';
import { registerSearchAttributes } from '../temporal/search-attributes';
import { addCommand, type JsonOption } from './arguments';
import type { Cli } from './cli';
import { print } from './output';

export function addSearchAttributesCommand(program: Command, cli: Cli): void {
  addCommand(
    program,
    'search-attributes',
    'Registers the search attributes of the flows in the namespace.',
    'Existing attributes do not change. On Temporal Cloud, the command fails, and prints the command of tcld instead.',
  ).action(async ({ json }: JsonOption) => {
    const { services, address, namespace } = await cli.server();
    const registered = await translated(() => registerSearchAttributes(services, namespace));
    const result = registered.length > 0 ? `registered ${registered.join(', ')}` : 'nothing to register';
    print(cli, json, { namespace, registered }, `${address}, namespace ${namespace}: ${result}`);
  });
}
