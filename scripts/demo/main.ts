/** `npm run demo`: one account with a connector of every auth type, through to the end. Not interactive. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import { ConnectorAuth } from '../../client/connector-auth';
import { readKeySet } from '../../sealing/key-file';
import { publicKeyOf } from '../../sealing/keys';
import { connect, temporalTarget } from '../../temporal/connection';
import { freePort } from '../local/ports';
import { onStopSignal } from '../../temporal/stop-signals';
import type { ConnectorKey } from '../../workflows/connector';
import { finalStates, waitingStates, type StateName, type View } from '../../workflows/view';
import { findRunning, startStack, type Running } from '../local/stack';
import { rows, type Row } from './rows';
import { postJson } from '../post-json';
import { byLibrary, byService, type User } from './user';

const root = join(__dirname, '..', '..', '..');
const help = `Usage: npm run demo

Takes one account with a connector of every auth type through authentication, on the stack that npm start runs or on
one of its own, and prints each transition. Exit code 0 only when all of them are where they should be.`;

async function main(args: string[]): Promise<number> {
  if (args.length > 0) {
    const asked = args[0] === '--help' || args[0] === '-h';
    (asked ? console.log : console.error)(help);
    return asked ? 0 : 2;
  }
  const running = findRunning(join(root, '.data'));
  if (running) return play(running);
  const folder = mkdtempSync(join(tmpdir(), 'cyclr-connect-demo-'));
  const ports = { temporal: await freePort(), ui: undefined, sandbox: await freePort(), service: await freePort() };
  console.log('Nothing runs here yet (npm start): the demo starts a stack of its own.');
  const starting = startStack({ folder, ports, say: (line) => console.log(`  ${line}`) });
  const stopped = new Promise<number>((resolve) => onStopSignal(() => resolve(130)));
  try {
    return await Promise.race([starting.then(play), stopped]);
  } finally {
    await starting.then(({ stop }) => stop()).catch(() => undefined);
    rmSync(folder, { recursive: true, force: true });
  }
}

async function play({ temporal, cyclr, sealingKeys, service }: Running): Promise<number> {
  if (!cyclr.sandbox) throw new Error('The demo needs the sandbox: unset CYCLR_API_URL.');
  const address = temporal.address;
  const configured = temporalTarget();
  const target = process.env.TEMPORAL_ADDRESS ? configured : { ...configured, address, connectionOptions: { address } };
  const connection = await connect(target);
  try {
    const auth = new ConnectorAuth(new Client({ connection, namespace: temporal.namespace }));
    const publicKey = await publicKeyOf(await readKeySet(sealingKeys));
    const users = {
      library: byLibrary({ auth, publicKey, sandboxUrl: cyclr.url }),
      service: byService(service, cyclr.url),
    };
    const accountId = `demo-${new Date().toISOString().slice(0, 19).replace(/:/g, '')}`;
    const ids = await install(cyclr.url, accountId);
    console.log(`\nAccount ${accountId}, ${rows.length} connectors\n`);
    const walks = rows.map((row, i) =>
      walk(auth, users[row.by ?? 'library'], { accountId, connectorId: ids[i]! }, row),
    );
    const ends = await Promise.all(walks);
    return report(ends, temporal.uiUrl && `${temporal.uiUrl}/namespaces/${temporal.namespace}/workflows`);
  } finally {
    await connection.close();
  }
}

/** A fresh account with the connectors of all rows. */
async function install(sandboxUrl: string, accountId: string): Promise<number[]> {
  const connectors = rows.map(({ connector }) => connector);
  const installed = await postJson(`${sandboxUrl}/_sandbox/accounts`, { accountId, connectors });
  return (installed as { id: number }[]).map(({ id }) => id);
}

/** One connector, as its user would: looks what is asked, and gives it. The view it ends with. */
async function walk(auth: ConnectorAuth, user: User, key: ConnectorKey, row: Row): Promise<View> {
  await user.start(key);
  const stopWatching = new AbortController();
  const watching = print(auth, key, row, stopWatching.signal);
  const steps = stepsOf(user, key, row);
  let view = await settled(auth, key);
  for (let step = steps[view.state]?.shift(); step; step = steps[view.state]?.shift()) {
    await step(view);
    view = await settled(auth, key);
  }
  if (!finalStates.includes(view.state)) stopWatching.abort();
  await watching;
  return view;
}

type Step = (view: View) => Promise<unknown>;

/** What the user does in each state, one after the other. */
function stepsOf(user: User, key: ConnectorKey, row: Row): { [S in StateName]?: Step[] } {
  const { properties = [], credentials = [], consents } = row;
  return {
    awaitingProperties: properties.map((values) => (view) => user.giveProperties(key, values, view)),
    awaitingCredentials: credentials.map((given) => () => user.giveCredentials(key, given)),
    awaitingAuthorization: consents ? [() => user.consent(key)] : [],
  };
}

const settledStates = [...finalStates, ...waitingStates];

/** The view, once it waits for somebody or has ended: looked at when something has happened. */
async function settled(auth: ConnectorAuth, key: ConnectorKey): Promise<View> {
  for await (const _ of auth.timelineEntries(key)) {
    const view = await auth.view(key);
    if (settledStates.includes(view.state)) return view;
  }
  return auth.view(key);
}

async function print(auth: ConnectorAuth, key: ConnectorKey, { connector }: Row, signal: AbortSignal): Promise<void> {
  for await (const { from, event, to, note } of auth.timelineEntries(key, signal))
    console.log(`${connector.padEnd(12)} ${from} → ${to}  (${event}${note ? `: ${note}` : ''})`);
}

function report(views: View[], webUrl: string | undefined): number {
  console.log('');
  const right = views.filter((view, i) => {
    const { connector, ends, shows } = rows[i]!;
    const asItShould = view.state === ends;
    const instead = asItShould ? '' : `, but should be ${ends}${view.problem ? ` (${view.problem.code})` : ''}`;
    console.log(`${asItShould ? '✓' : '✗'} ${connector.padEnd(12)} ${(view.state + instead).padEnd(24)} ${shows}`);
    return asItShould;
  });
  console.log(`\n${right.length} of ${rows.length} are where they should be.`);
  console.log(
    webUrl ? `See them in Temporal Web: ${webUrl}` : 'To see them in Temporal Web: npm start, then npm run demo.',
  );
  return right.length === rows.length ? 0 : 1;
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (err: unknown) => {
    console.error(err instanceof Error ? err.message : err);
    process.exit(1);
  },
);
