import { parseArgs } from 'node:util';
import { wholeNumber } from '../scripts/whole-number';

/** What a run of the bench measures. */
export interface Flags {
  /** Pairs of rounds. */
  rounds: number;
  /** Flows in each round at 20 in flight. */
  flows: number;
  /** Flows that wait in the cache of one worker while its memory is measured: less than it caches. */
  cached: number;
  /** Instead of all that: this many flows that wait. */
  waiting?: number;
  /** Instead of all that: the onboarding service. */
  service?: true;
  /** The folder for the results. */
  out?: string;
  help: boolean;
}

const MOST_CACHED = 1000;

/** Reads the command line. Fails with one line that says what is wrong. */
export function flagsOf(args: string[]): Flags {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args,
    options: {
      rounds: { ...text, default: '6' },
      flows: { ...text, default: '100' },
      cached: { ...text, default: '800' },
      waiting: text,
      service: { type: 'boolean', default: false },
      out: text,
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  return {
    rounds: wholeNumber('rounds', values.rounds, 1, 1000),
    flows: wholeNumber('flows', values.flows, 1, 10_000),
    cached: wholeNumber('cached', values.cached, 1, MOST_CACHED),
    ...(values.waiting !== undefined && { waiting: wholeNumber('waiting', values.waiting, 1, 100_000) }),
    ...(values.out !== undefined && { out: values.out }),
    ...(values.service && { service: true as const }),
    help: values.help,
  };
}
