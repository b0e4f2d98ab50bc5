import fc, { runs } from '../support/fast-check';
import { bounded } from '../../activities/cyclr/bounds';
import {
  authValueIn,
  CycleConnectors,
  draftOf,
  ListedConnectors,
  parsed,
  Prerequisites,
  SignInToken,
  StoredProperty,
  TriggerAnswer,
  type Draft,
} from '../../activities/cyclr/wire';
import { CyclrError } from '../../activities/cyclr/errors';
import { field } from '../../scripts/faults/machine-samples';
import type { Connector, Field } from '../../workflows/connector';
import { accountConnector, KEY, STORED } from './grammar';
import { leaks } from './leaks';

interface Answer {
  [field: string]: unknown;
  Connector?: unknown;
}

const ID = 42;
const boundedOf = ({ connector, icon }: Draft) => bounded({ ...connector, ...(icon && { icon }) });
const read = (answer: Answer | string): Connector =>
  boundedOf(draftOf('GET /x', ID, 200, typeof answer === 'string' ? answer : JSON.stringify({ Id: ID, ...answer })));
const definition = (more: object = {}): Answer => ({ Connector: { AuthType: 'ApiKey', ...more } });
const parameter = (more: object = {}): object => ({ TargetName: 'Domain', IsAccountConnectorProperty: true, ...more });
const fieldsOf = (...parameters: unknown[]): Field[] => read(definition({ Parameters: parameters })).fields;

describe('definitions', () => {
  test('a definition that is empty is read with default values', () => {
    expect(read({ Connector: {} })).toStrictEqual({
      name: 'Connector 42',
      authType: 'Unknown',
      partnerSupplied: false,
      authenticated: false,
      fields: [],
    });
  });

  test('a definition with null in every field is read as an empty definition', () => {
    const nothing = { Name: null, Description: null, Icon: null, AuthDescription: null, OAuth2Type: null };

    const connector = read({
      ...nothing,
      Authenticated: null,
      Properties: null,
      ...definition({ ...nothing, Parameters: null }),
    });

    expect(connector).toStrictEqual(read(definition()));
  });

  test('a definition is read with the name and description of the account connector, and not of the definition', () => {
    const own = { Name: 'Support desk', Description: 'Ours' };

    const connector = read({ ...own, ...definition({ Name: 'Brightdesk', Description: 'Tickets' }) });

    expect(connector).toMatchObject({ name: 'Support desk', description: 'Ours' });
  });

  test('a definition with "null" in every text field is read as a definition without texts', () => {
    const nothing = { Name: 'null', Description: 'null', Icon: 'null', AuthDescription: 'null', OAuth2Type: 'null' };
    const of = (texts: object) => ({
      Name: 'null',
      TargetName: 'null',
      DisplayName: 'null',
      DefaultValue: 'null',
      ...texts,
    });
    const Parameters = [
      parameter({ ...of({ TargetName: 'Domain' }), Description: 'null', Values: ['null'] }),
      parameter(of({})),
    ];

    const connector = read({ ...nothing, ...definition({ ...nothing, Parameters }) });

    expect(connector).toStrictEqual(read(definition({ Parameters: [parameter()] })));
  });

  test.each<[string, object, Partial<Connector>]>([
    ['APIKEY', {}, { authType: 'ApiKey' }],
    ['basic', {}, { authType: 'Basic' }],
    ['none', {}, { authType: 'None' }],
    ['oauth1', {}, { authType: 'OAuth1' }],
    ['Oauth2', { OAuth2Type: 'AuthorizationCode' }, { authType: 'OAuth2', oauth2Type: 'AuthorisationCode' }],
    ['OAUTH2', { OAuth2Type: 'authorisationcode' }, { authType: 'OAuth2', oauth2Type: 'AuthorisationCode' }],
    ['OAuth2', { OAuth2Type: 'CLIENTCREDENTIALS' }, { authType: 'OAuth2', oauth2Type: 'ClientCredentials' }],
    ['OAuth2', { OAuth2Type: 'passwordCredentials' }, { authType: 'OAuth2', oauth2Type: 'PasswordCredentials' }],
    ['OAuth2', { OAuth2Type: 'unknown' }, { authType: 'OAuth2', oauth2Type: 'Unknown' }],
    ['OAuth2', { OAuth2Type: 'DeviceCode' }, { authType: 'OAuth2', oauth2Type: 'DeviceCode' }],
    ['authfields', {}, { authType: 'AuthFields' }],
    ['ClientCertificate', {}, { authType: 'ClientCertificate' }],
  ])(
    'a definition with the auth type %s and %j is read with the spelling in the TypeScript type AuthType',
    (AuthType, more, expected) => {
      expect(read(definition({ AuthType, ...more }))).toMatchObject(expected);
    },
  );

  const key = { Id: 'a', AuthType: 'ApiKey', OAuth2Type: null, AuthDescription: 'Under Settings.' };
  const oauth = { Id: 'b', AuthType: 'OAuth2', OAuth2Type: 'AuthorisationCode', AuthDescription: null };
  const absent = { AuthType: undefined };
  test.each<[string, object, Partial<Connector>]>([
    [
      'one entry in Authentication and no AuthType',
      { ...absent, Authentication: [oauth] },
      { authType: 'OAuth2', oauth2Type: 'AuthorisationCode' },
    ],
    [
      'one entry in Authentication and the AuthType null',
      { AuthType: null, Authentication: [key] },
      { authType: 'ApiKey', authDescription: 'Under Settings.' },
    ],
    [
      'one entry in Authentication and the AuthType "null"',
      { AuthType: 'null', Authentication: [key] },
      { authType: 'ApiKey' },
    ],
    [
      'one entry in Authentication and an AuthDescription of its own',
      { ...absent, AuthDescription: 'Ours', Authentication: [key] },
      { authDescription: 'Ours' },
    ],
    [
      'one entry in Authentication and another AuthType',
      { AuthType: 'Basic', Authentication: [key] },
      { authType: 'Basic', authDescription: undefined },
    ],
    [
      'two entries in Authentication and no AuthType',
      { ...absent, Authentication: [key, oauth] },
      { authType: 'Unknown' },
    ],
    ['an empty Authentication and no AuthType', { ...absent, Authentication: [] }, { authType: 'Unknown' }],
    [
      'an Authentication that is no list and no AuthType',
      { ...absent, Authentication: 'ApiKey' },
      { authType: 'Unknown' },
    ],
  ])('a definition with %s is read with the expected auth type and description', (_what, more, expected) => {
    const connector = read(definition(more));

    expect({ ...connector, authDescription: connector.authDescription }).toMatchObject(expected);
  });
});

