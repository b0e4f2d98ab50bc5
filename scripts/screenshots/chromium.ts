/**
 * Finds and starts Chromium. CHROMIUM_PATH names the program. Without this variable, the program is searched on the
 * PATH.
 */
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

/** The path of Chromium. Undefined if no Chromium is installed. */
export const chromiumPath =
  process.env.CHROMIUM_PATH || folders.flatMap((folder) => names.map((name) => join(folder, name))).find(isExecutable);

/** Starts Chromium. If no Chromium is installed, fails with the remedy. */
export function launchBrowser(): Promise<Browser> {
  if (chromiumPath === undefined) throw new Error('Chromium was not found: install it, or set CHROMIUM_PATH.');
  return chromium.launch({ executablePath: chromiumPath, handleSIGINT: false, handleSIGTERM: false });
}
