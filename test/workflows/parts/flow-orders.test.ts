import { CLOCK, JOINED, replay, runToEnd, scenarios, secrets, type Scenario, type Seen } from './flow-model';
import { withRuntimeClock } from './sdk-runtime';
import { finalStates, waitingStates, type TimelineEntry } from '../../../workflows/view';

/**
 * The number of explored steps after each start of a scenario. `docs/proof.md` has the command for a larger number.
 */
const DEPTH = Number(process.env['MODEL_DEPTH'] ?? 2);
/** This limit only ends an exploration that hangs. */
const LIMIT_MS = DEPTH > 2 ? 3_600_000 : 300_000;
const PATIENCE_MS = 7 * 24 * 3_600_000;

const isWaiting = ({ view }: Seen): boolean => waitingStates.includes(view.state);
const isChange = ({ from, to }: TimelineEntry): boolean => from !== to;
const isEnd = (entry: TimelineEntry): boolean => isChange(entry) && finalStates.includes(entry.to);
const unanswered = ({ updates }: Seen): string[] =>
  Object.keys(updates).filter((id) => updates[id]!.value === undefined && updates[id]!.failure === undefined);
/** The ids of the inputs that the flow has not rejected and that are not yet in its timeline. */
const unread = ({ sent, timeline, updates }: Seen): string[] =>
  sent.filter((id) => updates[id]?.accepted !== false && !timeline.entries.some((entry) => entry.id === id));

/**
 * Returns, as a text, everything that decides the next states of a flow. The times in this text are relative to now.
 */
function keyOf(seen: Seen): string {
  const { view, timers, activities, next, now } = seen;
  const { revision: _revision, since: _since, deadline = new Date(now).toISOString(), ...rest } = view;
  const times = [...timers, Date.parse(deadline)].map((at) => at - now);
  return JSON.stringify([rest, times, activities, next, unread(seen), unanswered(seen)]);
}

type Pair = readonly [before: Seen, after: Seen];

interface Explored {
  scenario: Scenario;
  /** A pair for each explored step: the flow before the step, and the flow after the step. */
  steps: Pair[];
  states: number;
  /** A pair for each flow that ran to its end: the flow after the last explored step, and the flow at its end. */
  ends: Pair[];
}

async function exploreFlow(scenario: Scenario): Promise<Explored> {
  const steps: Pair[] = [];
  const known = new Set<string>();
  const newOnes = (level: Seen[]) =>
    level.filter((seen) => {
      const key = keyOf(seen);
      return !known.has(key) && known.add(key);
    });
  const starts = [];
  for (const path of [[], ...scenario.starts]) starts.push(await replay(scenario, path));
  let level = newOnes(starts);
  for (let depth = 0; depth < DEPTH; depth++) {
    const found = [];
    for (const before of level)
      for (const step of stepsAfter(before)) {
        const after = await replay(scenario, [...before.path, step]);
        steps.push([before, after]);
        found.push(after);
      }
    level = newOnes(found);
  }
  return { scenario, steps, states: known.size, ends: await endsOf(scenario, level) };
}

/**
 * Returns the next steps. Each message gives two steps: one in a new workflow task, and one in the workflow task of
 * the step before it.
 */
function stepsAfter({ path, next }: Seen): string[] {
  const mayJoin = path.length > 0 && !path.at(-1)!.startsWith(JOINED);
  const joined = mayJoin ? next.filter((step) => step !== CLOCK && !step.includes(':')) : [];
  return [...next, ...joined.map((step) => JOINED + step)];
}

/** Returns one flow for each value that `kindOf` returns. */
const oneOfEach = (level: Seen[], kindOf: (seen: Seen) => unknown): Seen[] => [
  ...new Map(level.map((seen) => [JSON.stringify(kindOf(seen)), seen])).values(),
];

/** Runs one flow of each kind to its end while Cyclr answers, and one flow of each kind to its end in an outage. */
async function endsOf(scenario: Scenario, level: Seen[]): Promise<Pair[]> {
  const kindOf = ({ view, activities }: Seen) => [view.state, view.problem?.code, activities.map(({ type }) => type)];
  const ended: Pair[] = [];
  for (const seen of oneOfEach(level, (one) => [kindOf(one), unread(one), unanswered(one)]))
    ended.push([seen, await runToEnd(scenario, seen, false)]);
  for (const seen of oneOfEach(level, kindOf)) ended.push([seen, await runToEnd(scenario, seen, true)]);
  return ended;
}