describe('properties', () => {
  test.each<[object, Partial<Field>]>([
    [{}, { required: true }],
    [{ IsOptional: null }, { required: true }],
    [{ IsOptional: false }, { required: true }],
    [{ IsOptional: true }, { required: false }],
    [{ IsSensitive: true }, { secret: true }],
    [
      { IsSensitive: true, DefaultValue: 'x' },
      { secret: true, default: undefined },
    ],
    [
      { IsSensitive: false, DefaultValue: 'x' },
      { secret: false, default: 'x' },
    ],
    [{ DefaultValue: '' }, { default: undefined }],
    [{ DefaultValue: 8080 }, { default: '8080' }],
    [{ DefaultValue: 'x'.repeat(2000) }, { default: 'x'.repeat(2000) }],
    // The default is left out, because a cut text would be another default.
    [{ DefaultValue: 'x'.repeat(2001) }, { default: undefined }],
    [{ DisplayName: 'Shown', Name: 'Not shown' }, { label: 'Shown' }],
    [{ DisplayName: '', Name: 'Name' }, { label: 'Name' }],
    [{ DisplayName: null, Name: null }, { label: 'Domain' }],
    [{ Description: 'Help' }, { help: 'Help' }],
    [{ Multiline: true }, { multiline: true }],
    [
      { Values: ['a', { Value: 'b' }, { Value: 3 }, 4, null, {}, [], { Value: null }, ''] },
      { options: ['a', 'b', '3', '4'] },
    ],
    [{ Values: [] }, { options: undefined }],
    [{ Values: 'a' }, { options: undefined }],
    [{ Values: [null] }, { options: undefined }],
    [
      { IsOptional: 'yes', IsSensitive: 1, Multiline: 'no', DisplayOrder: 'first' },
      { required: true, secret: false },
    ],
  ])('a property with %j is read as %j', (more, expected) => {
    const [read] = fieldsOf(parameter(more));

    expect(read).toMatchObject(Object.fromEntries(Object.entries(expected).filter(([, part]) => part !== undefined)));
    for (const [name, part] of Object.entries(expected)) if (part === undefined) expect(read).not.toHaveProperty(name);
  });

  test.each([
    ['Password', true],
    ['passphrase', true],
    ['CLIENT_SECRET', true],
    ['RefreshToken', true],
    ['ApiKey', true],
    ['Keyspace', true],
    ['Domain', false],
    ['Username', false],
  ])('a property without IsSensitive and with the name %s is secret: %s', (TargetName, isSecret) => {
    expect(
      fieldsOf(parameter({ TargetName }), parameter({ TargetName: `${TargetName}2`, IsSensitive: null })),
    ).toMatchObject([{ secret: isSecret }, { secret: isSecret }]);
    expect(fieldsOf(parameter({ TargetName, IsSensitive: false }))).toMatchObject([{ secret: false }]);
  });

  test.each<[string, unknown]>([
    ['is hidden', parameter({ Hidden: true })],
    ['is hidden by the member Hide', parameter({ Hide: true })],
    ['belongs to the partner', parameter({ IsPartnerProperty: true })],
    ['belongs to a method call', parameter({ IsAccountConnectorProperty: false })],
    ['lacks IsAccountConnectorProperty', { TargetName: 'Domain' }],
    ['has no name', parameter({ TargetName: null })],
    ['has an empty name', parameter({ TargetName: '' })],
    ['is no object', 'Domain'],
    ['is null', null],
  ])('a property that %s is left out, and the other properties are kept', (_what, other) => {
    expect(fieldsOf(other, parameter({ TargetName: 'Shop' }))).toEqual([field('Shop')]);
  });

  test.each<[string, object, object, Partial<Field>]>([
    ['required and optional', {}, { IsOptional: true }, { required: true }],
    ['optional and required', { IsOptional: true }, {}, { required: true }],
    ['both optional', { IsOptional: true }, { IsOptional: true }, { required: false }],
    ['secret and in clear', { IsSensitive: true }, { DefaultValue: 'x' }, { secret: true, default: undefined }],
    ['in clear and secret', { DefaultValue: 'x' }, { IsSensitive: true }, { secret: true, default: undefined }],
    ['both with a help text', { Description: 'One' }, { Description: 'Two' }, { help: 'One' }],
    [
      'each with members that the other lacks',
      { DisplayName: 'Shop' },
      { Description: 'Two', DefaultValue: 'x', Values: ['x'] },
      { label: 'Shop', help: 'Two', default: 'x', options: ['x'] },
    ],
    ['of which one is hidden', { Hidden: true }, { IsOptional: true }, { required: false }],
  ])('a property that has two parameters (%s) is read as one field', (_what, first, second, expected) => {
    const fields = fieldsOf(
      parameter({ DisplayOrder: 1, ...first }),
      parameter({ TargetName: 'Other', DisplayOrder: 2 }),
      parameter({ DisplayOrder: 3, ...second }),
    );

    const [field] = fields.filter(({ name }) => name === 'Domain');
    expect(fields.map(({ name }) => name).sort()).toEqual(['Domain', 'Other']);
    expect({ ...field, default: field?.default }).toMatchObject(expected);
  });

  test('properties are sorted by DisplayOrder, and properties without DisplayOrder are last, in the order of the definition', () => {
    const orders = [undefined, 3, 1, null, 2, 1.5, -1];

    const names = fieldsOf(...orders.map((DisplayOrder, i) => parameter({ TargetName: `P${i}`, DisplayOrder })));

    expect(names.map(({ name }) => name)).toEqual(['P6', 'P2', 'P5', 'P4', 'P1', 'P0', 'P3']);
  });

  test.each<[string, unknown[], boolean]>([
    ['stored if the list of stored properties has a value', [{ Name: 'Domain', Value: 'x' }], true],
    ['stored if the list of stored properties has the number 0', [{ Name: 'Domain', Value: 0 }], true],
    ['not stored if the list of stored properties has an empty value', [{ Name: 'Domain', Value: '' }], false],
    ['not stored if the list of stored properties has the value null', [{ Name: 'Domain', Value: null }], false],
    ['not stored if the list of stored properties has the name without a value', [{ Name: 'Domain' }], false],
    [
      'stored if the list of stored properties has the property twice, once with a value',
      [
        { Name: 'Domain', Value: '' },
        { Name: 'Domain', Value: 'x' },
      ],
      true,
    ],
    [
      'not stored if the list of stored properties has a value under a name in another letter case',
      [{ Name: 'domain', Value: 'x' }],
      false,
    ],
    [
      'stored if the list of stored properties has a value beside unreadable items',
      [null, 'x', { Name: 7 }, { Name: 'Domain', Value: 'x' }],
      true,
    ],
    ['not stored if the list of stored properties is empty', [], false],
  ])(
    'the list of stored properties decides whether a property is read as stored: it is read as %s',
    (_what, Properties, isStored) => {
      const { fields } = read({ Properties, ...definition({ Parameters: [parameter()] }) });

      expect(fields).toMatchObject([{ stored: isStored }]);
    },
  );

  test('a property can have the name __proto__, constructor or toString', () => {
    const Parameters = ['__proto__', 'constructor', 'toString'].map((TargetName) => parameter({ TargetName }));

    const { fields } = read({ Properties: [{ Name: '__proto__', Value: 'x' }], ...definition({ Parameters }) });

    expect(fields.map(({ name, stored }) => [name, stored])).toEqual([
      ['__proto__', true],
      ['constructor', false],
      ['toString', false],
    ]);
  });
});

