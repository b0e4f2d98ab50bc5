import { eventFaults } from '../../scripts/faults/event-check';
import type { RunEvidence } from '../../scripts/faults/evidence';
import { MONITOR_TYPE } from '../../workflows/connection';
import { deliveryIdOf, type EventBody, type EventType } from '../../workflows/events';
import { FLOW_TYPE } from '../../workflows/flow-start';

const COMPLETED = 'workflowExecutionCompleted';

const run = (type: string, workflowId: string, closings: string[], state?: string): RunEvidence => ({
  ...{ type, workflowId, runId: 'r1', closings, history: {}, timeline: [] },
  ...(state !== undefined && { view: { state } as RunEvidence['view'] }),
});

const event = (type: EventType, number: string, sequence: number): EventBody => ({
  type,
  timestamp: '2026-01-01T00:00:00Z',
  data: { id: `r1.${number}`, sequence, workflowId: 'flow', runId: 'r1', accountId: 'a' } as EventBody['data'],
});

const waiting = event('connector.waiting', '1', 1);
const authenticated = event('connector.authenticated', 'final', 2);
const flow = run(FLOW_TYPE, 'flow', [COMPLETED], 'authenticated');

/**
 * Checks the runs `runs` and the events `events`, with one completed delivery for each event. Returns the faults that
 * the check finds.
 */
function faultsOf(events: EventBody[], runs: RunEvidence[]): string[] {
  const deliveries = events.map(({ data }) => run('deliverEvent', deliveryIdOf(data.id), [COMPLETED]));
  const received = new Map(events.map((one) => [one.data.id, one]));
  return eventFaults({ events: received, faults: [] }, [...runs, ...deliveries]);
}

test('a run whose events were all received once has no fault', () => {
  expect(faultsOf([waiting, authenticated], [flow])).toEqual([]);
});

test.each([
  ['without its final event', [waiting], [flow]],
  ['without the event before its final event', [authenticated], [flow]],
  ['with a final event of another state', [waiting, event('connector.expired', 'final', 2)], [flow]],
  ['with an event after its final event', [authenticated, waiting, event('connector.problem', '3', 3)], [flow]],
  ['that is open and has a final event', [waiting, authenticated], [run(FLOW_TYPE, 'flow', [])]],
  ['of a monitor that lacks an event', [event('connection.restored', '2', 2)], [run(MONITOR_TYPE, 'flow', [])]],
])('the check of the events reports a fault for a run %s', (_case, events, runs) => {
  expect(faultsOf(events, runs)).not.toEqual([]);
});

test('an event that was not received, and a delivery that is not completed, are faults', () => {
  const open = run('deliverEvent', deliveryIdOf('r2.1'), []);

  expect(eventFaults({ events: new Map(), faults: [] }, [open])).toEqual([
    'event/r2.1 is closed by: no event',
    'event/r2.1 was not received',
  ]);
});

test('an event with two deliveries is a fault', () => {
  const delivery = run('deliverEvent', deliveryIdOf('r1.1'), [COMPLETED]);

  expect(eventFaults({ events: new Map([['r1.1', waiting]]), faults: [] }, [delivery, delivery])).toEqual([
    'event/r1.1 has two deliveries',
  ]);
});
