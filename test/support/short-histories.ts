/** A stage on which flows go on as another run soon. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDevServer } from '../../scripts/local/dev-server';
import { freePort } from '../../scripts/local/ports';
import { openStage, type Stage } from './stage';

/** After how many events the server suggests it here; 4,096 by default. */
const SUGGESTED_AT = 60;

/** Opens it on a dev server of its own, which ends with it. */
export async function openStageOfShortHistories(): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'cyclr-connect-test-'));
  const server = await startDevServer({
    port: await freePort(),
    logFile: join(folder, 'temporal.log'),
    dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': SUGGESTED_AT },
  });
  const stage = await openStage(server.address);
  return {
    ...stage,
    close: async () => {
      await stage.close();
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
