import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../scripts/parts/scene';

const log = join(__dirname, '..', '..', 'dist', 'temporal', 'log.js'); // `npm test` builds this folder
const onLinux = process.platform === 'linux' ? test : test.skip;

/** The standard error of a process that runs `code`, and whose standard output has no space left on its device. */
function withFullDisk(code: string): string {
  const full = openSync('/dev/full', 'w');
  try {
    const args = ['-e', code];
    return spawnSync(process.execPath, args, { stdio: ['ignore', full, 'pipe'], encoding: 'utf8' }).stderr;
  } finally {
    closeSync(full);
  }
}

onLinux('a full disk under the log does not end the process, and the log keeps only a limited number of lines', () => {
  const code = `
    const log = require(${JSON.stringify(log)}).createJsonLog({ process: 'worker' });
    const line = 'x'.repeat(100_000);
    for (let times = 0; times < 4000; times++) log.info(line);
    process.stderr.write(process.memoryUsage().rss < 200e6 ? 'alive and small' : 'alive and large');`;

  expect(withFullDisk(code)).toBe('alive and small');
});

onLinux('when the disk has space again, the log continues', () => {
  const file = join(temporaryFolder(), 'log');
  const code = `
    const fs = require('fs');
    const log = require(${JSON.stringify(log)}).createJsonLog({ process: 'worker' });
    for (let times = 0; times < 40; times++) log.info('x'.repeat(100_000));
    for (let times = 0; times < 1000; times++) log.info(''); // fills the rest of the limit
    fs.closeSync(1);
    fs.openSync(${JSON.stringify(file)}, 'w'); // gets the free file descriptor 1
    log.info('y'.repeat(100_000));
    log.info('the last line');`;

  withFullDisk(code);

  expect(readFileSync(file, 'utf8').trimEnd().split('\n').at(-1)).toContain('the last line');
});
