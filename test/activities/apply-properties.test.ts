import { createActivities } from '../../activities';
import { CyclrClient } from '../../activities/cyclr/client';
import { generateKey, publicKeyOf } from '../../sealing/keys';
import { seal } from '../../sealing/seal';
import type { FaultRule } from '../../sandbox/fault-rule';
import type { Connector, Sealed } from '../../workflows/connector';
import { problemOf } from '../../workflows/problems';
import { everythingIn, leaks } from './leaks';
import { ACCOUNT, failure, inContext, keys, scene, sealedProperty, stopAll, SUBMISSION, type Scene } from './scene';

afterEach(stopAll);

const SECRET = 'sïgning/secret+4711';
type Values = { [name: string]: Sealed | string };

/** Kestrel needs Environment and SigningSecret, and takes Region, Workspace and Notes too. */
const kestrel = () => scene('Kestrel');
const required = ['Environment', 'SigningSecret'];

const apply = ({ activities, key }: Scene, values: Values, missing: string[] = []) =>
  activities.applyProperties(key, { submissionId: SUBMISSION, values, required: missing });
const valuesIn = ({ stored }: Scene) => stored().Properties.map(({ Name, Value }) => [Name, Value]);
const storedFields = ({ fields }: Connector) => fields.filter(({ stored }) => stored).map(({ name }) => name);
const writes = (at: Scene) => at.calls().filter((call) => !call.startsWith('GET'));
const store = (at: Scene, ...properties: [string, string][]) =>
  at.sandbox.update(ACCOUNT, at.key.connectorId, { Properties: properties.map(([Name, Value]) => ({ Name, Value })) });

test('new properties are posted, sealed ones opened first, and the connector is read again', async () => {
  const at = await kestrel();
  const values = { Environment: 'staging', SigningSecret: await sealedProperty(at.key, 'SigningSecret', SECRET) };

  const connector = await apply(at, values, required);

  expect(valuesIn(at)).toEqual([
    ['Environment', 'staging'],
    ['SigningSecret', SECRET],
  ]);
  expect(at.calls()).toEqual(['GET /properties', 'POST /properties', 'POST /properties', 'GET']);
  expect(storedFields(connector)).toEqual(required);
  expect(leaks(JSON.stringify(connector), SECRET)).toEqual([]);
});

test('a property that is there is overwritten, not posted a second time', async () => {
  const at = await kestrel();
  store(at, ['Environment', 'production'], ['Region', 'eu']);
  const [{ Id } = { Id: 0 }] = at.stored().Properties;

  await apply(at, { Environment: 'staging' });

  expect(writes(at)).toEqual([`PUT /properties/${Id}`]);
  expect(valuesIn(at)).toEqual([
    ['Environment', 'staging'],
    ['Region', 'eu'],
  ]);
});

test('of one that is there twice both are overwritten: nobody knows which counts', async () => {
  const at = await kestrel();
  store(at, ['Environment', 'production'], ['Region', 'eu'], ['Environment', '']);

  await apply(at, { Environment: 'staging' });

  expect(valuesIn(at)).toEqual([
    ['Environment', 'staging'],
    ['Region', 'eu'],
    ['Environment', 'staging'],
  ]);
});

test('a value that is right already is not written again', async () => {
  const at = await kestrel();
  store(at, ['Environment', 'production'], ['Environment', 'staging'], ['Region', 'eu']);

  await apply(at, { Environment: 'staging', Region: 'eu' });

  expect(writes(at)).toHaveLength(1);
  expect(valuesIn(at)).toEqual([
    ['Environment', 'staging'],
    ['Environment', 'staging'],
    ['Region', 'eu'],
  ]);
});

test('an empty value changes nothing where one is stored, and is not given otherwise', async () => {
  const at = await kestrel();
  store(at, ['SigningSecret', SECRET]);
  const empty = await sealedProperty(at.key, 'SigningSecret', '');

  const connector = await apply(at, { SigningSecret: empty, Region: '', Environment: 'staging' }, ['Environment']);

  expect(valuesIn(at)).toEqual([
    ['SigningSecret', SECRET],
    ['Environment', 'staging'],
  ]);
  expect(storedFields(connector)).toEqual(['Environment', 'SigningSecret']);
});

