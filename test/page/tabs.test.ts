/** Whatever becomes of tabs, windows, the network and the worker: the page shows where it stands, and goes on. */
import type { Page } from 'playwright-core';
import type { ConnectorKey } from '../../workflows/connector';
import { describeInBrowser } from './browser';
import { button, field, heading, openWebScene, type WebScene } from './scene';

let scene: WebScene;

const sandbox = () => scene.service.stage.sandbox;

async function goOut(page: Page, name = 'Go to Ledgerly'): Promise<Page> {
  const opening = page.waitForEvent('popup');
  await button(page, name).click();
  return opening;
}

async function give(page: Page, key = 'right'): Promise<void> {
  await field(page, 'API key').fill(key);
  await button(page, 'Connect').click();
}

/** A window on the third party's page, where its user decides; and the link that led there. */
async function atConsent(keys: ConnectorKey[]) {
  const page = await scene.open(keys);
  const popup = await goOut(page);
  await button(popup, 'Approve').waitFor();
  return { page, popup };
}

describeInBrowser('tabs and windows', () => {
  beforeAll(async () => (scene = await openWebScene()));
  afterAll(() => scene?.close());
  afterEach(async () => {
    await scene.everybodyLeaves();
    sandbox().clearFaults();
  });

  test('a tab that was closed in the middle goes on in another, after the worker has started anew', async () => {
    const keys = scene.install('Fernhill');
    const first = await scene.open(keys);
    await field(first, 'Company domain').fill('acme');
    await button(first, 'Continue').click();
    await field(first, 'API key').fill('half typ');
    await first.close();
    await scene.service.stage.restartWorker();

    const second = await scene.open(keys);
    await give(second);

    await heading(second, 'Fernhill is connected').waitFor();
    expect(sandbox().connectorOf(keys[0].accountId, keys[0].connectorId).Properties).toMatchObject([{ Value: 'acme' }]);
  });

  test('while there is no worker what was typed is kept sealed, and arrives when there is one', async () => {
    const [key] = scene.install('Brightdesk');
    const page = await scene.open([key]);
    await field(page, 'API key').waitFor();
    await scene.service.stage.stopWorker();
    await give(page);
    await page.getByText('Checking …').first().waitFor();

    await scene.service.stage.restartWorker();

    await heading(page, 'Brightdesk is connected').waitFor();
    const { entries } = await scene.service.stage.auth.timeline(key);
    expect(entries.filter(({ event }) => event === 'credentialsSubmitted')).toHaveLength(1);
  });

  test('of two tabs, one finishes, and the other shows it, whatever was half typed there', async () => {
    const keys = scene.install('Brightdesk');
    const [one, other] = [await scene.open(keys), await scene.open(keys)];
    await field(other, 'API key').fill('half typ');

    await give(one);

    await heading(one, 'Brightdesk is connected').waitFor();
    await heading(other, 'Brightdesk is connected').waitFor();
  });

  test('back, after it was left: it shows that it is connected, and the form is gone', async () => {
    const page = await scene.open(scene.install('Brightdesk'));
    await give(page);
    await heading(page, 'Brightdesk is connected').waitFor();
    await page.goto(`${scene.service.url}/docs`);

    await page.goBack();

    await heading(page, 'Brightdesk is connected').waitFor();
    expect(await field(page, 'API key').count()).toBe(0);
  });

  describe('a reload', () => {
    test('while something is checked shows that it is, and then the outcome', async () => {
      const keys = scene.install('Brightdesk');
      const page = await scene.open(keys);
      const { accountId: account } = keys[0];
      sandbox().fault({ match: { method: 'PUT', account }, times: 'always', then: { status: 503 } });
      await give(page);
      await scene.reaches(keys[0], 'applyingCredentials');

      await page.reload();

      await page.getByText('Checking what you entered.').waitFor();
      sandbox().clearFaults();
      await heading(page, 'Brightdesk is connected').waitFor();
    });

    test('while consent is looked for, too', async () => {
      const keys = scene.install('Ledgerly');
      const { page, popup } = await atConsent(keys);
      await button(popup, 'Decline').click();
      await page.getByText('Asking whether Ledgerly has given access.').waitFor();

      await page.reload();

      await page.getByText('Asking whether Ledgerly has given access.').waitFor();
    });

    test('while a window is open: it ends connected, also if another one is opened', async () => {
      const keys = scene.install('Ledgerly');
      const { page, popup } = await atConsent(keys);

      await page.reload();
      await button(page, 'I have finished there').waitFor();
      const second = await goOut(page);
      await button(second, 'Approve').waitFor();
      await button(popup, 'Approve').click();

      await heading(page, 'Ledgerly is connected').waitFor();
    });

    test('after a refusal asks again, without what was typed, and says why', async () => {
      const page = await scene.open(scene.install('Brightdesk'));
      await give(page, 'wrong');
      await page.getByText('This was not accepted.').waitFor();

      await page.reload();

      await page.getByText('This was not accepted.').waitFor();
      expect(await field(page, 'API key').inputValue()).toBe('');
    });

    test.each([
      ['cancelled', 'Connecting Brightdesk was cancelled'],
      ['authenticated', 'Brightdesk is connected'],
    ] as const)('after it was %s shows that', async (state, title) => {
      const [key] = scene.install('Brightdesk');
      const page = await scene.open([key]);
      await field(page, 'API key').waitFor();
      await (state === 'cancelled' ? scene.service.stage.auth.cancel(key) : scene.gives(key));
      await heading(page, title).waitFor();

      await page.reload();

      await heading(page, title).waitFor();
    });
  });

  test('who comes back in another browser altogether has Cyclr asked, and the page shows it', async () => {
    const keys = scene.install('Ledgerly');
    const page = await scene.open(keys);
    const context = page.context();
    await context.route('**/connectorauth/**', (route) => route.abort());
    const asked = context.waitForEvent('request', (request) => request.url().includes('/connectorauth/'));
    await goOut(page);
    const elsewhere = await (await scene.someone()).newPage();
    await elsewhere.goto((await asked).url());

    await button(elsewhere, 'Approve').click();

    await heading(elsewhere, 'Ledgerly is connected').waitFor();
    await heading(page, 'Ledgerly is connected').waitFor();
  });

  test('consent after its window was closed, and its page too: who opens it again finds it connected', async () => {
    const keys = scene.install('Ledgerly');
    const { page, popup } = await atConsent(keys);
    const link = popup.url();
    const consent = await popup.locator('input[name="consent"]').inputValue();
    await popup.close();
    await page.close();
    const answer = await fetch(new URL('/connectorauth/consent', link), {
      method: 'POST',
      body: new URLSearchParams({ consent, decision: 'approve' }),
      redirect: 'manual',
    });

    const again = await scene.open(keys);
    await button(again, 'I have finished there').click();

    await heading(again, 'Ledgerly is connected').waitFor();
    expect(answer.status).toBe(302);
  });

  test('a link that has run out: the next click gets a fresh one', async () => {
    const page = await scene.open(scene.install('Ledgerly'));
    await button(page, 'Go to Ledgerly').waitFor();
    sandbox().switches.signInTokenExpiresIn = 0;
    const old = await goOut(page);
    await old.getByText('403').first().waitFor();
    sandbox().switches.signInTokenExpiresIn = 300;

    const fresh = await goOut(page, 'Open it again');
    await button(fresh, 'Approve').click();

    await heading(page, 'Ledgerly is connected').waitFor();
  });
});
