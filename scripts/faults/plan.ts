/** The plan of each flow, drawn from the seed before any flow starts. */
import fc from 'fast-check';
import type { FaultRule } from '../../sandbox/fault-rule';
import type { Decision } from '../../sandbox/oauth';
import type { Intent } from '../../workflows/connector';
import type { Patience } from '../../workflows/input';
import type { FailureCode, StateName, WaitingStateName } from '../../workflows/view';
import { expectationOf, expectations, waitsOf } from '../user/expectations';
import type { RunExpectation } from './flow-record';
import { harmlessKinds, startKinds, type HarmlessInput } from './harmless-inputs';
import { credentialMistakes, propertyMistakes, type CredentialMistake, type PropertyMistake } from './mistakes';

/**
 * How the user sends an input. `unheard`: the user sends an update and does not wait for the answer, as after closing
 * the browser.
 */
export type Way = 'update' | 'signal' | 'both' | 'unheard';

/** One input of the user. An input without a mistake is good. */
export interface Round<Mistake> {
  mistake?: Mistake;
  way: Way;
}

export interface ConsentRound {
  decision: Decision;
  /** The messages that report the browser's return. */
  back: 'callback' | 'repeated' | 'confirm' | 'both' | 'silence';
  /** True if the user requests a second link, but opens the first link. */
  superseded: boolean;
}

export interface Rounds {
  awaitingProperties: Round<PropertyMistake>[];
  awaitingCredentials: Round<CredentialMistake>[];
  awaitingAuthorization: ConsentRound[];
}

/** The action of a user in a waiting state, in place of an input. The action ends the run, or leaves the run open. */
export interface Stop {
  at: WaitingStateName;
  how: 'leaves' | 'lets it expire' | 'cancels' | 'cancels in Temporal' | 'cancels during work';
}

export interface RunPlan {
  intent: Intent;
  patience?: Patience;
  /** True if the user starts the run twice at the same time. */
  startedTwice: boolean;
  /** True if the user sends good credentials before the flow asks for them. */
  early: boolean;
  /** True if the user gives the optional properties, too. */
  optional: boolean;
  rounds: Rounds;
  stop?: Stop;
  expected: RunExpectation;
}

/** A mistake in the start of a flow. A flow that was started with one of these mistakes must end as `failed`. */
export type BadStart = 'noConnector' | 'noAccount' | 'otherId' | 'noInput';

/**
 * A fault of Cyclr that only the calls of this flow get. The fault ends within the minute in which Temporal retries an
 * activity.
 */
export interface CyclrFault extends Pick<FaultRule, 'times' | 'skip' | 'then'> {
  method?: 'POST' | 'PUT';
}

export interface FlowPlan {
  number: number;
  accountId: string;
  connector: string;
  badStart?: BadStart;
  /** The runs, one after the other, under the same workflow id. */
  runs: RunPlan[];
  /** The user's pause before each answer. */
  pausesMs: number[];
  /**
   * For each answer of the user, the harmless inputs that are sent before the answer. Harmless inputs must change
   * nothing.
   */
  harmless: HarmlessInput[][];
  /** The harmless inputs that are sent after the end of the flow. Harmless inputs must change nothing. */
  late: HarmlessInput[];
  cyclrFaults: CyclrFault[];
}

const ANSWERS = 8;
const LONGEST_PAUSE_MS = 10_000;
const FLOWS_IN_ACCOUNT = 3;
const connectors = Object.keys(expectations);
const asking = connectors.filter((connector) => waitsOf(connector).length > 0);

/**
 * Draws the plans of all flows from the seed. If `revokesTokens` is true, the fault run revokes Cyclr's tokens once,
 * and no plan has the fault `unauthorized` (401).
 */
export function drawPlans(seed: number, flows: number, revokesTokens: boolean): FlowPlan[] {
  return fc.sample(flowArbitrary, { seed, numRuns: flows }).map((plan, number) => {
    const group = Math.floor(number / FLOWS_IN_ACCOUNT);
    // A second 401 in a row for an account ends a flow as accessDenied.
    const mayHave401 = !revokesTokens && number % FLOWS_IN_ACCOUNT === 0;
    return {
      ...plan,
      number,
      accountId: plan.badStart === 'noAccount' ? `missing-${number}` : `${plan.accountPrefix}${group}`,
      cyclrFaults: plan.cyclrFaults.filter(({ then }) => then !== 'unauthorized' || mayHave401),
    };
  });
}

/** Draws a value. A value with a greater weight is drawn more often. */
function weighted<T extends string>(weights: { readonly [value in T]: number }): fc.Arbitrary<T> {
  const entries = Object.entries(weights) as [T, number][];
  return fc.oneof(...entries.map(([value, weight]) => ({ weight, arbitrary: fc.constant(value) })));
}
const chance = (percent: number) => weighted({ yes: percent, no: 100 - percent }).map((answer) => answer === 'yes');
const upTo = <T>(maxLength: number, arbitrary: fc.Arbitrary<T>) => fc.array(arbitrary, { maxLength });

