/** The data that a transition keeps, changes or drops: each test compares whole states. */
import { attempt, connector, withMissing } from '../../../scripts/faults/machine-samples';
import type { Connector, Field } from '../../../workflows/connector';
import { outageIn, transition, type Event, type State } from '../../../workflows/authenticate-connector/machine';
import { problemOf } from '../../../workflows/problems';

const apiKey = connector('ApiKey');
const consent = connector('OAuth1');
const refusal = problemOf('refused');
const unavailable = problemOf('cyclrUnavailable');
const sealed = { sealed: 'a..b.c.d' };
const failure = { code: 'accessDenied', message: 'no' } as const;
const credentials: Event = { type: 'credentialsSubmitted', id: 's1', credentials: sealed };
const reread = { ...apiKey, name: 'Renamed' };

const awaitingCredentials: State = { name: 'awaitingCredentials', connector: apiKey };
const awaitingConsent: State = { name: 'awaitingAuthorization', connector: consent, attempt };
const awaitingFirstLink: State = { name: 'awaitingAuthorization', connector: consent };
const applyingTokens = transition(awaitingConsent, credentials);
const applyingKey = transition(awaitingCredentials, credentials);
const verifying: State = {
  name: 'verifyingAuthorization',
  connector: consent,
  attemptId: 'a1',
  superseded: false,
  attempt,
};
const { attempt: _attempt, ...verifyingOlder } = verifying;
const submitted: State = { name: 'applyingProperties', connector: apiKey, submissionId: 's1', values: {} };

const cases: [title: string, before: State, event: Event, after: State][] = [
  [
    'a cancelled flow keeps its connector',
    awaitingCredentials,
    { type: 'cancelled' },
    { name: 'cancelled', connector: apiKey },
  ],
  [
    'a flow that is cancelled before its first read has no connector',
    { name: 'fetchingConnector', intent: 'authenticate' },
    { type: 'cancelled' },
    { name: 'cancelled' },
  ],
  [
    'a failed flow keeps its connector',
    submitted,
    { type: 'failed', failure },
    { name: 'failed', connector: apiKey, failure },
  ],
  [
    'a flow that expires without a last read keeps its connector',
    awaitingCredentials,
    { type: 'timedOut' },
    { name: 'expired', connector: apiKey },
  ],
  [
    'a flow that expires has the connector of its last read',
    awaitingCredentials,
    { type: 'timedOut', connector: reread },
    { name: 'expired', connector: reread },
  ],
  [
    'a flow that is authenticated has the connector of its first read',
    { name: 'fetchingConnector', intent: 'authenticate' },
    { type: 'connectorFetched', connector: { ...apiKey, authenticated: true } },
    { name: 'authenticated', connector: { ...apiKey, authenticated: true }, verification: 'notChecked' },
  ],
  [
    'a flow whose re-read finds new credentials has the verification of their check',
    awaitingCredentials,
    {
      type: 'rechecked',
      connector: { ...apiKey, authenticated: true },
      intent: 'authenticate',
      verification: 'checked',
    },
    { name: 'authenticated', connector: { ...apiKey, authenticated: true }, verification: 'checked' },
  ],
  [
    'a consent that a re-read finds and the third party refuses keeps the attempt, and ends an outage',
    { ...awaitingConsent, problem: unavailable, outage: {} },
    { type: 'refused', problem: refusal, connector: reread },
    { ...awaitingConsent, connector: reread, problem: refusal },
  ],
  [
    'an API key is applied by the auth method of the connector, without an attempt',
    awaitingCredentials,
    credentials,
    {
      name: 'applyingCredentials',
      connector: apiKey,
      from: 'awaitingCredentials',
      method: 'apiKey',
      submissionId: 's1',
      credentials: sealed,
    },
  ],
  [
    'tokens in place of a consent are applied as tokens, and the attempt stays',
    awaitingConsent,
    credentials,
    {
      name: 'applyingCredentials',
      connector: consent,
      from: 'awaitingAuthorization',
      method: 'tokens',
      submissionId: 's1',
      credentials: sealed,
      attempt,
    },
  ],
  [
    'refused tokens lead back to the wait for consent, with the attempt',
    applyingTokens,
    { type: 'refused', problem: refusal },
    { ...awaitingConsent, problem: refusal },
  ],
  [
    'a refused API key leads back to the wait for credentials, with the connector that was read after the refusal',
    applyingKey,
    { type: 'refused', problem: refusal, connector: reread },
    { name: 'awaitingCredentials', connector: reread, problem: refusal },
  ],
  [
    'an outage of 24 hours while credentials are applied leads back to the wait for credentials, with the problem cyclrUnavailable',
    applyingKey,
    { type: 'outageOutlasted' },
    { name: 'awaitingCredentials', connector: apiKey, problem: unavailable },
  ],
  [
    'an outage of 24 hours while properties are applied leads back to the wait for properties, with the problem cyclrUnavailable',
    submitted,
    { type: 'outageOutlasted' },
    { name: 'awaitingProperties', connector: apiKey, problem: unavailable },
  ],
  [
    'a verification keeps the attempt of the view',
    awaitingConsent,
    { type: 'authorizationReturned', id: 'a1', superseded: false },
    verifying,
  ],
  [
    'a verification without a link in the view has no attempt',
    awaitingFirstLink,
    { type: 'authorizationReturned', id: 'a1', superseded: false },
    verifyingOlder,
  ],
  [
    'a verification without success leads back to the wait for consent, with the attempt',
    verifying,
    { type: 'authorizationNotConfirmed', connector: consent },
    { ...awaitingConsent, problem: problemOf('notAuthorized') },
  ],
  [
    'a verification without an attempt leads back to the wait for consent, without an attempt',
    verifyingOlder,
    { type: 'authorizationNotConfirmed', connector: consent },
    { ...awaitingFirstLink, problem: problemOf('notAuthorized') },
  ],
  [
    'a consent that the third party refuses leads back to the wait for consent, with attempt and connector',
    verifying,
    { type: 'refused', problem: refusal },
    { ...awaitingConsent, problem: refusal },
  ],
  [
    'a consent that the third party refuses leads back to the wait for consent, with the connector of the check',
    verifyingOlder,
    { type: 'refused', problem: refusal, connector: reread },
    { ...awaitingFirstLink, connector: reread, problem: refusal },
  ],
];

