/**
 * Kills processes, cuts connections and makes Cyclr fail while flows run. The seed sets the kind, the order and the
 * duration of the disturbances. The times of the disturbances differ between two fault runs with the same seed.
 */
import fc from 'fast-check';
import { setTimeout as delay } from 'node:timers/promises';
import type { FaultRule } from '../../sandbox/fault-rule';
import type { LocalWorker } from '../local/parts';
import { registerSearchAttributes } from '../../temporal/search-attributes';
import type { Builds } from './builds';
import { operateFlow, type OperatedFlow, type Operation } from './operated-flows';
import type { Proxy } from './proxy';
import type { TestSecrets } from './secret-search';
import type { FaultStack } from './stack';

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
  'receiver cut off',
  'search attribute removed',
  'version changed',
  'flow flooded',
  'flow paused',
  'flow reset',
  'flow deleted',
  'connection broken',
  'tokens revoked',
] as const;
type Kind = (typeof kinds)[number];

/** The details of one disturbance, drawn from the seed. Each kind of disturbance uses only some of these members. */
interface Draw {
  pauseMs: number;
  worker: number;
  /** Selects the duration: 0 is the shortest and 1 the longest duration of this kind of disturbance. */
  length: number;
  fault: { then: FaultRule['then']; ofToken: boolean; times: number };
}

/**
 * The disturbance `Cyclr faults` selects one of these faults. Some of the next calls to Cyclr then get this fault, from
 * any flow. 403 is not in the list, because a flow waits for five minutes after a 403.
 */
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
const WORKERS = 2;
const FIRST_MS = 3000;
/** How long an idle machine needs to start the workers. */
const USUAL_START_MS = 5000;
/**
 * The highest value of `#slowness`. With a higher value, the pauses between disturbances would be very long, and the
 * flows of a slow machine would get too few disturbances.
 */
const MOST_SLOWNESS = 4;

/** The kinds of disturbances that occur more often in a round than the other kinds. */
const repeated = ['worker killed', 'Cyclr faults', 'version changed', 'version changed'] as const;
/**
 * The kinds of disturbances in one round. `tokens revoked` is not in a round, because it occurs at most once in a fault
 * run.
 */
const round = [...kinds.filter((kind) => kind !== 'tokens revoked'), ...repeated] as const;
const drawArbitrary: fc.Arbitrary<Draw> = fc.record({
  pauseMs: fc.integer({ min: 1000, max: 5000 }),
  worker: fc.nat(WORKERS - 1),
  length: fc.nat(1000).map((thousandths) => thousandths / 1000),
  fault: fc.record({
    then: fc.constantFrom(...faults),
    ofToken: fc.nat(4).map((one) => one === 0),
    times: fc.integer({ min: 3, max: 15 }),
  }),
});
const roundArbitrary = fc
  .shuffledSubarray([...round.keys()], { minLength: round.length })
  .chain((order) => fc.tuple(...order.map((i) => drawArbitrary.map((draw) => [round[i]!, draw] as const))));
const ROUNDS = 100;

export class Disturbances {
  readonly counts = Object.fromEntries(kinds.map((kind) => [kind, 0])) as Record<Kind, number>;
  readonly #ending = new AbortController();
  readonly #workers: LocalWorker[] = [];
  readonly #operated: Promise<OperatedFlow>[] = [];
  /**
   * The time that the workers needed to start, divided by the time that they need on an idle machine. The pauses
   * between disturbances are longer by this factor. Without this factor, a slow machine would have no ready worker for
   * most of the time.
   */
  #slowness = 1;
  #running = Promise.resolve();

  constructor(
    readonly stack: FaultStack,
    readonly builds: Builds,
    readonly secrets: TestSecrets,
    /** The proxy between the workers and the receiver of events. */
    readonly toReceiver: Proxy,
  ) {}

  /** The kinds of disturbances of a fault run. */
  kinds(revokesTokens: boolean): Kind[] {
    return kinds.filter(
      (kind) => (revokesTokens || kind !== 'tokens revoked') && (this.builds.isVersioned || kind !== 'version changed'),
    );
  }

