/** What happens to each flow, drawn before any of it does. */
import type { Decision } from '../../sandbox/oauth';
import type { FailureCode, Intent, Patience, StateName } from '../../workflows/messages';
import { connectors, waitsIn, type Stage } from './connectors';
import { drawHiccups, type Hiccup } from './hiccups';
import type { Random } from './random';
import { drawStrays, type Stray } from './strays';

/** How an input is sent; `forgotten`: by a browser that is closed before the answer. */
export type Way = 'update' | 'signal' | 'both' | 'forgotten';

export interface Round<What extends string> {
  what: What;
  way: Way;
}

/** `clear`: a secret that nobody sealed; `foreign`: sealed for something else. */
export type PropertyRound = Round<'good' | 'wrong' | 'unknown' | 'missing' | 'clear' | 'foreign'>;
/** `unknownKey`: sealed to a key that no worker holds. */
export type CredentialRound = Round<'good' | 'wrong' | 'wrongKind' | 'clear' | 'foreign' | 'unknownKey'>;
export interface ConsentRound {
  decision: Decision;
  /** How the flow hears that the browser came back. */
  back: 'callback' | 'repeated' | 'confirm' | 'both' | 'silence';
  /** Whether another link is asked for after the one that is followed. */
  older: boolean;
}

export interface Rounds {
  properties: PropertyRound[];
  credentials: CredentialRound[];
  authorization: ConsentRound[];
}

/** How a user stops instead of giving what is asked for. */
export interface Stop {
  at: Stage;
  how: 'leaves' | 'waitsTooLong' | 'cancels' | 'cancelsInTemporal' | 'cancelsAtWork';
}

/** From a start to an outcome. */
export interface RunPlan {
  intent: Intent;
  patience?: Patience;
  /** Started twice at once. */
  doubled: boolean;
  /** Credentials are sent before anybody asks for them. */
  early: boolean;
  /** Optional properties are given, too. */
  optional: boolean;
  rounds: Rounds;
  stop?: Stop;
  /** The states that it may end in, or be left waiting in: but for a race of a cancellation, one. */
  ends: StateName[];
  failure?: FailureCode;
}

/** What is wrong with a start. */
export type Flaw = 'noConnector' | 'noAccount' | 'foreignId' | 'noInput';

export interface FlowPlan {
  number: number;
  accountId: string;
  connector: string;
  flaw?: Flaw;
  /** One after the other, under the same id. */
  runs: RunPlan[];
  /** How long the user thinks before each step, in milliseconds. */
  thinksMs: number[];
  /** What else is sent: some before each step. */
  strays: Stray[][];
  /** What is sent when all is over. */
  late: Stray[];
  hiccups: Hiccup[];
}

const TURNS = 8;
const LONGEST_THOUGHT_MS = 10_000;
/** Flows whose connectors are in one account. */
const IN_ACCOUNT = 3;
const IMPATIENCE = '4s';
const names = Object.keys(connectors);
const asking = names.filter((name) => connectors[name]!.stages.length > 0);

/** The plans of all flows. `revokes`: whether Cyclr's tokens are revoked once; then no flow has a 401 of its own. */
export function drawPlans(random: Random, flows: number, revokes: boolean): FlowPlan[] {
  return Array.from({ length: flows }, (_, number) => drawFlow(random.fork(number), number, revokes));
}

function drawFlow(random: Random, number: number, revokes: boolean): FlowPlan {
  const group = Math.floor(number / IN_ACCOUNT);
  const kind = random.weighted({ whole: 50, again: 14, stops: 26, flawed: 10 });
  const connector = random.pick(kind === 'stops' ? asking : names);
  const flaw = kind === 'flawed' ? random.pick<Flaw>(['noConnector', 'noAccount', 'foreignId', 'noInput']) : undefined;
  const accountId = `${random.fork('account').chance(0.3) ? 'Müller & Söhne/' : 'account-'}${group}`;
  return {
    number,
    accountId: flaw === 'noAccount' ? `nobody-${number}` : accountId,
    connector,
    ...(flaw && { flaw }),
    runs: flaw ? [failing(random, flaw)] : runsOf(random, kind, connector),
    thinksMs: Array.from({ length: TURNS }, () => random.between(0, LONGEST_THOUGHT_MS)),
    strays: flaw ? [] : Array.from({ length: TURNS }, (_, turn) => random.several(3, () => drawStrays(random, turn))),
    late: flaw ? [] : random.several(3, () => drawStrays(random, TURNS)),
    hiccups: drawHiccups(random, { unauthorized: !revokes && number % IN_ACCOUNT === 0 }),
  };
}

