/**
 * `npm run demo`: a simulated user authenticates every connector of the sandbox's catalogue, then the connectors of a
 * cycle. `npm run demo -- --life-after`: a connection breaks and is restored.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import { ConnectorAuth } from '../../client/connector-auth';
import { readKeySet } from '../../sealing/key-file';
import { publicKeyOf } from '../../sealing/keys';
import { connect, temporalTarget } from '../../temporal/connection';
import { findLocalStack } from '../../temporal/local-stack';
import { runMain } from '../../temporal/process';
import type { ConnectorKey } from '../../workflows/connector';
import { finalStates, type TimelineEntry, type View } from '../../workflows/view';
import { startStack, type Running } from '../local/stack';
import { refuseArguments, runUntilStopped } from '../command';
import { postJson } from '../post-json';
import { expectations, type Expectation } from '../user/expectations';
import { persistent, persistently } from '../user/persistent';
import { backendCallOf, libraryTransport, sealerOf, serviceTransport, type Transport } from '../user/transports';
import { goodAnswers, inOrder, User, type Answer } from '../user/user';

const root = join(__dirname, '..', '..', '..');
const help = `Usage: npm run demo

Creates an account with every connector of the sandbox, authenticates all of them, and prints each transition. Uses
the stack of npm start if it runs, otherwise starts one. Exit code 0 only if each connector ends as expected.`;

/** Inputs that Cyclr refuses. The user sends them before the good inputs. */
const mistakes: { [connector: string]: { [state: string]: Answer[] } } = {
  Fernhill: {
    awaitingProperties: [{ values: { Domain: 'wrong-domain' } }],
    awaitingCredentials: [{ credentials: { kind: 'apiKey', key: 'wrong-key' } }],
  },
};
/** The users of these connectors send their inputs to the service by HTTP. All other users use the library. */
const overHttp = ['Kestrel', 'Ledgerly'];

let isSlow = false;

/** The repetitions of calls. The user repeats a call for a minute if Temporal is slow or does not answer. */
const patience = {
  withinMs: 60_000,
  onRepeat: () => {
    if (!isSlow) console.log('Temporal or its workers do not answer in time. The demo tries again.');
    isSlow = true;
  },
};
const CONNECT_MS = 60_000;

async function main(args: string[]): Promise<number> {
  const code = refuseArguments(args, help);
  if (code !== undefined) return code;
  const running = findLocalStack(join(root, '.data'));
  if (running) return play(running);
  const folder = mkdtempSync(join(tmpdir(), 'cyclr-connect-demo-'));
  console.log('npm start is not running: the demo starts a stack of its own.');
  const starting = startStack({ folder, say: (line) => console.log(`  ${line}`) });
  try {
    return await runUntilStopped(starting, play, ({ stop }) => stop());
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function play({ temporal, cyclr, sealingKeys, service }: Running): Promise<number> {
  if (!cyclr.sandbox) throw new Error('The demo needs the sandbox: unset CYCLR_API_URL.');
  const address = temporal.address;
  const configured = temporalTarget();
  const target = process.env.TEMPORAL_ADDRESS ? configured : { ...configured, address, connectionOptions: { address } };
  const connection = await connect(target, CONNECT_MS);
  try {
    const auth = new ConnectorAuth(new Client({ connection, namespace: temporal.namespace }));
    const sealer = sealerOf(await publicKeyOf(await readKeySet(sealingKeys)));
    const library = persistent(
      libraryTransport({ auth, sealer, by: 'demo', returnTo: `${cyclr.url}/return` }),
      patience,
    );
    const http = persistent(serviceTransport(backendCallOf(service)), patience);
    const accountId = `demo-${new Date().toISOString().slice(0, 19).replace(/:/g, '')}`;
    const keys = await install(cyclr.url, accountId);
    console.log(`\nAccount ${accountId}, ${keys.size} connectors\n`);
    const connect = ([connector, key]: [string, ConnectorKey]) =>
      authenticate(auth, userOf(connector, key, overHttp.includes(connector) ? http : library, cyclr.url), connector);
    const views = await Promise.all([...keys].map(connect));
    return report(
      [...keys.keys()],
      views,
      temporal.uiUrl && `${temporal.uiUrl}/namespaces/${temporal.namespace}/workflows`,
    );
  } finally {
    await connection.close();
  }
}

/** A new account with every connector that has an expectation. */
async function install(sandboxUrl: string, accountId: string): Promise<Map<string, ConnectorKey>> {
  const connectors = Object.keys(expectations);
  const installed = await postJson(`${sandboxUrl}/_sandbox/accounts`, { accountId, connectors });
  return new Map((installed as { id: number }[]).map(({ id }, i) => [connectors[i]!, { accountId, connectorId: id }]));
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
      if (!view || !finalStates.includes(view.state)) stopPrinting.abort(); // the generator of an open flow's timeline would not end
    }
  };
  const [view] = await Promise.all([play(), print(auth, user.key, connector, stopPrinting.signal)]);
  return view;
}

/** Prints each transition. After a failure it reads the timeline again, and skips the printed transitions. */
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
