/** The gate: what was recorded, and what has just run, replays; and what would not is found out. */
import { join } from 'node:path';
import type { InjectedSinks } from '@temporalio/worker';
import { transition } from '../../workflows/authenticate-connector/machine';
import type { TimelineEntry } from '../../workflows/messages';
import type { TimelineSink } from '../histories/tampered/told-timeline';
import { histories, ofKind } from '../support/histories';
import { allEvents, allStates } from '../../scripts/faults/machine-samples';
import { isRead } from '../support/messages';
import { bundleWith, differencesOf, historyFiles, recordedRuns } from '../support/replays';
import { bundlePath, openStage, type Stage } from '../support/stage';

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(() => stage.close());

const built = { codePath: bundlePath };
const tampered = (name: string) => bundleWith(join(__dirname, '..', 'histories', 'tampered', `${name}.ts`));
const runs = recordedRuns();

/** What is expected of every history, where nothing is said of some. */
const all = (expected: unknown) => Object.fromEntries(runs.map(({ name }) => [name, expected]));

test('every recorded history replays', async () => {
  const differences = await differencesOf(built, runs);

  expect(runs.length).toBeGreaterThan(0);
  expect(runs).toHaveLength(historyFiles.length);
  expect(differences).toEqual(all('ok'));
});

test('what has just run replays, open or ended', async () => {
  const ended = await stage.scene('Fernhill');
  await ended.reaches('awaitingProperties');
  await ended.sets({ Domain: 'acme' });
  await ended.gives({ kind: 'apiKey', key: 'right' });
  const open = await stage.scene('Kestrel');
  await open.reaches('awaitingProperties');
  await open.signals('propertyInput', 'malformed');
  await isRead(open);
  const justRun = (await histories(stage)).map((run) => ({ name: run.workflowId, ...run }));

  const differences = await differencesOf(built, justRun);

  expect(differences).toEqual({ [ended.workflowId]: 'ok', [open.workflowId]: 'ok' });
});

describe('the gate catches', () => {
  const nondeterminism = expect.stringContaining('[TMPRL1100] Nondeterminism error');

  test('a timer that is new: in every history', async () => {
    const bundle = await tampered('extra-timer');

    const differences = await differencesOf(bundle, runs);

    expect(differences).toEqual(all(nondeterminism));
  });

  test('an activity that has another name: in those that have it, and in no other', async () => {
    const bundle = await tampered('renamed-activity');
    const having = runs.filter(({ history }) =>
      ofKind(history.events ?? [], 'activityTaskScheduled').some(
        ({ activityTaskScheduledEventAttributes: scheduled }) => scheduled?.activityType?.name === 'applyCredentials',
      ),
    );

    const differences = await differencesOf(bundle, runs);

    const expected = Object.fromEntries(having.map(({ name }) => [name, nondeterminism]));
    expect(having.length).toBeGreaterThan(0);
    expect(having.length).toBeLessThan(runs.length);
    expect(differences).toEqual({ ...all('ok'), ...expected });
  });
});

/** What no flow comes by, and why. */
const neverTaken: { [arrow: string]: string } = {
  'awaitingProperties failed failed': 'only a call to Cyclr fails, and none is made there',
  'awaitingCredentials failed failed': 'only a call to Cyclr fails, and none is made there',
  'applyingCredentials inputRefused awaitingProperties': 'nothing was given that could be of no use',
};

test('together they take every arrow of the machine', async () => {
  const told: TimelineEntry[] = [];
  const sinks: InjectedSinks<TimelineSink> = {
    timeline: { tell: { fn: (_info, { entries }) => void told.push(...entries), callDuringReplay: true } },
  };
  const bundle = await tampered('told-timeline');

  await differencesOf(bundle, runs, sinks);

  const taken = new Set(told.map(({ from, event, to }) => `${from} ${event} ${to}`));
  const arrows = allStates.flatMap((state) =>
    allEvents
      .map((event) => ({ event, next: transition(state, event) }))
      .filter(({ next }) => next !== state)
      .map(({ event, next }) => `${state.name} ${event.type} ${next.name}`),
  );
  expect([...new Set(arrows)].filter((arrow) => !taken.has(arrow)).sort()).toEqual(Object.keys(neverTaken).sort());
});
