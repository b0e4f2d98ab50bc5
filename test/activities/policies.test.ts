import { join } from 'node:path';
import { z } from 'zod';
import { readFileSync, writeFileSync } from 'node:fs';
import { digestOf, Policies, policiesOf, PolicyError, policyIn } from '../../activities/policies/policies';
import { PolicyFile } from '../../activities/policies/schema';
import { shaped } from '../../activities/policies/shape';
import { filled, namesIn, piecesOf } from '../../activities/policies/template';
import { field } from '../../scripts/faults/machine-samples';
import type { Connector } from '../../workflows/connector';
import { temporaryFolder, write } from '../scripts/parts/scene';
import { eventually } from '../support/eventually';

const SECRET = 'hunter2-marked-secret';
const docs = join(__dirname, '..', '..', 'docs');

const faultsOf = (text: string): string[] => {
  try {
    policiesOf(text);
    return [];
  } catch (err) {
    if (!(err instanceof PolicyError)) throw err;
    return err.message.split('\n');
  }
};
/** Returns a policy file with one policy, for the connector named A. */
const file = (policy: string) => `policies:\n  - match: { name: A }\n    ${policy}\n`;

describe('templates', () => {
  const values = new Map([
    ['user', 'a"b\n'],
    ['token', '{user} ü'],
  ]);

  test.each([
    ['{user}', 'a"b\n'],
    ['["{user|json}"]', '["a\\"b\\n"]'],
    ['{token|base64}', Buffer.from('{user} ü').toString('base64')],
    ['x {token}{token}', 'x {user} ü{user} ü'],
    ['no field', 'no field'],
  ])(
    'the template %s is filled with the values of the fields, and braces in a value stay unchanged',
    (template, expected) => {
      expect(filled(template, values)).toBe(expected);
    },
  );

  test.each([
    '{',
    '}',
    '{}',
    '{{user}}',
    '{user',
    'user}',
    '{user|xml}',
    '{user|plain}',
    '{user|json|base64}',
    '{"a":"{user}"}',
    '{|json}',
  ])('the template %s is refused, because it has a brace that belongs to no field', (template) => {
    expect(piecesOf(template)).toBeUndefined();
    expect(
      faultsOf(file(`authFields: { fields: [{ name: user, label: U }], authValue: '${template}' }`)),
    ).toContainEqual(
      'policies[0].authFields.authValue has a brace that is none of {name}, {name|json} and {name|base64}',
    );
  });

  test('namesIn lists the fields that a template uses, in order and with repetitions', () => {
    expect(namesIn('{a}:{b|base64}{a|json}')).toEqual(['a', 'b', 'a']);
  });
});

