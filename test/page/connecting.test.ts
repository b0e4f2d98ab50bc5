/** A user connects an app of each kind, in a browser. */
import type { Route } from 'playwright-core';
import { Policies, policiesOf } from '../../activities/policies/policies';
import type { View } from '../../workflows/messages';
import { pathOf } from '../support/http';
import { describeInBrowser } from './browser';
import { button, field, heading, noWorker, openRow, openWebScene, reachOpener, type WebScene } from './scene';

/** AuthFields connectors need a policy. */
const policies = new Policies(
  policiesOf(`policies:
  - match: { name: Fieldstone }
    authFields:
      fields: [{ name: user, label: Registry user, secret: false }, { name: token, label: Registry token }]
      authValue: 'user={user};token={token}'
    help: { default: { text: Ask the registry. } }
`),
);

let scene: WebScene;

const cyclr = ({ accountId, connectorId }: { accountId: string; connectorId: number }) =>
  scene.service.stage.sandbox.connectorOf(accountId, connectorId);

describeInBrowser('connecting', () => {
  beforeAll(async () => {
    scene = await openWebScene();
    await scene.service.stage.restartWorker({}, {}, policies);
  });
  afterAll(() => scene?.close());

  test('a user connects by an API key that was pasted with white space around it', async () => {
    const [key] = scene.install('Brightdesk');
    const page = await scene.open([key]);

    await field(page, 'API key').fill(' right\t');
    await button(page, 'Connect').click();

    await heading(page, 'Brightdesk is connected').waitFor();
    expect((await scene.view(key)).state).toBe('authenticated');
    expect(cyclr(key).AuthValue).toBe('right');
  });

  test('a user whose first password is refused connects by a property, a user name and another password, and Cyclr gets the white space in the values unchanged', async () => {
    const [key] = scene.install('Zenodesk');
    const page = await scene.open([key]);
    await field(page, 'Subdomain').fill(' acme ');
    await field(page, 'User name').fill(' ann@acme.example/token ');
    await field(page, 'Password').fill('wrong');
    await button(page, 'Connect').click();
    await page.getByText('this field was emptied. Enter it again.').waitFor();
    expect(await field(page, 'User name').inputValue()).toBe(' ann@acme.example/token ');
    await field(page, 'Password').fill(' s3cret:with a colon ');
    await button(page, 'Connect').click();

    await heading(page, 'Zenodesk is connected').waitFor();
    const stored = Buffer.from(cyclr(key).AuthValue ?? '', 'base64').toString();
    expect(stored).toBe(' ann@acme.example/token : s3cret:with a colon ');
    expect(cyclr(key).Properties).toMatchObject([{ Name: 'Subdomain', Value: ' acme ' }]);
  });

  test('a user connects by a user name alone, after choosing "There is no password"', async () => {
    const [key] = scene.install('Insightful');
    const page = await scene.open([key]);
    await field(page, 'User name').fill('api-key');
    await button(page, 'Connect').click();
    await page.getByText('Please fill this in.').waitFor();

    await page.getByRole('checkbox', { name: 'There is no password' }).check();
    await button(page, 'Connect').click();

    await heading(page, 'Insightful is connected').waitFor();
    expect((await scene.view(key)).state).toBe('authenticated');
  });

  test('a user connects an AuthFields connector by the fields that its policy names, after a wrong value', async () => {
    const [key] = scene.install('Fieldstone');
    const page = await scene.open([key]);
    await page.getByText('Ask the registry.').waitFor();
    await field(page, 'Registry user').fill('wrong-user');
    await field(page, 'Registry token').fill('t0ken');
    await button(page, 'Connect').click();
    await page.getByText('did not accept').first().waitFor();
    await field(page, 'Registry user').fill('ann');
    await field(page, 'Registry token').fill('t0ken');
    await button(page, 'Connect').click();

    await heading(page, 'Fieldstone is connected').waitFor();
    expect((await scene.view(key)).state).toBe('authenticated');
    expect(cyclr(key).AuthValue).toBe('user=ann;token=t0ken');
  });

  test('a user connects by properties of every kind and an API key', async () => {
    const [key] = scene.install('Kestrel');
    const page = await scene.open([key]);
    await field(page, 'Environment').selectOption('Other …');
    await field(page, 'Environment: other value').fill('sandbox-7');
    await field(page, 'Signing secret').fill('signed with this');
    await page.getByText('Optional settings (3)').click();
    await page.getByLabel('Notes for auditors').fill('first line\nsecond line');
    await field(page, 'API key').fill('right');
    await button(page, 'Connect').click();

    await heading(page, 'Kestrel is connected').waitFor();
    const { Properties } = cyclr(key);
    expect(Object.fromEntries(Properties.map(({ Name, Value }) => [Name, Value]))).toMatchObject({
      Environment: 'sandbox-7',
      SigningSecret: 'signed with this',
      Region: 'eu',
      Notes: 'first line\nsecond line',
    });
  });

  test('after a refusal of the properties, the form keeps its API key masked, and sends the key once with the next properties', async () => {
    const [key] = scene.install('Fernhill');
    const page = await scene.open([key]);
    const sent: string[] = [];
    page.on('request', (request) => {
      if (request.method() === 'POST' && /properties|credentials/.test(request.url()))
        sent.push(request.url().split('/').at(-1)!);
    });
    const texts = (await page.locator('form').innerText()).split('\n');
    expect(texts.indexOf('Where do I find this?')).toBeGreaterThan(texts.indexOf('Company domain'));
    await field(page, 'Company domain').fill('wrong');
    await field(page, 'API key').fill('right');
    await button(page, 'Show API key').click();
    await button(page, 'Connect').click();
    await page.getByText('Fernhill did not accept this.').waitFor();
    const kept = await field(page, 'API key').evaluate((input) => {
      const { value, type } = input as unknown as { value: string; type: string };
      return [value, type];
    });

    await field(page, 'Company domain').fill('acme');
    await button(page, 'Connect').click();

    await heading(page, 'Fernhill is connected').waitFor();
    expect(kept).toEqual(['right', 'password']);
    expect(sent).toEqual(['properties', 'properties', 'credentials']);
    expect(await page.getByText('Step').count()).toBe(0);
  });

  test('a secret property with options has a hidden text input, not a list', async () => {
    const Parameters = [
      { TargetName: 'Realm', IsAccountConnectorProperty: true, IsSensitive: true, Values: ['one', 'two'] },
    ];
    const key = scene.service.stage.install('Brightdesk', { patch: { Connector: { Parameters } } });
    const page = await scene.open([key]);
    const realm = field(page, 'Realm');
    await realm.fill('a third');
    const type = await realm.getAttribute('type');
    await field(page, 'API key').fill('right');
    await button(page, 'Connect').click();

    await heading(page, 'Brightdesk is connected').waitFor();
    expect(type).toBe('password');
    expect(cyclr(key).Properties).toMatchObject([{ Name: 'Realm', Value: 'a third' }]);
  });

  test('a user consents in a window that can neither read nor navigate the page, and that closes by itself', async () => {
    const [key] = scene.install('Ledgerly');
    const page = await scene.open([key]);
    const opening = page.waitForEvent('popup');
    await button(page, 'Go to Ledgerly').click();
    const popup = await opening;
    await heading(popup, 'Connect Ledgerly').waitFor();
    const reached = await popup.evaluate(reachOpener);
    const closed = popup.waitForEvent('close');

    await button(popup, 'Approve').click();

    await heading(page, 'Ledgerly is connected').waitFor();
    await closed;
    expect(reached).toEqual([]);
    expect((await scene.view(key)).state).toBe('authenticated');
  });

  test("the form explains that a user name can't contain a colon, and keeps the user name after a refusal", async () => {
    const [key] = scene.install('Insightful');
    const page = await scene.open([key]);
    await field(page, 'User name').fill('wrong:password');
    await field(page, 'Password').fill('x');
    await button(page, 'Connect').click();
    await page.getByText('A user name can’t contain a colon.').waitFor();

    await field(page, 'User name').fill('wrong');
    await page.getByText('A user name can’t contain a colon.').waitFor({ state: 'detached' });
    await button(page, 'Connect').click();
    await page.getByText('this field was emptied. Enter it again.').waitFor();

    expect(await field(page, 'User name').inputValue()).toBe('wrong');
    expect(await field(page, 'Password').inputValue()).toBe('');
  });

  test('after a wrong API key the problem is shown at the field, which is empty and has the focus', async () => {
    const [key] = scene.install('Brightdesk');
    const page = await scene.open([key]);
    await field(page, 'API key').fill('wrong');
    await button(page, 'Connect').click();

    await page.getByText('did not accept this key.').waitFor();
    const input = field(page, 'API key');
    const seen = {
      value: await input.inputValue(),
      invalid: await input.getAttribute('aria-invalid'),
      description: await input.evaluate((element) => element.getAttribute('aria-describedby')),
      focused: await input.evaluate((element) => element.matches(':focus')),
    };
    await input.fill('right');
    await input.press('Enter');

    await heading(page, 'Brightdesk is connected').waitFor();
    expect(seen).toEqual({ value: '', invalid: 'true', description: 'key-problem', focused: true });
    expect((await scene.view(key)).state).toBe('authenticated');
  });

  test('a user reconnects a connector, and can change a proposed value but not a locked value', async () => {
    const [key] = scene.install('Kestrel');
    const { connectorId } = key;
    const prefill = { [connectorId]: { Environment: { value: 'staging', locked: true }, Region: { value: 'eu-2' } } };
    const page = await scene.open([key], { session: { prefill, reauthenticate: [connectorId] } });
    expect(await field(page, 'Environment').inputValue()).toBe('staging');
    expect(await field(page, 'Environment').getAttribute('readonly')).not.toBeNull();
    await field(page, 'Signing secret').fill('s3cret');
    await field(page, 'API key').fill('right');
    await button(page, 'Connect').click();

    await button(page, 'Reconnect').click();
    await page.getByText('This connection works. Continue only if you want to renew it.').waitFor();

    expect(await scene.view(key)).toMatchObject({ intent: 'reauthenticate', connected: true });
    expect(cyclr(key).Properties).toEqual(
      expect.arrayContaining([expect.objectContaining({ Name: 'Environment', Value: 'staging' })]),
    );
  });

  test('after an input that Cyclr took long to store, a user reconnects by another input', async () => {
    const [key] = scene.install('Brightdesk');
    const page = await scene.open([key], { session: { reauthenticate: [key.connectorId] } });
    const { revision } = await scene.view(key);
    const slowly = async (route: Route) => {
      const response = await route.fetch();
      // The service gives this answer if Cyclr needs over 10 s.
      const view = { ...((await response.json()) as View), state: 'applyingCredentials', revision: revision + 1 };
      await route.fulfill({ response, json: view });
    };
    await page.route('**/credentials', slowly, { times: 1 });
    await field(page, 'API key').fill('right');
    await button(page, 'Connect').click();
    await button(page, 'Reconnect').click();

    await field(page, 'API key').fill('another');
    await button(page, 'Connect').click();

    await heading(page, 'Brightdesk is connected').waitFor();
    expect(cyclr(key).AuthValue).toBe('another');
  });

  test('after a value that the worker could not open, the page reads the sealing keys again, and the next input connects', async () => {
    const [key] = scene.install('Brightdesk');
    let reads = 0;
    const damaged = async (route: Route) => {
      // The last part of a JWE is the authentication tag: 22 characters.
      const body = route
        .request()
        .postData()!
        .replace(/\.([\w-]{22})"/, `.${'A'.repeat(22)}"`);
      await route.continue({ postData: body });
    };
    const page = await scene.open([key], {
      async before(page) {
        page.on('request', (request) => request.url().endsWith('/sealing-keys') && reads++);
        await page.route('**/credentials', damaged, { times: 1 });
      },
    });
    await field(page, 'API key').fill('right');
    await button(page, 'Connect').click();
    await page.getByText('could not be decrypted').waitFor();

    await field(page, 'API key').fill('right');
    await button(page, 'Connect').click();

    await heading(page, 'Brightdesk is connected').waitFor();
    expect(reads).toBe(2);
  });

  test.each([
    ['can not start a re-authentication', noWorker, 'The service can’t continue at the moment.'],
    ['breaks off its answer', (route: Route) => route.fulfill({ body: '{' }), 'No connection at the moment.'],
  ])(
    'if the service %s, only this connector shows the problem on the page, and the page sends the request again',
    async (_does, answer, text) => {
      const [key, other] = scene.install('Brightdesk', 'Insightful');
      await scene.session([key]);
      await scene.gives(key);
      const page = await scene.open([key, other], { session: { reauthenticate: [key.connectorId] } });
      await page.route('**/reauthenticate', answer);
      await openRow(page, 'Brightdesk');
      await button(page, 'Reconnect').click();
      await page.getByText(text).first().waitFor();
      await openRow(page, 'Insightful');
      await page.getByText(text).first().waitFor({ state: 'detached' });
      await openRow(page, 'Brightdesk');
      await page.getByText(text).first().waitFor();

      await page.unroute('**/reauthenticate', answer);

      await field(page, 'API key').waitFor();
      await page.getByText(text).first().waitFor({ state: 'detached' });
    },
  );

  test('a re-authentication that waits for the service does not start after another re-authentication of the connector', async () => {
    const [key] = scene.install('Brightdesk');
    await scene.session([key]);
    await scene.gives(key);
    const page = await scene.open([key], { session: { reauthenticate: [key.connectorId] } });
    await page.route('**/reauthenticate', noWorker);
    await button(page, 'Reconnect').click();
    await page.getByText('The service can’t continue at the moment.').first().waitFor();

    await scene.service.asBackend('POST', pathOf(key, '/reauthenticate'), {});
    await scene.reaches(key, 'awaitingCredentials');
    await scene.gives(key);

    await page.getByText('The service can’t continue at the moment.').first().waitFor({ state: 'detached' });
    await heading(page, 'Brightdesk is connected').waitFor();
  });

  test('during a re-authentication the page says that new input replaces the stored values', async () => {
    const [key] = scene.install('Brightdesk');
    await scene.session([key]);
    await scene.gives(key);
    await scene.service.asBackend('POST', pathOf(key, '/reauthenticate'), {});
    const page = await scene.open([key]);
    await page.getByText('Your input replaces the stored values.').waitFor();
    const before = cyclr(key).AuthValue;

    await field(page, 'API key').fill('another');
    await button(page, 'Connect').click();

    await heading(page, 'Brightdesk is connected').waitFor();
    expect(before).toBe('right');
    expect(cyclr(key).AuthValue).toBe('another');
  });

  test('a user who presses Enter twice and clicks the button submits the input once', async () => {
    const [key] = scene.install('Brightdesk');
    const page = await scene.open([key]);
    const sent: string[] = [];
    page.on('request', (request) => {
      if (request.method() === 'POST' && request.url().endsWith('/credentials')) sent.push(request.url());
    });
    await field(page, 'API key').fill('right');

    await field(page, 'API key').evaluate((input) => {
      const { form } = input as unknown as { form: { requestSubmit(): void } };
      for (let times = 0; times < 3; times++) form.requestSubmit();
    });

    await heading(page, 'Brightdesk is connected').waitFor();
    expect(sent).toHaveLength(1);
  });

  test('a reload of the page keeps the session, and the session token is in no URL and no storage', async () => {
    const [key] = scene.install('Fernhill');
    const page = await scene.open([key]);
    await field(page, 'Company domain').fill('acme');
    await field(page, 'API key').fill('half typ');

    await page.reload();

    expect(await field(page, 'API key').inputValue()).toBe('');
    await field(page, 'Company domain').fill('acme');
    expect(page.url()).toBe(`${scene.service.url}/connect`);
    expect(await page.evaluate('[localStorage.length, sessionStorage.length, document.cookie]')).toEqual([0, 0, '']);
    await field(page, 'API key').fill('right');
    await button(page, 'Connect').click();
    await heading(page, 'Fernhill is connected').waitFor();
  });
});
