/** What dies while the flows run: drawn from the seed in this order; what it hits is chance. */
import { setTimeout as delay } from 'node:timers/promises';
import type { FaultRule } from '../../sandbox/fault-rule';
import type { Random } from './random';
import type { Proxy } from './proxy';
import { WORKERS, type World } from './world';

const kinds = [
  'worker killed',
  'worker stopped',
  'all workers killed',
  'Temporal killed',
  'Temporal cut off',
  'Temporal held',
  'Cyclr cut off',
  'Cyclr held',
  'Cyclr faults',
  'tokens revoked',
] as const;
type Kind = (typeof kinds)[number];
/** How often each thing happened. */
export type Toll = Record<Kind, number>;

/** Each of them happens before one happens again; tokens are revoked once at most. */
const deck = [...kinds.filter((kind) => kind !== 'tokens revoked'), 'worker killed', 'Cyclr faults'] as const;

/** What all of Cyclr answers for a while. 4xx is left out: it would be the operator's trouble, and take five minutes. */
const faults: FaultRule['then'][] = [
  { status: 500 },
  { status: 502 },
  { status: 503 },
  'reset',
  'html500',
  'truncated',
  'applied-then-reset',
  { kind: 'throttled', retryAfter: 2 },
  { kind: 'slow', ms: 3000 },
];
const FIRST_MS = 3000;

export interface Chaos {
  readonly toll: Toll;
  /** Ends it, and waits until everything is up again. */
  end(): Promise<void>;
}

/** Begins. Fails nobody: what does not come up again is told by `end`. */
export function beginChaos(world: World, random: Random, revokes: boolean): Chaos {
  const toll = Object.fromEntries(kinds.map((kind) => [kind, 0])) as Toll;
  const ending = new AbortController();
  const running = run();
  running.catch(() => undefined); // told by `end`
  return {
    toll,
    async end() {
      ending.abort();
      await running;
      await world.ready();
    },
  };

  async function run(): Promise<void> {
    if (await isOver(FIRST_MS)) return;
    if (revokes) await happen('tokens revoked');
    for (;;)
      for (const kind of random.shuffled(deck)) {
        if (await isOver(random.between(1000, 5000))) return;
        await happen(kind);
      }
  }

  async function happen(kind: Kind): Promise<void> {
    toll[kind]++;
    await acts[kind](world, random);
  }

  function isOver(ms: number): Promise<boolean> {
    return delay(ms, false, { signal: ending.signal }).catch(() => true);
  }
}

const acts: Record<Kind, (world: World, random: Random) => Promise<unknown>> = {
  'worker killed': (world, random) =>
    world.replaceWorker(random.between(0, WORKERS - 1), 'killed', random.between(0, 3000)),
  'worker stopped': (world, random) => world.replaceWorker(random.between(0, WORKERS - 1), 'stopped', 0),
  'all workers killed': (world, random) => {
    const pauses = Array.from({ length: WORKERS }, () => random.between(0, 2000));
    return Promise.all(pauses.map((pause, slot) => world.replaceWorker(slot, 'killed', pause)));
  },
  'Temporal killed': (world, random) => world.killTemporal(random.between(0, 2000)),
  'Temporal cut off': ({ toTemporal }, random) => disturb(toTemporal, 'cut', random.between(500, 4000)),
  'Temporal held': ({ toTemporal }, random) => disturb(toTemporal, 'hold', random.between(1000, 8000)),
  'Cyclr cut off': ({ toCyclr }, random) => disturb(toCyclr, 'cut', random.between(500, 5000)),
  'Cyclr held': ({ toCyclr }, random) => disturb(toCyclr, 'hold', random.between(1000, 6000)),
  'Cyclr faults': async ({ sandbox }, random) => {
    const path = random.chance(0.2) ? '/oauth/token' : '/v1.0/';
    const rule = { match: { path }, then: random.pick(faults) };
    sandbox.fault({ ...rule, times: path === '/v1.0/' ? random.between(3, 15) : 2 });
  },
  'tokens revoked': async ({ sandbox }) => sandbox.revokeTokens(),
};

async function disturb(proxy: Proxy, how: 'cut' | 'hold', ms: number): Promise<void> {
  proxy[how]();
  await delay(ms);
  proxy.mend();
}