describe('it is repeatable as a whole', () => {
  const properties = { method: 'POST', path: '/properties$' } as const;

  test.each<[string, Omit<FaultRule, 'then'>]>([
    ['the list', { match: { method: 'GET', path: '/properties$' } }],
    ['the first property', { match: properties }],
    ['the second property', { match: properties, skip: 1 }],
    ['the third property', { match: properties, skip: 2 }],
    ['the last read', { match: { method: 'GET', path: '/connectors/\\d+$' } }],
  ])('after the answer to %s got lost', async (_step, rule) => {
    const at = await kestrel();
    at.sandbox.fault({ ...rule, then: 'applied-then-reset' });
    const values = {
      Environment: 'staging',
      SigningSecret: await sealedProperty(at.key, 'SigningSecret', SECRET),
      Region: 'us',
    };

    const lost = await failure(apply(at, values, required));
    const connector = await apply(at, values, required);

    expect(lost).toMatchObject({ type: 'CyclrUnavailable', nonRetryable: false });
    expect(valuesIn(at)).toEqual([
      ['Environment', 'staging'],
      ['SigningSecret', SECRET],
      ['Region', 'us'],
    ]);
    expect(storedFields(connector)).toEqual(['Environment', 'Region', 'SigningSecret']);
  });

  test('after the answer to a change got lost', async () => {
    const at = await kestrel();
    store(at, ['Environment', 'production']);
    at.sandbox.fault({ match: { method: 'PUT' }, then: 'applied-then-reset' });

    await failure(apply(at, { Environment: 'staging' }));
    await apply(at, { Environment: 'staging' });

    expect(writes(at)).toHaveLength(1);
    expect(valuesIn(at)).toEqual([['Environment', 'staging']]);
  });

  test('after a property was removed between the list and the change: the connector is still there', async () => {
    const at = await kestrel();
    store(at, ['Environment', 'production']);
    at.sandbox.fault({ match: { method: 'PUT' }, then: { status: 404 } });

    const gone = await failure(apply(at, { Environment: 'staging' }));
    await apply(at, { Environment: 'staging' });

    expect(gone).toMatchObject({ type: 'CyclrUnavailable', nonRetryable: false });
    expect(valuesIn(at)).toEqual([['Environment', 'staging']]);
  });

  test("after a proxy's page passed for success", async () => {
    const at = await kestrel();
    at.sandbox.fault({ match: properties, then: 'html' });

    const unread = await failure(apply(at, { Environment: 'staging' }));
    await apply(at, { Environment: 'staging' });

    expect(unread).toMatchObject({ type: 'CyclrUnavailable', nonRetryable: false });
    expect(valuesIn(at)).toEqual([['Environment', 'staging']]);
  });

  test('as long as a property that Cyclr took is not there when read again', async () => {
    const at = await kestrel();
    const without = at.stored();
    at.sandbox.fault({ match: { method: 'GET', path: '/connectors/\\d+$' }, then: { status: 200, body: without } });

    const notYet = await failure(apply(at, { Environment: 'staging' }));
    const connector = await apply(at, { Environment: 'staging' });

    expect(notYet).toMatchObject({ type: 'CyclrUnavailable', nonRetryable: false });
    expect(storedFields(connector)).toEqual(['Environment']);
  });
});

describe('a property that Cyclr refuses', () => {
  test('is the problem; what was taken before it is stored in the connector that comes along', async () => {
    const at = await kestrel();
    const wrong = `wrong-${SECRET}`;
    const values = { Environment: 'staging', SigningSecret: await sealedProperty(at.key, 'SigningSecret', wrong) };

    const refused = await failure(apply(at, values, required));

    const [problem, connector] = refused.details as [unknown, Connector];
    expect(refused).toMatchObject({ type: 'CyclrRefused', nonRetryable: true });
    expect(problem).toEqual(problemOf('refused', ['SigningSecret'], `POST ${at.path}/properties: 400`));
    expect(storedFields(connector)).toEqual(['Environment']);
    expect(leaks(everythingIn(refused), wrong)).toEqual([]);
  });

  test('whose connector can not be read now is tried again: nothing that was taken may be asked for again', async () => {
    const at = await kestrel();
    at.sandbox.fault({ match: { method: 'GET', path: '/connectors/\\d+$' }, then: { status: 503 } });
    const values = { Environment: 'staging', Region: 'wrong' };

    const [unavailable, refused] = [await failure(apply(at, values)), await failure(apply(at, values))];

    expect(unavailable).toMatchObject({ type: 'CyclrUnavailable', nonRetryable: false });
    expect(refused).toMatchObject({
      type: 'CyclrRefused',
      details: [{ fields: [{ name: 'Region' }] }, expect.anything()],
    });
    expect(valuesIn(at)).toEqual([['Environment', 'staging']]);
  });
});

