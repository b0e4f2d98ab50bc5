/** What must hold in the end, whatever was broken on the way. */
import type { StateName, TimelineEntry } from '../../workflows/messages';
import { workflowIdOf } from '../../workflows/messages';
import { failedTasks, kindOf, ofKind, type HistoryEvent } from '../support/histories';
import { User } from './user';

interface Account {
  /** What its user has to be asked for, once each. */
  asked: StateName[];
  /** What Cyclr has in the end. */
  properties: string[];
  authValue: unknown;
}

const accounts: { [connector: string]: Account } = {
  Fernhill: { asked: ['awaitingProperties', 'awaitingCredentials'], properties: ['Domain'], authValue: 'right' },
  Quartz: { asked: ['awaitingProperties'], properties: ['ClientId', 'ClientSecret'], authValue: '{}' },
  Ledgerly: { asked: ['awaitingAuthorization'], properties: [], authValue: expect.stringContaining('AccessToken') },
};

/** Whose books are looked at. */
type Owner = Pick<User, 'key' | 'runId' | 'asked'> & { reached: Pick<User['reached'], 'auth' | 'client' | 'sandbox'> };

/** The flow ended as it should, once; Cyclr has what was given, once; nobody was asked twice. */
export async function reconciled(user: Owner): Promise<void> {
  const { reached, key, asked } = user;
  const cyclr = reached.sandbox.connectorOf(key.accountId, key.connectorId);
  const { asked: due, properties, authValue } = accounts[cyclr.Connector.Name]!;
  const end = await reached.auth.view(key);
  const timeline = await timelineOf(user);
  const events = await historyOf(user);

  expect(end).toMatchObject({ state: 'authenticated', verification: 'notChecked', runId: user.runId });
  expect(end).not.toHaveProperty('problem');
  expect(asked).toEqual(due);
  expect(timeline.filter(entersWait).map(({ to }) => to)).toEqual(due);
  expect(cyclr).toMatchObject({ Authenticated: true, AuthValue: authValue });
  expect(cyclr.Properties.map(({ Name, Value }) => [Name, Value]).sort()).toEqual(
    properties.map((name) => [name, User.valueOf(name)]),
  );
  expect(failedTasks(events)).toEqual([]);
  expect(events.map(kindOf).filter((kind) => /^workflowExecution(?!Started|Signaled|Update)/.test(kind))).toEqual([
    'workflowExecutionCompleted',
  ]);
}

const timelineOf = async ({ reached, key }: Owner) => (await reached.auth.timeline(key)).entries;

export const historyOf = async ({ reached, key }: Owner): Promise<HistoryEvent[]> =>
  (await reached.client.workflow.getHandle(workflowIdOf(key)).fetchHistory()).events ?? [];

const entersWait = ({ from, to }: TimelineEntry): boolean => from !== to && to.startsWith('awaiting');

/** How many attempts of activities were never heard of again. */
export function lostAttempts(events: HistoryEvent[]): number {
  const retried = events.filter(
    ({ activityTaskStartedEventAttributes: started }) => started?.lastFailure?.timeoutFailureInfo,
  );
  return retried.length + ofKind(events, 'activityTaskTimedOut').length;
}

/** The number of each attempt that counted. */
export const attemptsOf = (events: HistoryEvent[]): number[] =>
  ofKind(events, 'activityTaskStarted').map(({ activityTaskStartedEventAttributes: started }) => started?.attempt ?? 0);

/** The number of the attempt that is under way or next. */
export async function pendingAttempt({ reached, key }: User): Promise<number | undefined> {
  const { raw } = await reached.client.workflow.getHandle(workflowIdOf(key)).describe();
  return raw.pendingActivities?.[0]?.attempt ?? undefined;
}
