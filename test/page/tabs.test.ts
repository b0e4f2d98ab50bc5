/** After a closed tab or window, a reload or a stop of the worker, the page shows the current state and continues. */
import type { Page } from 'playwright-core';
import type { ConnectorKey } from '../../workflows/connector';
import { describeInBrowser } from './browser';
import { button, field, heading, openRow, openWebScene, type WebScene } from './scene';

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

/** Opens a connect page, and goes to the consent. Returns this page, and the window with the consent page. */
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

  test('another tab continues after the first tab was closed, even after a restart of the worker', async () => {
    const keys = scene.install('Fernhill');
    const first = await scene.open(keys);
    await field(first, 'Company domain').fill('acme');
    await field(first, 'API key').fill('wrong');
    await button(first, 'Connect').click();
    await first.getByText('did not accept this key.').waitFor();
    await first.close();
    await scene.service.stage.restartWorker();

    const second = await scene.open(keys);
    await give(second);

    await heading(second, 'Fernhill is connected').waitFor();
    expect(sandbox().connectorOf(keys[0].accountId, keys[0].connectorId).Properties).toMatchObject([{ Value: 'acme' }]);
  });

  test('an input that was sent without a running worker reaches the flow once after a worker has started', async () => {
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

  test('partly typed input stays in its form when the user opens another row and comes back', async () => {
    const page = await scene.open(scene.install('Brightdesk', 'Fernhill'));
    await openRow(page, 'Fernhill');
    await field(page, 'Company domain').fill('half typ');

    await openRow(page, 'Brightdesk');
    await field(page, 'API key').waitFor();
    await openRow(page, 'Fernhill');

    expect(await field(page, 'Company domain').inputValue()).toBe('half typ');
  });

  test('a tab with partly typed input shows the outcome of an input that was sent from another tab', async () => {
    const keys = scene.install('Brightdesk');
    const [one, other] = [await scene.open(keys), await scene.open(keys)];
    await field(other, 'API key').fill('half typ');

    await give(one);

    await heading(one, 'Brightdesk is connected').waitFor();
    await heading(other, 'Brightdesk is connected').waitFor();
  });

  test('a page that is restored by the Back button shows the connector as connected, without its form', async () => {
    const page = await scene.open(scene.install('Brightdesk'));
    await give(page);
    await heading(page, 'Brightdesk is connected').waitFor();
    await page.goto(`${scene.service.url}/docs`);

    await page.goBack();

    await heading(page, 'Brightdesk is connected').waitFor();
    expect(await field(page, 'API key').count()).toBe(0);
  });

  describe('a reload of the page', () => {
    test('a page that is reloaded while Cyclr gets the input shows that the input is being checked, then the outcome', async () => {
      const keys = scene.install('Brightdesk');
      const page = await scene.open(keys);
      const { accountId: account } = keys[0];
      sandbox().fault({ match: { method: 'PUT', account }, times: 'always', then: { status: 503 } });
      await give(page);
      await scene.reaches(keys[0], 'applyingCredentials');

      await page.reload();

      await page.getByText('Checking your input.').waitFor();
      sandbox().clearFaults();
      await heading(page, 'Brightdesk is connected').waitFor();
    });

    test('a page that is reloaded during a verification shows that the access is still being checked', async () => {
      const keys = scene.install('Ledgerly');
      const { page, popup } = await atConsent(keys);
      const checking = page.getByText('Checking the access to Ledgerly.').waitFor();
      // click() ends only after the return page has loaded, and the return page waits for the verification.
      await button(popup, 'Decline').click();
      await checking;

      await page.reload();

      await page.getByText('Checking the access to Ledgerly.').waitFor();
    });

    test('after a reload with an open consent window, the user can finish the consent, even with a second window', async () => {
      const keys = scene.install('Ledgerly');
      const { page, popup } = await atConsent(keys);

      await page.reload();
      await button(page, 'I have finished there').waitFor();
      const second = await goOut(page);
      await button(second, 'Approve').waitFor();
      await button(popup, 'Approve').click();

      await heading(page, 'Ledgerly is connected').waitFor();
    });

    test('a page that is reloaded after a refusal shows the problem and an empty input', async () => {
      const page = await scene.open(scene.install('Brightdesk'));
      await give(page, 'wrong');
      await page.getByText('did not accept this key.').waitFor();

      await page.reload();

      await page.getByText('did not accept this key.').waitFor();
      expect(await field(page, 'API key').inputValue()).toBe('');
    });

    test.each([
      ['cancelled', 'Connecting Brightdesk was cancelled'],
      ['authenticated', 'Brightdesk is connected'],
    ] as const)('a page that is reloaded after the flow became %s shows this state', async (state, title) => {
      const [key] = scene.install('Brightdesk');
      const page = await scene.open([key]);
      await field(page, 'API key').waitFor();
      await (state === 'cancelled' ? scene.service.stage.auth.cancel(key) : scene.gives(key));
      await heading(page, title).waitFor();

      await page.reload();

      await heading(page, title).waitFor();
    });
  });

  test('a return in another browser starts the verification, and the page shows the outcome', async () => {
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

  test('if the user consents while the connect page is closed, the page shows the connector as connected when it is opened again', async () => {
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

    const again = await scene.open(keys); // the new session lets the waiting flow re-read its connector

    await heading(again, 'Ledgerly is connected').waitFor();
    expect(answer.status).toBe(302);
  });

  test('after the consent link has expired, the next click gets a fresh link', async () => {
    const page = await scene.open(scene.install('Ledgerly'));
    await button(page, 'Go to Ledgerly').waitFor();
    sandbox().switches.signInTokenExpiresIn = 0;
    const old = await goOut(page);
    await old.getByText('403').first().waitFor();
    sandbox().switches.signInTokenExpiresIn = 300;

    await button(page, 'Open it again').click();
    await button(old, 'Approve').click();

    await heading(page, 'Ledgerly is connected').waitFor();
  });
});
