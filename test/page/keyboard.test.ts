/**
 * Each step of the page works without a mouse, one element of the page always has the focus, and a text stays in the
 * field in which the user types it.
 */
import type { Page } from 'playwright-core';
import type { Look } from '../../scripts/screenshots/look';
import { connectors, fields, problem, viewOf } from '../../scripts/screenshots/views';
import { describeInBrowser } from './browser';
import { lookNamed, openGallery, type Gallery } from './gallery';
import { focused, reach } from './keys';
import { button, field, heading, openWebScene, type WebScene } from './scene';

let scene: WebScene;
let gallery: Gallery;

describeInBrowser('keyboard operation', () => {
  beforeAll(async () => {
    [scene, gallery] = await Promise.all([openWebScene(), openGallery()]);
  });
  afterAll(() => Promise.all([scene?.close(), gallery?.close()]));

  test('after a refusal, a user can submit an API key again with the keyboard alone', async () => {
    const [key] = scene.install('Brightdesk');
    const page = await scene.open([key]);
    await heading(page, 'Connect Brightdesk').waitFor();
    await reach(page, 'API key');
    await page.keyboard.type('wrong');
    await page.keyboard.press('Enter');
    await page.getByText('did not accept this key.').waitFor();
    const afterRefusal = await focused(page);
    await page.keyboard.type('right');

    await page.keyboard.press('Enter');

    await heading(page, 'Brightdesk is connected').waitFor();
    expect([afterRefusal, await focused(page)]).toEqual(['API key', 'Brightdesk is connected']);
    expect((await scene.view(key)).state).toBe('authenticated');
  });

  test('a user can give consent in the consent window with the keyboard alone', async () => {
    const [key] = scene.install('Ledgerly');
    const page = await scene.open([key]);
    await button(page, 'Go to Ledgerly').waitFor();
    await reach(page, 'Go to Ledgerly');
    const opening = page.waitForEvent('popup');
    await page.keyboard.press('Enter');
    const popup = await opening;
    await button(popup, 'Approve').waitFor();
    const meanwhile = await focused(page);

    await reach(popup, 'Approve');
    await popup.keyboard.press('Enter');

    await heading(page, 'Ledgerly is connected').waitFor();
    expect(meanwhile).not.toBe('nothing');
    expect(await focused(page)).toBe('Ledgerly is connected');
  });

  test.each([
    ['API key, being checked', 'Connect Brightdesk'],
    ['API key, left out', 'API key'],
    ['properties, some left out', 'Company domain'],
    ['user name and password, left out', 'User name'],
    ['properties, all of them', 'Environment: other value'],
    ['API key, shown', 'Hide'],
    ['consent, in its window', 'Open it again'],
    ['consent, blocked', 'Continue in this tab'],
    ['expired, invited', 'Brightdesk was not connected in time'],
    ['invitation lapsed', 'This link has expired'],
    ['properties, other left out', 'Environment: other value'],
    ['list, consent', 'Ledgerly'],
    ['list, closed', 'Zenodesk'],
  ])('in the view "%s", the focus is on "%s"', async (name, place) => {
    const context = await gallery.someone();

    const seen = await gallery.visit(context, lookNamed(name), focused);

    expect(seen).toContain(place);
  });

  test('the Tab key moves the focus in reading order', async () => {
    const context = await gallery.someone();
    const order = await gallery.visit(context, lookNamed('properties, all of them'), async (page) => {
      await page.evaluate('document.activeElement.blur()');
      await page.evaluate("document.querySelector('cyclr-connect').shadowRoot.activeElement?.blur()");
      await page.mouse.click(2, 2);
      const passed: string[] = [];
      for (let steps = 0; steps < 11; steps++) {
        await page.keyboard.press('Tab');
        passed.push(await focused(page));
      }
      return passed;
    });

    expect(order).toEqual([
      'Company domain',
      'Environment',
      'Environment: other value',
      'Signing secret',
      'Show Show Signing secret',
      'API key',
      'Show Show API key',
      'Optional settings (3)',
      'Region (optional)',
      'Workspace (optional)',
      'Notes for auditors (optional)',
    ]);
  });

  describe('while the user types', () => {
    const { brightdesk, ledgerly, zenodesk } = connectors;
    const [workspace, domain, environment] = ['Workspace', 'Domain', 'Environment'].map((name) =>
      fields.find((known) => known.name === name)!,
    );
    const visit = async (look: Look, act: (page: Page) => Promise<unknown>) =>
      gallery.visit(await gallery.someone(), look, act);

    test('after the refusal of an optional property, each text stays in its field while the user types', async () => {
      const asked = { fields: [workspace!, domain!] };
      const refused = viewOf('awaitingProperties', ledgerly, {
        ...asked,
        revision: 5,
        ...problem('refused', 'Workspace'),
      });
      const look: Look = {
        name: 'an optional property before a required property',
        views: [viewOf('awaitingProperties', ledgerly, asked)],
        shows: 'Optional settings (1)',
        replies: { 'POST /connectors/41/properties': { body: refused } },
      };

      const seen = await visit(look, async (page) => {
        await field(page, 'Company domain').fill('acme');
        await page.getByText('Optional settings (1)').click();
        await page.getByLabel('Workspace').fill('north');
        await button(page, 'Continue').click();
        await page.getByText('did not accept this.').waitFor();
        const afterRefusal = await focused(page);
        await page.keyboard.press('End');
        await page.keyboard.type('ern');
        const texts = [
          await field(page, 'Company domain').inputValue(),
          await page.getByLabel('Workspace').inputValue(),
        ];
        return { afterRefusal, then: await focused(page), texts };
      });

      expect(seen).toEqual({
        afterRefusal: 'Workspace (optional)',
        then: 'Workspace (optional)',
        texts: ['acme', 'northern'],
      });
    });

    test('if the flow asks for a further property while the user types, the text stays in its field', async () => {
      const asked = viewOf('awaitingProperties', ledgerly, { fields: [domain!] });
      const look: Look = { name: 'one property', views: [asked], shows: 'Company domain' };

      const texts = await visit(look, async (page) => {
        look.views = [{ ...asked, revision: 4, fields: [{ ...environment!, options: [] }, domain!] }];
        // When the user presses the first key, the page reads the views again.
        await field(page, 'Company domain').pressSequentially('a');
        await field(page, 'Environment').waitFor();
        await page.keyboard.type('cme');
        return [await field(page, 'Environment').inputValue(), await field(page, 'Company domain').inputValue()];
      });

      expect(texts).toEqual(['production', 'acme']);
    });

    test('when the user edits a field, the page removes the problem of this field, even if the form also has a locked field', async () => {
      const left = await visit(lookNamed('properties, proposed and locked'), async (page) => {
        await button(page, 'Connect').click();
        await field(page, 'Signing secret').fill('s');
        const isInvalid = (name: string) => field(page, name).getAttribute('aria-invalid');
        return [await isInvalid('Signing secret'), await isInvalid('API key')];
      });

      expect(left).toEqual([null, 'true']);
    });

    test('a partly typed text is kept while the filter of the list hides its connector', async () => {
      const text = await visit(lookNamed('list, with a filter'), async (page) => {
        await field(page, 'API key').fill('half');
        await page.locator('.row').nth(1).click();
        await field(page, 'Find an app').fill('ZENO');
        await field(page, 'Find an app').fill('');
        await page.locator('.row').first().click();
        return field(page, 'API key').inputValue();
      });

      expect(text).toBe('half');
    });

    const [first, second] = [
      viewOf('awaitingCredentials', brightdesk),
      viewOf('awaitingCredentials', zenodesk, { connectorId: 42 }),
    ];

    test('in the layout "single", a partly typed text is kept while the user is at another connector', async () => {
      const text = await visit({ name: 'two connectors', views: [first, second], shows: 'API key' }, async (page) => {
        await page.locator('cyclr-connect').evaluate((element) => element.setAttribute('layout', 'single'));
        await heading(page, 'Connect Brightdesk').and(page.locator('h2')).waitFor();
        await field(page, 'API key').fill('half');
        await button(page, 'Do later').click();
        await field(page, 'User name').waitFor();
        await button(page, 'Do later').click();
        return field(page, 'API key').inputValue();
      });

      expect(text).toBe('half');
    });

    test('if the session gets a second connector, the user can continue to type', async () => {
      const look: Look = { name: 'one connector', views: [first], shows: 'API key' };

      const seen = await visit(look, async (page) => {
        look.views = [first, second];
        // When the user presses the first key, the page reads the views again.
        await field(page, 'API key').pressSequentially('h');
        await button(page, 'Do later').waitFor();
        await page.keyboard.type('alf');
        return [await focused(page), await field(page, 'API key').inputValue()];
      });

      expect(seen).toEqual(['API key', 'half']);
    });

    test.each([
      ['a field of the host page', 'API key', 'Your password'],
      ['the filter of the list', 'list, with a filter', 'Find an app'],
    ])('a refusal leaves the focus in %s', async (_where, name, place) => {
      const look = lookNamed(name);
      const { connectorId } = look.views![0]!;
      const refused = { ...look.views![0]!, revision: 5, ...problem('refused') };

      const seen = await visit(look, async (page) => {
        await page.evaluate("document.body.insertAdjacentHTML('beforeend', '<input aria-label=\"Your password\">')");
        await page.route(`**/v1/session/connectors/${connectorId}/credentials`, async (route) => {
          await field(page, place).focus();
          await route.fulfill({ json: refused });
        });
        await field(page, 'API key').fill('wrong');
        await button(page, 'Connect').click();
        await page.getByText('did not accept this').waitFor();
        return focused(page);
      });

      expect(seen).toBe(place);
    });
  });
});
