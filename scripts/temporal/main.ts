/** `npm run temporal -- …`: runs the `temporal` command line, on the local stack unless TEMPORAL_* names a server. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setVariables } from '../../temporal/environment';
import { findLocalStack } from '../../temporal/local-stack';
import { runMain } from '../../temporal/process';
import { findBinary } from '../local/binary';
import { temporalEnv } from '../local/settings';

async function main(args: string[]): Promise<number> {
  const { TEMPORAL_ADDRESS, TEMPORAL_PROFILE, TEMPORAL_CONFIG_FILE } = process.env;
  const isNamed = TEMPORAL_ADDRESS || TEMPORAL_PROFILE || TEMPORAL_CONFIG_FILE;
  const stack = isNamed ? undefined : findLocalStack(join(process.cwd(), '.data'));
  const env = { ...setVariables(process.env), ...(stack && temporalEnv(stack.temporal)) };
  const child = spawn(await findBinary('temporal'), args, { stdio: 'inherit', env });
  process.on('SIGINT', () => undefined); // the terminal also sends Ctrl-C to the child
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}

runMain(main);