const way = weighted<Way>({ update: 4, signal: 3, both: 2, unheard: 1 });

const roundsWith = <Mistake extends string>(mistakes: { readonly [mistake in Mistake]: number }) =>
  fc
    .tuple(upTo(2, fc.record({ mistake: weighted(mistakes), way })), fc.record({ way }))
    .map(([bad, good]): Round<Mistake>[] => [...bad, good]);

const consent = (decision: fc.Arbitrary<Decision>, back: { [how in ConsentRound['back']]: number }) =>
  fc.record({ decision, back: weighted(back), superseded: chance(30) });
const approved = consent(fc.constant('approve'), { callback: 3, repeated: 2, confirm: 3, both: 2, silence: 1 });
// If the user has not consented, a verification takes 30 s. To save this time, the browser does not return in most of
// the plans with a refused consent.
const refused = consent(fc.constantFrom<Decision>('decline', 'error', 'close'), {
  ...{ callback: 1, repeated: 1, confirm: 1, both: 0, silence: 4 },
});

function expectedOf(connector: string): RunExpectation {
  const { state, verification } = expectationOf(connector);
  return { states: [state], verification };
}

/** Draws a run in which the user gives all inputs. */
function wholeRun(connector: string): fc.Arbitrary<RunPlan> {
  const waits = waitsOf(connector);
  return fc.record({
    intent: fc.constant<Intent>('authenticate'),
    startedTwice: waits.length > 0 ? chance(20) : fc.constant(false), // a run without a waiting state can end before the second start
    early: waits.includes('awaitingCredentials') ? chance(20) : fc.constant(false),
    optional: fc.boolean(),
    rounds: fc.record({
      awaitingProperties: roundsWith(propertyMistakes),
      awaitingCredentials: roundsWith(credentialMistakes),
      awaitingAuthorization: fc.tuple(upTo(1, refused), approved).map(([bad, good]) => [...bad, good]),
    }),
    expected: fc.constant(expectedOf(connector)),
  });
}

/**
 * Draws a run that follows another run of the same flow. With the intent `authenticate`, this run ends at once if the
 * connector is already authenticated.
 */
const nextRun = (connector: string, intent: fc.Arbitrary<Intent>): fc.Arbitrary<RunPlan> =>
  fc.tuple(wholeRun(connector), intent).map(([{ expected, ...run }, intent]) => ({
    ...{ ...run, intent, startedTwice: false, early: false },
    // In a re-authentication, it is possible that no read proves the consent. The verification is then `unproven`, so
    // the plan expects no certain value of `verification`.
    expected: { ...expected, ...(intent === 'reauthenticate' && { verification: undefined }) },
  }));

/**
 * Draws a run in which the user takes the action of a {@link Stop} in place of an input. If this action ends the run, a
 * second run follows in half of the plans.
 */
const stoppedRuns = (connector: string): fc.Arbitrary<RunPlan[]> =>
  fc
    .record({
      run: wholeRun(connector),
      at: fc.constantFrom(...waitsOf(connector)),
      how: weighted<Stop['how']>({
        ...{ leaves: 3, 'lets it expire': 3, cancels: 3 },
        ...{ 'cancels in Temporal': 1, 'cancels during work': 3 },
      }),
      next: nextRun(connector, fc.constant('authenticate')),
      hasNext: fc.boolean(),
    })
    .map(({ run, at, how, next, hasNext }) => {
      const stopped = stoppedRun(run, { at, how }, at === waitsOf(connector).at(-1));
      return hasNext && how !== 'leaves' ? [stopped, next] : [stopped];
    });

const patienceOf = {
  awaitingProperties: 'properties',
  awaitingCredentials: 'credentials',
  awaitingAuthorization: 'authorization',
} as const;

function stoppedRun(run: RunPlan, stop: Stop, isLastWait: boolean): RunPlan {
  const states: { [how in Stop['how']]: StateName[] } = {
    leaves: [stop.at],
    'lets it expire': ['expired'],
    cancels: ['cancelled'],
    'cancels in Temporal': ['cancelled'],
    'cancels during work': isLastWait ? ['cancelled', 'authenticated'] : ['cancelled'],
  };
  return {
    ...run,
    early: false,
    ...(stop.how === 'lets it expire' && { patience: { [patienceOf[stop.at]]: '4s' } }),
    stop,
    expected: { states: states[stop.how], cancelledInTemporal: stop.how === 'cancels in Temporal' },
  };
}