describe('drafts', () => {
  const draft = (answer: Answer): Draft => draftOf('GET /x', ID, 200, JSON.stringify({ Id: ID, ...answer }));

  test('an answer about another connector is unreadable', () => {
    expect(() => draft({ Id: 43, ...definition() })).toThrow(
      expect.objectContaining({ kind: 'unreadable', message: 'GET /x: the answer is about another connector' }),
    );
  });

  test.each<[object, object]>([
    [
      { Id: 7, Name: 'Brightdesk', Icon: 'data:,x' },
      { definition: { id: 7, name: 'Brightdesk' }, icon: 'data:,x' },
    ],
    [{ Id: '7', Name: '', Icon: '' }, { definition: {} }],
  ])('from a connector with the definition %j, the client reads the definition and the icon %j', (more, expected) => {
    const { definition: found, icon } = draft(definition(more));

    expect({ definition: found, ...(icon !== undefined && { icon }) }).toStrictEqual(expected);
  });

  test('the client reads those stored properties that have a name and a value', () => {
    const Properties = [
      { Name: 'Domain', Value: 'acme' },
      { Name: 'Port', Value: 0 },
      { Name: 'Empty', Value: '' },
      { Name: 'Absent' },
      { Value: 'nameless' },
    ];

    expect([...draft({ Properties, ...definition() }).stored]).toEqual([
      ['Domain', 'acme'],
      ['Port', '0'],
    ]);
  });

  test('the client reads the trigger of each field that has no options and is not secret', () => {
    const named = (TargetName: string, TriggerName: unknown, more: object = {}) =>
      parameter({ TargetName, TriggerName, ...more });
    const Parameters = [
      named('Number', 'numbers'),
      named('Text', 'texts'),
      named('Options', 'texts', { Values: ['a'] }),
      named('Secret', 'texts', { IsSensitive: true }),
      named('Hidden', 'texts', { Hidden: true }),
      named('Nothing', null),
      named('Unknown', 'others'),
      named('WithoutId', 'empty'),
    ];
    const Triggers = [
      { Id: 7, Name: 'numbers' },
      { Id: 't-8', Name: 'texts' },
      { Id: '', Name: 'empty' },
      null,
      { Id: 9 },
    ];

    const { triggers } = draft(definition({ Parameters, Triggers }));

    expect([...triggers]).toEqual([
      ['Number', '7'],
      ['Text', 't-8'],
    ]);
  });
});

