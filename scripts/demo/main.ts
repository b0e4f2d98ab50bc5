/**
 * `npm run demo`: a simulated user authenticates every connector of the sandbox's catalogue, then the connectors of a
 * cycle. `npm run demo -- --life-after`: a connection breaks and is restored.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import { ConnectorAuth } from '../../client/connector-auth';
import { readKeySet } from '../../sealing/key-file';
import { publicKeyOf } from '../../sealing/keys';
import { connect, temporalTarget } from '../../temporal/connection';
import { findLocalStack } from '../../temporal/local-stack';
import { onStopSignal, runMain } from '../../temporal/process';
import type { ConnectorKey } from '../../workflows/connector';
import type { EventBody } from '../../workflows/events';
import { finalStates, type TimelineEntry, type View } from '../../workflows/view';
import { startStack, type Running, type StackOptions } from '../local/stack';
import { refuseArguments, runUntilStopped } from '../command';
import { playCycle } from './cycle';
import { playLifeAfter } from './life-after';
import { startReceiver, type Receiver } from './receiver';
import { postJson } from '../post-json';
import { expectations, type Expectation } from '../user/expectations';
import { persistent, persistently } from '../user/persistent';
import { backendCallOf, libraryTransport, sealerOf, serviceTransport, type Transport } from '../user/transports';
import { goodAnswers, inOrder, User, type Answer } from '../user/user';

const root = join(__dirname, '..', '..', '..');
const help = `Usage: npm run demo
       npm run demo -- --life-after

Creates an account with every connector of the sandbox, authenticates all of them, and prints each transition. Then
one onboarding takes the connectors of a cycle to the state Active. Uses the stack of npm start if that runs. Otherwise
the demo starts a stack of its own, and receives the events of this stack. Exit code 0 only if each connector ends as
expected, the cycle is active, and each run has sent its final event.

--life-after connects one connector, whose connection is then monitored. The connection breaks at Cyclr, Cyclr's
transaction-error webhook lets the monitor read the connector, and the event connection.broken arrives. A person gets a
session and consents again, and the event connection.restored arrives. Always starts a stack of its own. Exit code 0
only if each step has had its effect.`;

/** Inputs that Cyclr refuses. The user sends these inputs before the good inputs. */
const mistakes: { [connector: string]: { [state: string]: Answer[] } } = {
  Fernhill: {
    awaitingProperties: [{ values: { Domain: 'wrong-domain' } }],
    awaitingCredentials: [{ credentials: { kind: 'apiKey', key: 'wrong-key' } }],
  },
};
/** The users of these connectors send their inputs to the service by HTTP. All other users use the library. */
const overHttp = ['Kestrel', 'Ledgerly'];
const connectorsOfCycle = ['Brightdesk', 'Fernhill', 'Ledgerly'];

let isSlow = false;

/** How a user repeats calls: for a minute, if Temporal is slow or does not answer. */
const patience = {
  withinMs: 60_000,
  onRepeat: () => {
    if (!isSlow) console.log('Temporal or its workers do not answer in time. The demo tries again.');
    isSlow = true;
  },
};
const CONNECT_MS = 60_000;

async function main(args: string[]): Promise<number> {
  if (args.length === 1 && args[0] === '--life-after') return lifeAfter();
  const code = refuseArguments(args, help);
  if (code !== undefined) return code;
  const running = findLocalStack(join(root, '.data'));
  if (running) return play(running);
  console.log('npm start is not running: the demo starts a stack of its own.');
  return onOwnStack(play);
}

/** Starts its own stack, because worker and service need settings for monitors, events and Cyclr's webhook. */
function lifeAfter(): Promise<number> {
  const webhookSecret = randomBytes(32).toString('base64url');
  console.log('The demo starts a stack of its own.');
  const act = async (stack: Running, receiver: Receiver) => {
    requireSandbox(stack);
    const isRestored = await playLifeAfter({ stack, receiver, webhookSecret, patience, say: console.log });
    return isRestored ? 0 : 1;
  };
  return onOwnStack(act, {
    workerEnv: { MONITOR_EVERY: '24 hours' }, // so that only Cyclr's webhook causes a read during the demo
    serviceEnv: { CYCLR_WEBHOOK_SECRET: webhookSecret, PUBLIC_URL: undefined },
  });
}