describe('faults', () => {
  test.each<[string, string, string[]]>([
    ['a number as policies', 'policies: 3', ['policies is no list of policies']],
    ['no content', '', ['the file is wrong: expected object, received null']],
    ['an unknown member', 'policies: []\nmore: 1', ['the file has an unknown member: "more"']],
    ['an unknown member of a policy', file('verfiy: 1'), ['policies[0] has an unknown member: "verfiy"']],
    [
      'a match without a member',
      'policies: [{ match: {} }]',
      ['policies[0].match needs one of accountConnector, connector and name'],
    ],
    [
      'two members in one match',
      'policies: [{ match: { name: A, connector: 3 } }]',
      ['policies[0].match needs one of accountConnector, connector and name'],
    ],
    [
      'the match of an earlier policy',
      'policies: [{ match: { name: A } }, { match: { name: a } }]',
      ['policies[1].match is the match of an earlier policy, too'],
    ],
    [
      'a value that is no text',
      file('properties: { P: { value: 7 } }'),
      ['policies[0].properties.P.value is no text: put it in quotes'],
    ],
    [
      'value and skip for one property',
      file('properties: { P: { value: x, skip: true } }'),
      ['policies[0].properties.P has both value and skip'],
    ],
    [
      'default and value for one property',
      file('properties: { P: { value: x, default: y } }'),
      ['policies[0].properties.P has a default that is never proposed, because of value or skip'],
    ],
    [
      'a link over http',
      file('help: { default: { link: "http://example.com" } }'),
      ['policies[0].help.default.link is no https URL'],
    ],
    [
      'an unknown language',
      file('help: { German: { text: x } }'),
      ['policies[0].help.German is neither a language such as de or pt-br nor default'],
    ],
    [
      'a patience over 90 days',
      file('patience: { credentials: 91 days }'),
      ['policies[0].patience.credentials is no duration such as "7 days", above 0 and at most 90 days'],
    ],
    [
      'a monitor that is no duration',
      file('monitor: never'),
      ['policies[0].monitor is neither off nor a duration of 1 minute to 90 days such as "1 day"'],
    ],
    [
      'authFields without a template',
      file('authFields: { fields: [{ name: a, label: A }] }'),
      [
        'policies[0].authFields has neither properties nor authValue',
        'policies[0].authFields.fields[0].name is used in no template',
      ],
    ],
    [
      'a template with an unknown field',
      file("authFields: { fields: [{ name: a, label: A }], authValue: '{a}{b}' }"),
      ['policies[0].authFields has a template with a name that is no field'],
    ],
    [
      'a path with two dots in a row',
      file('identity: { method: m, path: a..b }'),
      ['policies[0].identity.path is no path such as user.email'],
    ],
    [
      'an unknown passwordCredentials',
      file('passwordCredentials: maybe'),
      ['policies[0].passwordCredentials is neither page nor direct'],
    ],
  ])(
    'a policy file with %s is refused, and the error names the path and the reason of each fault',
    (_case, text, expected) => {
      expect(faultsOf(text)).toEqual(expected);
    },
  );

  test('all faults of a policy file are reported together', () => {
    const text = `policies:
  - match: { name: A }
    monitor: never
    properties: { P: { skip: false } }
  - match: { connector: -1 }
`;

    expect(faultsOf(text)).toEqual([
      'policies[0].properties.P.skip is not true',
      'policies[0].monitor is neither off nor a duration of 1 minute to 90 days such as "1 day"',
      'policies[1].match.connector is not above 0',
    ]);
  });

  test('the reported faults quote no value of the policy file, even if the file is no YAML', () => {
    const broken = [
      `policies:\n  - match: { name: A }\n    properties: { P: { value: [${SECRET}] } }`,
      `policies: [ "${SECRET}`,
      `policies: *${SECRET}`,
      `policies: !${SECRET} x`,
      `a: ${SECRET}\na: ${SECRET}`,
    ];
    const faults = broken.map((text) => faultsOf(text).join('\n'));

    expect(faults.filter((fault) => fault === '')).toEqual([]);
    expect(faults.join('\n')).not.toContain(SECRET);
  });
});

describe('policies', () => {
  const policies = policiesOf(`policies:
  - match: { name: HubSpot }
    monitor: 1 day
    passwordCredentials: page
    patience: { credentials: 1 day }
  - match: { connector: 2550 }
    monitor: 2 days
    patience: { properties: 2 days }
  - match: { accountConnector: 7 }
    monitor: 'off'
`);

  test.each([
    ['does not exist if no policy matches', 8, 1, 'Pipedrive', undefined],
    [
      'is found by the name in another letter case',
      8,
      1,
      'hubspot',
      { monitor: '1 day', patience: { credentials: '1 day' } },
    ],
    [
      "is found by Cyclr's connector id, and gets its missing members from the policy that is found by the name",
      8,
      2550,
      'HubSpot',
      { monitor: '2 days', patience: { properties: '2 days' } },
    ],
    [
      "is found by the account connector before Cyclr's connector id and the name",
      7,
      2550,
      'HubSpot',
      { monitor: 'off', patience: { properties: '2 days' } },
    ],
    ['is found by the account connector alone', 7, undefined, undefined, { monitor: 'off' }],
  ])(
    'policyIn finds the policy of a connector by the account connector, the connector id of Cyclr or the name: the policy %s',
    (_case, connectorId, id, name, expected) => {
      const found = policyIn(policies, { connectorId, definition: { id, name } });

      if (!expected) expect(found).toBeUndefined();
      else expect(found).toMatchObject(expected);
    },
  );

  test('the policy of a connector has another digest after the operator changes the policy, but not if only a fixed value changes', () => {
    const of = (policy: string) =>
      digestOf(policyIn(policiesOf(file(policy)), { connectorId: 1, definition: { name: 'A' } })!);
    const fixed = of('properties: { P: { value: x } }');

    expect(of('properties: { P: { value: y } }')).toBe(fixed);
    expect(of('properties: { P: { skip: true } }')).not.toBe(fixed);
  });
});

