import { rmSync } from 'node:fs';
import { dirname } from 'node:path';

export default async function globalTeardown(): Promise<void> {
  await globalThis.temporal?.stop();
  if (process.env.TEST_DB_FILE) rmSync(dirname(process.env.TEST_DB_FILE), { recursive: true, force: true });
}