/** Starts a stack and a receiver of the stack's events, runs `act` with both, then stops the stack. */
async function onOwnStack(
  act: (stack: Running, receiver: Receiver) => Promise<number>,
  { workerEnv, serviceEnv }: Pick<StackOptions, 'workerEnv' | 'serviceEnv'> = {},
): Promise<number> {
  const interruption = new AbortController();
  onStopSignal(() => interruption.abort());
  const { signal } = interruption;
  const folder = mkdtempSync(join(tmpdir(), 'cyclr-connect-demo-'));
  // Removes the private keys in the folder even if a second Ctrl-C ends the process at once. A process that is ending
  // can still write into the folder: then the removal is repeated.
  process.on('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));
  const receiver = await startReceiver(printEvent);
  const say = (line: string) => console.log(`  ${line}`);
  const starting = startStack({ folder, say, signal, workerEnv: { ...workerEnv, ...receiver.workerEnv }, serviceEnv });
  try {
    return await runUntilStopped(
      starting,
      (stack) => act(stack, receiver),
      ({ stop }) => stop(),
    );
  } catch (err) {
    if (signal.aborted) return 130;
    throw err;
  } finally {
    receiver.close();
  }
}

function requireSandbox({ cyclr }: Pick<Running, 'cyclr'>): void {
  if (!cyclr.sandbox) throw new Error('The demo needs the sandbox: unset CYCLR_API_URL.');
}

/**
 * Runs the whole demo. `receiver` gets the events. There is no receiver if the demo uses the stack of npm start,
 * because the worker of that stack sends its events elsewhere or nowhere.
 */
async function play(
  { taskQueue, temporal, cyclr, sealingKeys, service }: Running,
  receiver?: Receiver,
): Promise<number> {
  requireSandbox({ cyclr });
  const address = temporal.address;
  const configured = temporalTarget();
  // The TEMPORAL_* variables can name another server than that of npm start.
  const target =
    configured.address === address ? configured : { ...configured, address, connectionOptions: { address } };
  const connection = await connect(target, CONNECT_MS);
  try {
    const auth = new ConnectorAuth(new Client({ connection, namespace: temporal.namespace }), { taskQueue });
    const sealer = sealerOf(await publicKeyOf(await readKeySet(sealingKeys)));
    const library = persistent(
      libraryTransport({ auth, sealer, by: 'demo', returnTo: `${cyclr.url}/return` }),
      patience,
    );
    const http = persistent(serviceTransport(backendCallOf(service)), patience);
    const accountId = `demo-${new Date().toISOString().slice(0, 19).replace(/:/g, '')}`;
    const keys = await install(cyclr.url, accountId, Object.keys(expectations));
    console.log(`\nAccount ${accountId}, ${keys.size} connectors\n`);
    const connect = ([connector, key]: [string, ConnectorKey]) =>
      authenticate(auth, userOf(connector, key, overHttp.includes(connector) ? http : library, cyclr.url), connector);
    const views = await Promise.all([...keys].map(connect));
    const ofCycle = await install(cyclr.url, `${accountId}-cycle`, connectorsOfCycle);
    const isActive = await playCycle({
      ...{ auth, patience, say: (line) => console.log(line), sandboxUrl: cyclr.url, accountId: `${accountId}-cycle` },
      connectorIds: new Map([...ofCycle].map(([name, { connectorId }]) => [name, connectorId])),
      userOf: (name) => userOf(name, ofCycle.get(name)!, http, cyclr.url),
    });
    const code = report(
      [...keys.keys()],
      views,
      temporal.uiUrl && `${temporal.uiUrl}/namespaces/${temporal.namespace}/workflows`,
    );
    const runs = keys.size + ofCycle.size + 1; // the runs are all flows, and the onboarding
    const isTold = receiver ? reportEvents(await receiver.finals(runs), runs) : true;
    return isActive && isTold ? code : 1;
  } finally {
    await connection.close();
  }
}

/** Installs these connectors in a new account. */
async function install(
  sandboxUrl: string,
  accountId: string,
  connectors: string[],
): Promise<Map<string, ConnectorKey>> {
  const installed = await postJson(`${sandboxUrl}/_sandbox/accounts`, { accountId, connectors });
  return new Map((installed as { id: number }[]).map(({ id }, i) => [connectors[i]!, { accountId, connectorId: id }]));
}

const printEvent = ({ type, data }: EventBody) =>
  console.log(`event        ${type}  ${'connectorId' in data ? `connector ${data.connectorId}` : data.workflowId}`);

/** Prints and returns whether each run has sent its final event. */
function reportEvents(finals: Map<string, string>, runs: number): boolean {
  console.log(`${finals.size === runs ? '✓' : '✗'} ${finals.size} of ${runs} final events received and verified`);
  return finals.size === runs;
}

function userOf(connector: string, key: ConnectorKey, transport: Transport, sandboxUrl: string): User {
  const good = Object.entries(goodAnswers(connector));
  const answers = good.map(([state, list]) => [state, [...(mistakes[connector]?.[state] ?? []), ...list]]);
  return new User({ key, transport, answers: inOrder(Object.fromEntries(answers)), sandboxUrl });
}

/** Gives the inputs of the user, prints the flow's transitions, and returns the last view. */
async function authenticate(auth: ConnectorAuth, user: User, connector: string): Promise<View> {
  const stopPrinting = new AbortController();
  await user.start();
  const play = async () => {
    let view: View | undefined;
    try {
      return (view = await user.play());
    } finally {
      // If the flow is still open, the loop that prints its timeline must be ended here.
      if (!view || !finalStates.includes(view.state)) stopPrinting.abort();
    }
  };
  const [view] = await Promise.all([play(), print(auth, user.key, connector, stopPrinting.signal)]);
  return view;
}

/**
 * Prints each transition. If the reading of the timeline fails, reads the timeline from its start, and skips the
 * transitions that are already printed.
 */
async function print(auth: ConnectorAuth, key: ConnectorKey, connector: string, signal: AbortSignal): Promise<void> {
  let printed = 0;
  let entries: AsyncGenerator<TimelineEntry, undefined> | undefined;
  const next = async () => {
    try {
      entries ??= skip(auth.timelineEntries(key, signal), printed);
      return await entries.next();
    } catch (err) {
      entries = undefined;
      throw err;
    }
  };
  for (;;) {
    const { done, value } = await persistently(next, patience);
    if (done) return;
    console.log(`${connector.padEnd(12)} ${lineOf(value)}`);
    printed++;
  }
}

const lineOf = ({ from, event, to, note }: TimelineEntry): string =>
  `${from} → ${to}  (${event}${note ? `: ${note}` : ''})`;

/** Yields the items after the first `count` items. */
async function* skip<T>(items: AsyncIterable<T>, count: number): AsyncGenerator<T, undefined> {
  let index = 0;
  for await (const item of items) if (index++ >= count) yield item;
}

function report(connectors: string[], views: View[], webUrl: string | undefined): number {
  console.log('');
  const right = views.filter((view, i) => printEnd(connectors[i]!, expectations[connectors[i]!]!, view));
  console.log(`\n${right.length} of ${views.length} connectors ended as expected.`);
  console.log(webUrl ? `Temporal Web: ${webUrl}` : 'To see the flows in Temporal Web: npm start, then npm run demo.');
  return right.length === views.length ? 0 : 1;
}

function printEnd(connector: string, { state, verification, description }: Expectation, view: View): boolean {
  const isRight = view.state === state && view.verification === verification;
  const code = view.problem ? ` (${view.problem.code})` : '';
  const wanted = isRight ? '' : `, ${view.verification}${code}; expected: ${state}, ${verification}`;
  console.log(`${isRight ? '✓' : '✗'} ${connector.padEnd(12)} ${(view.state + wanted).padEnd(16)} ${description}`);
  return isRight;
}

runMain(main);
