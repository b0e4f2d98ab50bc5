/** `npm start`: runs the whole stack on this machine. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { findLocalStack, stackFile, type LocalStack } from '../../temporal/local-stack';
import { onStopSignal, runMain } from '../../temporal/process';
import { catalogue } from '../../sandbox/catalogue';
import { makeDataFolder, writePrivate } from '../local/data-folder';
import { mintSession } from '../local/parts';
import { startStack, type Running, type Stack } from '../local/stack';
import { refuseArguments } from '../command';
import { lockFile, takeLock } from './lock';
import { checkPorts, portsOf } from './ports';

const folder = join(__dirname, '..', '..', '..', '.data');
const FIRST_CONNECTOR = 1001;
const help = `Usage: npm start

Starts the whole stack on this machine, and stops it at Ctrl-C: a Temporal dev server with Temporal Web, the Cyclr
sandbox, a worker, the onboarding service. Keeps its data in .data/: the next start continues the flows.

  TEMPORAL_ADDRESS   uses this Temporal instead of a dev server (with the other TEMPORAL_* variables)
  CYCLR_API_URL      uses this Cyclr instead of the sandbox (with the other CYCLR_* variables)
  SEALING_KEYS       uses these keys instead of .data/sealing-keys.json; or SEALING_KEYS_FILE
  PORT               port of the service (8080); PUBLIC_URL and ALLOWED_ORIGINS also configure the service
  other ports        TEMPORAL_DEV_PORT (7233), TEMPORAL_DEV_UI_PORT (8233), SANDBOX_PORT (7080), HEALTH_PORT (any free);
                     0 is any free port`;

async function main(args: string[]): Promise<number> {
  const code = refuseArguments(args, help);
  if (code !== undefined) return code;
  process.umask(0o077); // only their owner can read the files of this process and its children, such as logs
  makeDataFolder(folder);
  const other = findLocalStack(folder); // `findLocalStack` fails if the stack file is not valid
  const release = takeLock(folder, (pid) => new Error(runsAlready(pid, other)));
  try {
    return await start();
  } finally {
    release();
  }
}

async function start(): Promise<number> {
  const ports = portsOf(process.env);
  await checkPorts(ports);
  const { signal, stopped } = stopping();
  const stack = await startStack({ folder, ports, signal, say: (line) => console.log(`  ${line}`) }).catch((err) => {
    if (signal.aborted) return undefined;
    throw err;
  });
  return stack ? run(stack, signal, stopped) : 0;
}

async function run(stack: Stack, signal: AbortSignal, stopped: Promise<undefined>): Promise<number> {
  try {
    writeNote(stack);
    const link = await Promise.race([linkOf(stack), stopped]);
    if (!signal.aborted) console.log(welcome(stack, link));
    const trouble = await Promise.race([stopped, stack.died]);
    if (trouble) console.error(trouble);
    return trouble ? 1 : 0;
  } finally {
    rmSync(stackFile(folder), { force: true });
    await stack.stop();
  }
}

/** Aborts at the first Ctrl-C. */
function stopping(): { signal: AbortSignal; stopped: Promise<undefined> } {
  const controller = new AbortController();
  const stopped = new Promise<undefined>((resolve) =>
    onStopSignal(() => {
      console.log('\nStopping …');
      controller.abort();
      resolve(undefined);
    }),
  );
  return { signal: controller.signal, stopped };
}

/** Writes the stack file, by which other commands find this stack. */
function writeNote({ taskQueue, temporal, cyclr, sealingKeys, service, worker }: Running): void {
  const stack: LocalStack = { pid: process.pid, taskQueue, temporal, cyclr, sealingKeys, service, worker };
  writePrivate(stackFile(folder), stack);
}

/** The message for a second `npm start`. `stack`: the stack of the stack file, which exists only after the start. */
function runsAlready(pid: number, stack: LocalStack | undefined): string {
  return [
    `npm start runs already, as process ${pid}, with its data in ${folder}. Stop that process first: press Ctrl-C in its terminal, or run kill ${pid}.`,
    ...(stack?.pid === pid ? addressesOf(stack) : []),
    `If process ${pid} is another program, delete ${lockFile(folder)}.`,
  ].join('\n');
}

const addressesOf = ({ temporal, cyclr, service }: LocalStack): string[] => [
  `  Temporal at ${temporal.address}${temporal.uiUrl ? `, Temporal Web at ${temporal.uiUrl}` : ''}`,
  `  Cyclr at ${cyclr.url}`,
  `  Onboarding service at ${service.url}`,
];

/** An account that every new sandbox has, with a connector of every kind. */
const example = { accountId: 'acme', connectorIds: catalogue.map((_entry, index) => FIRST_CONNECTOR + index) };

/**
 * Returns a link to the connect page. Returns undefined if CYCLR_API_URL names another Cyclr, because the connectors of
 * that Cyclr are unknown. If the service makes no link, prints the reason and returns undefined.
 */
async function linkOf({ cyclr, service }: Running): Promise<string | undefined> {
  if (!cyclr.sandbox) return undefined;
  try {
    return (await mintSession(service, { ...example, accountLabel: 'Acme Ltd', expiresIn: '1 hour' })).url;
  } catch (err) {
    console.error(`There is no link to the connect page: ${(err as Error).message}`);
    return undefined;
  }
}

/** The lists of flows in Temporal Web that operators need most; docs/operating.md has the same queries. */
const webLists = {
  'Flows that wait for a user': `ConnectorAuthState STARTS_WITH "awaiting" AND CloseTime IS NULL`,
  'Flows that wait for Cyclr or an operator': `ConnectorAuthProblem IS NOT NULL AND CloseTime IS NULL`,
  'Flows of the account acme': `CyclrAccountId = "acme"`,
};

function welcome({ temporal, cyclr }: Running, link: string | undefined): string {
  const web = temporal.uiUrl && `${temporal.uiUrl}/namespaces/${temporal.namespace}/workflows`;
  const lists = Object.entries(webLists).map(
    ([name, query]) => `  ${name}:\n    ${web}?query=${encodeURIComponent(query)}`,
  );
  const next = cyclr.sandbox
    ? ['npm run demo', 'npm run cli -- list', 'npm run cli -- properties acme 1002 --set Domain=acme']
    : ['npm run cli -- start ACCOUNT CONNECTOR'];
  return [
    '',
    ...(web ? [`Temporal Web: ${web}`, ...lists, ''] : []),
    ...(link ? ['The connect page of a user (the link is valid for an hour):', `  ${link}`, ''] : []),
    'Commands to try next, in another terminal:',
    ...next.map((command) => `  ${command}`),
    '',
    "The service's API key is in .data/service.json. Logs are in .data/logs. Ctrl-C stops everything.",
  ].join('\n');
}

runMain(main);
