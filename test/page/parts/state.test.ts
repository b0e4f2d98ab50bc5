/** The pure functions of the page's state. */
import type { Field } from '../../../workflows/connector';
import type { StateName, View } from '../../../workflows/messages';
import { State } from '../../../client/http/requests';
import {
  credentialsAfter,
  foldedOf,
  heldAt,
  consentEnded,
  consentFailed,
  isFinal,
  nothingLeft,
  merged,
  missingIn,
  nextOf,
  panelOf,
  prefilledOf,
  problemsIn,
  progressOf,
  shownView,
  listStatusOf,
  withoutEdited,
} from '../../../page/state';

const states: readonly StateName[] = State.options;
const view = (connectorId: number, state: StateName, more: Partial<View> = {}): View => ({
  ...{
    accountId: 'acme',
    connectorId,
    runId: 'run',
    intent: 'authenticate',
    since: '2026-01-31T12:00:00.000Z',
    revision: 1,
  },
  ...{ state, ...more },
});
const connector = (authType: string): Partial<View> => ({
  connector: { name: 'Brightdesk', authType, partnerSupplied: false },
});
const field = (name: string, more: Partial<Field> = {}): Field => ({
  ...{ name, label: name, required: false, secret: false, stored: false },
  ...more,
});

describe('re-authentications', () => {
  const again = (state: StateName, more: Partial<View> = {}) =>
    view(1, state, { intent: 'reauthenticate', runId: 'again', ...more });

  test('a re-authentication of a working connection counts as connected, even before its run has read the connector', () => {
    const before = [view(1, 'authenticated', { connected: true, ...connector('ApiKey') })];

    const started = merged(before, again('fetchingConnector'));
    const asked = merged(
      started,
      again('awaitingCredentials', { connected: true, revision: 2, ...connector('ApiKey') }),
    );
    const broken = merged(
      started,
      again('awaitingCredentials', { connected: false, revision: 2, ...connector('ApiKey') }),
    );

    expect([started, asked, broken].map((views) => progressOf(views).done)).toEqual([1, 1, 0]);
  });

  test('after an unfinished re-authentication, a working connection has the panel `connected`', () => {
    const panels = (['expired', 'cancelled'] as const).flatMap((state) =>
      [true, false].map((connected) => panelOf(again(state, { connected }))),
    );

    expect(panels).toEqual(['connected', 'expired', 'connected', 'cancelled']);
  });
});

describe('prefills', () => {
  test('a prefill proposes a value, locks a value, and is ignored for a secret field', () => {
    const fields = [
      field('Region', { options: ['eu'], default: 'eu' }),
      field('Domain'),
      field('Key', { secret: true }),
    ];
    const prefill = {
      Region: { value: 'us' },
      Domain: { value: 'acme', locked: true },
      Key: { value: 'a', locked: true },
    };

    expect(prefilledOf(fields, prefill)).toEqual({
      open: [field('Region', { options: ['us', 'eu'], default: 'us' }), field('Key', { secret: true })],
      locked: [{ ...field('Domain'), value: 'acme' }],
    });
    expect(prefilledOf(fields)).toEqual({ open: fields, locked: [] });
  });
});