test.each(cases)('%s', (_title, before, event, after) => {
  expect(transition(before, event)).toStrictEqual(after);
});

describe('outages of a state', () => {
  const trouble: Event = { type: 'cyclrUnavailable', operatorsTrouble: 'GET /x: 403' };
  const outage = transition(awaitingCredentials, { type: 'cyclrUnavailable' });

  test("outageIn returns the outage of a state, with the operator's trouble if the outage has one", () => {
    expect(outage).toStrictEqual({ ...awaitingCredentials, problem: unavailable, outage: {} });
    expect(outageIn(outage)).toStrictEqual({});
    expect(outageIn(transition(outage, trouble))).toStrictEqual({ operatorsTrouble: 'GET /x: 403' });
    expect(outageIn(awaitingCredentials)).toBeUndefined();
    expect(outageIn({ name: 'cancelled' })).toBeUndefined();
  });

  test("a repeated operator's trouble changes nothing, and an outage without an operator's trouble removes the operator's trouble of the state", () => {
    const troubled = transition(awaitingCredentials, trouble);

    expect(transition(troubled, trouble)).toBe(troubled);
    expect(transition(troubled, { type: 'cyclrUnavailable' })).toStrictEqual(outage);
  });
});

const field = (name: string, stored: boolean): Field => ({ name, label: name, required: true, secret: false, stored });
const withFields = (...fields: Field[]): Connector => ({ ...apiKey, fields });

describe('stored properties', () => {
  test('only the property that Cyclr accepted before an outage is marked as stored', () => {
    const before: State = { ...submitted, connector: withFields(field('A', false), field('B', false)) };

    const after = transition(before, { type: 'cyclrUnavailable', taken: ['A', 'Unknown'] });

    expect(after).toMatchObject({ connector: withFields(field('A', true), field('B', false)) });
  });

  test('a required property without a value leads to awaitingProperties after the credentials, even if another required property has a value', () => {
    const before: State = { ...applyingKey, connector: withFields(field('A', true), field('B', false)) } as State;
    const answer = { ...withFields(field('A', true), field('B', false)), authenticated: true };

    expect(transition(before, { type: 'credentialsApplied', connector: answer }).name).toBe('awaitingProperties');
  });
});

describe('a re-read after a refusal', () => {
  const policy = { digest: 'd1', checks: true } as const;
  const stored = connector('ApiKey', { authenticated: true, policy });
  const rechecked = (state: State, of: Connector): State =>
    transition(state, { type: 'rechecked', connector: of, intent: 'authenticate' });
  const refused: Connector = { ...stored, refusedByCheck: true };
  const refusedByCheck: State = { name: 'awaitingCredentials', connector: refused, problem: refusal };

  test.each<[string, State, Connector]>([
    [
      'the refusal came before Cyclr stored credentials',
      { ...refusedByCheck, connector: { ...refused, authenticated: false } },
      stored,
    ],
    ['Cyclr, and not the third party, refused the credentials', { ...refusedByCheck, connector: stored }, stored],
    ['the connector no longer has a policy', refusedByCheck, connector('ApiKey', { authenticated: true })],
    ['the policy has no check', refusedByCheck, connector('ApiKey', { authenticated: true, policy: { digest: 'd2' } })],
  ])('a re-read ends the wait as authenticated if %s', (_title, state, of) => {
    expect(rechecked(state, of)).toStrictEqual({ name: 'authenticated', connector: of, verification: 'notChecked' });
  });

  test('a re-read ends the wait for a refused property only if the connector is authenticated', () => {
    const waiting: State = { name: 'awaitingProperties', connector: apiKey, problem: refusal };

    expect(rechecked(waiting, { ...apiKey, authenticated: true }).name).toBe('authenticated');
    expect(rechecked(waiting, withMissing(apiKey)).name).toBe('awaitingProperties');
  });

  test('a re-read does not end the wait after refused credentials if Cyclr now reports the connector as not authenticated', () => {
    const denied = { ...stored, authenticated: false };

    expect(rechecked(refusedByCheck, denied)).toStrictEqual({ ...refusedByCheck, connector: denied });
  });

  test('a re-read after refused credentials keeps the refusal, even if a new required property leads to awaitingProperties', () => {
    const asked = rechecked(refusedByCheck, withMissing(stored));

    expect(asked).toStrictEqual({ name: 'awaitingProperties', connector: withMissing(refused) });
    expect(rechecked(asked, stored)).toStrictEqual({ name: 'awaitingCredentials', connector: refused });
  });

  test('properties that Cyclr accepts after refused client credentials keep the refusal until the credentials are applied', () => {
    const of = connector('OAuth2', { oauth2Type: 'ClientCredentials', authenticated: true, policy });
    const before: State = { ...submitted, connector: { ...of, refusedByCheck: true } };

    const applying = transition(before, { type: 'propertiesApplied', connector: of });
    const waiting = transition(applying, { type: 'outageOutlasted' });

    expect([applying.name, waiting.name]).toEqual(['applyingCredentials', 'awaitingProperties']);
    expect(rechecked(waiting, of)).toBe(waiting);
  });
});
