/** The process: registers our search attributes on the server that TEMPORAL_* names, else on that of `npm start`. */
import { join } from 'node:path';
import { connectAtOnce, TemporalUnavailable } from '../../temporal/connection';
import { findTemporal } from '../../temporal/local-stack';
import { registerSearchAttributes, searchAttributeNames } from '../../temporal/search-attributes';

const help = `Usage: npm run search-attributes

Registers the search attributes that the workflows set (${searchAttributeNames.join(', ')}; type Keyword)
in the namespace that TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE, or a profile (TEMPORAL_PROFILE), name; without them
in that of the stack that npm start runs here. Attributes that exist already stay as they are.`;

async function main(args: string[]): Promise<number> {
  if (args.length > 0) {
    const asked = args[0] === '--help' || args[0] === '-h';
    (asked ? console.log : console.error)(help);
    return asked ? 0 : 2;
  }
  const target = findTemporal(process.env, join(process.cwd(), '.data'));
  const connection = await connectAtOnce(target);
  try {
    const added = await registerSearchAttributes(connection, target.namespace);
    const what = added.length > 0 ? `registered ${added.join(', ')}` : 'all search attributes were there already';
    console.log(`${target.address}, namespace ${target.namespace}: ${what}`);
    return 0;
  } finally {
    await connection.close();
  }
}

main(process.argv.slice(2)).then(
  (code) => (process.exitCode = code),
  (err: unknown) => {
    const hint = err instanceof TemporalUnavailable ? ' To start one on this machine: npm start' : '';
    console.error(err instanceof Error ? `${err.message}${hint}` : err);
    process.exitCode = 1;
  },
);
