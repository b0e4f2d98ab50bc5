/** The status and the group of each connector in the list. */
import type { ProblemCode, StateName, View } from '../../../workflows/messages';
import { chipOf, Groups, stepOf, type Chip } from '../../../page/chips';

const view = (connectorId: number, state: StateName, more: Partial<View> = {}): View => ({
  ...{ accountId: 'acme', connectorId, runId: 'run', intent: 'authenticate', since: '2026-01-31T12:00:00.000Z' },
  ...{ revision: 1, connector: { name: 'Brightdesk', authType: 'ApiKey', partnerSupplied: false } },
  ...{ state, ...more },
});
const problem = (code: ProblemCode): Partial<View> => ({ problem: { code, message: '' } });
const oauth = (more: object): Partial<View> => ({
  connector: { name: 'Ledgerly', authType: 'OAuth2', oauth2Type: 'AuthorisationCode', partnerSupplied: false, ...more },
});

test('each state has a status in the list', () => {
  const seen: [View, Chip][] = [
    [view(1, 'fetchingConnector'), 'working'],
    [view(1, 'awaitingProperties'), 'todo'],
    [view(1, 'awaitingCredentials', problem('refused')), 'refused'],
    [view(1, 'awaitingCredentials', problem('cyclrUnavailable')), 'todo'],
    [view(1, 'awaitingCredentials', oauth({ partnerSupplied: true })), 'byPartner'],
    [view(1, 'awaitingCredentials', { intent: 'reauthenticate', connected: true }), 'refresh'],
    [view(1, 'awaitingCredentials', { intent: 'reauthenticate', connected: false }), 'todo'],
    [view(1, 'applyingCredentials'), 'working'],
    [view(1, 'applyingCredentials', problem('cyclrUnavailable')), 'retrying'],
    [view(1, 'verifyingAuthorization'), 'verifying'],
    [view(1, 'authenticated'), 'connected'],
    [view(1, 'expired'), 'expired'],
    [view(1, 'failed'), 'support'],
  ];

  expect(seen.map(([given]) => chipOf(given))).toEqual(seen.map(([, chip]) => chip));
  expect(chipOf(view(1, 'awaitingCredentials'), { isSending: true })).toBe('working');
  expect(chipOf(view(1, 'awaitingCredentials'), { step: { at: 2, of: 2 } })).toBe('secondStep');
});

test('stepOf returns step 1 of 2 for properties if a form or a consent follows, and step 2 of 2 after step 1', () => {
  expect(stepOf(view(1, 'awaitingProperties', oauth({ authType: 'AuthFields' })), false)).toEqual({ at: 1, of: 2 });
  expect(stepOf(view(1, 'awaitingProperties', oauth({})), false)).toEqual({ at: 1, of: 2 });
  expect(stepOf(view(1, 'awaitingProperties', oauth({ oauth2Type: 'ClientCredentials' })), false)).toBeUndefined();
  expect(stepOf(view(1, 'awaitingProperties', oauth({ partnerSupplied: true })), false)).toBeUndefined();
  expect(stepOf(view(1, 'awaitingAuthorization', oauth({})), true)).toEqual({ at: 2, of: 2 });
  // one step: the form for the properties also has the field for the API key
  expect(stepOf(view(1, 'awaitingProperties'), false)).toBeUndefined();
  expect(stepOf(view(1, 'awaitingProperties', { connected: true }), false)).toEqual({ at: 1, of: 2 });
  expect(stepOf(view(1, 'awaitingCredentials'), false)).toBeUndefined();
  expect(stepOf(view(1, 'authenticated'), true)).toBeUndefined();
});

test('connectors are grouped by the next action, and an open connector stays in its group until the user closes it', () => {
  const groups = new Groups();
  const idsOf = (views: View[], opened?: number) =>
    groups
      .of(views, (given) => chipOf(given), opened)
      .map(([group, members]) => [group, members.map((m) => m.connectorId)]);
  const others = [view(2, 'authenticated'), view(3, 'failed')];

  const before = idsOf([view(1, 'awaitingCredentials'), ...others], 1);
  const sent = idsOf([view(1, 'applyingCredentials'), ...others], 1);
  const open = idsOf([view(1, 'authenticated'), ...others], 1);
  const closed = idsOf([view(1, 'authenticated'), ...others]);

  expect(before).toEqual([
    ['todo', [1]],
    ['connected', [2]],
    ['support', [3]],
  ]);
  expect([sent, open]).toEqual([before, before]);
  expect(closed).toEqual([
    ['connected', [1, 2]],
    ['support', [3]],
  ]);
});
