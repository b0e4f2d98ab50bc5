/** The second part of the demo: one onboarding takes the connectors of a cycle to the state Active. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ConnectorAuth } from '../../client/connector-auth';
import type { OnboardingKey, OnboardingProgress } from '../../workflows/onboarding';
import { postJson } from '../post-json';
import { persistently, type PersistentOptions } from '../user/persistent';
import type { User } from '../user/user';

export interface CycleParts {
  auth: ConnectorAuth;
  sandboxUrl: string;
  accountId: string;
  /** The ids of the account's connectors, by connector name. */
  connectorIds: Map<string, number>;
  userOf: (connector: string, connectorId: number) => User;
  patience: PersistentOptions;
  /** Prints a line. */
  say: (line: string) => void;
}

const CHECK_MS = 300;

/**
 * Runs the onboarding of the cycle and prints each change of its progress. Resolves with true if the cycle is active at
 * the end.
 */
export async function playCycle(parts: CycleParts): Promise<boolean> {
  const { auth, sandboxUrl, accountId, connectorIds, userOf, patience, say } = parts;
  const path = `${sandboxUrl}/_sandbox/accounts/${accountId}/cycles`;
  const { id } = (await postJson(path, { connectorIds: [...connectorIds.values()] })) as { id: string };
  const key = { accountId, onboardingId: 'demo' };
  const input = { ...key, scope: { cycleId: id }, activateCycle: true, by: 'demo' };
  say(`\nOne onboarding for the cycle ${id} with ${[...connectorIds.keys()].join(', ')}\n`);
  await persistently(() => auth.startOnboarding(input), patience);
  await flowsStarted(parts, key);
  const users = [...connectorIds].map(([name, connectorId]) => userOf(name, connectorId).play());
  const [progress] = await Promise.all([printed(parts, key), ...users]);
  say(`${isActive(progress) ? '✓' : '✗'} onboarding ${progress.state}, cycle ${progress.cycle?.state}`);
  return isActive(progress);
}

const isActive = ({ state, cycle }: OnboardingProgress): boolean => state === 'completed' && cycle?.state === 'active';

/**
 * Waits until the onboarding has started the flows of all connectors. A flow that a user starts earlier can end before
 * the onboarding starts one for the same connector, and there would be a run more than the demo expects.
 */
async function flowsStarted({ auth, patience, connectorIds }: CycleParts, key: OnboardingKey): Promise<void> {
  for (; ; await delay(CHECK_MS)) {
    const { state: ofAll, connectors } = await persistently(() => auth.onboarding(key), patience);
    if (ofAll !== 'running') return; // for example, an operator has cancelled the onboarding
    if (connectors.length === connectorIds.size && connectors.every(({ state }) => state !== 'waiting')) return;
  }
}

/** Prints each new state of a connector. Resolves with the final progress of the onboarding. */
async function printed({ auth, patience, say }: CycleParts, key: OnboardingKey): Promise<OnboardingProgress> {
  const shown = new Map<number, string>();
  for (;;) {
    const progress = await persistently(() => auth.onboarding(key), patience);
    for (const { connectorId, name, state } of progress.connectors) {
      if (shown.get(connectorId) !== state)
        say(`onboarding   ${name}: ${state} (${progress.done} of ${progress.total})`);
      shown.set(connectorId, state);
    }
    if (progress.state !== 'running') return progress;
    await delay(CHECK_MS);
  }
}
