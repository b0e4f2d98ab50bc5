/**
 * Compares an onboarding with the same flows without an onboarding, and flows whose events have a target with flows
 * without a target. Both sides of a comparison use the same worker process.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { ConnectorAuth } from '../client/connector-auth';
import { each } from '../scripts/each';
import { workflowIdOf } from '../workflows/connector';
import { rowOf, type Comparison, type Target } from './comparison';
import { prepare, type Part } from './flows';
import { playPairs } from './pairs';
import { cpuMsOf } from './processes';
import type { Stack } from './stack';
import { startTarget, TARGET } from './target';

const IN_FLIGHT = 20;

interface Round {
  cpuMs: number;
  events: number;
  flowsPerSecond: number;
}
type Rounds = { rounds: number; flows: number };
type Say = (line: string) => void;

/** Runs all flows of a round. Returns the number of history events that the round has added. */
type Play = (parts: Part[]) => Promise<number>;

/** Compares an onboarding of `flows` connectors with the same flows without an onboarding. */
export function compareOnboarding(stack: Stack, flags: Rounds, say: Say): Promise<Comparison[]> {
  const auth = new ConnectorAuth(stack.client);
  const onboarding: Play = async (parts) => {
    const { accountId } = parts[0]!.key;
    const connectorIds = parts.map(({ key }) => key.connectorId);
    const { workflowId } = await auth.startOnboarding({ accountId, onboardingId: 'o1', scope: { connectorIds } });
    const own = stack.client.workflow.getHandle(workflowId);
    const last = stack.client.workflow.getHandle(workflowIdOf(parts.at(-1)!.key));
    while (!(await last.describe().catch(() => undefined))) await delay(20);
    const events = await playFlows(stack, parts);
    await own.result();
    return events + (await own.describe()).historyLength;
  };
  const targets = { cpuMs: { atMost: 1.4 }, events: { atMost: 1.4 }, flowsPerSecond: { atLeast: 0.7 } };
  return comparePlays(
    stack,
    { ours: onboarding, minimal: aloneOf(stack, auth) },
    { ...flags, what: 'onboarding', targets, say },
  );
}

/**
 * Compares flows that send events with the same flows without a target. A flow with a target sends two events, because
 * it waits for its user twice.
 */
export async function compareEvents(stack: Stack, flags: Rounds, say: Say): Promise<Comparison[]> {
  const auth = new ConnectorAuth(stack.client);
  const target = await startTarget(['connector.waiting']);
  const withEvents: Play = async (parts) => {
    const before = target.received();
    const events = await aloneOf(stack, auth, [TARGET])(parts);
    while (target.received() < before + 2 * parts.length) await delay(20);
    return events + 2 * parts.length * EVENTS_OF_DELIVERY;
  };
  const targets = { cpuMs: { atMost: 1.9 } };
  return comparePlays(
    stack,
    { ours: withEvents, minimal: aloneOf(stack, auth) },
    { ...flags, what: 'events', targets, say, env: target.workerEnv },
  ).finally(() => target.close());
}

/** The number of history events of the workflow that delivers one event: see test/workflows/events.test.ts. */
const EVENTS_OF_DELIVERY = 11;

interface Options extends Rounds {
  what: string;
  targets: { [key in keyof Round]?: Target };
  say: Say;
  env?: { [name: string]: string };
}

async function comparePlays(
  stack: Stack,
  plays: { ours: Play; minimal: Play },
  { rounds, flows, what, targets, say, env }: Options,
): Promise<Comparison[]> {
  const worker = await stack.startWorker('ours', env);
  const cpuMs = () => cpuMsOf(stack.serverPid) + cpuMsOf(worker.pid);
  const played = await playPairs(
    ['ours', 'minimal'] as const,
    rounds,
    stack.untilIdle,
    async (name, pair): Promise<Round> => {
      const parts = await prepare(stack, flows);
      const before = cpuMs();
      const since = performance.now();
      const events = await plays[name](parts);
      const seconds = (performance.now() - since) / 1000;
      await stack.untilIdle();
      const round = { cpuMs: (cpuMs() - before) / flows, events: events / flows, flowsPerSecond: flows / seconds };
      say(`round ${pair} of ${rounds}, ${name === 'ours' ? 'with' : 'without'}: ${Math.round(round.cpuMs)} ms of CPU for a flow`); // prettier-ignore
      return round;
    },
  );
  await worker.stop();
  const of = (name: keyof typeof plays, key: keyof Round) => played[name].map((one) => one[key]);
  const row = (what: string, unit: string, key: keyof Round) =>
    rowOf(what, unit, { ours: of('ours', key), minimal: of('minimal', key) }, targets[key]);
  const rows = [
    row('CPU per flow, server and worker', 'ms', 'cpuMs'),
    row('History events per flow', '', 'events'),
    row('Flows per second, inputs to 20 at a time', '1/s', 'flowsPerSecond'),
  ];
  return [{ headings: [`with ${what}`, 'without'], rows }];
}

/** Starts all flows of a round, then gives each flow its inputs. */
const aloneOf =
  (stack: Stack, auth: ConnectorAuth, notify?: string[]): Play =>
  async (parts) => {
    await each(parts, IN_FLIGHT, ({ key }) => auth.start(key, { ...(notify && { notify }) }));
    return playFlows(stack, parts);
  };

/** Gives each flow its inputs, and waits for its end. Returns the sum of the history lengths. */
async function playFlows({ client }: Stack, parts: Part[]): Promise<number> {
  const lengths = await each(parts, IN_FLIGHT, async ({ key, properties, credentials }) => {
    const handle = client.workflow.getHandle(workflowIdOf(key));
    await handle.signal('propertyInput', properties);
    await handle.signal('credentialInput', credentials);
    const { state } = (await handle.result()) as { state: string };
    if (state !== 'authenticated') throw new Error(`${handle.workflowId} ended as ${state}`);
    return (await handle.describe()).historyLength;
  });
  return lengths.reduce((sum, length) => sum + length, 0);
}
