/**
 * Compares the received events with the runs: no event may be lost, and each ended run must have exactly one final
 * event.
 */
import { DELIVERY_TYPE, deliveryIdOf, isFinalType, type EventBody } from '../../workflows/events';
import { ONBOARDING_TYPE } from '../../workflows/onboarding';
import type { EventLog } from './event-log';
import type { RunEvidence } from './evidence';

/**
 * Returns the faults of the events. `runs`: all runs of flows, onboardings, monitors and deliveries. `early`: the ids
 * of the events that were received before the runs were listed. Each of these events must have a delivery in `runs`.
 * The delivery of a later event may be missing, because it may have started after the runs were listed.
 */
export function eventFaults(
  { events, faults }: Pick<EventLog, 'events' | 'faults'>,
  runs: RunEvidence[],
  early: Iterable<string> = events.keys(),
): string[] {
  const deliveries = runs.filter(({ type }) => type === DELIVERY_TYPE);
  return [
    ...faults,
    ...deliveryFaults(events, deliveries, early),
    ...runs.filter((run) => !deliveries.includes(run)).flatMap((run) => faultsOfRun(events, run)),
  ];
}

/** Checks that each event has one delivery, and that each delivery is completed. */
function deliveryFaults(events: EventLog['events'], deliveries: RunEvidence[], early: Iterable<string>): string[] {
  const ids = deliveries.map(({ workflowId }) => workflowId);
  const [delivered, received] = [new Set(ids), new Set([...events.keys()].map(deliveryIdOf))];
  return [
    ...deliveries
      .filter(({ closings }) => closings.join() !== 'workflowExecutionCompleted')
      .map(({ workflowId, closings }) => `${workflowId} is closed by: ${closings.join() || 'no event'}`),
    ...ids.filter((id, index) => ids.indexOf(id) < index).map((id) => `${id} has two deliveries`),
    ...[...delivered].filter((id) => !received.has(id)).map((id) => `${id} was not received`),
    ...[...early]
      .map(deliveryIdOf)
      .filter((id) => !delivered.has(id))
      .map((id) => `${id} was received without a delivery`),
  ];
}

/**
 * Checks that the numbers of a run's events have no gap, and that the last event of an ended run is its only final
 * event.
 */
function faultsOfRun(events: EventLog['events'], run: RunEvidence): string[] {
  const { workflowId, runId, type, closings, view } = run;
  const sent = [...events.values()]
    .filter(({ data }) => data.runId === runId)
    .sort((one, other) => (one.data.sequence ?? Infinity) - (other.data.sequence ?? Infinity));
  const first = isContinued(run) ? sent[0]?.data.sequence : 1;
  const isGap = sent.some(({ data }, index) => data.sequence !== Number(first) + index);
  const subject = type === ONBOARDING_TYPE ? 'onboarding' : 'connector';
  const isEnd = endedByItself.has(closings.join());
  const wanted = isEnd ? [`${subject}.${view?.state}`] : [];
  const finals = sent.filter((event) => isFinalType(event.type)).map((event) => event.type);
  const name = `${workflowId}, run ${runId}`;
  return [
    ...(isGap ? [`${name} has the events ${sent.map(({ data }: EventBody) => data.id.split('.')[1]).join()}`] : []),
    ...(finals.join() === wanted.join() ? [] : [`${name} has the final events ${finals.join()}, not ${wanted.join()}`]),
    ...(isEnd && !isFinalType(sent.at(-1)?.type ?? 'connector.waiting') ? [`${name} has an event after its end`] : []),
  ];
}

/**
 * True if the run continues an earlier run (continue-as-new). The events of such a run continue the numbers of the
 * earlier run.
 */
const isContinued = ({ history }: RunEvidence): boolean =>
  Boolean(history.events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId);

/**
 * The closing events of runs that ended by themselves. The event `workflowExecutionTerminated` is not in this list,
 * because a reset by an operator terminates a run and starts a new run.
 */
const endedByItself = new Set(['workflowExecutionCompleted', 'workflowExecutionFailed', 'workflowExecutionCanceled']);
