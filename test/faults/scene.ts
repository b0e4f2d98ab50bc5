/**
 * A local stack whose processes and connections a test breaks, the users of the stack, and the checks of their flows.
 */
import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConnectorAuthErrorCode } from '../../client/connector-auth-error';
import type { ConnectorPatch } from '../../sandbox/control';
import { faultsOf } from '../../scripts/faults/checks';
import { evidenceOf } from '../../scripts/faults/evidence';
import {
  newRecord,
  recordedAnswers,
  recordedConsents,
  recordedTransport,
  type FlowRecord,
  type RunExpectation,
} from '../../scripts/faults/flow-record';
import { persistent } from '../../scripts/user/persistent';
import { startFaultStack, type FaultStack } from '../../scripts/faults/stack';
import { expectationOf, waitsOf } from '../../scripts/user/expectations';
import {
  libraryTransport,
  sealerOf,
  signalInputs,
  type StartOptions,
  type Transport,
} from '../../scripts/user/transports';
import { goodAnswers, inOrder, User } from '../../scripts/user/user';
import { workflowIdOf, type ConnectorKey } from '../../workflows/connector';
import { FLOW_TYPE } from '../../workflows/flow-start';
import type { StateName, View } from '../../workflows/view';
import { ofKind, type HistoryEvent } from '../support/histories';
import { RETURN_TO } from '../support/messages';

jest.setTimeout(600_000); // this limit only ends a test that hangs

export interface Scene extends FaultStack {
  user(connector: string, options?: UserSettings): TestUser;
  /** A user whose calls go through `transport`, not through the library. */
  userOver(key: ConnectorKey, connector: string, transport: Transport, options?: StartOptions): TestUser;
  /** A signal that aborts when the scene closes. */
  signal: AbortSignal;
  /** Ends all users' calls, then all processes. */
  close(): Promise<void>;
}

export interface UserSettings extends StartOptions {
  patch?: ConnectorPatch;
  /** True to send inputs by signals instead of updates. */
  bySignal?: boolean;
}

/** A user who gives each input once, without mistakes, and repeats a call until it is answered. */
export interface TestUser {
  user: User;
  key: ConnectorKey;
  record: FlowRecord;
  transport: Transport;
  /** The error code of each failed call that the user repeated. */
  repeated: ConnectorAuthErrorCode[];
  /** Starts the flow at the first call, then gives inputs until the flow is in the state `until`, or has ended. */
  play(until?: StateName): Promise<View>;
  /** Gives the input that `view` asks for, then continues until the flow has ended. */
  answer(view: View): Promise<View>;
}

/** Opens the scene without a worker. */
export async function openScene(): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'cyclr-connect-faults-'));
  const stack = await startFaultStack(folder);
  stack.onStop(() => stack.client.connection.close());
  const closing = new AbortController();
  const { signal } = closing;
  setMaxListeners(0, signal);
  const plays: Promise<unknown>[] = [];
  const run = (promise: Promise<View>): Promise<View> => {
    plays.push(promise.catch(() => undefined)); // the error is ignored here, because a test that awaits the returned promise gets it
    return promise;
  };
  const userOver: Scene['userOver'] = (key, connector, inner, start) => {
    const record = newRecord(connector, key, [expectedOf(connector)]);
    const repeated: ConnectorAuthErrorCode[] = [];
    const recorded = recordedTransport(inner, record, stack.stored);
    const repeating = persistent(recorded, { signal, onRepeat: (_method, code) => void repeated.push(code) });
    const transport = recordedConsents(repeating, record, stack.stored);
    const answers = recordedAnswers(inOrder(goodAnswers(connector)), record);
    const user = new User({ key, start, transport, answers, sandboxUrl: stack.sandbox.url, signal });
    return {
      ...{ user, key, record, transport, repeated },
      play: (until) => run(user.play(until)),
      answer: (view) => run(user.answer(view).then(() => user.play())),
    };
  };
  const sealer = sealerOf(stack.publicKey);
  const library = libraryTransport({ auth: stack.auth, sealer, returnTo: RETURN_TO });
  const signals = { ...library, ...signalInputs({ client: stack.client, sealer, by: 'callback' }) };
  return {
    ...stack,
    signal,
    userOver,
    user: (connector, { patch, bySignal, ...start } = {}) => {
      const key = stack.install(`account-${randomUUID()}`, connector, patch);
      return userOver(key, connector, bySignal ? signals : library, start);
    },
    async close() {
      closing.abort();
      await Promise.all(plays);
      await stack.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The expected outcome of a run in which the flow asks the user for each input only once. */
function expectedOf(connector: string): RunExpectation {
  const { state, verification } = expectationOf(connector);
  return { states: [state], verification, waits: waitsOf(connector) };
}

/** All faults of the user's flow and of the stack's processes. Empty if there is no fault. */
export async function faultsIn(scene: Scene, user: Pick<TestUser, 'record'>): Promise<string[]> {
  const { key, runs } = user.record;
  const workflowId = workflowIdOf(key);
  const evidence = runs.map(async ({ runId }) => {
    const history = await scene.client.workflow.getHandle(workflowId, runId).fetchHistory();
    return evidenceOf(scene.client, { workflowId, runId, type: FLOW_TYPE, history });
  });
  const { runId: latest } = await scene.auth.progress(key);
  return [
    ...faultsOf(user.record, await Promise.all(evidence), scene.stored),
    ...(latest === runs.at(-1)?.runId ? [] : ['the flow has a run that the user did not start']),
    ...scene.unexpectedEnds,
  ];
}

export const historyOf = async ({ client }: Scene, { key }: Pick<TestUser, 'key'>): Promise<HistoryEvent[]> =>
  (await client.workflow.getHandle(workflowIdOf(key)).fetchHistory()).events ?? [];

/** The number of activity attempts that timed out, because their worker reported no result. */
export function lostAttempts(events: HistoryEvent[]): number {
  const retried = events.filter(
    ({ activityTaskStartedEventAttributes: started }) => started?.lastFailure?.timeoutFailureInfo,
  );
  return retried.length + ofKind(events, 'activityTaskTimedOut').length;
}

/** For each activity, the number of the activity attempt whose result is in the history. */
export const attemptsOf = (events: HistoryEvent[]): number[] =>
  ofKind(events, 'activityTaskStarted').map(({ activityTaskStartedEventAttributes: started }) => started?.attempt ?? 0);

/** The number of the running activity attempt, or of the next activity attempt if no attempt is running. */
export async function pendingAttempt({ client }: Scene, { key }: TestUser): Promise<number | undefined> {
  const { raw } = await client.workflow.getHandle(workflowIdOf(key)).describe();
  return raw.pendingActivities?.[0]?.attempt ?? undefined;
}
