import { join } from 'node:path';
import type { Page } from 'playwright-core';
import type { Look } from './look';

/** A screenshot of a page state. */
export interface Shot {
  look: string;
  file: string;
  theme: 'light' | 'dark';
  width: number;
}

const themes = ['light', 'dark'] as const;
const widths = [360, 1024] as const;
const HEIGHT = 800;

/** Takes a screenshot of the full page in each theme and width. */
export async function shotsOf(page: Page, look: Look, folder: string): Promise<Shot[]> {
  const shots: Shot[] = [];
  for (const width of widths) {
    await page.setViewportSize({ width, height: HEIGHT });
    for (const theme of themes) {
      await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
      const file = `${look.name.replace(/[^\w]+/g, '-')}-${width}-${theme}.png`;
      await page.screenshot({ path: join(folder, file), fullPage: true, animations: 'disabled', caret: 'hide' });
      shots.push({ look: look.name, file, theme, width });
    }
  }
  return shots;
}
