import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTemporal, type LocalTemporal } from '../../scripts/local/parts';

declare global {
  var temporal: LocalTemporal | undefined;
}

/**
 * Makes one build and starts one dev server for the tests of flows. `test/workflows/secrecy.test.ts` searches the
 * server's database file for secrets.
 */
export default async function globalSetup(): Promise<void> {
  execFileSync('node', ['scripts/run.mjs', 'build'], { stdio: 'inherit' });
  if (process.env.RECORD) emptyNextHistories();
  const logFolder = mkdtempSync(join(tmpdir(), 'cyclr-connect-test-'));
  const dbFile = join(logFolder, 'temporal.db');
  globalThis.temporal = await startTemporal({ logFolder, dbFile });
  process.env.TEST_DB_FILE = dbFile;
  process.env.TEST_TEMPORAL_ADDRESS = globalThis.temporal.address;
}

function emptyNextHistories(): void {
  const next = join(__dirname, '..', 'histories', 'next');
  rmSync(next, { recursive: true, force: true });
  mkdirSync(next);
}
