import { ActivityFailure, ApplicationFailure, CancelledFailure, TimeoutFailure } from '@temporalio/workflow';
import type { Connector } from '../../../workflows/connector';
import type { Event, State } from '../../../workflows/authenticate-connector/machine';
import { eventOfFailure } from '../../../workflows/authenticate-connector/outages';
import type { ActivityFailureType } from '../../../workflows/ports';
import { problemOf } from '../../../workflows/problems';
import { states } from '../../../scripts/faults/machine-samples';

const fetching: State = { name: 'fetchingConnector', intent: 'authenticate' };
const later = states.filter(({ name }) => name !== 'fetchingConnector');

/** Makes the ActivityFailure that a workflow gets if an activity fails with `cause`. */
const failed = (cause?: Error) =>
  new ActivityFailure('Activity task failed', 'applyCredentials', '1', 'NON_RETRYABLE_FAILURE', 'worker', cause);
const failedWith = (type: string, ...details: unknown[]) =>
  failed(ApplicationFailure.create({ message: 'GET /v1.0/account/connectors/42: 418', type, details }));

const message = 'GET /v1.0/account/connectors/42: 418';
const problem = problemOf('refused', ['Domain'], '400');

const events: Record<ActivityFailureType, [details: unknown[], event: Event]> = {
  CyclrUnavailable: [[], { type: 'cyclrUnavailable' }],
  CyclrThrottled: [[{ retryAfterMs: 17_000 }], { type: 'cyclrUnavailable', retryAfterMs: 17_000 }],
  CyclrUnauthorized: [[], { type: 'cyclrUnavailable' }],
  CyclrAccessDenied: [[], { type: 'failed', failure: { code: 'accessDenied', message } }],
  CyclrForbidden: [[], { type: 'cyclrUnavailable', operatorsTrouble: message }],
  CyclrNotFound: [[], { type: 'failed', failure: { code: 'connectorNotFound', message } }],
  CyclrRefused: [[problem], { type: 'refused', problem }],
  InvalidInput: [[], { type: 'failed', failure: { code: 'invalidInput', message } }],
  NotAuthenticatedYet: [[], { type: 'cyclrUnavailable' }],
  UnknownSealingKey: [[], { type: 'inputRefused', problem: problemOf('notOpenable') }],
  InputRefused: [[problemOf('wrongKind')], { type: 'inputRefused', problem: problemOf('wrongKind') }],
};

test.each(Object.keys(events) as ActivityFailureType[])(
  'in fetchingConnector, the activity failure %s becomes the expected event',
  (type) => {
    const [details, event] = events[type];

    expect(eventOfFailure(failedWith(type, ...details), fetching)).toEqual(event);
  },
);

test.each(later)("CyclrAccessDenied in $name is an operator's trouble, and does not end the flow", (state) => {
  expect(eventOfFailure(failedWith('CyclrAccessDenied'), state)).toEqual({
    type: 'cyclrUnavailable',
    operatorsTrouble: message,
  });
});

test.each<[string, unknown[]]>([
  ['no details', []],
  ['null', [null]],
  ['an empty object', [{}]],
  ['a text', ['soon']],
  ['a number as text', [{ retryAfterMs: '17' }]],
])('CyclrThrottled without a valid retryAfterMs (%s) becomes an event without retryAfterMs', (_case, details) => {
  expect(eventOfFailure(failedWith('CyclrThrottled', ...details), fetching)).toEqual({ type: 'cyclrUnavailable' });
});

test('the event cyclrUnavailable has the properties that Cyclr accepted before the failure', () => {
  const taken = ['Environment'];

  for (const type of ['CyclrUnavailable', 'CyclrForbidden'] as const)
    expect(eventOfFailure(failedWith(type, { taken }), fetching)).toMatchObject({ type: 'cyclrUnavailable', taken });
});

test('the event cyclrUnavailable has the retryAfterMs of the failure', () => {
  const event = eventOfFailure(failedWith('CyclrUnavailable', { retryAfterMs: 5000 }), fetching);

  expect(event).toEqual({ type: 'cyclrUnavailable', retryAfterMs: 5000 });
});

test.each<[ActivityFailureType, Event]>([
  ['CyclrRefused', { type: 'refused', problem: problemOf('refused') }],
  ['InputRefused', { type: 'inputRefused', problem: problemOf('malformed') }],
])('the failure %s without a problem becomes an event with a default problem', (type, event) => {
  expect(eventOfFailure(failedWith(type), fetching)).toEqual(event);
  expect(eventOfFailure(failedWith(type, null, null), fetching)).toEqual(event);
});

test.each<[string, unknown]>([
  ['a failure of an unknown type', failedWith('SomethingNew')],
  ['a failure of the type "constructor"', failedWith('constructor')],
  ['a failure without a type', failed(new ApplicationFailure('no'))],
  ['a timeout', failed(new TimeoutFailure('late', undefined, 'START_TO_CLOSE'))],
  ['a cancelled activity', failed(new CancelledFailure('cancelled'))],
  ['a failure without a cause', failed()],
])('eventOfFailure returns the event cyclrUnavailable for %s', (_case, err) => {
  expect(eventOfFailure(err, fetching)).toEqual({ type: 'cyclrUnavailable' });
});

test.each<[string, unknown]>([
  ['an error of the workflow code', new TypeError('state is undefined')],
  ['a failure of another kind', new ApplicationFailure('no', 'CyclrRefused')],
  ['a text', 'no'],
  ['undefined', undefined],
])('eventOfFailure rethrows %s, and so fails the workflow task', (_what, err) => {
  let thrown: unknown = 'not thrown';
  try {
    eventOfFailure(err, fetching);
  } catch (error) {
    thrown = error;
  }

  expect(thrown).toBe(err);
});

test('the event refused has the connector that the activity read after the refusal', () => {
  const state = later.find(({ name }) => name === 'applyingProperties')! as { connector: Connector } & State;

  expect(eventOfFailure(failedWith('CyclrRefused', problem, { authenticated: true }), state)).toEqual({
    type: 'refused',
    problem,
    connector: { ...state.connector, authenticated: true },
  });
});
