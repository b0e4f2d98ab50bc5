/** The bodies and the deliveries of events. */
import {
  bodyOf,
  eventsQueueOf,
  eventTypes,
  isDelivery,
  isFinalType,
  type EventReport,
} from '../../../workflows/events';
import type { View } from '../../../workflows/view';

const report = (more: Partial<EventReport>): EventReport => ({
  type: 'connector.waiting',
  timestamp: '2026-01-31T12:00:00.000Z',
  sequence: 1,
  data: { accountId: 'acme', connectorId: 1002, runId: 'first-run' } as View,
  ...more,
});
const run = { workflowId: 'connector-auth/acme/1002', runId: 'run' };

test('the final event types are the event types of final states, and connection.gone', () => {
  expect(eventTypes.filter(isFinalType)).toEqual([
    ...['authenticated', 'expired', 'cancelled', 'failed', 'unsupported'].map((state) => `connector.${state}`),
    ...['completed', 'incomplete', 'cancelled', 'failed'].map((state) => `onboarding.${state}`),
    'connection.gone',
  ]);
});

test('the task queue of events has the name of the task queue, and the suffix -events', () => {
  expect(eventsQueueOf('connector-auth')).toBe('connector-auth-events');
});

test('the id of an event has the run id, and the number of the event or the word final', () => {
  expect(bodyOf(report({ sequence: 2 }), run).data).toMatchObject({ id: 'run.2', sequence: 2 });
  expect(bodyOf(report({ type: 'connector.failed', sequence: 3 }), run).data).toMatchObject({
    id: 'run.final',
    sequence: 3,
  });
  expect(bodyOf(report({ type: 'connector.failed', sequence: undefined }), run).data).toStrictEqual({
    id: 'run.final',
    accountId: 'acme',
    ...run,
    connectorId: 1002,
  });
});

test('the body of an event names the run that sends the event, and has no names of targets', () => {
  expect(bodyOf(report({ notify: ['crm'] }), run)).toEqual({
    type: 'connector.waiting',
    timestamp: '2026-01-31T12:00:00.000Z',
    data: { id: 'run.1', sequence: 1, accountId: 'acme', ...run, connectorId: 1002 },
  });
});

const body = { type: 'connector.waiting', data: { id: 'run.1' } };
test.each<[boolean, string, unknown, string?]>([
  [true, 'an event and its targets', { body, targets: ['default'] }],
  [true, '11 targets', { body, targets: Array(11).fill('t') }],
  [false, '12 targets', { body, targets: Array(12).fill('t') }],
  [false, 'a target that is no name', { body, targets: ['default', 1] }],
  [false, 'targets that are no list', { body, targets: 'default' }],
  [false, 'no targets', { body }],
  [false, 'the id of another workflow', { body, targets: [] }, 'event/run.2'],
  [false, 'an id that is no text', { body: { ...body, data: { id: 5 } }, targets: [] }, 'event/5'],
  [false, 'a type that is no text', { body: { ...body, type: 5 }, targets: [] }],
  [false, 'no data', { body: { type: 'connector.waiting' }, targets: [] }, 'event/undefined'],
  [false, 'no body', { targets: [] }, 'event/undefined'],
  [false, 'null as the body', { body: null, targets: [] }, 'event/undefined'],
  [false, 'null', null, 'event/undefined'],
  [false, 'no argument', undefined, 'event/undefined'],
])('isDelivery is %p for an argument with %s', (is, _what, argument, workflowId = 'event/run.1') => {
  expect(isDelivery(argument, workflowId)).toBe(is);
});