describe('answers to other calls', () => {
  const TOKEN = 'sign-in-4711';
  // The precision -4 accepts a difference of up to 5 s.
  const inFiveMinutes = () => expect.closeTo(Date.now() + 300_000, -4);

  test.each<[unknown, () => unknown]>([
    ['2030-01-01T00:00:00Z', () => Date.UTC(2030, 0, 1)],
    ['2030-01-01T00:00:00', () => Date.UTC(2030, 0, 1)],
    ['2030-01-01T00:00:00z', () => Date.UTC(2030, 0, 1)],
    ['2030-01-01T00:00:00+01:30', () => Date.UTC(2029, 11, 31, 22, 30)],
    ['2030-01-01T00:00:00-0130', () => Date.UTC(2030, 0, 1, 1, 30)],
    ['soon', inFiveMinutes],
    ['', inFiveMinutes],
    [1893456000, inFiveMinutes],
    [null, inFiveMinutes],
    [undefined, inFiveMinutes],
  ])('a sign-in token with ExpiresAtUtc %j expires at the expected time', (ExpiresAtUtc, end) => {
    const body = JSON.stringify({ Token: TOKEN, ExpiresAtUtc });

    expect(parsed(SignInToken, 'POST /x', 200, body)).toEqual({ Token: TOKEN, ExpiresAtUtc: end() });
  });

  test.each<[unknown, boolean]>([
    ['x'.repeat(2000), true],
    ['x'.repeat(2001), false],
    ['', false],
    ['\ud800x', false],
    ['x\ud800', false],
    [null, false],
    [7, false],
  ])('a sign-in token has 1 to 2,000 characters', (Token, isReadable) => {
    expect(SignInToken.safeParse({ Token }).success).toBe(isReadable);
  });

  test.each<[string, string | undefined]>([
    ['{"AuthValue":"key"}', 'key'],
    ['{"AuthValue":""}', undefined],
    ['{"AuthValue":null}', undefined],
    ['{"AuthValue":7}', undefined],
    ['{}', undefined],
    ['null', undefined],
    ['<html>', undefined],
  ])('authValueIn reads from the answer %s the AuthValue %j', (body, expected) => {
    expect(authValueIn(body)).toBe(expected);
  });

  test.each<[unknown[], string[] | undefined]>([
    [
      ['a', { Value: 'b' }, { Value: 3 }, null],
      ['a', 'b', '3'],
    ],
    [[], undefined],
  ])('from the answer %j of a trigger, the client reads the options %j', (answer, expected) => {
    expect(TriggerAnswer.parse(answer)).toEqual(expected);
  });

  test('a trigger with more than 200 options is read with the first 200 options', () => {
    expect(TriggerAnswer.parse(Array.from({ length: 201 }, (_, i) => i))).toHaveLength(200);
  });

  test('an item of a list of connectors that has no id is read as undefined', () => {
    const items = [
      { Id: 1, Name: 'Desk', Authenticated: true, AuthValue: 'x', Connector: { Name: 'Brightdesk', Icon: 'x' } },
      { Id: 2, Name: null, Authenticated: 'yes', Connector: 'Brightdesk' },
      { Name: 'without an id' },
      null,
    ];

    expect(ListedConnectors.parse(items)).toEqual([
      { Id: 1, Name: 'Desk', Authenticated: true, Connector: { Name: 'Brightdesk' } },
      { Id: 2 },
      undefined,
      undefined,
    ]);
  });

  test('the prerequisites of a cycle are read with the id of the object as a text', () => {
    const item = { ReasonCode: 20, Reason: 'Unauthenticated connector', ObjectType: 'AccountConnector', ObjectId: 42 };

    expect(Prerequisites.parse([item, { ReasonCode: 30 }])).toEqual([
      { ReasonCode: 20, ObjectType: 'AccountConnector', ObjectId: '42' },
      { ReasonCode: 30 },
    ]);
  });

  test.each<[unknown]>([[{ ReasonCode: '20' }], [{}], [null]])(
    'the whole list of the prerequisites of a cycle is unreadable if one item is %j',
    (item) => {
      expect(Prerequisites.safeParse([{ ReasonCode: 20 }, item]).success).toBe(false);
    },
  );

  test.each<[unknown, CycleConnectors]>([
    [{ Connectors: [{ AccountConnectorId: 1, Name: 'x' }, { AccountConnectorId: 2 }] }, { ids: [1, 2], isWhole: true }],
    [{ Connectors: [] }, { ids: [], isWhole: true }],
    [{ Connectors: [{ AccountConnectorId: 1 }, {}] }, { ids: [1], isWhole: false }],
    [{ Connectors: null }, undefined],
    [{}, undefined],
  ])('from the cycle %j, the client reads the ids of the connectors %j', (cycle, expected) => {
    expect(CycleConnectors.parse(cycle)).toEqual(expected);
  });
});

