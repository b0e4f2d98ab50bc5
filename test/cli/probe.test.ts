/** The commands `probe` and `policies check`, against a sandbox. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { policiesOf } from '../../activities/policies/policies';
import { startSandbox, type Sandbox } from '../../sandbox/server';
import { temporaryFolder, write } from '../scripts/parts/scene';
import { cli, SECRET } from './scene';

let sandbox: Sandbox;
let env: NodeJS.ProcessEnv;

beforeEach(async () => {
  sandbox = await startSandbox();
  const { url, clientId, clientSecret } = sandbox;
  env = { CYCLR_API_URL: url, CYCLR_CLIENT_ID: clientId, CYCLR_CLIENT_SECRET: clientSecret };
});
afterEach(() => sandbox.close());

const install = (...connectors: string[]): number[] =>
  sandbox.createAccount('probed', { connectors }).map(({ id }) => id);

describe('probe', () => {
  test('the command probe prints for each connector whether a flow can connect it, and the questions of the flow', async () => {
    const [key, basic, , fields, certificate, done] = install(
      'Fernhill',
      'Zenodesk',
      'Quartz',
      'Fieldstone',
      'Vaultline',
      'Evergreen',
    );

    const { stdout, exitCode, calls } = await cli(['probe', 'probed'], { env });

    expect(exitCode).toBe(0);
    expect(calls).toEqual([]); // Temporal is not called
    expect(stdout).toMatch(new RegExp(`^${key} +Fernhill +ApiKey +asks for: Domain, API key$`, 'm'));
    expect(stdout).toMatch(new RegExp(`^${basic} +Zenodesk +Basic +asks for: Subdomain, user name and password$`, 'm'));
    expect(stdout).toMatch(/Quartz +OAuth2 ClientCredentials +asks for: ClientId, ClientSecret \(secret\)$/m);
    expect(stdout).toMatch(new RegExp(`^${fields} +Fieldstone +AuthFields +needs a policy: see below$`, 'm'));
    expect(stdout).toMatch(new RegExp(`^${certificate} +Vaultline .*an operator connects it in Cyclr`, 'm'));
    expect(stdout).toMatch(new RegExp(`^${done} +Evergreen +ApiKey +connected$`, 'm'));
  });

  test('the command probe prints a skeleton of the policies that is a valid file', async () => {
    install('Fieldstone');

    const { stdout } = await cli(['probe', 'probed', '--json'], { env });

    const { skeleton } = JSON.parse(stdout) as { skeleton: string };
    expect([...policiesOf(skeleton).keys()]).toEqual(['name fieldstone']);
  });

  test('the command probe sends only GETs', async () => {
    install('Kestrel', 'Fieldstone');

    await cli(['probe', 'probed'], { env });

    const calls = sandbox.requests.filter(({ path }) => path !== '/oauth/token');
    expect(new Set(calls.map(({ method }) => method))).toEqual(new Set(['GET']));
    expect(calls).toHaveLength(4); // the calls read two lists and two connectors
  });

  test('the command probe reads only the connectors that --connector names', async () => {
    const [, second] = install('Brightdesk', 'Fernhill');

    const { stdout } = await cli(['probe', 'probed', '--connector', `${second}`, '--json'], { env });

    expect(JSON.parse(stdout).connectors).toEqual([
      {
        connectorId: second,
        verdict: 'ready',
        name: 'Fernhill',
        authType: 'ApiKey',
        questions: [{ name: 'Domain', label: 'Company domain', required: true, secret: false }],
        then: 'API key',
      },
    ]);
  });

  test('the command probe prints the path and the type of each unknown member of an answer', async () => {
    const [id] = install('Brightdesk');
    const Connector = { AuthType: 'ApiKey', Novelty: { [SECRET]: 1 }, Icon: 7, Parameters: [{ TargetName: 3 }] };
    sandbox.update('probed', id!, { Connector });

    const { stdout } = await cli(['probe', 'probed', '--json'], { env });

    expect(JSON.parse(stdout).unknown).toEqual([
      { path: 'Connector.Icon', found: 'number instead of string', count: 1 },
      { path: 'Connector.Parameters[].TargetName', found: 'number instead of string', count: 1 },
      { path: 'Connector.Novelty', found: 'unknown field (object)', count: 1 },
    ]);
  });

  test('the report of the command probe has field names, types and lengths, but no text and no id of Cyclr', async () => {
    const folder = temporaryFolder();
    const [id] = install('Kestrel', 'Evergreen');
    sandbox.update('probed', id!, {
      Name: SECRET,
      AuthValue: SECRET,
      Properties: [{ Name: SECRET, Value: SECRET }],
      Connector: { Name: SECRET, Description: SECRET, AuthType: SECRET, [`id${id}`]: SECRET, [SECRET]: SECRET },
    });

    const { exitCode, stderr } = await cli(['probe', 'probed', '--report', 'report.json'], { env, cwd: folder });

    const text = readFileSync(join(folder, 'report.json'), 'utf8');
    const { shapes } = JSON.parse(text);
    expect([exitCode, stderr]).toEqual([0, expect.stringContaining('wrote the report')]);
    expect(text).not.toMatch(new RegExp(`${SECRET}|${id}|probed|evergreen|Workspace|EU`, 'i'));
    expect(shapes.connector.fields.Connector.fields.AuthType).toEqual({
      types: { string: 2 },
      length: [6, SECRET.length],
      words: { other: 1, ApiKey: 1 },
    });
    expect(shapes.connector.fields.AuthValue).toEqual({ types: { string: 2 } });
    expect(shapes.connector.fields.Connector.fields['*']).toMatchObject({ types: { string: 2 } });
  });

  test('the command probe does not overwrite an existing file of --report', async () => {
    const folder = temporaryFolder();
    write(join(folder, 'report.json'), 'mine');
    install('Brightdesk');

    const { exitCode, stderr } = await cli(['probe', 'probed', '--report', 'report.json'], { env, cwd: folder });

    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('the file of --report exists')]);
    expect(readFileSync(join(folder, 'report.json'), 'utf8')).toBe('mine');
  });

  test('the command probe reports a connector that can not be read, and continues with the other connectors', async () => {
    const [first] = install('Brightdesk', 'Fernhill');
    sandbox.fault({ match: { path: `/v1.0/account/connectors/${first}` }, then: 'html' });

    const { stdout, exitCode } = await cli(['probe', 'probed'], { env });

    expect(exitCode).toBe(0);
    expect(stdout).toMatch(
      new RegExp(`^${first} .*can't be read: GET /v1.0/account/connectors/${first}: .*\\(200, `, 'm'),
    );
    expect(stdout).toMatch(/Fernhill +ApiKey +asks for/);
  });

  test.each<[string, number, string[], NodeJS.ProcessEnv, RegExp]>([
    ['an unknown account', 1, ['probe', 'unknown'], {}, /^cyclr: .*401.*check the account id/],
    ['a refused client secret', 1, ['probe', 'probed'], { CYCLR_CLIENT_SECRET: 'wrong' }, /^cyclr: .*API credentials/],
    ['a missing variable', 1, ['probe', 'probed'], { CYCLR_CLIENT_ID: '' }, /^configuration: set all of CYCLR_API_URL/],
    ['a wrong connector id', 2, ['probe', 'probed', '--connector', SECRET], {}, /^wrongUsage: --connector takes/],
    ['no account', 2, ['probe'], {}, /^wrongUsage: missing required argument/],
  ])(
    'the command probe with %s exits with %i, and the error names the cause',
    async (_case, code, argv, more, expected) => {
      install('Brightdesk');

      const { exitCode, stderr } = await cli(argv, { env: { ...env, ...more } });

      expect(exitCode).toBe(code);
      expect(stderr).toMatch(expected);
      expect(stderr).not.toContain(SECRET);
    },
  );
});

describe('policies check', () => {
  const check = (text: string, ...more: string[]) =>
    cli(['policies', 'check', write(join(temporaryFolder(), 'policies.yaml'), text), ...more], { env });

  test('the command policies check accepts a valid file without a call to Cyclr or Temporal', async () => {
    const { stdout, exitCode, calls } = await check('policies: [{ match: { name: Fernhill }, monitor: 1 day }]');

    expect([stdout, exitCode, calls]).toEqual(['The file is valid.\n', 0, []]);
    expect(sandbox.requests).toEqual([]);
  });

  test('the command policies check prints each fault on a separate line, with exit code 1', async () => {
    const { stdout, stderr, exitCode } = await check('policies: [{ match: {}, monitor: never }]');

    expect([stdout, exitCode]).toEqual(['', 1]);
    expect(stderr.split('\n')).toEqual([
      'policies[0].match needs one of accountConnector, connector and name',
      'policies[0].monitor is neither off nor a duration of 1 minute to 90 days such as "1 day"',
      '',
    ]);
  });

  test('the command policies check --against lists the connectors that match a policy, the questions of their flows, and the members of the policy that have no effect', async () => {
    const [, fields, key, basic] = install('Openrates', 'Fieldstone', 'Kestrel', 'Zenodesk');
    const text = `policies:
  - match: { name: Fieldstone }
    authFields: { fields: [{ name: token, label: Token }], authValue: 'token={token}' }
  - match: { accountConnector: ${key} }
    properties:
      Environment: { value: ${SECRET} }
      SigningSecret: { default: ${SECRET} }
      Missing: { skip: true }
    verify: { method: unknown }
  - match: { connector: 107 }
    properties: { Subdomain: { skip: true } }
    verify: { method: whoami-107 }
    passwordCredentials: direct
`;

    const { stdout, exitCode } = await check(text, '--against', 'probed');

    expect(exitCode).toBe(0);
    expect(stdout).not.toContain(SECRET);
    expect(stdout.replace(/ {2,}/g, '  ').trimEnd().split('\n')).toEqual([
      'The file is valid.',
      `${fields}  Fieldstone  asks for: token (secret)`,
      `${key}  Kestrel  asks for: SigningSecret (secret), API key`,
      '  warning: the connector has no property Missing that a user can set',
      '  warning: the default of SigningSecret is ignored, because the property is a secret',
      '  warning: Cyclr lists no method unknown for this connector',
      `${basic}  Zenodesk  asks for: user name and password`,
      '  warning: passwordCredentials has no effect on this auth type',
    ]);
  });

  test('the command policies check --json prints the faults of a wrong file, or the matching connectors of a valid file', async () => {
    const [id] = install('Brightdesk');
    const broken = await check('policies: 3', '--json');
    const valid = await check('policies: [{ match: { name: brightdesk } }]', '--json', '--against', 'probed');

    expect(JSON.parse(broken.stdout)).toEqual({ valid: false, faults: ['policies is no list of policies'] });
    expect(JSON.parse(valid.stdout)).toEqual({
      valid: true,
      matches: [{ connectorId: id, name: 'Brightdesk', questions: [], asksFor: 'API key', warnings: [] }],
    });
  });
});
