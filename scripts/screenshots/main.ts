/** `npm run screenshots`: a screenshot of each page state, in both themes and two widths. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Browser } from 'playwright-core';
import { runMain } from '../../temporal/process';
import { runUntilStopped } from '../command';
import { launchBrowser } from './chromium';
import { galleryOf } from './gallery';
import type { Look } from './look';
import { looks } from './looks';
import { shotsOf, type Shot } from './shots';
import { openStandIn } from './stand-in';

const help = `Usage: npm run screenshots -- [NAME]

Writes screenshots of all page states, or of the page states whose name contains NAME, into screenshots/, with an
index.html. Deletes the earlier content of the folder.`;

const folder = resolve('screenshots');

async function main([name = '']: string[]): Promise<number> {
  if (name.startsWith('-')) {
    console.log(help);
    return name === '--help' ? 0 : 2;
  }
  const wanted = looks.filter((look) => look.name.includes(name));
  if (wanted.length === 0) {
    console.error(`No page state has "${name}" in its name. Names: ${looks.map((look) => look.name).join(' · ')}`);
    return 2;
  }
  return runUntilStopped(
    launchBrowser(),
    (browser) => take(browser, wanted),
    (browser) => browser.close(),
  );
}

async function take(browser: Browser, wanted: Look[]): Promise<number> {
  const standIn = await openStandIn();
  const context = await browser.newContext({ locale: 'en-GB' });
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  const shots: Shot[] = [];
  for (const [index, look] of wanted.entries()) {
    const page = await context.newPage();
    await standIn.show(page, look);
    shots.push(...(await shotsOf(page, look, folder)));
    await page.close();
    console.log(`${index + 1} of ${wanted.length}: ${look.name}`);
  }
  writeFileSync(join(folder, 'index.html'), galleryOf(shots));
  console.log(`${shots.length} screenshots: ${join(folder, 'index.html')}`);
  return 0;
}

runMain(main);
