/**
 * Checks the monitors: each authenticated connector must have one open monitor, which must report the connection as
 * connected.
 */
import { connectionWorkflowIdOf, MONITOR_TYPE } from '../../workflows/connection';
import type { ConnectorKey } from '../../workflows/connector';
import { finalStates, type View } from '../../workflows/view';
import { each } from '../each';
import { persistently } from '../user/persistent';
import type { RunEvidence } from './evidence';
import type { FaultStack } from './stack';

const AT_ONCE = 10;
/** The time limit of the check of one monitor. Only a check that hangs reaches this limit. */
const LIMIT_MS = 120_000;

/** The connector of each run that has ended as authenticated. */
export const authenticatedIn = (runs: RunEvidence[]): ConnectorKey[] =>
  runs
    .flatMap(({ view, closings }) => (closings.length > 0 && view?.state === 'authenticated' ? [view as View] : []))
    .map(({ accountId, connectorId }) => ({ accountId, connectorId }));

/** Returns the faults of the monitors, and a text with the number of monitors. `runs`: all runs. */
export async function monitorFaults(
  { auth }: FaultStack,
  runs: RunEvidence[],
): Promise<{ examined: string; faults: string[] }> {
  const monitors = runs.filter(({ type }) => type === MONITOR_TYPE);
  const connected = new Map(authenticatedIn(runs).map((key) => [`${key.accountId}/${key.connectorId}`, key]));
  const ofKeys = await each([...connected.values()], AT_ONCE, async (key) => {
    const id = connectionWorkflowIdOf(key);
    const open = monitors.filter(({ workflowId, closings }) => workflowId === id && closings.length === 0);
    const faults = open.length === 1 ? await connectionFaults(auth, key) : [`${open.length} open monitors`];
    return faults.map((fault) => `${id}: ${fault}`);
  });
  const ended = monitors.filter(({ closings }) => closings.length > 0);
  return {
    examined: `${monitors.length} monitors`,
    faults: [...ofKeys.flat(), ...ended.map(({ workflowId }) => `${workflowId} has ended`)],
  };
}

/** Lets the monitor read Cyclr, and compares the monitor's answer with the latest flow. */
async function connectionFaults(auth: FaultStack['auth'], key: ConnectorKey): Promise<string[]> {
  const signal = AbortSignal.timeout(LIMIT_MS);
  const { state, lastOutcome } = await persistently(() => auth.monitor(key), { signal });
  const latest = await persistently(() => auth.view(key), { signal });
  const isKnown = lastOutcome?.runId === latest.runId || !finalStates.includes(latest.state);
  return [
    ...(state === 'connected' ? [] : [`state ${state}`]),
    ...(isKnown ? [] : [`the last outcome is of the run ${lastOutcome?.runId} instead of ${latest.runId}`]),
  ];
}