const failures: { [badStart in BadStart]: FailureCode } = {
  noConnector: 'connectorNotFound',
  noAccount: 'accessDenied',
  otherId: 'invalidInput',
  noInput: 'invalidInput',
};
const badStart = fc.constantFrom(...(Object.keys(failures) as BadStart[]));
const failingRun = (badStart: BadStart): fc.Arbitrary<RunPlan> =>
  wholeRun('Openrates').map((run) => ({ ...run, expected: { states: ['failed'], failure: failures[badStart] } }));

const harmless = (kinds: { readonly [kind in HarmlessInput['kind']]?: number }): fc.Arbitrary<HarmlessInput> =>
  fc.record({ kind: weighted(kinds as never), choice: fc.nat(999).map((thousandths) => thousandths / 1000) });

const withoutStart = harmless(harmlessKinds);
const harmlessInputs = fc
  .tuple(
    // Repeated starts come only before the first answer, because later the flow can have ended, and a start would begin
    // another run.
    upTo(3, harmless({ ...harmlessKinds, ...startKinds })),
    fc.array(upTo(3, withoutStart), { minLength: ANSWERS - 1, maxLength: ANSWERS - 1 }),
  )
  .map(([first, others]) => [first, ...others]);

const method = fc.constantFrom('POST' as const, 'PUT' as const);
const skip = fc.nat(3);
const echoForm = fc.constantFrom('plain', 'json-escaped', 'base64', 'url-encoded', 'truncated', 'upper');
const refusal = fc.record({
  method,
  then: fc.oneof(
    { weight: 4, arbitrary: echoForm.map((form) => ({ kind: 'echo400', form }) as const) },
    { weight: 1, arbitrary: fc.constant('unauthenticated' as const) },
  ),
});
const severalTimes: FaultRule['then'][] = [
  { status: 500 },
  { status: 503 },
  'html',
  'html500',
  'empty',
  'truncated',
  'reset',
  'redirect',
  'applied-then-204',
  'applied-then-empty',
  'applied-then-html',
  { kind: 'throttled', retryAfter: 1 },
];
const outage: fc.Arbitrary<CyclrFault> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.integer({ min: 300, max: 4000 }).map((ms): CyclrFault => ({ times: 6, then: { kind: 'slow', ms } })),
  },
  { weight: 3, arbitrary: fc.record({ method, then: fc.constant('applied-then-reset' as const) }) },
  { weight: 1, arbitrary: fc.record({ skip, then: fc.constant('hang' as const) }) },
  {
    weight: 6,
    arbitrary: fc.record({ skip, times: fc.integer({ min: 1, max: 3 }), then: fc.constantFrom(...severalTimes) }),
  },
);
const optional = (percent: number, fault: fc.Arbitrary<CyclrFault>) =>
  fc.tuple(chance(percent), fault).map(([has, fault]) => (has ? [fault] : []));
/**
 * The refusal is the first fault in the list, so that it applies to the first write. A real Cyclr that has accepted a
 * write would not refuse a repetition of this write.
 */
const cyclrFaults = fc
  .tuple(
    optional(15, refusal),
    optional(30, fc.record({ skip, then: fc.constant('unauthorized' as const) })),
    upTo(2, outage),
  )
  .map((faults) => faults.flat());

const flowWith = (connector: string, runs: fc.Arbitrary<RunPlan[]>, badStart?: BadStart) =>
  fc.record({
    accountPrefix: weighted({ 'account-': 7, 'Müller & Söhne/': 3 }),
    connector: fc.constant(connector),
    ...(badStart && { badStart: fc.constant(badStart) }),
    runs,
    pausesMs: fc.array(fc.nat(LONGEST_PAUSE_MS), { minLength: ANSWERS, maxLength: ANSWERS }),
    harmless: badStart ? fc.constant<HarmlessInput[][]>([]) : harmlessInputs,
    late: badStart ? fc.constant<HarmlessInput[]>([]) : upTo(3, withoutStart),
    cyclrFaults,
  });
const anyConnector = fc.constantFrom(...connectors);
const secondIntent = fc.constantFrom<Intent>('reauthenticate', 'authenticate');
const flowArbitrary = fc.oneof(
  { weight: 50, arbitrary: anyConnector.chain((name) => flowWith(name, fc.tuple(wholeRun(name)))) },
  {
    weight: 14,
    arbitrary: anyConnector.chain((name) => flowWith(name, fc.tuple(wholeRun(name), nextRun(name, secondIntent)))),
  },
  { weight: 26, arbitrary: fc.constantFrom(...asking).chain((name) => flowWith(name, stoppedRuns(name))) },
  {
    weight: 10,
    arbitrary: fc.tuple(badStart, anyConnector).chain(([bad, name]) => flowWith(name, fc.tuple(failingRun(bad)), bad)),
  },
);
