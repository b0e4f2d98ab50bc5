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
}

/** The rules that are still to hit something, in the order they came. */
export class Faults {
  #armed: Armed[] = [];

  add(rule: FaultRule): void {
    this.#armed.push({
      rule,
      path: rule.match.path === undefined ? undefined : new RegExp(rule.match.path),
      toSkip: rule.skip ?? 0,
      toHit: rule.times === 'always' ? Infinity : (rule.times ?? 1),
    });
  }

  clear(): void {
    this.#armed = [];
  }

  /** The fault that hits this request, if any; it is used up by that. */
  take(sighting: Sighting): Fault | undefined {
    for (const armed of this.#armed.filter((candidate) => matches(candidate, sighting))) {
      if (armed.toSkip > 0) {
        armed.toSkip--;
        continue;
      }
      armed.toHit--;
      this.#armed = this.#armed.filter(({ toHit }) => toHit > 0);
      return faultOf(armed.rule.then);
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
