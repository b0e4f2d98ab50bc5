/** A real Chromium, where this machine has one: CHROMIUM_PATH, else one on the PATH. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
const executablePath =
  process.env.CHROMIUM_PATH || folders.flatMap((folder) => names.map((name) => join(folder, name))).find(isExecutable);

/** `describe`, skipped with a loud line on a machine without Chromium. In CI that is a failure. */
export const describeInBrowser: (name: string, tests: () => void) => void = (name, tests) => {
  if (executablePath !== undefined || process.env.CI) return describe(name, tests);
  process.stderr.write(`\nSKIPPED: "${name}" needs Chromium. Install it, or set CHROMIUM_PATH.\n\n`);
  describe.skip(name, tests);
};

export function launchBrowser(): Promise<Browser> {
  if (executablePath === undefined) throw new Error('There is no Chromium here: install it, or set CHROMIUM_PATH.');
  return chromium.launch({ executablePath });
}
