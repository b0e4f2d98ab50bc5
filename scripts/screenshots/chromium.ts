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

/** Where it is; undefined on a machine without one. */
export const chromiumPath =
  process.env.CHROMIUM_PATH || folders.flatMap((folder) => names.map((name) => join(folder, name))).find(isExecutable);

/** Starts it. Fails with what to do where there is none. */
export function launchBrowser(): Promise<Browser> {
  if (chromiumPath === undefined) throw new Error('There is no Chromium here: install it, or set CHROMIUM_PATH.');
  return chromium.launch({ executablePath: chromiumPath, handleSIGINT: false, handleSIGTERM: false });
}
