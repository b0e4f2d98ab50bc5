/** Consent at the third party, with blocked windows, closed windows, and several windows or tabs. */
import type { Page } from 'playwright-core';
import { describeInBrowser } from './browser';
import { button, heading, noWorker, openWebScene, type WebScene } from './scene';

let scene: WebScene;

/** Opens a page that waits for consent. */
async function waiting(before: (page: Page) => Promise<unknown> = async () => undefined) {
  const [key] = scene.install('Ledgerly');
  const context = await scene.someone();
  const page = await scene.open([key], { context, before });
  await button(page, 'Go to Ledgerly').waitFor();
  return { key, page, context };
}

async function goOut(page: Page, name = 'Go to Ledgerly'): Promise<Page> {
  const opening = page.waitForEvent('popup');
  await button(page, name).click();
  const popup = await opening;
  await heading(popup, 'Connect Ledgerly').waitFor();
  return popup;
}

/**
 * Ignores the error of a click that closes its own window, because Playwright fails such a click. Rethrows any other
 * error.
 */
function isClosedFirst(err: Error): void {
  if (!err.message.includes('has been closed')) throw err;
}

describeInBrowser('consent', () => {
  beforeAll(async () => (scene = await openWebScene()));
  afterAll(() => scene?.close());

  test('if the browser blocks the consent window, the page shows this problem, and the user can consent in the same tab', async () => {
    const { key, page } = await waiting((blocked) => blocked.addInitScript('window.open = () => null'));
    await button(page, 'Go to Ledgerly').click();
    await page.getByText('Your browser has blocked the window.').waitFor();

    await button(page, 'Continue in this tab').click();
    await button(page, 'Approve').click();
    await heading(page, 'Ledgerly is connected').waitFor();
    const wasAt = page.url();
    await button(page, 'Back').click();

    await heading(page, 'Connect your apps').waitFor();
    await heading(page, 'Ledgerly is connected').waitFor();
    expect(wasAt).toContain('/connect/return?depth=');
    expect(wasAt).not.toContain('session');
    expect(page.url()).toBe(`${scene.service.url}/connect`);
    expect((await scene.view(key)).state).toBe('authenticated');
  });

  test('the user can consent in the same tab for two connectors one after the other, and each return page leads back', async () => {
    const keys = scene.install('Ledgerly', 'Chirper');
    const page = await scene.open(keys, {
      before: (blocked) => blocked.addInitScript('window.open = () => null'),
    });

    for (const name of ['Ledgerly', 'Chirper']) {
      await button(page, `Go to ${name}`).click();
      await button(page, 'Continue in this tab').click();
      await button(page, 'Approve').click();
      await heading(page, `${name} is connected`).waitFor();
      await button(page, 'Back').click();
      await heading(page, 'Connect your apps').waitFor();
    }

    expect(page.url()).toBe(`${scene.service.url}/connect`);
    for (const key of keys) expect((await scene.view(key)).state).toBe('authenticated');
  });

  test('after the user closed the consent window, the page opens another window with a fresh link', async () => {
    const { key, page } = await waiting();
    const first = await goOut(page);
    const attempt = (await scene.view(key)).attempt?.id;
    await first.close();
    await page.getByText('The window was closed. Did you finish?').waitFor();
    await button(page, 'I have finished there').waitFor();

    const second = await goOut(page, 'Open it again');
    const newer = (await scene.view(key)).attempt?.id;
    await button(second, 'Approve').click();

    await heading(page, 'Ledgerly is connected').waitFor();
    expect(newer).not.toBe(attempt);
  });

  test('the button "Open it again" loads a fresh link into the open window', async () => {
    const { key, page, context } = await waiting();
    const window = await goOut(page);
    const [url, attempt] = [window.url(), (await scene.view(key)).attempt?.id];

    await button(page, 'Open it again').click();

    await window.waitForURL((now) => now.href !== url && now.pathname.includes('/connectorauth/'));
    await button(window, 'Approve').click();
    await heading(page, 'Ledgerly is connected').waitFor();
    expect(context.pages().filter((open) => open !== page && open !== window)).toEqual([]);
    expect(attempt).toBeDefined();
  });

  test('without a worker the consent window names the app, and continues after a worker has started', async () => {
    const { page } = await waiting();
    await scene.service.stage.stopWorker();
    const opening = page.waitForEvent('popup');
    await button(page, 'Go to Ledgerly').click();
    const window = await opening;

    await heading(window, 'Taking you to Ledgerly …').waitFor();

    await scene.service.stage.restartWorker();
    await button(window, 'Approve').waitFor();
  });

  test('in a browser inside another app the first button of the page is "Continue in this tab"', async () => {
    const { page } = await waiting((inApp) =>
      inApp.addInitScript("Object.defineProperty(navigator, 'userAgent', { value: 'Android; wv) Chrome/120' })"),
    );

    await page.getByText('This browser is part of another app').waitFor();
    const labels = await page.locator('.actions button').allInnerTexts();

    expect(labels.map((label) => label.trim())).toEqual(['Continue in this tab', 'Go to Ledgerly']);
  });

  test('if the third party does not send the browser back, the button "I have finished there" starts the verification', async () => {
    const { key, page, context } = await waiting();
    // A link can be used only once. The browser must not use the link here, because the sandbox's consent() uses the
    // link below.
    await context.route('**/connectorauth/**', (route) => route.abort());
    const asked = context.waitForEvent('request', (request) => request.url().includes('/connectorauth/'));
    await button(page, 'Go to Ledgerly').click();
    await scene.service.stage.sandbox.consent((await asked).url(), 'approve');

    await button(page, 'I have finished there').click();

    await heading(page, 'Ledgerly is connected').waitFor();
    expect((await scene.view(key)).state).toBe('authenticated');
  });

  test("if the service can't start the verification, the page shows this problem, and sends the request again", async () => {
    const { page, context } = await waiting();
    await context.route('**/connectorauth/**', (route) => route.abort()); // see the test above
    const asked = context.waitForEvent('request', (request) => request.url().includes('/connectorauth/'));
    await button(page, 'Go to Ledgerly').click();
    await scene.service.stage.sandbox.consent((await asked).url(), 'approve');
    await page.route('**/confirm', noWorker);
    await button(page, 'I have finished there').click();
    await page.getByText('The service can’t continue at the moment.').first().waitFor();

    await page.unroute('**/confirm', noWorker);

    await heading(page, 'Ledgerly is connected').waitFor();
    await page.getByText('The service can’t continue at the moment.').first().waitFor({ state: 'detached' });
  });

  test('the page reports a declined consent after the verification', async () => {
    const { key, page, context } = await waiting();
    const older = await goOut(await scene.open([key], { context }));
    await goOut(page); // this link supersedes the older attempt, so a verification of the older attempt makes only one re-read

    await button(older, 'Decline').click();

    await page.getByText('No access yet.').waitFor();
    await button(page, 'Go to Ledgerly').waitFor();
    expect((await scene.view(key)).state).toBe('awaitingAuthorization');
  });

  test('the return page shows a declined consent without a reload, and its button opens another link, or closes the window if no connect page is open', async () => {
    const { page } = await waiting();
    const window = await goOut(page);
    await button(window, 'Decline').click();
    await heading(window, 'Ledgerly is being checked …').waitFor();
    await window.evaluate('globalThis.isStillHere = true');

    await heading(window, 'Ledgerly is not connected: try again').waitFor();

    expect(await window.evaluate('isStillHere')).toBe(true);
    expect(await window.title()).toBe('Ledgerly is not connected: try again');
    await button(window, 'Try again').click();
    await heading(window, 'Connect Ledgerly').waitFor();
    await page.close();
    await window.goBack();
    const closed = window.waitForEvent('close');
    await button(window, 'Try again').click().catch(isClosedFirst);
    await closed;
  });

  test('a newer consent replaces an older consent in another page, and the older page names the newer consent until the newer consent has ended', async () => {
    const keys = scene.install('Ledgerly', 'Chirper');
    const context = await scene.someone();
    const [older, newer] = [await scene.open([keys[0]], { context }), await scene.open([keys[1]], { context })];
    await goOut(older);
    await older.getByText('Finish in the Ledgerly window.').waitFor();

    const opening = newer.waitForEvent('popup');
    await button(newer, 'Go to Chirper').click();
    const window = await opening;

    await older.getByText('You started Chirper in another window.').waitFor();
    await newer.getByText('Finish in the Chirper window.').waitFor();
    await button(window, 'Approve').click();
    await older.getByText('Sign in to Ledgerly in a new window').waitFor();
  });

  test('a consent that the user gave in one tab appears in the other tab', async () => {
    const { key, page, context } = await waiting();
    const other = await scene.open([key], { context });
    const popup = await goOut(other);

    await button(popup, 'Approve').click();

    await heading(page, 'Ledgerly is connected').waitFor();
    await heading(other, 'Ledgerly is connected').waitFor();
  });
});