test('texts of a connector are cut to 2,000 characters', () => {
  const long = 'x'.repeat(10_000);

  const connector = read({
    Description: long,
    ...definition({ AuthDescription: long, Parameters: [parameter({ Description: long })] }),
  });

  expect(connector).toMatchObject({ description: 'x'.repeat(2000), authDescription: 'x'.repeat(2000) });
  expect(connector.fields.map(({ help }) => help?.length)).toEqual([2000]);
});

describe('large connectors', () => {
  const MAX_BYTES = 256 * 1024;
  const many = (count: number, more: object = {}) =>
    Array.from({ length: count }, (_, i) => parameter({ TargetName: `P${i}`, IsOptional: i % 2 === 0, ...more }));
  const values = (count: number, length: number) =>
    Array.from({ length: count }, (_, i) => `${i}`.padStart(length, 'v'));
  const bytesOf = (connector: Connector) => Buffer.byteLength(JSON.stringify(connector));

  test('a large connector is read with all fields if it has 1,000 properties', () => {
    const connector = read(definition({ Parameters: many(1000) }));

    expect(connector.fields).toHaveLength(1000);
    expect(bytesOf(connector)).toBeLessThanOrEqual(MAX_BYTES);
  });

  const whole = {
    Description: 'h'.repeat(300),
    DefaultValue: 'eu',
    DisplayName: 'l'.repeat(80),
    Values: values(30, 1),
  };
  /** Returns the lengths of the parts that the client can cut or remove: 0 for a removed part. */
  const parts = ({ description, icon, fields: [field] }: Connector) =>
    [field?.help, field?.options, field?.default, description, field?.label, icon].map((part) => part?.length ?? 0);

  test.each<[string, number, object, number[]]>([
    ['first the end of long help texts', 150, { Description: 'h'.repeat(2000) }, [200, 30, 2, 4, 80, 8000]],
    ['then the last options of a long list', 150, { Values: values(200, 10) }, [200, 20, 2, 4, 80, 8000]],
    ['then all help texts', 600, { Description: 'h'.repeat(200) }, [0, 20, 2, 4, 80, 8000]],
    ['then all options', 150, { Values: values(20, 1000) }, [0, 0, 2, 4, 80, 8000]],
    ['then defaults', 150, { DefaultValue: 'x'.repeat(2000) }, [0, 0, 0, 4, 80, 8000]],
    ['then its description and long labels', 150, { DisplayName: 'l'.repeat(2000) }, [0, 0, 0, 0, 60, 8000]],
    ['then its icon', 150, { TargetName: 'P'.repeat(1600) }, [0, 0, 0, 0, 60, 0]],
  ])('a large connector loses its parts in this order: %s', (_order, count, large, expected) => {
    const Parameters = Array.from({ length: count }, (_, i) => {
      const { TargetName = 'P', ...more } = { ...whole, ...large } as { TargetName?: string };
      return parameter({ ...more, TargetName: `${TargetName}${i}` });
    });
    const Icon = `data:image/png,${'a'.repeat(8000 - 15)}`;

    const connector = read({ Description: 'Ours', ...definition({ Parameters, Icon }) });

    expect(parts(connector)).toEqual(expected);
    expect(connector.fields).toHaveLength(count);
  });

  test('a large connector loses optional fields last, from the end of the display order, and keeps all required fields', () => {
    const Parameters = many(5000);

    const connector = read(definition({ Parameters }));

    const optional = connector.fields.filter(({ required }) => !required).map(({ name }) => name);
    expect(connector.fields.filter(({ required }) => required)).toHaveLength(2500);
    expect(optional.length).toBeGreaterThan(100);
    expect(optional).toEqual(Array.from({ length: optional.length }, (_, i) => `P${2 * i}`));
    expect(bytesOf(connector)).toBeLessThanOrEqual(MAX_BYTES);
    expect(bytesOf(connector)).toBeGreaterThan(MAX_BYTES - 200);
  });

  test('a large connector is refused as tooLarge if its required fields alone have over 256 KiB', () => {
    const Parameters = many(5000, { IsOptional: false });

    expect(() => read(definition({ Parameters }))).toThrow(
      expect.objectContaining({
        kind: 'tooLarge',
        message: 'The connector has 5000 required properties, which need more than 256 KiB',
      }),
    );
  });

  test('a large connector with any texts is cut to at most 256 KiB, or is refused', () => {
    const texts = fc
      .tuple(fc.constantFrom('x', '\u0000', '"', 'é', '鍵', '🔑', '\ud800'), fc.nat(11))
      .map(([unit, power]) => unit.repeat(2 ** power));
    const parameters = fc.array(
      fc.record({
        TargetName: texts,
        DisplayName: texts,
        Description: texts,
        DefaultValue: texts,
        Values: fc.array(texts, { maxLength: 5 }),
        IsOptional: fc.boolean(),
      }),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(parameters, texts, fc.integer({ min: 1, max: 12 }), (given, Description, copies) => {
        const Parameters = Array.from({ length: copies }, (_, n) =>
          given.map((one, i) => parameter({ ...one, TargetName: `${n}.${i}.${one.TargetName}` })),
        ).flat();
        try {
          const connector = read({ Description, ...definition({ Parameters, AuthDescription: Description }) });

          expect(bytesOf(connector)).toBeLessThanOrEqual(MAX_BYTES);
          const required = Parameters.filter((one) => !(one as { IsOptional: boolean }).IsOptional);
          expect(connector.fields.filter((field) => field.required)).toHaveLength(required.length);
        } catch (err) {
          expect(err).toMatchObject({ kind: 'tooLarge' });
        }
      }),
      { numRuns: runs(50) },
    );
  });
});