let explored: Explored[];
let steps: Pair[];
let ends: Pair[];
/** Each explored flow, as it is after each step and at its end. */
let all: Seen[];

beforeAll(async () => {
  explored = await withRuntimeClock(async () => {
    const found = [];
    for (const scenario of scenarios) found.push(await exploreFlow(scenario));
    return found;
  });
  steps = explored.flatMap((one) => one.steps);
  ends = explored.flatMap((one) => one.ends);
  all = [...steps, ...ends].map(([, after]) => after);
}, LIMIT_MS);

/** The steps of each flow that breaks a rule, for the message of a failed test. */
const pathsOf = (wrong: Seen[]): string[] => wrong.map(({ path }) => path.join(' | '));

describe(`in all orders of ${DEPTH} messages, answers of Cyclr and timers`, () => {
  test('the exploration reaches all states except unsupported', () => {
    for (const { scenario, states, steps: orders } of explored)
      process.stdout.write(`flow with ${scenario.name}: ${states} states, ${orders.length} orders of events\n`);

    const names = new Set(all.map(({ view }) => view.state));
    expect(names.size).toBe(11);
  });

  test('a flow without further messages ends, with and without an outage of Cyclr', () => {
    const ended = ends.map(([, after]) => after);
    expect(ended.length).toBeGreaterThan(0);
    expect(pathsOf(ended.filter((seen) => seen.ends.length === 0))).toEqual([]);
  });

  test('an open flow always awaits an activity or a timer', () => {
    const idle = all.filter(({ ends, activities, timers }) => ends.length + activities.length + timers.length === 0);

    expect(pathsOf(idle)).toEqual([]);
  });

  test('until its deadline, a waiting flow has an open activity, or a timer for this deadline or for the deadline of an earlier wait', () => {
    const isRight = ({ view, timeline, timers, activities, now }: Seen) => {
      const deadline = Date.parse(view.deadline ?? '');
      const waits = timeline.entries.filter((entry) => isChange(entry) && waitingStates.includes(entry.to));
      const deadlines = waits.map(({ at }) => Date.parse(at) + PATIENCE_MS).filter((at) => at <= deadline);
      return deadlines.some((at) => timers.includes(at)) || deadline <= now || activities.length > 0;
    };

    expect(pathsOf(all.filter((seen) => isWaiting(seen) && !isRight(seen)))).toEqual([]);
  });

  test('the deadline of a wait is 7 days after the wait began, unless the wait began because an input was refused before it reached Cyclr', () => {
    const isRight = ({ view, timeline }: Seen) => {
      const entry = timeline.entries.findLast(isChange)!;
      const isRefusal = entry.event === 'inputRefused';
      return isRefusal || Date.parse(view.deadline ?? '') === Date.parse(entry.at) + PATIENCE_MS;
    };

    expect(pathsOf(all.filter((seen) => isWaiting(seen) && !isRight(seen)))).toEqual([]);
  });

  test('a refused input does not change the deadline', () => {
    const moved = steps.filter(
      ([before, after]) =>
        isWaiting(before) &&
        after.view.state === before.view.state &&
        after.timeline.entries.slice(before.timeline.entries.length).every(({ event }) => event === 'inputRefused') &&
        after.view.deadline !== before.view.deadline,
    );

    expect(pathsOf(moved.map(([, after]) => after))).toEqual([]);
  });

  test('a flow expires only after its deadline, and only after it has handled the inputs that were sent before its end', () => {
    const hasExpired = ({ timeline }: Seen) => timeline.entries.some(({ event }) => event === 'timedOut');
    const expiries = [...steps, ...ends].filter(([before, after]) => !hasExpired(before) && hasExpired(after));
    const isEarly = ({ timeline: { entries } }: Seen) => {
      const wait = entries.findLast((entry) => isChange(entry) && waitingStates.includes(entry.to))!;
      const end = entries.find(({ event }) => event === 'timedOut')!;
      return wait.event !== 'inputRefused' && Date.parse(end.at) < Date.parse(wait.at) + PATIENCE_MS;
    };
    const isBeforeInput = ({ timeline: { entries } }: Seen) => entries.at(-1)?.event !== 'timedOut';

    expect(expiries.length).toBeGreaterThan(0);
    const expired = expiries.map(([, after]) => after);
    expect(pathsOf(expired.filter((seen) => isEarly(seen) || isBeforeInput(seen)))).toEqual([]);
  });

  test('a flow has one outcome: one end of the run, one entry of the timeline, one final view', () => {
    const closed = all.filter(({ ends }) => ends.length > 0);
    const isRight = ({ ends, afterEnd, timeline, view }: Seen) => {
      const result = ends[0]!.value as { state?: string } | undefined;
      const outcomes = timeline.entries.filter(isEnd).map(({ to }) => to);
      const isSame =
        ends[0]!.command === 'cancelWorkflowExecution' ? view.state === 'cancelled' : result?.state === view.state;
      return ends.length === 1 && afterEnd.length === 0 && outcomes.join() === view.state && isSame;
    };

    expect(closed.length).toBeGreaterThan(0);
    expect(pathsOf(closed.filter((seen) => !isRight(seen)))).toEqual([]);
  });

  test('each accepted update has an answer before the end of the flow, and the timeline has each input', () => {
    const closed = all.filter(({ ends }) => ends.length > 0);

    expect(pathsOf(closed.filter((seen) => unanswered(seen).length + unread(seen).length > 0))).toEqual([]);
  });

  test('the revision grows with each change of the view, and the timeline only gets longer', () => {
    const isRight = ([before, after]: Pair) => {
      const [{ revision: old, ...oldView }, { revision, ...view }] = [before.view, after.view];
      const isSame = JSON.stringify(oldView) === JSON.stringify(view);
      const kept = after.timeline.entries.slice(0, before.timeline.entries.length);
      return (
        (isSame ? revision >= old : revision > old) && JSON.stringify(kept) === JSON.stringify(before.timeline.entries)
      );
    };

    const isAlone = ({ path }: Seen) => !path.at(-1)!.startsWith(JOINED);
    expect(pathsOf(steps.filter((step) => isAlone(step[1]) && !isRight(step)).map(([, after]) => after))).toEqual([]);
  });

  test('each entry of the timeline begins in the state in which the entry before it ends', () => {
    const isRight = ({ timeline: { entries }, view }: Seen) =>
      entries.every(({ from }, index) => from === (entries[index - 1]?.to ?? 'fetchingConnector')) &&
      (entries.at(-1)?.to ?? 'fetchingConnector') === view.state;

    expect(pathsOf(all.filter((seen) => !isRight(seen)))).toEqual([]);
  });

  test('no view, timeline, answer or result holds a value of the user, and no closed flow has an open activity', () => {
    const holds = ({ view, timeline, updates, ends }: Seen) => {
      const answers = Object.values(updates).map(({ value }) => ({ ...(value as object), link: undefined }));
      const text = JSON.stringify([view, timeline, answers, ends]);
      return secrets.some((secret) => text.includes(secret));
    };

    expect(pathsOf(all.filter(holds))).toEqual([]);
    expect(pathsOf(all.filter(({ ends, activities }) => ends.length > 0 && activities.length > 0))).toEqual([]);
  });

  test('a flow is authenticated only after an answer of Cyclr, and a re-authentication only after an input', () => {
    const authenticated = all.filter(({ view }) => view.state === 'authenticated');
    const isInput = ({ event }: TimelineEntry) => /Submitted$|^authorizationReturned$/.test(event);
    const isRight = ({ path, view, timeline }: Seen) =>
      path.some((step) => step.includes(': authenticated')) &&
      (view.intent === 'authenticate' || timeline.entries.some(isInput));

    expect(authenticated.length).toBeGreaterThan(0);
    expect(pathsOf(authenticated.filter((seen) => !isRight(seen)))).toEqual([]);
  });
});
