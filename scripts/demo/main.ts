/** `npm run demo`: one account with a connector of every auth type, through to the end. Not interactive. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import { ConnectorAuth } from '../../client/connector-auth';
import { readKeySet } from '../../client/sealing/key-file';
import { publicKeyOf, type SealingKey } from '../../client/sealing/keys';
import { seal } from '../../client/sealing/seal';
import { connect, temporalTarget } from '../../client/temporal/connection';
import { freePort } from '../../client/temporal/ports';
import { onStopSignal } from '../../client/temporal/stop-signals';
import type { ConnectorKey } from '../../workflows/connector';
import { finalStates, type Credentials, type StateName, type View } from '../../workflows/messages';
import { findRunning, startStack, type Running } from '../start/stack';
import { rows, type Row } from './rows';

const root = join(__dirname, '..', '..', '..');
const help = `Usage: npm run demo

Takes one account with a connector of every auth type through authentication, on the stack that npm start runs or on
one of its own, and prints each transition. Exit code 0 only when all of them are where they should be.`;

interface Player {
  auth: ConnectorAuth;
  publicKey: SealingKey;
  sandboxUrl: string;
}

async function main(args: string[]): Promise<number> {
  if (args.length > 0) {
    const asked = args[0] === '--help' || args[0] === '-h';
    (asked ? console.log : console.error)(help);
    return asked ? 0 : 2;
  }
  const running = findRunning(join(root, '.data'));
  if (running) return play(running);
  const folder = mkdtempSync(join(tmpdir(), 'cyclr-connect-demo-'));
  const ports = { temporal: await freePort(), ui: undefined, sandbox: await freePort() };
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

async function play({ temporal, cyclr, sealingKeys }: Running): Promise<number> {
  if (!cyclr.sandbox) throw new Error('The demo needs the sandbox: unset CYCLR_API_URL.');
  const address = temporal.address;
  const configured = temporalTarget();
  const target = process.env.TEMPORAL_ADDRESS ? configured : { ...configured, address, connectionOptions: { address } };
  const connection = await connect(target);
  try {
    const auth = new ConnectorAuth(new Client({ connection, namespace: temporal.namespace }));
    const publicKey = await publicKeyOf(await readKeySet(sealingKeys));
    const player = { auth, publicKey, sandboxUrl: cyclr.url };
    const accountId = `demo-${new Date().toISOString().slice(0, 19).replace(/:/g, '')}`;
    const ids = await install(cyclr.url, accountId);
    console.log(`\nAccount ${accountId}, ${rows.length} connectors\n`);
    const ends = await Promise.all(rows.map((row, i) => walk(player, { accountId, connectorId: ids[i]! }, row)));
    return report(ends, temporal.uiUrl && `${temporal.uiUrl}/namespaces/${temporal.namespace}/workflows`);
  } finally {
    await connection.close();
  }
}

/** A fresh account with the connectors of all rows. */
async function install(sandboxUrl: string, accountId: string): Promise<number[]> {
  const connectors = rows.map(({ connector }) => connector);
  const installed = await askSandbox(sandboxUrl, 'accounts', { accountId, connectors });
  return (installed as { id: number }[]).map(({ id }) => id);
}

async function askSandbox(sandboxUrl: string, what: string, body: object): Promise<unknown> {
  const response = await fetch(`${sandboxUrl}/_sandbox/${what}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`The sandbox at ${sandboxUrl} answers ${response.status}.`);
  return response.json();
}

/** One connector, as its user would: looks what is asked, and gives it. The view it ends with. */
async function walk(player: Player, key: ConnectorKey, row: Row): Promise<View> {
  const { auth } = player;
  await auth.start({ ...key, by: 'demo' });
  const stopWatching = new AbortController();
  const watching = print(auth, key, row, stopWatching.signal);
  const steps = stepsOf(player, key, row);
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
function stepsOf(player: Player, key: ConnectorKey, row: Row): { [S in StateName]?: Step[] } {
  const { properties = [], credentials = [], consents } = row;
  return {
    awaitingProperties: properties.map((values) => (view) => giveProperties(player, key, values, view)),
    awaitingCredentials: credentials.map((given) => () => giveCredentials(player, key, given)),
    awaitingAuthorization: consents ? [() => consent(player, key)] : [],
  };
}

async function giveProperties(
  { auth, publicKey }: Player,
  key: ConnectorKey,
  given: { [name: string]: string },
  { fields = [] }: View,
): Promise<void> {
  const submissionId = randomUUID();
  const secrets = new Set(fields.filter(({ secret }) => secret).map(({ name }) => name));
  const values = Object.entries(given).map(async ([name, value]) => {
    const binding = { ...key, purpose: `property:${name}`, submissionId } as const;
    return [name, secrets.has(name) ? await seal(value, binding, publicKey) : value] as const;
  });
  await auth.submitProperties(key, { submissionId, values: Object.fromEntries(await Promise.all(values)), by: 'demo' });
}

async function giveCredentials({ auth, publicKey }: Player, key: ConnectorKey, given: Credentials): Promise<void> {
  const submissionId = randomUUID();
  const binding = { ...key, purpose: 'credentials', submissionId } as const;
  const credentials = await seal(JSON.stringify(given), binding, publicKey);
  await auth.submitCredentials(key, { submissionId, credentials, by: 'demo' });
}

/** Follows a fresh link as a browser would, consents, and comes back. */
async function consent({ auth, sandboxUrl }: Player, key: ConnectorKey): Promise<void> {
  const { attemptId, url } = await auth.requestAuthorization(key, { returnTo: `${sandboxUrl}/return`, by: 'demo' });
  await askSandbox(sandboxUrl, 'consent', { url, decision: 'approve' });
  await auth.confirmAuthorization(key, { attemptId, by: 'demo' });
}

const settledStates = [...finalStates, 'awaitingProperties', 'awaitingCredentials', 'awaitingAuthorization'];

/** The view, once it waits for somebody or has ended: looked at when something has happened. */
async function settled(auth: ConnectorAuth, key: ConnectorKey): Promise<View> {
  for await (const _ of auth.watch(key)) {
    const view = await auth.view(key);
    if (settledStates.includes(view.state)) return view;
  }
  return auth.view(key);
}

async function print(auth: ConnectorAuth, key: ConnectorKey, { connector }: Row, signal: AbortSignal): Promise<void> {
  for await (const { from, event, to, note } of auth.watch(key, signal))
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