  /** Returns the flows that the operations disturbed, after all these flows have ended. */
  operated(): Promise<OperatedFlow[]> {
    return Promise.all(this.#operated);
  }

  /** Starts one worker of each build, and waits until they are ready. */
  async startWorkers(): Promise<void> {
    const began = Date.now();
    for (let slot = 0; slot < WORKERS; slot++) this.#workers[slot] = await this.builds.startWorker(slot);
    this.#slowness = Math.min(Math.max(1, (Date.now() - began) / USUAL_START_MS), MOST_SLOWNESS);
    await this.builds.begin();
  }

  /**
   * Begins to cause disturbances. `revokesTokens`: also revokes Cyclr's tokens once. If a disturbance fails, `end`
   * fails.
   */
  begin(seed: number, revokesTokens: boolean): void {
    this.#running = this.#run(seed, revokesTokens);
    this.#running.catch(() => undefined);
  }

  /** Ends the disturbances, and waits until all workers are ready. Safe to repeat. */
  async end(): Promise<void> {
    this.#ending.abort();
    await this.#running;
    await this.#workersReady();
  }

  async #workersReady(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.ready()));
  }

  async #run(seed: number, revokesTokens: boolean): Promise<void> {
    if (await this.#isOver(FIRST_MS)) return;
    const [first, ...others] = fc.sample(roundArbitrary, { seed, numRuns: ROUNDS }).flat();
    if (revokesTokens) await this.#cause('tokens revoked', first![1]);
    for (const [kind, draw] of [first!, ...others]) {
      if (kind === 'version changed' && !this.builds.isVersioned) continue;
      if (await this.#isOver(draw.pauseMs * this.#slowness)) return;
      await this.#cause(kind, draw);
    }
  }

  async #cause(kind: Kind, draw: Draw): Promise<void> {
    this.counts[kind]++;
    await this.#causes[kind](draw);
  }

  readonly #causes: Record<Kind, (draw: Draw) => unknown> = {
    'worker killed': ({ worker, length }) => this.#killWorker(worker, 3000 * length),
    'worker stopped': async ({ worker }) => {
      void this.#workers[worker]!.stop(); // the running activities of this worker end while the next worker starts
      this.#workers[worker] = await this.builds.startWorker(worker, { waits: false });
    },
    'all workers killed': ({ length }) =>
      Promise.all(this.#workers.map((_, slot) => this.#killWorker(slot, (2000 * length) / (slot + 1)))),
    'Temporal killed': async ({ length }) => {
      await this.stack.killTemporal();
      await delay(2000 * length);
      await this.stack.restartTemporal();
    },
    'Temporal cut off': ({ length }) => disturb(this.stack.toTemporal, 'cut', 500 + 3500 * length),
    'Temporal held': ({ length }) => disturb(this.stack.toTemporal, 'hold', 1000 + 7000 * length),
    'Cyclr cut off': ({ length }) => disturb(this.stack.toCyclr, 'cut', 500 + 4500 * length),
    'Cyclr held': ({ length }) => disturb(this.stack.toCyclr, 'hold', 1000 + 5000 * length),
    'Cyclr faults': ({ fault: { then, ofToken, times } }) =>
      ofToken
        ? this.stack.sandbox.fault({ match: { path: '/oauth/token' }, then, times: 2 })
        : this.stack.sandbox.fault({ match: { path: '/v1.0/' }, then, times }),
    'receiver cut off': ({ length }) => disturb(this.toReceiver, 'cut', 1000 + 5000 * length),
    'search attribute removed': async ({ length }) => {
      const { client } = this.stack;
      // All workers must be ready first, because a worker ends if it starts while a search attribute is missing.
      await this.#workersReady();
      const { namespace } = client.options;
      await client.connection.operatorService.removeSearchAttributes({
        namespace,
        searchAttributes: ['ConnectorConnected'],
      });
      await delay(500 + 2500 * length);
      await registerSearchAttributes(client.connection, namespace);
    },
    'version changed': ({ length }) => this.builds.change(2 * length),
    'flow flooded': () => this.#operate('flow flooded'),
    'flow paused': () => this.#operate('flow paused'),
    'flow reset': () => this.#operate('flow reset'),
    'flow deleted': () => this.#operate('flow deleted'),
    'connection broken': () => this.#operate('connection broken'),
    'tokens revoked': () => this.stack.sandbox.revokeTokens(),
  };

  /** Begins an operation, and does not wait for its end. So the operation continues during the next disturbances. */
  #operate(how: Operation): void {
    this.#operated.push(operateFlow(this.stack, this.secrets, how));
  }

  async #killWorker(slot: number, pauseMs: number): Promise<void> {
    await this.#workers[slot]!.kill();
    await delay(pauseMs);
    this.#workers[slot] = await this.builds.startWorker(slot, { waits: false });
  }

  #isOver(afterMs: number): Promise<boolean> {
    return delay(afterMs, false, { signal: this.#ending.signal }).catch(() => true);
  }
}

async function disturb(proxy: Proxy, how: 'cut' | 'hold', ms: number): Promise<void> {
  proxy[how]();
  await delay(ms);
  proxy.restore();
}