describe('unreadable answers', () => {
  test.each([
    '',
    ' ',
    '<html>',
    '{"Id": 42, "Conn',
    'null',
    '[]',
    '42',
    '{}',
    '{"Id":"42","Connector":{}}',
    '{"Id":42}',
  ])('an unreadable answer causes an error that does not quote the answer: %j', (body) => {
    expect(() => read(body)).toThrow(
      expect.objectContaining({
        kind: 'unreadable',
        message: `GET /x: the answer can not be read (200, ${body.length} characters)`,
      }),
    );
  });
});

test('an item of a list of connectors whose id is no positive integer is read as undefined', () => {
  const items = [{ Id: 1 }, { Id: 0 }, { Id: -1 }, { Id: 1.5 }, { Id: 2 ** 53 }, { Id: '2' }, {}, null];

  expect(ListedConnectors.parse(items)).toEqual([{ Id: 1 }, ...Array<undefined>(7).fill(undefined)]);
});

test('the list of the connectors of a cycle is marked as incomplete if an id is no positive integer', () => {
  const cycle = (...ids: unknown[]) => ({ Connectors: ids.map((AccountConnectorId) => ({ AccountConnectorId })) });

  for (const id of [0, 1.5, '2', null])
    expect(CycleConnectors.parse(cycle(1, id))).toEqual({ ids: [1], isWhole: false });
});

