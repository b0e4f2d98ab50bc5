/** What is to be shown, from what is known. */
import type { Field } from '../../../workflows/connector';
import type { StateName, View } from '../../../workflows/messages';
import { State } from '../../../client/http/answers';
import {
  foldedOf,
  isTurnedDown,
  isFinal,
  isOver,
  merged,
  missingIn,
  nextOf,
  panelOf,
  problemsIn,
  progressOf,
  shownView,
  standingOf,
} from '../../../page/state';

const states: readonly StateName[] = State.options;
const view = (connectorId: number, state: StateName, more: Partial<View> = {}): View => ({
  ...{ accountId: 'acme', connectorId, runId: 'run', intent: 'authenticate', revision: 1 },
  ...{ state, ...more },
});
const connector = (authType: string): Partial<View> => ({
  connector: { name: 'Brightdesk', authType, partnerSupplied: false },
});
const field = (name: string, more: Partial<Field> = {}): Field => ({
  ...{ name, label: name, required: false, secret: false, stored: false },
  ...more,
});

describe('a connector', () => {
  test('in each state has a panel and a standing', () => {
    const seen = states.map((state) => [state, panelOf(view(1, state)), standingOf(view(1, state))]);

    expect(seen).toEqual([
      ['fetchingConnector', 'reading', 'working'],
      ['awaitingProperties', 'properties', 'waiting'],
      ['applyingProperties', 'applying', 'working'],
      ['awaitingCredentials', 'tokens', 'stuck'],
      ['awaitingAuthorization', 'consent', 'waiting'],
      ['applyingCredentials', 'applying', 'working'],
      ['verifyingAuthorization', 'verifying', 'working'],
      ['authenticated', 'connected', 'connected'],
      ['expired', 'expired', 'stuck'],
      ['cancelled', 'cancelled', 'stuck'],
      ['failed', 'failed', 'stuck'],
      ['unsupported', 'unsupported', 'stuck'],
    ]);
  });

  test('that waits for credentials asks for what its auth type needs, tokens of nobody', () => {
    const asked = ['ApiKey', 'Basic', 'OAuth2', 'Novel'].map((authType) =>
      panelOf(view(1, 'awaitingCredentials', connector(authType))),
    );

    expect(asked).toEqual(['apiKey', 'basic', 'tokens', 'tokens']);
  });

  test('in a state of a newer service is waited for', () => {
    const newer = view(1, 'dreaming' as StateName);

    expect([panelOf(newer), standingOf(newer), isFinal(newer)]).toEqual(['reading', 'working', false]);
  });
});

describe('news', () => {
  const known = [view(1, 'awaitingCredentials', { revision: 3 }), view(2, 'authenticated')];

  test('take the place of what was known', () => {
    const news = view(1, 'authenticated', { revision: 4 });

    expect(merged(known, news)).toEqual([news, known[1]]);
  });

  test('that come late, or twice, change nothing: it is the same list', () => {
    for (const revision of [2, 3]) expect(merged(known, view(1, 'applyingCredentials', { revision }))).toBe(known);
  });

  test('of another run count, whatever their revision', () => {
    const news = view(1, 'fetchingConnector', { runId: 'another', revision: 0 });

    expect(merged(known, news)[0]).toBe(news);
  });

  test('of a connector that nobody knew come at the end', () => {
    expect(merged(known, view(3, 'fetchingConnector')).map(({ connectorId }) => connectorId)).toEqual([1, 2, 3]);
  });
});

