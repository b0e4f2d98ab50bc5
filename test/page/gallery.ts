/** Shows the page states of scripts/screenshots in a browser. */
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import type { Look } from '../../scripts/screenshots/look';
import { looks } from '../../scripts/screenshots/looks';
import { openStandIn, type StandIn } from '../../scripts/screenshots/stand-in';
import { launchBrowser } from './browser';

export interface Gallery {
  someone(options?: BrowserContextOptions): Promise<BrowserContext>;
  /** Shows one page state while `act` runs. */
  visit<T>(context: BrowserContext, look: Look, act: (page: Page) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export async function openGallery(): Promise<Gallery> {
  const browser: Browser = await launchBrowser();
  const standIn: StandIn = await openStandIn();
  /**
   * The pages that stay open, so that a later visit can use them again. Opening a page takes more time than showing
   * another page state in an open page.
   */
  const kept = new Map<BrowserContext, Page>();
  return {
    someone: (options) => browser.newContext({ locale: 'en-GB', ...options }),
    async visit(context, look, act) {
      const page = kept.get(context) ?? (await context.newPage());
      kept.delete(context);
      await standIn.show(page, look);
      const result = await act(page);
      // Init scripts can't be removed from a page. The pages before and after the consent load other pages or
      // themselves again, which can end the navigation of `leave` with an error.
      const isKept = look.before === undefined && look.of === undefined;
      await (isKept ? leave(page) : page.close());
      if (isKept) kept.set(context, page);
      return result;
    },
    async close() {
      await browser.close();
      await standIn.close();
    },
  };
}

/**
 * Leaves the page state: opens another page of the same site. For another site or about:blank, Chromium would start
 * another process, which takes time.
 */
async function leave(page: Page): Promise<void> {
  await page.unrouteAll({ behavior: 'ignoreErrors' });
  await page.goto(new URL('/healthz', page.url()).href);
  await page.emulateMedia({ colorScheme: null, reducedMotion: null, forcedColors: null });
}

export const lookNamed = (name: string): Look => {
  const look = looks.find((known) => known.name === name);
  if (!look) throw new Error(`scripts/screenshots has no page state "${name}".`);
  return look;
};

/**
 * The source of a function that runs in the page. The function returns all elements below an element, also in shadow
 * roots.
 */
export const allBelow =
  "(function all(root) { return [...root.querySelectorAll('*')].flatMap((element) => [element, ...(element.shadowRoot ? all(element.shadowRoot) : [])]); })";
