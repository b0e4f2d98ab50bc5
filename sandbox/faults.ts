import { faultOf, type Fault, type FaultRule } from './fault-rule';

/** The parts of a request that a rule can match. */
export interface RuleInput {
  method: string;
  path: string;
  account?: string;
}

interface ActiveRule {
  rule: FaultRule;
  path: RegExp | undefined;
  toSkip: number;
  toHit: number;
  /** Resolves when the requests of a `held` rule may continue. */
  released: Promise<void>;
}

type Hit = { fault: Fault; released: Promise<void> };

/** The fault rules that have not yet been used as often as their `times` says. The oldest rule is first. */
export class Faults {
  #rules: ActiveRule[] = [];

  /** Adds a rule. Returns a function that lets the requests of a `held` rule continue. */
  add(rule: FaultRule): () => void {
    let release!: () => void;
    const released = new Promise<void>((resolve) => (release = resolve));
    this.#rules.push({
      rule,
      path: rule.match.path === undefined ? undefined : new RegExp(rule.match.path),
      toSkip: rule.skip ?? 0,
      toHit: rule.times === 'always' ? Infinity : (rule.times ?? 1),
      released,
    });
    return release;
  }

  clear(): void {
    this.#rules = [];
  }

  /**
   * Returns the fault of the oldest rule that matches the request and has no more requests to skip. Counts the request
   * in this rule and in each older rule that matches.
   */
  take(request: RuleInput): Hit | undefined {
    for (const active of this.#rules.filter((candidate) => matches(candidate, request))) {
      if (active.toSkip > 0) {
        active.toSkip--;
        continue;
      }
      active.toHit--;
      this.#rules = this.#rules.filter(({ toHit }) => toHit > 0);
      return { fault: faultOf(active.rule.then), released: active.released };
    }
    return undefined;
  }
}

function matches({ rule: { match }, path }: ActiveRule, request: RuleInput): boolean {
  return (
    (match.method ?? request.method) === request.method &&
    (match.account ?? request.account) === request.account &&
    (!path || request.path.startsWith(match.path ?? '') || path.test(request.path))
  );
}
