/** These tests show every page state in every language, in both writing directions and on the smallest screen. */
import type { BrowserContext, Page } from 'playwright-core';
import { looks } from '../../scripts/screenshots/looks';
import { describeInBrowser } from './browser';
import { allBelow, lookNamed, openGallery, type Gallery } from './gallery';
import { addPseudo, MARK, speak, textsOn } from './pseudo';

let gallery: Gallery;
let context: BrowserContext;

/** Returns the elements of the page that are wider than the screen, and the texts that are cut off. */
const cutOn = (page: Page): Promise<string[]> =>
  page.evaluate(`(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    const elements = ${allBelow}(document.body).filter((element) => element.getClientRects().length > 0 && !element.closest('.quietly, svg'));
    const isOut = (element) => { const { left, right } = element.getBoundingClientRect(); return left < -0.5 || right > clientWidth + 0.5; };
    const isCut = (element) =>
      !element.matches('input, select, textarea, option, progress') && getComputedStyle(element).display !== 'inline' &&
      (element.scrollWidth > element.clientWidth + 1 || (element.scrollHeight > element.clientHeight + 1 && getComputedStyle(element).overflowY !== 'visible'));
    const wrong = elements.filter((element) => isOut(element) || isCut(element)).map((element) => element.outerHTML.slice(0, 120));
    return scrollWidth > clientWidth ? ['the page: ' + scrollWidth, ...wrong] : wrong;
  })()`);

const smallest = { width: 320, height: 640 };
const elementLooks = looks.filter(({ of }) => of === undefined);
const pageLooks = looks.filter(({ of }) => of !== undefined);

describeInBrowser('languages', () => {
  beforeAll(async () => {
    gallery = await openGallery();
    context = await gallery.someone({ viewport: smallest });
  });
  afterAll(() => gallery?.close());

  test.each(elementLooks.map((look) => [look.name, look] as const))(
    'all texts of the element fit and are translated: %s',
    async (_name, look) => {
      const given = JSON.stringify(look);
      const isGiven = (text: string) =>
        given.includes(JSON.stringify(text).slice(1, -1).replace(/…$/, '')) || /^\p{L}$/u.test(text);

      const seen = await gallery.visit(context, look, async (page) => {
        const cut: string[] = [];
        const look = async (when: string) => cut.push(...(await cutOn(page)).map((what) => `${when}: ${what}`));
        await page.setViewportSize(smallest);
        await addPseudo(page);
        for (const language of ['en', 'de', 'mirrored', 'pseudo']) {
          await speak(page, language);
          await look(language);
        }
        const texts = await textsOn(page);
        await page.setViewportSize({ width: 640, height: 480 });
        await page.evaluate("document.documentElement.style.fontSize = '200%'");
        await look('letters twice as large');
        return { cut, texts };
      });

      const untranslated = seen.texts.filter((text) => !text.includes(MARK) && !isGiven(text));
      expect({ cut: seen.cut, untranslated }).toEqual({ cut: [], untranslated: [] });
      expect(seen.texts.some((text) => text.includes(MARK))).toBe(true);
    },
  );

  test.each(['en-GB', 'de-DE', 'ar-EG'])(
    'all texts of the pages before and after the consent fit in the language %s',
    async (locale) => {
      const inLocale = await gallery.someone({ locale, viewport: smallest });
      for (const look of pageLooks) {
        const shown = locale === 'en-GB' ? look : { ...look, shows: '' };

        const cut = await gallery.visit(inLocale, shown, cutOn);

        expect({ look: look.name, cut }).toEqual({ look: look.name, cut: [] });
      }
    },
  );

  test("the page shows HTML in Cyclr's texts as text", async () => {
    const names = ['API key, of HTML', 'properties, odd'];
    for (const name of names) {
      const seen = await gallery.visit(context, lookNamed(name), async (page) => ({
        made: await page.locator('cyclr-connect').locator('b, i, img, script, style, a:not([part=link])').count(),
        texts: (await textsOn(page)).join('\n'),
      }));

      expect(seen.made).toBe(0);
      expect(seen.texts).toContain('<b>Bold</b>"><img src=x onerror=alert(1)>');
      expect(seen.texts).toContain('<script>alert(2)</script>');
      // The step of the properties does not show the description of the sign-in.
      const hint = '<a href="javascript:alert(3)">Click</a> &amp; <style>';
      expect(seen.texts.includes(hint)).toBe(name === 'API key, of HTML');
    }
  });

  test('the page shows HTML in an option as text', async () => {
    const options = await gallery.visit(context, lookNamed('properties, odd'), (page) =>
      page.getByRole('combobox').locator('option').allTextContents(),
    );

    expect(options).toContain('<option>One</option>');
  });
});