function runsOf(random: Random, kind: 'whole' | 'again' | 'stops' | 'flawed', connector: string): RunPlan[] {
  const whole = () => drawRun(random, connector);
  const next = () => ({ ...whole(), doubled: false, early: false }); // what is authenticated already ends at once
  if (kind === 'again') return [whole(), { ...next(), intent: random.pick(['reauthenticate', 'authenticate']) }];
  if (kind !== 'stops') return [whole()];
  const stopped = stopping(random, whole(), connector);
  const isOver = stopped.stop?.how !== 'leaves';
  return isOver && random.chance(0.5) ? [stopped, next()] : [stopped];
}

function drawRun(random: Random, connector: string): RunPlan {
  const { ends, stages } = connectors[connector]!;
  return {
    intent: 'authenticate',
    doubled: random.chance(0.2) && stages.length > 0, // else it may have ended in between
    early: random.chance(0.2) && stages.includes('credentials'),
    optional: random.chance(0.5),
    rounds: {
      properties: [...random.several(2, () => badProperties(random)), { what: 'good', way: drawWay(random) }],
      credentials: [...random.several(2, () => badCredentials(random)), { what: 'good', way: drawWay(random) }],
      authorization: [...random.several(1, () => drawConsent(random, 'not')), drawConsent(random, 'approve')],
    },
    ends: [ends],
  };
}

const drawWay = (random: Random): Way => random.weighted({ update: 4, signal: 3, both: 2, forgotten: 1 });

const badProperties = (random: Random): PropertyRound => ({
  what: random.weighted({ wrong: 3, unknown: 1, missing: 1, clear: 1, foreign: 1 }),
  way: drawWay(random),
});

const badCredentials = (random: Random): CredentialRound => ({
  what: random.weighted({ wrong: 8, wrongKind: 3, clear: 3, foreign: 3, unknownKey: 1 }),
  way: drawWay(random),
});

const drawConsent = (random: Random, decision: 'approve' | 'not'): ConsentRound => ({
  decision: decision === 'approve' ? decision : random.pick<Decision>(['decline', 'error', 'close']),
  back: random.weighted(
    decision === 'approve'
      ? { callback: 3, repeated: 2, confirm: 3, both: 2, silence: 1 }
      : { callback: 1, repeated: 1, confirm: 1, both: 0, silence: 4 }, // else each takes half a minute
  ),
  older: random.chance(0.3),
});

/** The same run, but stopped somewhere. */
function stopping(random: Random, run: RunPlan, connector: string): RunPlan {
  const { stages } = connectors[connector]!;
  const at = random.pick(stages);
  const how = random.weighted({ leaves: 3, waitsTooLong: 3, cancels: 3, cancelsInTemporal: 1, cancelsAtWork: 3 });
  const isLast = at === stages.at(-1);
  const ends: Record<Stop['how'], StateName[]> = {
    leaves: [waitsIn[at]],
    waitsTooLong: ['expired'],
    cancels: ['cancelled'],
    cancelsInTemporal: ['cancelled'],
    cancelsAtWork: isLast ? ['cancelled', 'authenticated'] : ['cancelled'],
  };
  return {
    ...run,
    early: false,
    ...(how === 'waitsTooLong' && { patience: { [at]: IMPATIENCE } }),
    stop: { at, how },
    ends: ends[how],
  };
}

function failing(random: Random, flaw: Flaw): RunPlan {
  const failures: Record<Flaw, FailureCode> = {
    noConnector: 'connectorNotFound',
    noAccount: 'accessDenied',
    foreignId: 'invalidInput',
    noInput: 'invalidInput',
  };
  return { ...drawRun(random, 'Openrates'), ends: ['failed'], failure: failures[flaw] };
}