describe('the way through several', () => {
  const views = [
    view(1, 'authenticated'),
    view(2, 'awaitingAuthorization'),
    view(3, 'applyingProperties'),
    view(4, 'awaitingProperties'),
    view(5, 'unsupported'),
  ];

  test('leads to the first that waits for its user, and on from there, round and round', () => {
    expect([undefined, 2, 4, 5].map((after) => nextOf(views, after)?.connectorId)).toEqual([2, 4, 2, 2]);
  });

  test('leads to one that works where none waits, and nowhere where all are over', () => {
    expect(nextOf([views[0]!, views[2]!, views[4]!])?.connectorId).toBe(3);
    expect(nextOf([views[0]!, views[4]!])).toBeUndefined();
  });

  test('is over when there is nothing left that the user could do', () => {
    expect(isOver(views)).toBe(false);
    expect(isOver([views[0]!, views[4]!, view(6, 'awaitingCredentials', connector('OAuth2'))])).toBe(true);
    expect(isOver([])).toBe(false);
    expect(progressOf(views)).toEqual({ done: 1, total: 5 });
  });
});

describe('a form', () => {
  const asked = view(1, 'awaitingCredentials', { revision: 3, ...connector('ApiKey') });

  test('stays while what was given is on its way', () => {
    const onTheWay = [asked, view(1, 'applyingCredentials', { revision: 4 })];

    for (const now of onTheWay) expect(shownView(now, asked)).toBe(asked);
  });

  test('gives way to what the flow says then: a refusal, the next step, an outage, another run', () => {
    const said = [
      view(1, 'awaitingCredentials', { revision: 5, problem: { code: 'refused', message: '' } }),
      view(1, 'authenticated', { revision: 5 }),
      view(1, 'applyingCredentials', { revision: 5, problem: { code: 'cyclrUnavailable', message: '' } }),
      view(1, 'fetchingConnector', { runId: 'another', revision: 0 }),
    ];

    for (const now of said) expect(shownView(now, asked)).toBe(now);
    expect(shownView(asked, undefined)).toBe(asked);
  });

  test('misses what is required, and neither stored nor given', () => {
    const fields = [field('a', { required: true }), field('b', { required: true, stored: true }), field('c')];

    expect(missingIn(fields, {})).toEqual(['a']);
    expect(missingIn(fields, { a: 'given' })).toEqual([]);
  });

  test('folds away what is optional, unless it has a problem or is all that there is', () => {
    const [required, optional] = [field('a', { required: true }), field('b')];

    expect(foldedOf([required, optional], new Map())).toEqual({ seen: [required], folded: [optional] });
    expect(foldedOf([required, optional], new Map([['b', 'refused']]))).toEqual({
      seen: [required, optional],
      folded: [],
    });
    expect(foldedOf([optional], new Map())).toEqual({ seen: [optional], folded: [] });
  });

  test('has a problem at its fields, or above them where it is about none of them', () => {
    const fields = [field('a')];
    const at = { code: 'missingProperty' as const, fields: [{ name: 'a', code: 'missingProperty' as const }] };
    const elsewhere = { code: 'refused' as const, fields: [{ name: 'gone', code: 'refused' as const }] };

    expect(problemsIn(at, fields)).toEqual({ at: new Map([['a', 'missingProperty']]), above: undefined });
    expect(problemsIn(elsewhere, fields)).toEqual({ at: new Map(), above: 'refused' });
    expect(problemsIn(undefined, fields)).toEqual({ at: new Map(), above: undefined });
  });
});

describe('consent', () => {
  const problem = { code: 'notAuthorized' as const, message: '' };
  const attempt = (id: string) => ({ id, requestedAt: '', expiresAt: '' });
  const waits = (revision: number, more: Partial<View>) => view(1, 'awaitingAuthorization', { revision, ...more });
  const before = waits(4, { attempt: attempt('a'), problem });

  test('was looked for, and not found, where the flow came back with a problem', () => {
    expect(isTurnedDown(before, waits(6, { attempt: attempt('a'), problem }))).toBe(true);
    expect(isTurnedDown(before, waits(7, { attempt: attempt('b'), problem }))).toBe(true);
  });

  test('was not, where a fresh link keeps the problem of the one before', () => {
    expect(isTurnedDown(before, waits(5, { attempt: attempt('b'), problem }))).toBe(false);
    expect(isTurnedDown(before, before)).toBe(false);
    expect(isTurnedDown(waits(4, {}), waits(5, { attempt: attempt('a') }))).toBe(false);
  });
});
