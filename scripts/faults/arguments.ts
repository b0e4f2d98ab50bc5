import { parseArgs } from 'node:util';
import { wholeNumber } from '../command';

export interface Arguments {
  help: boolean;
  /** The seed of the plans: the same seed gives the same plans. If absent, the command draws a random seed. */
  seed?: number;
  flows: number;
}

const MAX_FLOWS = 2000;

/** Reads the command line. Fails with one line that names the wrong option. */
export function argumentsOf(args: string[]): Arguments {
  const { values } = parseArgs({
    args,
    options: {
      help: { type: 'boolean', short: 'h', default: false },
      seed: { type: 'string' },
      flows: { type: 'string', default: '100' },
    },
  });
  const seed = values.seed === undefined ? undefined : wholeNumber('seed', values.seed, 0, Number.MAX_SAFE_INTEGER);
  return { help: values.help, seed, flows: wholeNumber('flows', values.flows, 1, MAX_FLOWS) };
}
