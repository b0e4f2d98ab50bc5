/** `npm run histories`: records a history of every path, for the replay gate. */
import { setMaxListeners } from 'node:events';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installSilentRuntime } from '../../temporal/replay';
import { onStopSignal } from '../../temporal/process';
import { record, type Recorded } from './record';
import { sessions } from './sessions';

const target = join(__dirname, '..', '..', '..', 'test', 'histories', 'next');
const help = `Usage: npm run histories

Plays every path of an authentication on a Temporal dev server, a time-skipping one, a sandbox and a worker of its own,
and writes the history of each to test/histories/next/, in place of what is there. Takes about two minutes.`;

async function main(args: string[]): Promise<number> {
  if (args.length > 0) {
    const asked = args[0] === '--help' || args[0] === '-h';
    (asked ? console.log : console.error)(help);
    return asked ? 0 : 2;
  }
  const stopping = new AbortController();
  const { signal } = stopping;
  setMaxListeners(0, signal); // each call listens, and never stops to
  onStopSignal(() => stopping.abort());
  const folder = mkdtempSync(join(tmpdir(), 'cyclr-connect-histories-'));
  installSilentRuntime(); // refusals and outages are what is recorded here
  try {
    const results = await Promise.allSettled(sessions.map((session) => record(session, folder, signal)));
    if (signal.aborted) return 130;
    const failed = results.flatMap((result) => (result.status === 'rejected' ? [messageOf(result.reason)] : []));
    if (failed.length > 0) throw new Error(failed.join('\n'));
    const recorded = results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
    replace(target, recorded);
    console.log(`${recorded.length} histories in test/histories/next/`);
    return 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** All or nothing: what is not complete is no record. */
function replace(target: string, recorded: Recorded[]): void {
  const draft = `${target}.new`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true });
  for (const { name, text } of recorded) writeFileSync(join(draft, `${name}.json`), text);
  rmSync(target, { recursive: true, force: true });
  renameSync(draft, target);
}

const messageOf = (err: unknown): string => (err instanceof Error ? err.message : String(err));

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (err: unknown) => {
    console.error(messageOf(err));
    process.exit(1);
  },
);
