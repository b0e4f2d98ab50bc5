/** Onboardings of accounts. The seed sets the plan of each onboarding, which must end as planned. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import type { ConnectorKey } from '../../workflows/connector';
import { onboardingWorkflowIdOf, type OnboardingKey, type OnboardingProgress } from '../../workflows/onboarding';
import { persistently } from '../user/persistent';
import type { EventLog } from './event-log';
import { giveKey, keyFaults, reaches, READ_EVERY_MS, type Flow } from './operated-flows';
import type { Shared } from './planned-user';

/** For each way to end an onboarding, the final state that the onboarding must have. */
const finalStateAfter = {
  /** Each connector gets its API key. */
  authenticated: 'completed',
  /** The user cancels the flow of one connector. */
  'flow cancelled': 'incomplete',
  /** The backend cancels the onboarding and its flows. */
  cancelled: 'cancelled',
} as const;

export interface OnboardingPlan {
  connectors: number;
  /** True if the onboarding is started twice at the same time. */
  startedTwice: boolean;
  /** True if the backend adds one more connector while the onboarding runs. */
  added: boolean;
  end: keyof typeof finalStateAfter;
}

export interface PlayedOnboarding {
  key: OnboardingKey;
  flows: ConnectorKey[];
  /**
   * One text for each wrong state. If an error ended the test of the onboarding, there is only the text of this error.
   */
  faults: string[];
  plan: OnboardingPlan;
}

/** The time limit for the test of one onboarding. Only an onboarding that hangs reaches this limit. */
const LIMIT_MS = 15 * 60_000;

export const drawOnboardings = (seed: number, count: number): OnboardingPlan[] =>
  fc.sample(
    fc.record({
      connectors: fc.integer({ min: 1, max: 4 }),
      startedTwice: fc.boolean(),
      added: fc.boolean(),
      end: fc.constantFrom<OnboardingPlan['end'][]>('authenticated', 'authenticated', 'flow cancelled', 'cancelled'),
    }),
    { seed, numRuns: count },
  );

/** Runs one onboarding of a new account and its cycle. Never fails, but puts an error into `faults` of the result. */
export async function playOnboarding(shared: Shared, plan: OnboardingPlan): Promise<PlayedOnboarding> {
  const onboarding = new Onboarding(shared, plan);
  const { key, flows } = onboarding;
  const faults = await onboarding.play().catch((err: unknown) => [String(err)]);
  return { key, flows, plan, faults };
}

class Onboarding {
  readonly key: OnboardingKey = { accountId: `onboarded-${randomUUID()}`, onboardingId: 'o1' };
  readonly flows: ConnectorKey[];
  readonly #cycleId: string;
  readonly #signal = AbortSignal.timeout(LIMIT_MS);

  constructor(
    readonly shared: Shared,
    readonly plan: OnboardingPlan,
  ) {
    this.flows = Array.from({ length: plan.connectors }, () => this.#install());
    const ids = this.flows.map(({ connectorId }) => connectorId);
    this.#cycleId = shared.stack.sandbox.createCycle(this.key.accountId, ids);
  }

  /** Starts the onboarding, ends its flows as planned, and returns what is wrong at the end, as texts. */
  async play(): Promise<string[]> {
    const { auth } = this.shared.stack;
    const input = { ...this.key, scope: { cycleId: this.#cycleId }, activateCycle: true };
    const start = () => this.#repeated(() => auth.startOnboarding(input));
    await Promise.all(this.plan.startedTwice ? [start(), start()] : [start()]);
    if (this.plan.added) await this.#add();
    await this.#progress(({ connectors }) => {
      const running = connectors.filter(({ state }) => state === 'running');
      return running.length === this.flows.length;
    });
    const cancelled = await this.#endFlows();
    const end = await this.#progress(({ state }) => state !== 'running');
    await Promise.all(cancelled.map((key) => reaches(this.#flowOf(key), ['cancelled'])));
    return this.#faultsOf(end, cancelled);
  }

  #install(): ConnectorKey {
    return this.shared.stack.install(this.key.accountId, 'Brightdesk');
  }

  async #add(): Promise<void> {
    const added = this.#install();
    this.flows.push(added);
    await this.#repeated(() => this.shared.stack.auth.addConnectors(this.key, { connectorIds: [added.connectorId] }));
  }

  /** Gives API keys to the flows, or cancels flows, as planned. Returns the cancelled flows. */
  async #endFlows(): Promise<ConnectorKey[]> {
    const { auth } = this.shared.stack;
    const { end } = this.plan;
    if (end === 'cancelled') {
      await this.#repeated(() => auth.cancelOnboarding(this.key, { cancelFlows: true }));
      return this.flows;
    }
    const cancelled = end === 'flow cancelled' ? this.flows.slice(0, 1) : [];
    for (const key of cancelled) await this.#repeated(() => auth.cancel(key));
    await Promise.all(this.#without(cancelled).map((key) => giveKey(this.#flowOf(key))));
    return cancelled;
  }

  #faultsOf({ state, total, done }: OnboardingProgress, cancelled: ConnectorKey[]): string[] {
    const wanted = finalStateAfter[this.plan.end];
    const connected = this.#without(cancelled);
    const { status } = this.shared.stack.sandbox.cycleOf(this.key.accountId, this.#cycleId);
    return [
      ...(state === wanted ? [] : [`state ${state} instead of ${wanted}`]),
      ...(total === this.flows.length ? [] : [`${total} connectors instead of ${this.flows.length}`]),
      ...(done === connected.length ? [] : [`${done} connectors are done instead of ${connected.length}`]),
      ...((status === 'Active') === (wanted === 'completed') ? [] : [`the cycle is ${status}`]),
      ...connected.flatMap((key) => keyFaults(this.#flowOf(key))),
    ];
  }

  #without(keys: ConnectorKey[]): ConnectorKey[] {
    return this.flows.filter((key) => !keys.includes(key));
  }

  #flowOf(key: ConnectorKey): Flow {
    return { ...this.shared, key, signal: this.#signal };
  }

  async #progress(isReached: (progress: OnboardingProgress) => boolean): Promise<OnboardingProgress> {
    for (;;) {
      const progress = await this.#repeated(() => this.shared.stack.auth.onboarding(this.key));
      if (isReached(progress)) return progress;
      await delay(READ_EVERY_MS, undefined, { signal: this.#signal });
    }
  }

  #repeated<T>(call: () => Promise<T>): Promise<T> {
    return persistently(call, { signal: this.#signal });
  }
}

/**
 * Returns the faults of an onboarding and of its events. An onboarding sends one `onboarding.progress` for each
 * connector. If a cancelled onboarding ends before one of its flows, it sends no `onboarding.progress` for the
 * connector of this flow.
 */
export function onboardingFaults({ events }: EventLog, { key, flows, faults, plan }: PlayedOnboarding): string[] {
  const reported = [...events.values()]
    .filter(({ type, data }) => type === 'onboarding.progress' && data.workflowId === onboardingWorkflowIdOf(key))
    .map(({ data }) => ('connector' in data ? (data.connector as { connectorId?: number }).connectorId : undefined));
  const wanted = flows.map(({ connectorId }) => connectorId);
  const isOnce = new Set(reported).size === reported.length;
  const isRight = plan.end === 'cancelled' ? isOnce : reported.toSorted().join() === wanted.toSorted().join();
  return [
    ...faults,
    ...(isRight ? [] : [`progress of the connectors ${reported.join()} instead of ${wanted.join()}`]),
  ].map((fault) => `${onboardingWorkflowIdOf(key)} (${plan.end}): ${fault}`);
}
