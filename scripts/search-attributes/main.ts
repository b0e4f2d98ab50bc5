/**
 * `npm run search-attributes`: registers the search attributes of this project at the server that TEMPORAL_* names, or
 * at the server of `npm start`.
 */
import { join } from 'node:path';
import { connectAtOnce, TemporalUnavailable } from '../../temporal/connection';
import { findTemporal } from '../../temporal/local-stack';
import { runMain } from '../../temporal/process';
import { registerSearchAttributes, searchAttributeNames } from '../../temporal/search-attributes';
import { refuseArguments } from '../command';

const help = `Usage: npm run search-attributes

Registers the search attributes that the workflows set (${searchAttributeNames.join(', ')})
in the namespace of TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE, or of a profile (TEMPORAL_PROFILE). Without these
variables, uses the running stack of npm start. Existing attributes do not change.`;

async function main(args: string[]): Promise<number> {
  const code = refuseArguments(args, help);
  if (code !== undefined) return code;
  const target = findTemporal(process.env, join(process.cwd(), '.data'));
  const connection = await connectAtOnce(target).catch((err: Error) => {
    if (err instanceof TemporalUnavailable) err.message += ' To start one on this machine: npm start';
    throw err;
  });
  try {
    const added = await registerSearchAttributes(connection, target.namespace);
    const result = added.length > 0 ? `registered ${added.join(', ')}` : 'all search attributes were there already';
    console.log(`${target.address}, namespace ${target.namespace}: ${result}`);
    return 0;
  } finally {
    await connection.close();
  }
}

runMain(main);
