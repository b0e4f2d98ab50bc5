/** Layout shift, reduced motion and theme. */
import type { BrowserContext } from 'playwright-core';
import { describeInBrowser } from './browser';
import { lookNamed, openGallery, type Gallery } from './gallery';

let gallery: Gallery;
let context: BrowserContext;

/** A script for the page: it records the size of each layout shift in `shifts`. */
const observer = `{
  globalThis.shifts = [];
  new PerformanceObserver((list) => shifts.push(...list.getEntries().map(({ value }) => value)))
    .observe({ type: 'layout-shift', buffered: true });
}`;

describeInBrowser('appearance', () => {
  beforeAll(async () => {
    gallery = await openGallery();
    context = await gallery.someone();
  });
  afterAll(() => gallery?.close());

  test.each(['API key', 'properties', 'list', 'consent'])(
    'the layout does not shift when the content replaces the text "Loading …": %s',
    async (name) => {
      const look = lookNamed(name);
      let loaded = 0;
      const before = async (page: Parameters<NonNullable<typeof look.before>>[0]) => {
        await page.addInitScript(observer);
        await page.route('**/v1/session', async (route) => {
          // Lets the request continue only after the element has drawn the text "Loading …".
          loaded = await page.getByText('Loading …').filter({ visible: true }).count();
          await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
          await route.fallback();
        });
      };

      const shifts = await gallery.visit(context, { ...look, before }, async (page) => {
        await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
        return page.evaluate<number[]>('shifts');
      });

      expect(loaded).toBe(1);
      expect(shifts).toEqual([]);
    },
  );

  test('the filter of the list keeps the connectors whose names contain the filter text, and the open connector', async () => {
    const rows = await gallery.visit(context, lookNamed('list, with a filter'), async (page) => {
      await page.getByLabel('Find an app').fill('ZENO');
      return page.locator('.row .name').filter({ visible: true }).allInnerTexts();
    });

    expect(rows).toEqual(['Kestrel', 'Zenodesk', 'Zenodesk', 'Zenodesk', 'Zenodesk']);
  });

  test('on a phone an opened row is scrolled to the top, and a second click closes it', async () => {
    const phone = await gallery.someone({ viewport: { width: 390, height: 640 } });
    const seen = await gallery.visit(phone, lookNamed('list, with a filter'), async (page) => {
      const row = page.locator('.row').nth(4);
      await row.click();
      const { y } = (await row.boundingBox())!;
      await row.click();
      return { y, open: await page.locator('li.open').count() };
    });

    expect(seen.y).toBeGreaterThanOrEqual(0);
    expect(seen.y).toBeLessThan(20);
    expect(seen.open).toBe(0);
  });

  test('with reduced motion the page replaces the turning animation by a pulsing animation', async () => {
    const names = await gallery.visit(context, lookNamed('verifying'), async (page) => {
      const animations = `document.querySelector('cyclr-connect').shadowRoot.getAnimations().map(({ animationName }) => animationName)`;
      const usual = await page.evaluate(animations);
      await page.emulateMedia({ reducedMotion: 'reduce' });
      return { usual, reduced: await page.evaluate(animations) };
    });

    expect(names).toEqual({ usual: ['turn'], reduced: ['pulse'] });
  });

  test.each(['properties, all of them', 'consent, blocked', 'connected, with a return address', 'list'])(
    'with forced colours every control and panel has a border: %s',
    async (name) => {
      const without = await gallery.visit(context, lookNamed(name), async (page) => {
        await page.emulateMedia({ forcedColors: 'active' });
        return page.evaluate(`[...document.querySelector('cyclr-connect').shadowRoot.querySelectorAll(
          'button:not(.row, .quiet), a.button, input:not([type=checkbox]), select, textarea, progress, .panel:not(li .panel)')]
            .filter((element) => element.getClientRects().length > 0)
            .filter((element) => { const { borderTopStyle, borderTopWidth } = getComputedStyle(element); return borderTopStyle === 'none' || borderTopWidth === '0px'; })
            .map((element) => element.outerHTML)`);
      });

      expect(without).toEqual([]);
    },
  );

  test('the element uses the color-scheme of its page, and with theme="auto" the preference of the user', async () => {
    const shown = await gallery.visit(context, lookNamed('API key'), async (page) => {
      await page.emulateMedia({ colorScheme: 'dark' });
      await page.evaluate("document.documentElement.style.colorScheme = 'light'");
      const text = `getComputedStyle(document.querySelector('cyclr-connect')).color`;
      const inLightPage = await page.evaluate(text);
      await page.locator('cyclr-connect').evaluate((element) => element.setAttribute('theme', 'auto'));
      return { inLightPage, auto: await page.evaluate(text) };
    });

    expect(shown).toEqual({ inLightPage: 'rgb(27, 31, 42)', auto: 'rgb(236, 238, 244)' });
  });

  test('the attribute theme overrides the light or dark preference of the browser', async () => {
    const schemes = await gallery.visit(context, lookNamed('API key'), async (page) => {
      await page.emulateMedia({ colorScheme: 'light' });
      const text = `getComputedStyle(document.querySelector('cyclr-connect')).color`;
      const light = await page.evaluate(text);
      await page.locator('cyclr-connect').evaluate((element) => element.setAttribute('theme', 'dark'));
      return { light, dark: await page.evaluate(text) };
    });

    expect(schemes).toEqual({ light: 'rgb(27, 31, 42)', dark: 'rgb(236, 238, 244)' });
  });
});