describe('connectors', () => {
  test('for each state of a flow, the connector has a panel and a status in the list', () => {
    const seen = states.map((state) => [state, panelOf(view(1, state)), listStatusOf(view(1, state))]);

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

  test('in awaitingCredentials, connectors with ApiKey, Basic and AuthFields have a form, and connectors with other auth types have the panel tokens without a form', () => {
    const asked = ['ApiKey', 'Basic', 'AuthFields', 'OAuth2', 'Novel'].map((authType) =>
      panelOf(view(1, 'awaitingCredentials', connector(authType))),
    );

    expect(asked).toEqual(['apiKey', 'basic', 'fields', 'tokens', 'tokens']);
  });

  test('a state that only a newer service knows has the panel `reading`', () => {
    const newer = view(1, 'dreaming' as StateName);

    expect([panelOf(newer), listStatusOf(newer), isFinal(newer)]).toEqual(['reading', 'working', false]);
  });
});

describe('list of views', () => {
  test('merged keeps the icon and the description, which the view of an ended run lacks', () => {
    const shown = { name: 'Brightdesk', authType: 'ApiKey', partnerSupplied: false };
    const icon = 'data:image/png;base64,AAAA';
    const before = view(1, 'applyingCredentials', { connector: { ...shown, icon, description: 'Support.' } });

    const [after] = merged([before], view(1, 'authenticated', { revision: 2, connector: { ...shown, name: 'New' } }));

    expect(after!.connector).toEqual({ ...shown, name: 'New', icon, description: 'Support.' });
  });

  const known = [view(1, 'awaitingCredentials', { revision: 3 }), view(2, 'authenticated')];

  test('merged replaces the known view by a newer view', () => {
    const news = view(1, 'authenticated', { revision: 4 });

    expect(merged(known, news)).toEqual([news, known[1]]);
  });

  test('merged returns the known list unchanged for a late view and for a repeated view', () => {
    for (const revision of [2, 3]) expect(merged(known, view(1, 'applyingCredentials', { revision }))).toBe(known);
  });

  test('merged replaces the known view by a view of another run with any revision', () => {
    const news = view(1, 'fetchingConnector', { runId: 'another', revision: 0 });

    expect(merged(known, news)[0]).toBe(news);
  });

  test('merged adds a view of an unknown connector at the end of the list', () => {
    expect(merged(known, view(3, 'fetchingConnector')).map(({ connectorId }) => connectorId)).toEqual([1, 2, 3]);
  });
});

describe('several connectors', () => {
  const views = [
    view(1, 'authenticated'),
    view(2, 'awaitingAuthorization'),
    view(3, 'applyingProperties'),
    view(4, 'awaitingProperties'),
    view(5, 'unsupported'),
  ];

  test('nextOf returns the next connector that waits for the user, and begins with the first connector again after the last', () => {
    expect([undefined, 2, 4, 5].map((after) => nextOf(views, after)?.connectorId)).toEqual([2, 4, 2, 2]);
  });

  test('nextOf returns a connector in a working state if no flow waits, and undefined if all flows have ended', () => {
    expect(nextOf([views[0]!, views[2]!, views[4]!])?.connectorId).toBe(3);
    expect(nextOf([views[0]!, views[4]!])).toBeUndefined();
  });

  test('nothingLeft is true if no connector waits for the user or for Cyclr, and false without connectors', () => {
    expect(nothingLeft(views)).toBe(false);
    expect(nothingLeft([views[0]!, views[4]!, view(6, 'awaitingCredentials', connector('OAuth2'))])).toBe(true);
    expect(nothingLeft([])).toBe(false);
    expect(progressOf(views)).toEqual({ done: 1, total: 5 });
  });
});

describe('forms', () => {
  const asked = view(1, 'awaitingCredentials', { revision: 3, ...connector('ApiKey') });

  test('shownView keeps a form while the input of the form is being sent', () => {
    const onTheWay = [asked, view(1, 'applyingCredentials', { revision: 4 })];

    for (const now of onTheWay) expect(shownView(now, asked)).toBe(asked);
  });

  test('shownView returns the new view, not the form, after a refusal, at the next step, in an outage, and for another run', () => {
    const said = [
      view(1, 'awaitingCredentials', { revision: 5, problem: { code: 'refused', message: '' } }),
      view(1, 'authenticated', { revision: 5 }),
      view(1, 'applyingCredentials', { revision: 5, problem: { code: 'cyclrUnavailable', message: '' } }),
      view(1, 'fetchingConnector', { runId: 'another', revision: 0 }),
    ];

    for (const now of said) expect(shownView(now, asked)).toBe(now);
    expect(shownView(asked, undefined)).toBe(asked);
  });

  test('missingIn names required fields without a stored or entered value', () => {
    const fields = [field('a', { required: true }), field('b', { required: true, stored: true }), field('c')];

    expect(missingIn(fields, {})).toEqual(['a']);
    expect(missingIn(fields, { a: 'given' })).toEqual([]);
  });

  test('foldedOf folds the optional fields, but folds no field if all fields are optional', () => {
    const [required, optional] = [field('a', { required: true }), field('b')];

    expect(foldedOf([required, optional])).toEqual({ shown: [required], folded: [optional] });
    expect(foldedOf([optional])).toEqual({ shown: [optional], folded: [] });
  });

  test('problemsIn places a problem at its fields, or above the form if the problem names none of the fields', () => {
    const fields = [field('a')];
    const at = { code: 'missingProperty' as const, fields: [{ name: 'a', code: 'missingProperty' as const }] };
    const elsewhere = { code: 'refused' as const, fields: [{ name: 'gone', code: 'refused' as const }] };

    expect(problemsIn(at, fields)).toEqual({ at: new Map([['a', 'missingProperty']]), above: undefined });
    expect(problemsIn(elsewhere, fields)).toEqual({ at: new Map(), above: 'refused' });
    expect(problemsIn(undefined, fields)).toEqual({ at: new Map(), above: undefined });
  });
});

describe('outcome of a consent', () => {
  const problem = { code: 'notAuthorized' as const, message: '' };
  const attempt = (id: string) => ({ id, requestedAt: '', expiresAt: '' });
  const waits = (revision: number, more: Partial<View>) => view(1, 'awaitingAuthorization', { revision, ...more });
  const before = waits(4, { attempt: attempt('a'), problem });

  test('consentFailed is true for a problem after a return', () => {
    expect(consentFailed(before, waits(6, { attempt: attempt('a'), problem }))).toBe(true);
    expect(consentFailed(before, waits(7, { attempt: attempt('b'), problem }))).toBe(true);
  });

  test('consentFailed is false for a new link whose view keeps the problem of the earlier link', () => {
    expect(consentFailed(before, waits(5, { attempt: attempt('b'), problem }))).toBe(false);
    expect(consentFailed(before, before)).toBe(false);
    expect(consentFailed(waits(4, {}), waits(5, { attempt: attempt('a') }))).toBe(false);
  });
});

test('withoutEdited removes edited fields from a problem, and returns undefined if no field is left', () => {
  const code = 'missingProperty' as const;
  const fields = ['a', 'b'].map((name) => ({ name, code }));
  const problem = { code, fields };

  expect(withoutEdited(problem, new Set())).toBe(problem);
  expect(withoutEdited(problem, new Set(['a']))).toEqual({ code, fields: [fields[1]] });
  expect(withoutEdited(problem, new Set(['a', 'b']))).toBeUndefined();
  expect(withoutEdited({ code: 'refused' }, new Set(['a']))).toBeUndefined();
});

test('consentEnded is false for a window that was opened during a verification', () => {
  const problem = { code: 'notAuthorized' as const, message: '' };
  const waits = view(1, 'awaitingAuthorization', { revision: 3 });
  const verifying = view(1, 'verifyingAuthorization', { revision: 4 });
  const again = view(1, 'awaitingAuthorization', { revision: 5, problem });

  expect(consentEnded(waits, verifying)).toBe(true);
  expect(consentEnded(verifying, again)).toBe(false);
  expect(consentEnded(again, view(1, 'authenticated', { revision: 6 }))).toBe(true);
});

test('credentialsAfter returns apiKey or basic while a connector with the auth type ApiKey or Basic waits for properties, and undefined if the connector is connected', () => {
  const seen = ['ApiKey', 'Basic', 'AuthFields', 'OAuth2', 'None'].map((authType) =>
    credentialsAfter(view(1, 'awaitingProperties', connector(authType))),
  );

  expect(seen).toEqual(['apiKey', 'basic', undefined, undefined, undefined]);
  expect(credentialsAfter(view(1, 'awaitingProperties', { connected: true, ...connector('ApiKey') }))).toBeUndefined();
  expect(credentialsAfter(view(1, 'awaitingCredentials', connector('ApiKey')))).toBeUndefined();
});

test('heldAt keeps credentials while the flow applies the properties, sends the credentials when the flow waits for credentials, and drops the credentials after a refusal', () => {
  const form = view(1, 'awaitingProperties', connector('ApiKey'));
  const at = (state: StateName, more: Partial<View> = {}) =>
    heldAt(view(1, state, { revision: 3, ...connector('ApiKey'), ...more }), form);
  const problem = { code: 'refused', message: '' } as const;

  expect(heldAt(form, form)).toBe('keep');
  expect(at('awaitingProperties')).toBe('keep'); // another caller made the flow read its connector again
  expect(at('applyingProperties', { problem: { ...problem, code: 'cyclrUnavailable' } })).toBe('keep');
  expect(at('awaitingCredentials')).toBe('send');
  expect(at('awaitingCredentials', connector('Basic'))).toBe('drop');
  expect(at('awaitingCredentials', { problem })).toBe('drop');
  expect(at('awaitingCredentials', { runId: 'another' })).toBe('drop');
  expect(at('awaitingProperties', { problem })).toBe('drop');
  expect(at('authenticated')).toBe('drop');
});
