import { parseArgs } from 'node:util';
import { wholeNumber } from '../scripts/command';

/** The options of the command line. */
export interface Flags {
  /** Number of pairs of rounds. */
  rounds: number;
  /** Number of flows in each round, 20 of them at the same time. */
  flows: number;
  /**
   * The number of waiting flows that a worker holds in its cache while the bench measures the worker's memory. At most
   * the size of the cache.
   */
  cached: number;
  /** If true, the bench only compares 1, 2 and 4 worker processes of our flow. */
  workers?: true;
  /**
   * If true, the bench only compares our flow with the minimal workflow, for a connector whose user consents at the
   * third party.
   */
  consent?: true;
  /** If true, the bench only compares our flow and the minimal workflow with a state machine on PostgreSQL. */
  postgresql?: true;
  /** If set, the bench measures only waiting flows, and starts this number of flows. */
  waiting?: number;
  /**
   * If set, the bench only does the same work three times, and measures its cost: while 1 %, 10 % and 100 % of this
   * number of flows are open.
   */
  growth?: number;
  /** If set, the bench measures only floods of one flow. The largest floods have this number of messages. */
  flood?: number;
  /** If true, the bench measures only the onboarding service. */
  service?: true;
  /** If true, the bench only compares an onboarding with the same flows without an onboarding. */
  onboarding?: true;
  /** If true, the bench only compares flows that send events with flows that send no events. */
  events?: true;
  /** If set, the bench measures only the inputs of flows while this number of deliveries is pending. */
  deliveries?: number;
  /** If set, the bench measures only monitors, and this number of monitors read each day. */
  monitors?: number;
  /** If set, the bench measures only the export of an audit with this number of runs. */
  audit?: number;
  /** If set, the bench only measures how long a flow waits behind this number of flows of another account. */
  fairness?: number;
  /** If set, the bench only runs a mixed load for this number of minutes. */
  soak?: number;
  /** The number of units of the mixed load that are started in each minute. */
  rate: number;
  /** If true, the bench only profiles the workers of both workflows. */
  profile?: true;
  /** The folder for the results. The default is `bench/results`. */
  out?: string;
  help: boolean;
}

const MOST_CACHED = 1000;

/** Reads the command line. Fails with one line that names the wrong option. */
export function flagsOf(args: string[]): Flags {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args,
    options: {
      rounds: { ...text, default: '6' },
      flows: { ...text, default: '100' },
      cached: { ...text, default: '800' },
      workers: { type: 'boolean', default: false },
      consent: { type: 'boolean', default: false },
      postgresql: { type: 'boolean', default: false },
      waiting: text,
      growth: text,
      flood: text,
      service: { type: 'boolean', default: false },
      onboarding: { type: 'boolean', default: false },
      events: { type: 'boolean', default: false },
      deliveries: text,
      monitors: text,
      audit: text,
      fairness: text,
      soak: text,
      rate: { ...text, default: '120' },
      profile: { type: 'boolean', default: false },
      out: text,
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const optional = (
    name: 'waiting' | 'growth' | 'flood' | 'deliveries' | 'monitors' | 'audit' | 'fairness' | 'soak',
    most: number,
    least = 1,
  ) => values[name] !== undefined && { [name]: wholeNumber(name, values[name], least, most) };
  return {
    rounds: wholeNumber('rounds', values.rounds, 1, 1000),
    flows: wholeNumber('flows', values.flows, 1, 10_000),
    cached: wholeNumber('cached', values.cached, 1, MOST_CACHED),
    ...optional('waiting', 100_000),
    ...optional('growth', 100_000, 100),
    ...optional('flood', 10_000),
    ...optional('deliveries', 100_000),
    ...optional('monitors', 100_000),
    ...optional('audit', 100_000),
    ...optional('fairness', 10_000),
    ...optional('soak', 1_440, 10),
    rate: wholeNumber('rate', values.rate, 1, 600),
    ...(values.out !== undefined && { out: values.out }),
    ...(values.workers && { workers: true as const }),
    ...(values.consent && { consent: true as const }),
    ...(values.postgresql && { postgresql: true as const }),
    ...(values.onboarding && { onboarding: true as const }),
    ...(values.events && { events: true as const }),
    ...(values.profile && { profile: true as const }),
    ...(values.service && { service: true as const }),
    help: values.help,
  };
}
