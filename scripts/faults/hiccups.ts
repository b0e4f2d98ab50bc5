/** What goes wrong at Cyclr for one flow alone: less than the minute that an activity tries for. */
import type { FaultRule } from '../../sandbox/fault-rule';
import type { Random } from './random';

export interface Hiccup extends Pick<FaultRule, 'times' | 'skip' | 'then'> {
  method?: 'GET' | 'POST' | 'PUT';
}

const forms = ['plain', 'json-escaped', 'base64', 'url-encoded', 'truncated', 'upper'] as const;

/** `unauthorized`: whether there may be a 401; a second one for the same account would mean that it is nobody's. */
export function drawHiccups(random: Random, { unauthorized }: { unauthorized: boolean }): Hiccup[] {
  // A refusal comes first, so that it hits the first write: one that Cyclr took is not refused when it is repeated.
  const refusals = random.chance(0.15) ? [drawRefusal(random)] : [];
  const others = random.several(2, () => drawHiccup(random));
  return [...refusals, ...(unauthorized && random.chance(0.3) ? [once('unauthorized', random)] : []), ...others];
}

const drawRefusal = (random: Random): Hiccup => ({
  method: random.pick(['POST', 'PUT'] as const),
  then: random.chance(0.8) ? { kind: 'echo400', form: random.pick(forms) } : 'unauthenticated',
});

const once = (then: Hiccup['then'], random: Random): Hiccup => ({ skip: random.between(0, 3), then });

const several: Hiccup['then'][] = [
  { status: 500 },
  { status: 503 },
  'html',
  'html500',
  'empty',
  'truncated',
  'reset',
  'redirect',
  { kind: 'throttled', retryAfter: 1 },
];

function drawHiccup(random: Random): Hiccup {
  const kind = random.weighted({ slow: 4, lost: 3, hang: 1, several: 6 });
  const skip = random.between(0, 3);
  if (kind === 'slow') return { skip: 0, times: 6, then: { kind: 'slow', ms: random.between(300, 4000) } };
  if (kind === 'lost') return { method: random.pick(['POST', 'PUT'] as const), then: 'applied-then-reset' };
  if (kind === 'hang') return { skip, then: 'hang' };
  return { skip, times: random.between(1, 3), then: random.pick(several) };
}
