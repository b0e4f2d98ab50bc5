import { parseArgs } from 'node:util';

export interface Arguments {
  help: boolean;
  /** The same one makes the same plans; a random one where it is absent. */
  seed?: number;
  flows: number;
}

const MAX_FLOWS = 2000;

/** What the command line asks for. Fails with what is wrong with it. */
export function argumentsOf(args: string[]): Arguments {
  const { values } = parseArgs({
    args,
    options: {
      help: { type: 'boolean', short: 'h', default: false },
      seed: { type: 'string' },
      flows: { type: 'string', default: '100' },
    },
  });
  const seed = values.seed === undefined ? undefined : wholeNumber('--seed', values.seed, 0, Number.MAX_SAFE_INTEGER);
  return { help: values.help, seed, flows: wholeNumber('--flows', values.flows, 1, MAX_FLOWS) };
}

function wholeNumber(flag: string, text: string, least: number, most: number): number {
  const number = /^\d+$/.test(text) ? Number(text) : NaN;
  if (number >= least && number <= most) return number;
  throw new Error(`${flag} is a whole number from ${least} to ${most}`);
}
