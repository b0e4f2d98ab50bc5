import { faultOf, type Fault, type FaultRule } from './fault-rule';

/** What a rule looks at. */
export interface Sighting {
  method: string;
  path: string;
  account?: string;
}

interface Armed {
  rule: FaultRule;
  path: RegExp | undefined;
  toSkip: number;
  toHit: number;
  /** Resolves when the requests that `held` stops may go on. */
  released: Promise<void>;
}

type Taken = { fault: Fault; released: Promise<void> };

/** The rules that are still to hit something, in the order they came. */
export class Faults {
  #armed: Armed[] = [];

  /** Returns a function that lets the requests go on which the rule has stopped, where it is `held`. */
  add(rule: FaultRule): () => void {
    let release!: () => void;
    const released = new Promise<void>((resolve) => (release = resolve));
    this.#armed.push({
      rule,
      path: rule.match.path === undefined ? undefined : new RegExp(rule.match.path),
      toSkip: rule.skip ?? 0,
      toHit: rule.times === 'always' ? Infinity : (rule.times ?? 1),
      released,
    });
    return release;
  }

  clear(): void {
    this.#armed = [];
  }

  /** The fault that hits this request, if any; it is used up by that. */
  take(sighting: Sighting): Taken | undefined {
    for (const armed of this.#armed.filter((candidate) => matches(candidate, sighting))) {
      if (armed.toSkip > 0) {
        armed.toSkip--;
        continue;
      }
      armed.toHit--;
      this.#armed = this.#armed.filter(({ toHit }) => toHit > 0);
      return { fault: faultOf(armed.rule.then), released: armed.released };
    }
    return undefined;
  }
}

function matches({ rule: { match }, path }: Armed, sighting: Sighting): boolean {
  return (
    (match.method ?? sighting.method) === sighting.method &&
    (match.account ?? sighting.account) === sighting.account &&
    (!path || sighting.path.startsWith(match.path ?? '') || path.test(sighting.path))
  );
}
