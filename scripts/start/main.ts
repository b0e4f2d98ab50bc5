/** `npm start`: everything on this machine. */
import { join } from 'node:path';
import { onStopSignal } from '../../temporal/stop-signals';
import { catalogue } from '../../sandbox/catalogue';
import { mintSession } from '../local/service';
import { findRunning, leaveNote, portsOf, startStack, type Running } from '../local/stack';

const root = join(__dirname, '..', '..', '..');
const folder = join(root, '.data');
const FIRST_CONNECTOR = 1001;
const help = `Usage: npm start

Starts everything on this machine, and stops it again at Ctrl-C: a Temporal dev server with its UI (data in .data/),
the Cyclr sandbox, a worker, the onboarding service. The flows of the last time go on where they were.

  TEMPORAL_ADDRESS   uses that Temporal instead of a dev server (with the other TEMPORAL_* variables)
  CYCLR_API_URL      uses that Cyclr instead of the sandbox (with CYCLR_CLIENT_ID and CYCLR_CLIENT_SECRET)
  SEALING_KEYS       uses these keys instead of .data/sealing-keys.json
  PORT (8080)        where the service listens; PUBLIC_URL and ALLOWED_ORIGINS are the service's too
  TEMPORAL_DEV_PORT (7233), TEMPORAL_DEV_UI_PORT (8233), SANDBOX_PORT (7080), HEALTH_PORT (any that is free)`;

async function main(args: string[]): Promise<number> {
  if (args.length > 0) return usage(args[0] === '--help' || args[0] === '-h');
  if (findRunning(folder)) throw new Error('npm start is running here already.');
  const stopped = new Promise<undefined>((resolve) => onStopSignal(() => resolve(undefined)));
  const starting = startStack({ folder, ports: portsOf(process.env), say: (line) => console.log(`  ${line}`) });
  const stack = await Promise.race([starting, stopped]);
  if (!stack) {
    console.log('Stopping …');
    await starting.then(({ stop }) => stop()).catch(() => undefined); // it cleans up after itself
    return 0;
  }
  const takeNoteAway = leaveNote(folder, stack);
  console.log(welcome(stack, await linkOf(stack)));
  const trouble = await Promise.race([stopped, stack.died]);
  if (trouble) console.error(trouble);
  console.log('\nStopping …');
  takeNoteAway();
  await stack.stop();
  return trouble ? 1 : 0;
}

function usage(asked: boolean): number {
  (asked ? console.log : console.error)(help);
  return asked ? 0 : 2;
}

/** An account that the sandbox has from the start, with a connector of every kind. */
const example = { accountId: 'acme', connectorIds: catalogue.map((_entry, index) => FIRST_CONNECTOR + index) };

/** A page to look at, where it is known what there is to connect. */
const linkOf = async ({ cyclr, service }: Running): Promise<string | undefined> =>
  cyclr.sandbox
    ? (await mintSession(service, { ...example, accountLabel: 'Acme Ltd', expiresIn: '1 hour' })).url
    : undefined;

function welcome({ temporal, cyclr }: Running, link: string | undefined): string {
  const web = temporal.uiUrl && `${temporal.uiUrl}/namespaces/${temporal.namespace}/workflows`;
  const next = cyclr.sandbox
    ? ['npm run demo', 'npm run cli -- start acme 1002', 'npm run cli -- properties acme 1002 --set Domain=acme']
    : ['npm run cli -- start ACCOUNT CONNECTOR'];
  return [
    '',
    ...(web ? [`Temporal Web: ${web}`, ''] : []),
    ...(link ? ['The connect page, as a user gets it (within an hour):', `  ${link}`, ''] : []),
    'To try next, in another terminal:',
    ...next.map((command) => `  ${command}`),
    '',
    "The service's API key is in .data/service.json. Logs are in .data/logs. Ctrl-C stops everything.",
  ].join('\n');
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (err: unknown) => {
    console.error(err instanceof Error ? err.message : err);
    process.exit(1);
  },
);
