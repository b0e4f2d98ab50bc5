/** Each step of the page works without a mouse, and one element of the page always has the focus. */
import { describeInBrowser } from './browser';
import { lookNamed, openGallery, type Gallery } from './gallery';
import { focused, reach } from './keys';
import { button, heading, openWebScene, type WebScene } from './scene';

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
});
