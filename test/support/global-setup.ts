import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDevServer, type DevServer } from '../../scripts/local/dev-server';
import { freePort } from '../../scripts/local/ports';

declare global {
  var devServer: DevServer | undefined;
}

/** One build and one dev server for the tests of flows. Its data is on disk, so that a test can search the file. */
export default async function globalSetup(): Promise<void> {
  execFileSync('node', ['scripts/run.mjs', 'build'], { stdio: 'inherit' });
  if (process.env.RECORD) emptyNextHistories();
  const folder = mkdtempSync(join(tmpdir(), 'cyclr-connect-test-'));
  process.env.TEST_DB_FILE = join(folder, 'temporal.db');
  globalThis.devServer = await startDevServer({
    port: await freePort(),
    dbFile: process.env.TEST_DB_FILE,
    logFile: join(folder, 'temporal.log'),
  });
  process.env.TEST_TEMPORAL_ADDRESS = globalThis.devServer.address;
}

function emptyNextHistories(): void {
  const next = join(__dirname, '..', 'histories', 'next');
  rmSync(next, { recursive: true, force: true });
  mkdirSync(next);
}
