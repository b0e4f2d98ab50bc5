/** Catches flows in the midst of a call to Cyclr. */
import type { FaultRule } from '../../sandbox/fault-rule';
import type { RecordedRequest } from '../../sandbox/requests';
import { eventually } from '../support/eventually';
import type { Scene } from './scene';
import type { Step } from './steps';
import type { User } from './user';

/** Long enough to bring all flows there, shorter than the worker waits. */
const SLOW_MS = 5_000;

export interface Caught {
  step: Step;
  user: User;
  /** How the user's way ends. */
  ended: Promise<unknown>;
  /** What Cyclr was asked in this step: the first of them was caught, others repeat it. */
  requests(): RecordedRequest[];
  /** Whether Cyclr has done what it was asked for. */
  isDone(): boolean;
}

/** A user whose flow comes to this step next: their next move walks into the trap. */
export async function before(scene: Scene, step: Step): Promise<(then: FaultRule['then']) => Caught> {
  const { sandbox } = scene;
  const user = scene.user(step.connector, step);
  const { accountId, connectorId } = user.key;
  if (step.from) await user.walks(step.from);

  return (then) => {
    const { method, skip = 0, isDone } = step;
    const path = step.path(user.key);
    const made = sandbox.requests.length;
    sandbox.fault({ match: { method, path }, skip, then });
    const isOne = (request: RecordedRequest) => request.method === method && new RegExp(path).test(request.path);
    return {
      step,
      user,
      ended: user.walks(),
      requests: () => {
        const [first, ...others] = sandbox.requests.slice(made).filter(isOne).slice(skip);
        return first ? [first, ...others.filter((other) => other.path === first.path)] : [];
      },
      isDone: () => {
        const connector = sandbox.connectorOf(accountId, connectorId);
        return isDone?.({ connector, signIns: sandbox.signIns(accountId) }) ?? false;
      },
    };
  };
}

export const isCaught = ({ requests }: Caught): boolean => requests().length > 0;
export const isAnswered = ({ requests }: Caught): boolean => requests()[0]?.status !== undefined;

const namesOf = (caught: Caught[]): string[] => caught.map(({ step }) => step.name);

/** Waits until it is so for all of them; fails with the names of the others. */
export const untilAll = (caught: Caught[], isSo: (one: Caught) => boolean): Promise<string[]> =>
  eventually(
    () => namesOf(caught.filter((one) => !isSo(one))),
    (others) => others.length === 0,
  );

/** Breaks something while Cyclr is about to take all of these steps; it has taken them when this returns. */
export async function breakDuring(scene: Scene, steps: Step[], breaks: () => unknown): Promise<Caught[]> {
  const ready = await Promise.all(steps.map((step) => before(scene, step)));
  const caught = ready.map((goesOn) => goesOn({ kind: 'slow', ms: SLOW_MS }));
  await untilAll(caught, isCaught);
  const early = namesOf(caught.filter(isAnswered));
  await breaks();
  await untilAll(caught, isAnswered);
  expect(early).toEqual([]);
  return caught;
}
