import { catalogue } from '../../sandbox/catalogue';
import { ACCOUNT, scene, stopAll } from './scene';

afterEach(stopAll);

const LIST = '/v1.0/account/connectors';

describe('the list of account connectors', () => {
  test('is a bare array, page by page', async () => {
    const { call, ids } = await scene(['Brightdesk', 'Fernhill', 'Kestrel']);

    const first = await call('GET', `${LIST}?page=1&pageSize=2`);
    const second = await call('GET', `${LIST}?page=2&pageSize=2`);
    const beyond = await call('GET', `${LIST}?page=3&pageSize=2`);

    expect(first.headers.get('total-pages')).toBe('2');
    expect([first, second, beyond].map(({ json }) => json.map(({ Id }: { Id: number }) => Id))).toEqual([
      ids.slice(0, 2),
      ids.slice(2),
      [],
    ]);
  });

  test('can come without the number of pages', async () => {
    const { sandbox, call } = await scene();
    sandbox.switches.totalPages = false;

    const { headers } = await call('GET', LIST);

    expect(headers.has('total-pages')).toBe(false);
  });

  test('can be searched by name', async () => {
    const { call } = await scene(['Brightdesk', 'Fernhill']);

    const { json } = await call('GET', `${LIST}?query=FERN`);

    expect(json).toMatchObject([{ Name: 'Fernhill' }]);
  });

  test('refuses a page that cannot be', async () => {
    const { call } = await scene();

    const { status, json } = await call('GET', `${LIST}?page=0`);

    expect(status).toBe(400);
    expect(json.ModelState).toHaveProperty('page');
  });

  test('gives every account connectors of its own', async () => {
    const { sandbox, id } = await scene();

    const [other] = sandbox.createAccount('a2', { connectors: ['Brightdesk'] });

    expect(other?.id).not.toBe(id);
    expect(() => sandbox.connectorOf('a2', id)).toThrow('404');
  });
});

describe('an account connector', () => {
  test('comes with what is stored in clear', async () => {
    const { get, put, set, id } = await scene(['Fernhill']);
    await set({ Domain: 'acme' });
    await put({ AuthValue: 'a key' });

    const { json } = await get();

    expect(json).toMatchObject({
      Id: id,
      AuthValue: 'a key',
      Authenticated: true,
      Properties: [{ Id: expect.any(Number), Name: 'Domain', Value: 'acme' }],
      CustomFields: [],
      Connector: { Id: 102, AuthType: 'ApiKey', Triggers: [], Parameters: [{ TargetName: 'Domain' }] },
    });
  });

  test('that the account does not have is 404 with a message', async () => {
    const { call } = await scene();

    const answers = await Promise.all([call('GET', `${LIST}/1001`), call('GET', `${LIST}/abc`)]);

    for (const answer of answers) {
      expect(answer).toMatchObject({ status: 404, json: { Message: expect.stringMatching(/could not be found/) } });
    }
  });

  test('is changed in part: what is absent or null stays', async () => {
    const { put } = await scene();
    await put({ AuthValue: 'a key' });

    const { json } = await put({ name: 'Our desk', AuthValue: null });

    expect(json).toMatchObject({ Name: 'Our desk', AuthValue: 'a key', Authenticated: true });
  });

  test.each([
    ['a list', []],
    ['null', null],
    ['a key that is no text', { AuthValue: 17 }],
  ])('is not changed by %s', async (_what, body) => {
    const { put } = await scene();

    const answer = await put(body);

    expect(answer).toMatchObject({ status: 400, json: { Message: 'The request is invalid.' } });
  });

  test('is not changed by a body that is not sent as JSON', async () => {
    const { call, id } = await scene();

    const answer = await call('PUT', `${LIST}/${id}`, { body: '{"AuthValue":"a key"}' });

    expect(answer.status).toBe(415);
  });

  test('can be de-authenticated; its properties stay', async () => {
    const { call, get, put, set, id } = await scene(['Fernhill']);
    await set({ Domain: 'acme' });
    await put({ AuthValue: 'a key' });

    const answer = await call('PUT', `${LIST}/${id}/deauthenticate`);
    const { json } = await get();

    expect(answer.json).toEqual({ Message: "Connector 'Fernhill' successfully de-authenticated." });
    expect(json).toMatchObject({ AuthValue: null, Authenticated: false, Properties: [{ Value: 'acme' }] });
  });
});

describe("a cycle's prerequisites", () => {
  test('are the connectors that nobody has authenticated, and what else is missing', async () => {
    const { sandbox, call, put, ids } = await scene(['Brightdesk', 'Ledgerly', 'Openrates']);
    const cycleId = sandbox.createCycle(ACCOUNT, ids, [40]);
    await put({ AuthValue: 'a key' });

    const { json } = await call('GET', `/v1.0/cycles/${cycleId}/prerequisites`);

    expect(json).toEqual([
      { ReasonCode: 20, Reason: 'Unauthenticated connector', ObjectType: 'AccountConnector', ObjectId: ids[1] },
      expect.objectContaining({ ReasonCode: 40 }),
    ]);
  });

  test('are not there for a cycle of another account', async () => {
    const { sandbox, call } = await scene();
    const cycleId = sandbox.createCycle('acme', [1001]);

    const answer = await call('GET', `/v1.0/cycles/${cycleId}/prerequisites`);

    expect(answer.status).toBe(404);
  });
});

describe('the catalogue', () => {
  test('is in the account acme, with ids from 1001 on', async () => {
    const { sandbox } = await scene();

    const acme = sandbox.accounts().find(({ accountId }) => accountId === 'acme');

    expect(acme?.connectors.map(({ id }) => id)).toEqual(catalogue.map((_entry, index) => 1001 + index));
    expect(acme?.connectors.map(({ name }) => name)).toEqual(catalogue.map(({ definition }) => definition.Name));
  });

  test('has what definitions are like in real life', async () => {
    const { call } = await scene();

    const { json } = await call('GET', `${LIST}?pageSize=100`, { account: 'acme' });

    const of = (key: string) => json[catalogue.findIndex((entry) => entry.key === key)];
    expect(of('Plainfield').Connector).not.toHaveProperty('Parameters');
    expect(of('Nullarbor').Connector.Parameters).toBeNull();
    expect(of('Driftwood').Connector).not.toHaveProperty('Icon');
    expect(of('Evergreen')).toMatchObject({ Authenticated: true, AuthValue: expect.any(String) });
    expect(of('Homeport').IsPartnerIntegrationConnector).toBe(true);
    expect(of('Longname').Name.length).toBeGreaterThan(255);
    expect(of('Posterity').Connector.Icon.length).toBeGreaterThan(110_000);
    expect(of('Brightdesk').Connector.Icon.length).toBeLessThan(8192);
  });

  test('says so when it is asked for a connector it does not have', async () => {
    const { sandbox } = await scene();

    const ask = () => sandbox.createAccount('a2', { connectors: ['Nosuch'] });

    expect(ask).toThrow("The catalogue has no connector 'Nosuch'.");
  });
});