describe('connectors with a policy', () => {
  const fields = [
    field('Fixed'),
    field('Skipped'),
    field('Region', { help: "Cyclr's text" }),
    field('Key', { secret: true }),
  ];
  const connector: Connector = { name: 'A', authType: 'ApiKey', partnerSupplied: false, authenticated: false, fields };
  const shapedBy = (policy: string, stored = new Map<string, string>()) =>
    shaped(connector, policyIn(policiesOf(file(policy)), { connectorId: 1, definition: { name: 'A' } })!, stored);

  test('a connector with a policy has no fields for fixed and skipped properties, and contains no fixed value', () => {
    const of = shapedBy(`properties: { Fixed: { value: ${SECRET} }, Skipped: { skip: true } }`);

    expect(of.fields.map(({ name }) => name)).toEqual(['Region', 'Key']);
    expect(of.policy).toMatchObject({ lacksValues: true });
    expect(JSON.stringify(of)).not.toContain(SECRET);
  });

  test('a connector with a policy has lacksValues until Cyclr stores the fixed value', () => {
    const lacks = (value: string) =>
      shapedBy('properties: { Fixed: { value: x } }', new Map([['Fixed', value]])).policy?.lacksValues;

    expect([lacks('x'), lacks('old')]).toEqual([undefined, true]);
  });

  test('a connector with a policy has the defaults of the policy, except for secret fields', () => {
    const of = shapedBy('properties: { Region: { default: eu }, Key: { default: eu } }');

    expect(of.fields.slice(2)).toEqual([
      field('Region', { help: "Cyclr's text", default: 'eu' }),
      field('Key', { secret: true }),
    ]);
  });

  test('a connector with a policy has help texts and links by language, for the connector and for each property', () => {
    const of = shapedBy(`help: { default: { text: Ask us }, de: { text: Fragen Sie uns } }
    properties: { Region: { help: { default: { text: Look up }, de: { text: Schauen Sie nach } }, link: 'https://help.example/r' }, Key: { help: As in your profile } }`);

    expect(of.help).toEqual({ default: { text: 'Ask us' }, de: { text: 'Fragen Sie uns' } });
    expect(of.fields[2]).toMatchObject({
      help: 'Look up',
      helpTexts: {
        default: { text: 'Look up', link: 'https://help.example/r' },
        de: { text: 'Schauen Sie nach', link: 'https://help.example/r' },
      },
    });
    expect(of.fields[3]).toMatchObject({
      help: 'As in your profile',
      helpTexts: { default: { text: 'As in your profile' } },
    });
  });

  test('a connector with a policy has the fields of AuthFields, and each field is secret, except a field with secret: false', () => {
    const of = shapedBy(
      "authFields: { fields: [{ name: user, label: User, secret: false }, { name: token, label: Token }], authValue: '{user}:{token}' }",
    );

    expect(of.policy?.authFields).toEqual([
      field('user', { label: 'User' }),
      field('token', { label: 'Token', secret: true }),
    ]);
  });
});

test('a changed policy file replaces the policies; a file with a fault is reported once, and the former policies stay in use', async () => {
  const path = write(join(temporaryFolder(), 'policies.yaml'), file('monitor: 1 day'));
  const reports: string[] = [];
  const policies = (await Policies.read(path)).watch(path, {
    changed: () => void reports.push('changed'),
    broken: ({ message }) => void reports.push(message),
  });
  const present = () => policies.of({ connectorId: 1, definition: { name: 'A' } })?.monitor;
  try {
    writeFileSync(path, file('monitor: 2 days'));
    await eventually(
      async () => present(),
      (monitor) => monitor === '2 days',
    );
    writeFileSync(path, file('monitor: never'));
    await eventually(
      async () => reports,
      ({ length }) => length === 2,
    );
    expect(present()).toBe('2 days');
    writeFileSync(path, file('monitor: 3 days'));
    await eventually(
      async () => present(),
      (monitor) => monitor === '3 days',
    );

    expect(reports).toEqual([
      'changed',
      'policies[0].monitor is neither off nor a duration of 1 minute to 90 days such as "1 day"',
      'changed',
    ]);
  } finally {
    policies.close();
  }
});

test.each([
  ['does not exist', () => '/nowhere/policies.yaml', "the file can't be read (ENOENT)"],
  ['is over 1 MiB', () => write(join(temporaryFolder(), 'p'), `#${'x'.repeat(1024 * 1024)}`), 'the file is over 1 MiB'],
])('a policy file that %s is refused', async (_case, path, expected) => {
  await expect(Policies.read(path())).rejects.toThrow(expected);
});

test('docs/policies.schema.json equals the schema in the code (npm run configuration writes this file)', () => {
  const published = JSON.parse(readFileSync(join(docs, 'policies.schema.json'), 'utf8')) as unknown;

  expect(published).toEqual(z.toJSONSchema(PolicyFile, { io: 'input' }));
});

test('docs/policies.example.yaml is a valid file of policies for at least twelve connectors', () => {
  expect(policiesOf(readFileSync(join(docs, 'policies.example.yaml'), 'utf8')).size).toBeGreaterThanOrEqual(12);
});
