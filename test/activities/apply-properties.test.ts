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

/**
 * A scene with the connector Kestrel. This connector has the required properties Environment and SigningSecret, and the
 * optional properties Region, Workspace and Notes.
 */
const kestrel = () => scene('Kestrel');
const required = ['Environment', 'SigningSecret'];

const apply = ({ activities, key }: Scene, values: Values, missing: string[] = []) =>
  activities.applyProperties(key, { submissionId: SUBMISSION, values, required: missing });
const valuesIn = ({ stored }: Scene) => stored().Properties.map(({ Name, Value }) => [Name, Value]);
const storedFields = ({ fields }: Connector) => fields.filter(({ stored }) => stored).map(({ name }) => name);
const writes = (at: Scene) => at.calls().filter((call) => !call.startsWith('GET'));
const store = (at: Scene, ...properties: [string, string][]) =>
  at.sandbox.update(ACCOUNT, at.key.connectorId, { Properties: properties.map(([Name, Value]) => ({ Name, Value })) });

test('applyProperties opens and posts new properties, then re-reads the connector', async () => {
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

test('applyProperties overwrites a stored property by PUT, and does not post it again', async () => {
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

test('applyProperties overwrites both copies of a property that Cyclr stores twice', async () => {
  const at = await kestrel();
  store(at, ['Environment', 'production'], ['Region', 'eu'], ['Environment', '']);

  await apply(at, { Environment: 'staging' });

  expect(valuesIn(at)).toEqual([
    ['Environment', 'staging'],
    ['Region', 'eu'],
    ['Environment', 'staging'],
  ]);
});

test('applyProperties does not send a value that Cyclr already stores', async () => {
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

test('applyProperties overwrites a property on the second page of a list without Total-Pages', async () => {
  const at = await kestrel();
  const others = Array.from({ length: 30 }, (_, i): [string, string] => [`P${i}`, 'x']);
  store(at, ...others, ['Environment', 'production']);
  at.sandbox.switches.totalPages = false;

  await apply(at, { Environment: 'staging' });

  expect(valuesIn(at)).toEqual([...others, ['Environment', 'staging']]);
});

test('an empty value in the input changes no stored value, and creates no property', async () => {
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

describe('repeated applyProperties', () => {
  const properties = { method: 'POST', path: '/properties$' } as const;

  test.each<[string, Omit<FaultRule, 'then'>]>([
    ['the request for the list of properties', { match: { method: 'GET', path: '/properties$' } }],
    ['the POST of the first property', { match: properties }],
    ['the POST of the second property', { match: properties, skip: 1 }],
    ['the POST of the third property', { match: properties, skip: 2 }],
    ['the re-read', { match: { method: 'GET', path: '/connectors/\\d+$' } }],
  ])('applyProperties can be repeated with the same input after the answer to %s was lost', async (_step, rule) => {
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

  test.each([
    ['the POST of a new property, the pause before the retry is 10 s', 'POST', [], 10_000],
    [
      'the PUT of a stored property, the pause before the retry is the usual one',
      'PUT',
      [['Environment', '']],
      undefined,
    ],
  ] as const)(
    'if a write of a property gets no answer, applyProperties is retried after a pause: without an answer to %s',
    async (_call, method, stored, pauseMs) => {
      const at = await kestrel();
      store(at, ...stored.map(([name, value]): [string, string] => [name, value]));
      at.sandbox.fault({ match: { method, path: '/properties' }, then: 'reset' });

      const { nextRetryDelay } = await failure(apply(at, { Environment: 'staging' }));

      expect(nextRetryDelay ?? undefined).toBe(pauseMs);
    },
  );

  test('applyProperties can be repeated with the same input after the answer to the PUT of a stored property was lost', async () => {
    const at = await kestrel();
    store(at, ['Environment', 'production']);
    at.sandbox.fault({ match: { method: 'PUT' }, then: 'applied-then-reset' });

    await failure(apply(at, { Environment: 'staging' }));
    await apply(at, { Environment: 'staging' });

    expect(writes(at)).toHaveLength(1);
    expect(valuesIn(at)).toEqual([['Environment', 'staging']]);
  });

  test('applyProperties can be repeated with the same input after a property was removed between the read of the properties and the PUT', async () => {
    const at = await kestrel();
    store(at, ['Environment', 'production']);
    at.sandbox.fault({ match: { method: 'PUT' }, then: { status: 404 } });

    const gone = await failure(apply(at, { Environment: 'staging' }));
    await apply(at, { Environment: 'staging' });

    expect(gone).toMatchObject({ type: 'CyclrUnavailable', nonRetryable: false });
    expect(valuesIn(at)).toEqual([['Environment', 'staging']]);
  });

  test('applyProperties can be repeated with the same input after Cyclr answered with an HTML page and status 200', async () => {
    const at = await kestrel();
    at.sandbox.fault({ match: properties, then: 'html' });

    const unread = await failure(apply(at, { Environment: 'staging' }));
    await apply(at, { Environment: 'staging' });

    expect(unread).toMatchObject({ type: 'CyclrUnavailable', nonRetryable: false });
    expect(valuesIn(at)).toEqual([['Environment', 'staging']]);
  });

  test('if the re-read connector lacks a property that Cyclr accepted, applyProperties is retried with the same input', async () => {
    const at = await kestrel();
    const without = at.stored();
    at.sandbox.fault({ match: { method: 'GET', path: '/connectors/\\d+$' }, then: { status: 200, body: without } });

    const notYet = await failure(apply(at, { Environment: 'staging' }));
    const connector = await apply(at, { Environment: 'staging' });

    expect(notYet).toMatchObject({ type: 'CyclrUnavailable', nonRetryable: false });
    expect(storedFields(connector)).toEqual(['Environment']);
  });
});

describe.each(['applied-then-204', 'applied-then-empty', 'applied-then-html'] as const)(
  'after POSTs and PUTs without a readable answer (%s)',
  (then) => {
    test('applyProperties lists the properties once more, and accepts new and overwritten values that Cyclr stores', async () => {
      const at = await kestrel();
      store(at, ['Environment', 'production'], ['Environment', 'old'], ['Region', 'eu']);
      for (const method of ['POST', 'PUT'] as const)
        at.sandbox.fault({ match: { method, path: '/properties' }, times: 'always', then });
      const values = { Environment: 'staging', SigningSecret: await sealedProperty(at.key, 'SigningSecret', SECRET) };

      const connector = await apply(at, values, required);

      expect(at.calls().map((call) => call.replace(/\d+$/, 'N'))).toEqual([
        'GET /properties',
        'PUT /properties/N',
        'PUT /properties/N',
        'POST /properties',
        'GET /properties',
        'GET',
      ]);
      expect(valuesIn(at)).toEqual([
        ['Environment', 'staging'],
        ['Environment', 'staging'],
        ['Region', 'eu'],
        ['SigningSecret', SECRET],
      ]);
      expect(storedFields(connector)).toEqual(['Environment', 'Region', 'SigningSecret']);
    });
  },
);

test.each<[string, [string, string][]]>([
  ['lacks', []],
  ['has an older value of', [['Environment', 'production']]],
])(
  'applyProperties is retried if Cyclr answers the write of a property with an HTML page, and the next list of properties %s this property',
  async (_what, before) => {
    const at = await kestrel();
    store(at, ...before);
    const method = before.length > 0 ? 'PUT' : 'POST';
    at.sandbox.fault({ match: { method, path: '/properties' }, then: 'html' });

    const lost = await failure(apply(at, { Environment: 'staging', Region: 'us' }));
    await apply(at, { Environment: 'staging', Region: 'us' });

    expect(lost).toMatchObject({ type: 'CyclrUnavailable', nonRetryable: false, details: [{ taken: ['Region'] }] });
    expect(Object.fromEntries(valuesIn(at) as [string, string][])).toEqual({ Environment: 'staging', Region: 'us' });
  },
);

describe('refused properties', () => {
  test('the problem names a refused property, and the failure has the connector with the properties that Cyclr accepted before the refusal', async () => {
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

  test('a refused property causes a retry if the connector cannot be re-read, because the failure must name the properties that Cyclr accepted', async () => {
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

describe('applyProperties', () => {
  test('applyProperties refuses as missingProperty a required value that is empty after opening', async () => {
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

  test('applyProperties refuses as missingProperty an input without a required value', async () => {
    const at = await kestrel();

    const refused = await failure(apply(at, { Region: 'eu' }, required));

    expect(refused.details).toEqual([problemOf('missingProperty', required)]);
    expect(at.sandbox.requests).toEqual([]);
  });

  test.each<[string, (at: Scene) => Promise<Sealed>]>([
    ['sealed for another property', ({ key }) => sealedProperty(key, 'Environment', SECRET)],
    ['sealed for another connector', ({ key }) => sealedProperty({ ...key, connectorId: 1 }, 'SigningSecret', SECRET)],
    ['sealed for another account', ({ key }) => sealedProperty({ ...key, accountId: 'acme' }, 'SigningSecret', SECRET)],
    [
      'sealed for another submission',
      ({ key }) => seal(SECRET, { ...key, purpose: 'property:SigningSecret', submissionId: 'sub-2' }, keys.public),
    ],
    [
      'sealed as credentials',
      ({ key }) => seal(SECRET, { ...key, purpose: 'credentials', submissionId: SUBMISSION }, keys.public),
    ],
    [
      'sealed more than eight days ago',
      ({ key }) => {
        const binding = { ...key, purpose: 'property:SigningSecret', submissionId: SUBMISSION } as const;
        return seal(SECRET, binding, keys.public, Date.now() - 8 * 86_400_000 - 2000);
      },
    ],
    ['damaged', async () => ({ sealed: 'a..b.c.d' })],
  ])('applyProperties refuses as notOpenable a value that is %s, and sends no request', async (_what, sealed) => {
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

  test('if the worker lacks the sealing key of a value, applyProperties counts and logs the error, and is retried', async () => {
    const at = await kestrel();
    const other = await publicKeyOf(JSON.stringify({ keys: [await generateKey()] }));
    const sealed = await seal(
      SECRET,
      { ...at.key, purpose: 'property:SigningSecret', submissionId: SUBMISSION },
      other,
    );

    const unknown = await failure(apply(at, { Environment: 'staging', SigningSecret: sealed }, required));

    expect(unknown).toMatchObject({ type: 'UnknownSealingKey', nonRetryable: false });
    expect(at.counted).toEqual(['cyclr_connect_unknown_sealing_keys_total']);
    expect(at.log).toContainEqual({
      message: 'A value is sealed to a key that this worker does not hold',
      meta: expect.objectContaining({ purpose: 'property:SigningSecret', kid: other.kid }),
    });
    expect(leaks(everythingIn([unknown, at.log]), SECRET, sealed.sealed)).toEqual([]);
    expect(at.sandbox.requests).toEqual([]);
  });
});

test('an activity attempt of many calls ends before its start-to-close timeout', async () => {
  const at = await kestrel();
  at.sandbox.fault({ match: { path: at.path }, times: 'always', then: { kind: 'slow', ms: 60 } });
  const { url: apiUrl, clientId, clientSecret } = at.sandbox;
  const cyclr = new CyclrClient({ apiUrl, clientId, clientSecret });
  const { applyProperties } = createActivities({ cyclr, keys: keys.private, consent: { serviceUrl: apiUrl } });
  const values = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`P${i}`, 'x']));
  const run = inContext({ startToCloseTimeoutMs: 400 });

  const late = await failure(run(applyProperties)(at.key, { submissionId: SUBMISSION, values, required: [] }));

  expect(late).toMatchObject({ type: 'CyclrUnavailable', nonRetryable: false });
  expect(late.message).toMatch(/\(timeout\)$/);
  expect(at.calls().length).toBeLessThan(1 + 50 + 1); // without the limit, all calls (the list, 50 properties, the re-read) would take 3 s
});
