/** The books: what must be right when all is over. */
import { finalStates, type StateName, type TimelineEntry } from '../../workflows/messages';
import { allEvents, allStates } from './machine-samples';
import { transition } from '../../workflows/authenticate-connector/machine';
import { evidenceOf, type RunEvidence } from './evidence';
import { cyclrBook } from './cyclr-book';
import { failedTasks } from './histories';
import { leaks } from './leaks';
import type { Ledger, RunLedger } from './ledger';
import type { World } from './world';

export interface Book {
  name: string;
  /** What was looked at. */
  counted: string;
  /** What is wrong, with the flow that it is wrong with. */
  wrong: string[];
}

/** Checks everything. Needs a Temporal and a worker that answer. */
export async function keepBooks(world: World, ledgers: Ledger[]): Promise<Book[]> {
  const runs = await evidenceOf(
    world,
    ledgers.reduce((sum, ledger) => sum + ledger.runs.length, 0),
  );
  const of = (ledger: Ledger) => runs.filter(({ workflowId }) => workflowId === ledger.workflowId);
  const each = (check: (ledger: Ledger, runs: RunEvidence[]) => string[]) =>
    ledgers.flatMap((ledger) => check(ledger, of(ledger)).map((wrong) => `${nameOf(ledger)}: ${wrong}`));
  const known = new Set(ledgers.map(({ workflowId }) => workflowId));
  const strangers = runs
    .filter(({ workflowId }) => !known.has(workflowId))
    .map(({ workflowId }) => `${workflowId}: a run of no flow`);
  return [
    {
      name: 'outcomes',
      counted: `${runs.length} runs of ${ledgers.length} flows`,
      wrong: [...strangers, ...each(outcomes)],
    },
    { name: 'Cyclr', ...cyclrBook(world, ledgers) },
    {
      name: 'task failures',
      counted: `${runs.length} histories`,
      wrong: each((_, mine) => mine.flatMap(({ history }) => failedTasks(history.events ?? []))),
    },
    { name: 'secrets', ...(await leaks(world, ledgers, runs)) },
    {
      name: 'timelines',
      counted: `${runs.reduce((sum, { timeline }) => sum + timeline.length, 0)} entries`,
      wrong: each((_, mine) => mine.flatMap(unlawful)),
    },
    {
      name: 'asked again',
      counted: `${ledgers.length} users`,
      wrong: each(({ askedAgain }) => [...new Set(askedAgain)]),
    },
    {
      name: 'verifications',
      counted: `${ledgers.reduce((sum, ledger) => sum + attemptsOf(ledger), 0)} links`,
      wrong: each(verifications),
    },
    { name: 'what users saw', counted: 'answers, errors and revisions', wrong: each(({ troubles }) => troubles) },
    { name: 'processes', counted: 'workers that ended', wrong: world.deaths },
  ];
}

const nameOf = ({ plan }: Ledger): string =>
  `flow ${plan.number} (${plan.connector}${plan.flaw ? `, ${plan.flaw}` : ''})`;

/** One for each run, the one that was planned; of a start whose answer was lost there may be another run. */
function outcomes(ledger: Ledger, runs: RunEvidence[]): string[] {
  const { plan, startedAgain } = ledger;
  const extra = runs.filter(({ runId }) => !ledger.runs.some((run) => run.runId === runId));
  const missing = plan.runs.length - ledger.runs.length;
  return [
    ...(missing > 0 ? [`${missing} of its runs never started`] : []),
    ...(extra.length > 0 && !startedAgain ? [`${extra.length} runs that nobody started`] : []),
    ...extra.flatMap((run) => outcome(run, { ends: plan.runs.flatMap(({ ends }) => ends) })),
    ...ledger.runs.flatMap((run) => {
      const evidence = runs.find(({ runId }) => runId === run.runId);
      return evidence ? outcome(evidence, run.plan) : [`no trace of run ${run.runId}`];
    }),
  ];
}

function outcome(
  { view, silence, closings }: RunEvidence,
  { ends, failure, stop }: Pick<RunLedger['plan'], 'ends' | 'failure' | 'stop'>,
): string[] {
  if (!view) return [`nobody answers for it: ${silence}`];
  const { state } = view;
  const by = stop?.how === 'cancelsInTemporal' ? 'workflowExecutionCanceled' : 'workflowExecutionCompleted';
  const closed = state === 'failed' ? 'workflowExecutionFailed' : by;
  const expected = finalStates.includes(state) ? closed : '';
  return [
    ...(ends.includes(state) ? [] : [`it is ${state}, and should be ${ends.join(' or ')}`]),
    ...(view.failure?.code === failure
      ? []
      : [`it failed with ${view.failure?.code}, and should have with ${failure}`]),
    ...(closings.join() === expected ? [] : [`it is ${state}, and was closed by: ${closings.join() || 'nothing'}`]),
  ];
}

/** Every arrow of the machine that leads somewhere else, and what may happen without one. */
const arrows = new Set(
  allStates.flatMap((state) =>
    allEvents.map((event) => `${state.name} ${event.type} ${transition(state, event).name}`),
  ),
);
const standing = ['inputRefused', 'unknownSignal'];

function unlawful({ timeline }: RunEvidence): string[] {
  let at: StateName = timeline[0]?.from ?? 'fetchingConnector';
  const isWhole = timeline.length < 200;
  const wrong = isWhole && at !== 'fetchingConnector' ? [`it begins in ${at}`] : [];
  for (const { from, event, to } of timeline) {
    if (from !== at) wrong.push(`${event} happened in ${from}, but it was in ${at}`);
    const stays = from === to && standing.includes(event);
    if (!stays && !arrows.has(`${from} ${event} ${to}`)) wrong.push(`no arrow: ${from} ${event} ${to}`);
    at = to;
  }
  return [...wrong, ...takenTwice(timeline)];
}

/** Submissions that changed something more than once. */
function takenTwice(timeline: TimelineEntry[]): string[] {
  const taken = timeline.filter(({ event }) => event === 'propertiesSubmitted' || event === 'credentialsSubmitted');
  const ids = taken.map(({ id }) => id);
  return [...new Set(ids.filter((id, index) => ids.indexOf(id) < index))].map(
    (id) => `the input ${id} was taken twice`,
  );
}

const attemptsOf = ({ runs }: Ledger): number => runs.reduce((sum, { confirmations }) => sum + confirmations.size, 0);

/** One by what came back, and one by each confirmation, of an attempt; none by a stranger. */
function verifications(ledger: Ledger, runs: RunEvidence[]): string[] {
  const returns = runs.flatMap(({ timeline }) => timeline.filter(({ event }) => event === 'authorizationReturned'));
  const count = (id: string, by: string) => returns.filter((entry) => entry.id === id && entry.by === by).length;
  const strangers = returns.filter(({ by }) => by !== 'user' && by !== 'callback');
  return [
    ...strangers.map(({ id }) => `a verification for ${id}, which nobody of this flow has asked for`),
    ...ledger.runs.flatMap(({ confirmations }) =>
      [...confirmations].flatMap(([id, times]) => [
        ...(count(id, 'callback') > 1 ? [`${count(id, 'callback')} verifications by callbacks of ${id}`] : []),
        ...(count(id, 'user') > times ? [`more verifications than confirmations of ${id}`] : []),
      ]),
    ),
  ];
}
