import { scene, stopAll, type Scene } from './scene';

afterEach(stopAll);

const pathOf = ({ id }: Scene, propertyId?: number) =>
  `/v1.0/account/connectors/${id}/properties${propertyId === undefined ? '' : `/${propertyId}`}`;

test('a property is added, read, changed and removed', async () => {
  const at = await scene(['Fernhill']);

  const [added] = await at.set({ Domain: 'acme' });
  const path = pathOf(at, added?.json.Id);
  const read = await at.call('GET', path);
  const changed = await at.call('PUT', path, { body: { value: 'acme2' } });
  const listed = await at.call('GET', pathOf(at));
  const removed = await at.call('DELETE', path);
  const gone = await at.call('GET', path);

  const property = { Id: expect.any(Number), Name: 'Domain', AccountConnectorId: at.id };
  expect(added).toMatchObject({ status: 200, json: { ...property, Value: 'acme' } });
  expect(read.json).toEqual(added?.json);
  expect(changed.json).toEqual({ ...property, Value: 'acme2' });
  expect(listed.json).toEqual([changed.json]);
  expect([removed.status, gone.status]).toEqual([204, 404]);
});

test('a name that no parameter defines is taken', async () => {
  const at = await scene(['Fernhill']);

  const [answer] = await at.set({ Domian: 'acme' });

  expect(answer).toMatchObject({ status: 200, json: { Name: 'Domian' } });
});

test.each([
  ['a number as value', { Name: 'Domain', Value: 1 }, 'Value'],
  ['no value', { Name: 'Domain', Value: null }, 'Value'],
  ['no name', { Value: 'x' }, 'Name'],
  ['an empty name', { Name: '', Value: 'x' }, 'Name'],
])('%s is refused, with the field that is wrong', async (_what, body, field) => {
  const at = await scene(['Fernhill']);

  const { status, json } = await at.call('POST', pathOf(at), { body });

  expect(status).toBe(400);
  expect(Object.keys(json.ModelState)).toEqual([field]);
});

test('a wrong value is refused by POST and PUT, in words that quote it', async () => {
  const at = await scene(['Fernhill']);
  const [added] = await at.set({ Domain: 'acme' });

  const answers = [
    await at.call('POST', pathOf(at), { body: { Name: 'Domain', Value: 'wrong-one' } }),
    await at.call('PUT', pathOf(at, added?.json.Id), { body: { Value: 'wrong-one' } }),
  ];

  for (const { status, json } of answers) {
    expect(status).toBe(400);
    expect(json.Message).toContain('wrong-one');
    expect(json.ModelState.Domain[0]).toContain('wrong-one');
  }
  expect((await at.get()).json.Properties).toMatchObject([{ Value: 'acme' }]);
});

describe('a second POST of one name', () => {
  async function secondPost(variant?: 'replace' | '400') {
    const at = await scene(['Fernhill']);
    if (variant) at.sandbox.switches.secondPost = variant;
    await at.set({ Domain: 'first' });
    const [second] = await at.set({ Domain: 'second' });
    const { json } = await at.call('GET', pathOf(at));
    return { status: second?.status, values: json.map(({ Value }: { Value: string }) => Value) };
  }

  test('adds another one', async () => {
    expect(await secondPost()).toEqual({ status: 200, values: ['first', 'second'] });
  });

  test('replaces the first, by switch', async () => {
    expect(await secondPost('replace')).toEqual({ status: 200, values: ['second'] });
  });

  test('is refused, by switch', async () => {
    expect(await secondPost('400')).toEqual({ status: 400, values: ['first'] });
  });
});
