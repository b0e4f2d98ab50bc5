/** Every page state, checked by axe and in the accessibility tree. */
import { source as axe } from 'axe-core';
import type { BrowserContext, Page } from 'playwright-core';
import { looks } from '../../scripts/screenshots/looks';
import { describeInBrowser } from './browser';
import { allBelow, lookNamed, openGallery, type Gallery } from './gallery';

let gallery: Gallery;
let context: BrowserContext;

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** The rules of axe that depend on colours. The tests check these rules in the light and in the dark theme. */
const COLOURS = ['color-contrast', 'link-in-text-block'];

/** Runs axe with the rules or tags `runOnly`. Returns the rule and the element of each violation. */
const violationsOn = (page: Page, runOnly: string[]): Promise<string[]> =>
  page.evaluate(`axe.run({ runOnly: ${JSON.stringify(runOnly)} }).then(({ violations }) =>
    violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => id + ' ' + target + ' ' + failureSummary)))`);

/** Returns the controls of the document and of its shadow roots that are too small to tap. */
const tooSmallOn = (page: Page): Promise<string[]> =>
  page.evaluate(`(() => {
    const targets = ${allBelow}(document).filter((element) => element.matches('button, a, input, select, textarea, summary') && element.getClientRects().length > 0);
    const boxOf = (element) => (element.closest('label') ?? element).getBoundingClientRect();
    const least = (element) => (element.matches('.primary, main > .card > .button') ? 44 : 24);
    return targets
      .filter((element) => boxOf(element).height < least(element) || boxOf(element).width < least(element))
      .map((element) => element.outerHTML);
  })()`);

interface Node {
  ignored: boolean;
  role?: { value: string };
  name?: { value: string };
  description?: { value: string };
  properties?: { name: string; value: { value: unknown } }[];
}

/** Returns role, name, description and validity of each accessibility node that has one of the `roles`. */
async function heardOn(page: Page, ...roles: string[]): Promise<string[]> {
  const session = await page.context().newCDPSession(page);
  const { nodes } = (await session.send('Accessibility.getFullAXTree')) as { nodes: Node[] };
  return nodes
    .filter(({ ignored, role }) => !ignored && roles.includes(role?.value ?? ''))
    .map(({ role, name, description, properties = [] }) => {
      const wrong = properties.find((property) => property.name === 'invalid')?.value.value === 'true' ? 'invalid' : '';
      return [role?.value, name?.value, description?.value, wrong].filter(Boolean).join(' | ');
    });
}

describeInBrowser('accessibility', () => {
  beforeAll(async () => {
    gallery = await openGallery();
    context = await gallery.someone();
  });
  afterAll(() => gallery?.close());

  test.each(looks.map((look) => [look.name, look] as const))(
    'axe finds no violation in the light and the dark theme, and no control is too small to tap: %s',
    async (_name, look) => {
      const found = await gallery.visit(context, look, async (page) => {
        await page.evaluate(axe);
        await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
        const wrong = await violationsOn(page, TAGS);
        await page.emulateMedia({ colorScheme: 'dark' });
        wrong.push(...(await violationsOn(page, COLOURS)));
        return { wrong, small: await tooSmallOn(page) };
      });

      expect(found).toEqual({ wrong: [], small: [] });
    },
  );

  test('a screen reader reads the purpose of a form, and the label, the help and the problem of each field', async () => {
    const heard = await gallery.visit(context, lookNamed('properties, some left out'), (page) =>
      heardOn(page, 'heading', 'textbox', 'combobox', 'button', 'DisclosureTriangle', 'status'),
    );

    expect(heard.sort()).toEqual([
      'DisclosureTriangle | Optional settings (3)',
      'button | Connect',
      'button | Show API key',
      'button | Show Signing secret',
      'combobox | Environment',
      'heading | Connect Kestrel',
      'heading | Connect your apps',
      'status',
      'textbox | API key | Please fill this in. | invalid',
      'textbox | Company domain | The first part of your address: acme for acme.kestrel.example. Please fill this in. | invalid',
      'textbox | Signing secret | Please fill this in. | invalid',
    ]);
  });

  test.each([
    ['API key', 'Connect Brightdesk'],
    ['API key, being checked', 'Checking …'],
    ['reading', 'Checking …'],
    ['verifying', 'Checking …'],
    ['connected', 'Brightdesk is connected'],
    ['no connection', 'No connection at the moment. This page continues by itself when the connection is back.'],
  ])('a screen reader announces the new content of the page: %s', async (name, said) => {
    const status = await gallery.visit(context, lookNamed(name), (page) =>
      page.getByRole('status').evaluate((element) => element.textContent?.trim()),
    );

    expect(status).toBe(said);
  });

  test.each(['problem notSealed', 'consent, blocked'])('a problem has the role alert: %s', async (name) => {
    const look = lookNamed(name);
    const alerts = await gallery.visit(context, look, (page) => page.getByRole('alert').allInnerTexts());

    expect(alerts).toEqual([expect.stringContaining(look.shows)]);
  });

  test('the focus ring is visible in each theme and with forced colours', async () => {
    const rings = await gallery.visit(context, lookNamed('API key'), async (page) => {
      const seen: unknown[] = [];
      for (const media of [{ colorScheme: 'light' }, { colorScheme: 'dark' }, { forcedColors: 'active' }] as const) {
        await page.emulateMedia(media);
        await page.keyboard.press('Tab');
        seen.push(
          await page.evaluate(`(() => {
          const { outlineStyle, outlineWidth } = getComputedStyle(document.querySelector('cyclr-connect').shadowRoot.activeElement);
          return outlineStyle + ' ' + outlineWidth;
        })()`),
        );
      }
      return seen;
    });

    expect(rings).toEqual(['solid 3px', 'solid 3px', 'solid 3px']);
  });
});