describe('values are taken whole or not at all', () => {
  test('a required one that turns out to be empty is missing', async () => {
    const at = await kestrel();
    const values = { Environment: 'staging', SigningSecret: await sealedProperty(at.key, 'SigningSecret', '') };

    const refused = await failure(apply(at, values, required));

    expect(refused).toMatchObject({
      type: 'InputRefused',
      nonRetryable: true,
      details: [problemOf('missingProperty', ['SigningSecret'])],
    });
    expect(at.sandbox.requests).toEqual([]);
  });

  test('a required one that is not there at all is missing too', async () => {
    const at = await kestrel();

    const refused = await failure(apply(at, { Region: 'eu' }, required));

    expect(refused.details).toEqual([problemOf('missingProperty', required)]);
    expect(at.sandbox.requests).toEqual([]);
  });

  test.each<[string, (at: Scene) => Promise<Sealed>]>([
    ['another property', ({ key }) => sealedProperty(key, 'Environment', SECRET)],
    ['another connector', ({ key }) => sealedProperty({ ...key, connectorId: 1 }, 'SigningSecret', SECRET)],
    ['another account', ({ key }) => sealedProperty({ ...key, accountId: 'acme' }, 'SigningSecret', SECRET)],
    [
      'another submission',
      ({ key }) => seal(SECRET, { ...key, purpose: 'property:SigningSecret', submissionId: 'sub-2' }, keys.public),
    ],
    [
      'credentials',
      ({ key }) => seal(SECRET, { ...key, purpose: 'credentials', submissionId: SUBMISSION }, keys.public),
    ],
    [
      'more than eight days ago',
      ({ key }) => {
        const binding = { ...key, purpose: 'property:SigningSecret', submissionId: SUBMISSION } as const;
        return seal(SECRET, binding, keys.public, Date.now() - 8 * 86_400_000 - 2000);
      },
    ],
    ['nothing that opens', async () => ({ sealed: 'a..b.c.d' })],
  ])('one that was sealed for %s does not open, and nothing is written', async (_what, sealed) => {
    const at = await kestrel();

    const refused = await failure(apply(at, { Environment: 'staging', SigningSecret: await sealed(at) }, required));

    expect(refused).toMatchObject({
      type: 'InputRefused',
      nonRetryable: true,
      details: [problemOf('notOpenable', ['SigningSecret'])],
    });
    expect(leaks(everythingIn(refused), SECRET)).toEqual([]);
    expect(at.sandbox.requests).toEqual([]);
  });

  test('one that is sealed to a key of somebody else is retried, counted, and loud in the log', async () => {
    const at = await kestrel();
    const other = await publicKeyOf(JSON.stringify({ keys: [await generateKey()] }));
    const sealed = await seal(
      SECRET,
      { ...at.key, purpose: 'property:SigningSecret', submissionId: SUBMISSION },
      other,
    );

    const unknown = await failure(apply(at, { Environment: 'staging', SigningSecret: sealed }, required));

    expect(unknown).toMatchObject({ type: 'UnknownSealingKey', nonRetryable: false });
    expect(at.counted).toEqual(['connector_auth_unknown_sealing_keys']);
    expect(at.log).toContainEqual({
      message: 'A value is sealed to a key that this worker does not hold',
      meta: expect.objectContaining({ purpose: 'property:SigningSecret' }),
    });
    expect(leaks(everythingIn([unknown, at.log]), SECRET, sealed.sealed)).toEqual([]);
    expect(at.sandbox.requests).toEqual([]);
  });
});

test('an attempt ends before Temporal gives it up, however many calls it is made of', async () => {
  const at = await kestrel();
  at.sandbox.fault({ match: { path: at.path }, times: 'always', then: { kind: 'slow', ms: 60 } });
  const { url: apiUrl, clientId, clientSecret } = at.sandbox;
  const cyclr = new CyclrClient({ apiUrl, clientId, clientSecret });
  const { applyProperties } = createActivities({ cyclr, keys: keys.private, consent: { serviceUrl: apiUrl } });
  const values = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`P${i}`, 'x']));
  const run = inContext({ startToCloseTimeoutMs: 400 });
  const before = performance.now();

  const late = await failure(run(applyProperties)(at.key, { submissionId: SUBMISSION, values, required: [] }));

  expect(late).toMatchObject({ type: 'CyclrUnavailable', nonRetryable: false });
  expect(late.message).toMatch(/\(timeout\)$/);
  expect(performance.now() - before).toBeLessThan(400);
});

test.each<[FaultRule['then'], object]>([
  [{ status: 403 }, { type: 'CyclrForbidden', nonRetryable: true }],
  [{ status: 404 }, { type: 'CyclrNotFound', nonRetryable: true }],
  [{ status: 503 }, { type: 'CyclrUnavailable', nonRetryable: false }],
  ['unauthorized', { type: 'CyclrUnauthorized', nonRetryable: false }],
  [
    { kind: 'throttled', retryAfter: 3 },
    { type: 'CyclrThrottled', nonRetryable: false, nextRetryDelay: 3000 },
  ],
])('what is not the value’s fault refuses no value: %j', async (then, expected) => {
  const at = await kestrel();
  at.sandbox.fault({ match: { method: 'POST', path: at.path }, then });

  const failed = await failure(apply(at, { Environment: 'staging' }));

  expect(failed).toMatchObject(expected);
});