describe('answers of any content', () => {
  const json = fc.jsonValue({ maxDepth: 4 });

  test.each<[string, fc.Arbitrary<string>]>([
    ['if it is JSON that looks like an account connector', accountConnector.map((answer) => JSON.stringify(answer))],
    ['if it is any JSON', json.map((value) => JSON.stringify(value))],
    ['if it is any text', fc.string({ unit: 'binary' })],
  ])(
    'an answer of any content is read as a connector without stored values, or causes an error of the kind unreadable, %s',
    (_what, bodies) => {
      fc.assert(
        fc.property(bodies, (body) => {
          try {
            const connector = boundedOf(draftOf('GET /x', KEY.connectorId, 200, body));

            expect(leaks(JSON.stringify(connector), STORED)).toEqual([]);
            expect(JSON.parse(JSON.stringify(connector))).toStrictEqual(connector);
          } catch (err) {
            if (!(err instanceof CyclrError)) throw err;
            expect(err.kind).toBe('unreadable');
          }
        }),
        { numRuns: runs(300) },
      );
    },
  );

  test('an answer of any content to a request for the list of properties is read as a list, or causes an error of the kind unreadable', () => {
    fc.assert(
      fc.property(json, (value) => {
        try {
          parsed(StoredProperty.array(), 'GET /x', 200, JSON.stringify(value));
        } catch (err) {
          expect(err).toMatchObject({ name: 'CyclrError', kind: 'unreadable' });
        }
      }),
    );
  });
});
