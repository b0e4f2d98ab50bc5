/** A breadth-first exploration of a state machine: all states that any order of events reaches. */

/** One event: `label` is its name, and `next` is the state after the event. */
export interface Step<State> {
  label: string;
  /** False (as for a cancellation): each state must have a way to a final state without this event. Default: true. */
  isCertain?: boolean;
  next: State;
}

interface Found<State> {
  state: State;
  /** The labels of the shortest sequence of events to this state. */
  path: string[];
  /** The keys of the states after one step, without the steps with `isCertain: false`. */
  after: Set<string>;
}

export interface Exploration<State> {
  states: State[];
  steps: number;
  /**
   * The shortest path to each state from which no final state can be reached. Steps with `isCertain: false` do not
   * count as a way to a final state.
   */
  stuck: string[][];
}

export interface Model<State> {
  starts: readonly State[];
  stepsOf: (state: State) => readonly Step<State>[];
  isFinal: (state: State) => boolean;
  /** Returns the parts of a state that decide its next states, as a text. By default, the text is the whole state. */
  keyOf?: (state: State) => string;
  /** Throws an error at a step that breaks a rule. */
  checkStep?: (before: State, step: Step<State>) => void;
}

/** If an exploration finds more states, it fails: the model may have no finite number of states. */
const MAX_STATES = 200_000;

/** Explores all reachable states. If `checkStep` throws an error, the path to the step is added to the message. */
export function explore<State>(model: Model<State>): Exploration<State> {
  const { starts, keyOf = JSON.stringify } = model;
  const found = new Map<string, Found<State>>();
  const queue: Found<State>[] = [];
  const add = (state: State, path: string[]): string => {
    const key = keyOf(state);
    if (found.has(key)) return key;
    if (found.size === MAX_STATES) throw new Error(`More than ${MAX_STATES} states: ${path.join(', ')}`);
    const entry = { state, path, after: new Set<string>() };
    found.set(key, entry);
    queue.push(entry);
    return key;
  };
  for (const start of starts) add(start, []);
  let steps = 0;
  for (let entry = queue.shift(); entry; entry = queue.shift())
    for (const step of model.stepsOf(entry.state)) {
      steps++;
      const path = [...entry.path, step.label];
      checkAt(path, () => model.checkStep?.(entry.state, step));
      const key = add(step.next, path);
      if (step.isCertain !== false) entry.after.add(key);
    }
  return { states: [...found.values()].map(({ state }) => state), steps, stuck: stuckIn(found, model) };
}

function checkAt(path: string[], check: () => void): void {
  try {
    check();
  } catch (error) {
    (error as Error).message += `\nAfter the events: ${path.join(', ')}`;
    throw error;
  }
}

function stuckIn<State>(found: Map<string, Found<State>>, { isFinal }: Model<State>): string[][] {
  const before = new Map<string, string[]>();
  for (const [key, { after }] of found) for (const next of after) before.set(next, [...(before.get(next) ?? []), key]);
  const ending = [...found].filter(([, { state }]) => isFinal(state)).map(([key]) => key);
  const canEnd = new Set(ending);
  for (let key = ending.pop(); key !== undefined; key = ending.pop())
    for (const earlier of before.get(key) ?? [])
      if (!canEnd.has(earlier)) {
        canEnd.add(earlier);
        ending.push(earlier);
      }
  return [...found].filter(([key]) => !canEnd.has(key)).map(([, { path }]) => path);
}
