/** Shows the page states of scripts/screenshots in a browser. */
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import type { Look } from '../../scripts/screenshots/look';
import { looks } from '../../scripts/screenshots/looks';
import { openStandIn, type StandIn } from '../../scripts/screenshots/stand-in';
import { launchBrowser } from './browser';

export interface Gallery {
  someone(options?: BrowserContextOptions): Promise<BrowserContext>;
  /** Shows one page state while `action` runs. */
  visit<T>(context: BrowserContext, look: Look, act: (page: Page) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export async function openGallery(): Promise<Gallery> {
  const browser: Browser = await launchBrowser();
  const standIn: StandIn = await openStandIn();
  return {
    someone: (options) => browser.newContext({ locale: 'en-GB', ...options }),
    async visit(context, look, act) {
      const page = await standIn.show(context, look);
      try {
        return await act(page);
      } finally {
        await page.close();
      }
    },
    async close() {
      await browser.close();
      await standIn.close();
    },
  };
}

export const lookNamed = (name: string): Look => {
  const look = looks.find((known) => known.name === name);
  if (!look) throw new Error(`There is no look "${name}".`);
  return look;
};

/** Source of a function for the page: all elements below one, also in shadow roots. */
export const allBelow =
  "(function all(root) { return [...root.querySelectorAll('*')].flatMap((element) => [element, ...(element.shadowRoot ? all(element.shadowRoot) : [])]); })";
