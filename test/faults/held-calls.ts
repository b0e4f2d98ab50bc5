/** Calls to Cyclr that a test holds or breaks. */
import type { FaultRule } from '../../sandbox/fault-rule';
import type { RecordedRequest } from '../../sandbox/requests';
import type { View } from '../../workflows/view';
import { eventually } from '../support/eventually';
import type { Scene, TestUser } from './scene';
import type { Step } from './steps';

export interface StepCall {
  step: Step;
  user: TestUser;
  /** Resolves with the final view when the flow has ended. */
  ended: Promise<View>;
  /**
   * The requests that Cyclr got in this step. Cyclr answers the first request with the fault. Each later request is a
   * repetition of the first request.
   */
  requests(): RecordedRequest[];
  /** True if Cyclr has made the change that the step requests. */
  isDone(): boolean;
  /** If the fault is `held`: lets Cyclr answer the waiting request. */
  release(): void;
}

/**
 * Makes a user. If the step has a state `from`, brings the user's flow to this state. Returns a function that sets the
 * fault at Cyclr and starts the step.
 */
export async function before(scene: Scene, step: Step): Promise<(fault: FaultRule['then']) => StepCall> {
  const { sandbox } = scene;
  const user = scene.user(step.connector, step);
  if (step.from) await user.play(step.from);
  return (then) => {
    const { method, skip = 0, isDone } = step;
    const path = step.path(user.key);
    const first = sandbox.requests.length;
    const release = sandbox.fault({ match: { method, path }, skip, then });
    const isOfStep = (request: RecordedRequest) => request.method === method && new RegExp(path).test(request.path);
    return {
      ...{ step, user, release, ended: user.play() },
      requests: () => {
        const [hit, ...others] = sandbox.requests.slice(first).filter(isOfStep).slice(skip);
        return hit ? [hit, ...others.filter((other) => other.path === hit.path)] : [];
      },
      isDone: () => {
        const { accountId, connectorId } = user.key;
        const connector = sandbox.connectorOf(accountId, connectorId);
        return isDone?.({ connector, signIns: sandbox.signIns(accountId) }) ?? false;
      },
    };
  };
}

export const hasArrived = ({ requests }: StepCall): boolean => requests().length > 0;
export const isAnswered = ({ requests }: StepCall): boolean => requests()[0]?.status !== undefined;

/**
 * Waits until the condition is true for all calls. After a time limit, fails with the names of the steps for whose
 * calls the condition is false.
 */
export const untilAll = (calls: StepCall[], condition: (call: StepCall) => boolean): Promise<string[]> =>
  eventually(
    () => calls.filter((call) => !condition(call)).map(({ step }) => step.name),
    (others) => others.length === 0,
  );

/** Runs `breakStack` while Cyclr holds a call of each step. Resolves after Cyclr has answered all these calls. */
export async function breakDuring(scene: Scene, steps: Step[], breakStack: () => unknown): Promise<StepCall[]> {
  const ready = await Promise.all(steps.map((step) => before(scene, step)));
  const calls = ready.map((take) => take('held'));
  await untilAll(calls, hasArrived);
  await breakStack();
  for (const { release } of calls) release();
  await untilAll(calls, isAnswered);
  return calls;
}
