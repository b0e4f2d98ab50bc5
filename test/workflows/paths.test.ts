/** Each way to authenticate, to its end. */
import type { ConnectorPatch } from '../../sandbox/control';
import type { ConnectorKey, Sealed } from '../../workflows/connector';
import { workflowIdOf, type Credentials, type StateName } from '../../workflows/messages';
import { taskFailures } from '../support/histories';
import { openStage, type Stage } from '../support/stage';

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterEach(() => {
  stage.sandbox.clearFaults();
  Object.assign(stage.sandbox.switches, { wrongKey: '400', authenticatedAfterMs: 0, secondPost: 'duplicate' });
});

afterAll(async () => {
  const failures = await taskFailures(stage);
  await stage.close();
  expect(failures).toEqual([]);
});

/** What somebody has to give, in this order, and what comes of it. */
interface Path {
  connector: string;
  patch?: ConnectorPatch;
  /** Values of properties; those in `secrets` are sealed. */
  sets?: { [name: string]: string };
  secrets?: string[];
  asks?: 'awaitingCredentials' | 'awaitingAuthorization';
  gives?: Credentials;
  ends?: StateName;
  /** What Cyclr holds at the end. */
  stores?: string | null;
}

const tokens: Credentials = {
  kind: 'tokens',
  accessToken: 'at-1',
  refreshToken: 'rt-1',
  expires: '2031-01-01T00:00:00Z',
  refreshExpires: '2032-01-01T00:00:00Z',
};
const storedTokens =
  '{"AccessToken":"at-1","RefreshToken":"rt-1","Expires":"2031-01-01T00:00:00Z","RefreshExpires":"2032-01-01T00:00:00Z"}';
const key: Credentials = { kind: 'apiKey', key: 'k€y-1' };
const basic: Credentials = { kind: 'basic', username: 'jörg@acme.example/token', password: 'pä:ss wörd €' };
const somebodyElses: ConnectorPatch = { IsPartnerIntegrationConnector: true };
const oauth2 = (OAuth2Type: string | null): ConnectorPatch => ({ Connector: { AuthType: 'OAuth2', OAuth2Type } });

const paths: { [name: string]: Path } = {
  'an API key': { connector: 'Brightdesk', asks: 'awaitingCredentials', gives: key, stores: 'k€y-1' },
  'an API key, after a property': {
    connector: 'Fernhill',
    sets: { Domain: 'acme' },
    asks: 'awaitingCredentials',
    gives: key,
    stores: 'k€y-1',
  },
  'an API key, where the definition says nothing else': { connector: 'Plainfield', gives: key, stores: 'k€y-1' },
  'an API key, where everything else is null': { connector: 'Nullarbor', gives: key, stores: 'k€y-1' },
  'an API key, with a property that Cyclr would look up': {
    connector: 'Parrotmail',
    sets: { DataCentre: 'us3' },
    gives: key,
    stores: 'k€y-1',
  },
  'an API key, for a connector with a name of 300 characters': { connector: 'Longname', gives: key, stores: 'k€y-1' },
  'an API key, where every property is set already': {
    connector: 'Fernhill',
    patch: { Properties: [{ Name: 'Domain', Value: 'acme' }] },
    asks: 'awaitingCredentials',
    gives: key,
    stores: 'k€y-1',
  },
  'an API key, where a required property is there but empty': {
    connector: 'Fernhill',
    patch: { Properties: [{ Name: 'Domain', Value: '' }] },
    sets: { Domain: 'acme' },
    gives: key,
    stores: 'k€y-1',
  },
  'Basic in UTF-8, after a property': {
    connector: 'Zenodesk',
    sets: { Subdomain: 'acme' },
    asks: 'awaitingCredentials',
    gives: basic,
    stores: Buffer.from('jörg@acme.example/token:pä:ss wörd €').toString('base64'),
  },
  'Basic with a blank password': {
    connector: 'Insightful',
    gives: { kind: 'basic', username: 'api-key', password: '' },
    stores: Buffer.from('api-key:').toString('base64'),
  },
  None: { connector: 'Openrates', stores: null },
  'None, after a property': { connector: 'Weathervane', sets: { Station: 'EGLL' }, stores: null },
  'one that is authenticated already': { connector: 'Evergreen', stores: 'evergreen-key-4711' },
  AuthFields: { connector: 'Fieldstone', ends: 'unsupported', stores: null },
  'an auth type that nobody knows': { connector: 'Vaultline', ends: 'unsupported', stores: null },
  'an OAuth2 type that nobody knows': {
    connector: 'Ledgerly',
    patch: oauth2('DeviceCode'),
    ends: 'unsupported',
    stores: null,
  },
  'tokens instead of consent': {
    connector: 'Ledgerly',
    asks: 'awaitingAuthorization',
    gives: tokens,
    stores: storedTokens,
  },
  'tokens instead of consent, after a property': {
    connector: 'Shopwell',
    sets: { Shop: 'acme' },
    asks: 'awaitingAuthorization',
    gives: { kind: 'tokens', accessToken: 'at-1' },
    stores: '{"AccessToken":"at-1"}',
  },
  'tokens for OAuth1': { connector: 'Chirper', asks: 'awaitingAuthorization', gives: tokens, stores: storedTokens },
  'tokens for OAuth2 Unknown': {
    connector: 'Driftwood',
    asks: 'awaitingAuthorization',
    gives: tokens,
    stores: storedTokens,
  },
  'tokens for OAuth2 PasswordCredentials, after its properties': {
    connector: 'Sugarloaf',
    sets: { Username: 'jo', Password: 'pw' },
    secrets: ['Password'],
    asks: 'awaitingAuthorization',
    gives: tokens,
    stores: storedTokens,
  },
  'tokens for OAuth2 without a type': {
    connector: 'Ledgerly',
    patch: oauth2(null),
    asks: 'awaitingAuthorization',
    gives: tokens,
    stores: storedTokens,
  },
  "tokens for the partner's own connector": {
    connector: 'Homeport',
    asks: 'awaitingCredentials',
    gives: tokens,
    stores: storedTokens,
  },
  "tokens for the partner's own OAuth1 connector": {
    connector: 'Chirper',
    patch: somebodyElses,
    asks: 'awaitingCredentials',
    gives: tokens,
    stores: storedTokens,
  },
  "the partner's own connector with an API key": { connector: 'Brightdesk', patch: somebodyElses, gives: key },
  'client credentials': {
    connector: 'Quartz',
    sets: { ClientId: 'app-1', ClientSecret: 's' },
    secrets: ['ClientSecret'],
    stores: '{}',
  },
};

const values = async (on: ConnectorKey, submissionId: string, { sets = {}, secrets = [] }: Path) => {
  const given = Object.entries(sets).map(async ([name, value]): Promise<[string, Sealed | string]> => [
    name,
    secrets.includes(name) ? await stage.sealedProperty(on, submissionId, name, value) : value,
  ]);
  return Object.fromEntries(await Promise.all(given));
};

async function walk(path: Path): Promise<void> {
  const scene = await stage.scene(stage.install(path.connector, { patch: path.patch }));
  if (path.sets) {
    await scene.reaches('awaitingProperties');
    await scene.sets(await values(scene.key, 'properties-1', path), 'properties-1');
  }
  if (path.gives) {
    await scene.reaches(path.asks ?? 'awaitingCredentials');
    await scene.gives(path.gives);
  }
  const end = await stage.auth.result(scene.key);

  const { ends = 'authenticated', stores } = path;
  const { Authenticated, AuthValue, Properties } = scene.cyclr();
  expect(end).toEqual({
    ...scene.key,
    runId: scene.runId,
    intent: 'authenticate',
    state: ends,
    connector: expect.any(Object),
    revision: expect.any(Number),
    ...(ends === 'authenticated' && { verification: 'notChecked' }),
  });
  expect(Authenticated).toBe(ends === 'authenticated' && stores !== null);
  if (stores !== undefined) expect(AuthValue).toBe(stores);
  if (path.sets)
    expect(Object.fromEntries(Properties.map(({ Name, Value }) => [Name, Value]))).toMatchObject(path.sets);
  expect((await scene.handle.describe()).status.name).toBe('COMPLETED');
}

test.each(Object.entries(paths))('%s leads to the end', async (_name, path) => walk(path));

test('all of them at once, replayed at every step, lead to the same ends', async () => {
  await stage.restartWorker({ maxCachedWorkflows: 0 });

  const walks = await Promise.allSettled(Object.values(paths).map(walk));

  await stage.restartWorker();
  expect(walks.filter(({ status }) => status === 'rejected')).toEqual([]);
});

test('one that is authenticated already costs a single question', async () => {
  const scene = await stage.scene('Evergreen');

  await stage.auth.result(scene.key);

  expect(scene.requests()).toHaveLength(1);
});

test('authenticating again asks for new credentials, and changes nothing until they are there', async () => {
  const scene = await stage.scene('Evergreen', { intent: 'reauthenticate' });

  const asked = await scene.reaches('awaitingCredentials');
  const before = scene.cyclr();
  const end = await scene.gives({ kind: 'apiKey', key: 'new' });

  expect(asked.intent).toBe('reauthenticate');
  expect(before).toMatchObject({ Authenticated: true, AuthValue: 'evergreen-key-4711' });
  expect(end).toMatchObject({ state: 'authenticated', intent: 'reauthenticate' });
  expect(scene.cyclr().AuthValue).toBe('new');
});

test('client credentials are asked for first when authenticating again, though they are all there', async () => {
  const stored = [
    { Name: 'ClientId', Value: 'old' },
    { Name: 'ClientSecret', Value: 'old' },
  ];
  const on = stage.install('Quartz', { patch: { Properties: stored, Authenticated: true, AuthValue: '{}' } });

  const scene = await stage.scene(on, { intent: 'reauthenticate' });
  const asked = await scene.reaches('awaitingProperties');
  const kept = await scene.sets({ ClientId: 'new', ClientSecret: '' });

  expect(asked.fields?.map(({ name, stored }) => [name, stored])).toEqual([
    ['ClientId', true],
    ['ClientSecret', true],
  ]);
  expect(kept.problem).toBeUndefined();
  await scene.reaches('authenticated');
  expect(scene.cyclr().Properties.map(({ Value }) => Value)).toEqual(['new', 'old']);
});

test('Cyclr is asked again where it authenticates only some time later', async () => {
  stage.sandbox.switches.authenticatedAfterMs = 1500;
  const scene = await stage.scene('Quartz');
  await scene.reaches('awaitingProperties');

  const path = paths['client credentials']!;
  await scene.sets(await values(scene.key, 'p-1', path), 'p-1');
  await scene.reaches('authenticated');

  const reads = scene.calls().slice(scene.calls().indexOf(`PUT ${scene.key.connectorId}`) + 1);
  expect(reads.every((call) => call === `GET ${scene.key.connectorId}`)).toBe(true);
  expect(reads.length).toBeGreaterThan(1);
});

describe('properties of every sort', () => {
  test('are asked for by display order, save for what is nobody’s to type', async () => {
    const scene = await stage.scene('Kestrel');

    const { fields } = await scene.reaches('awaitingProperties');

    const none = { required: false, secret: false, stored: false };
    expect(fields).toEqual([
      {
        ...none,
        name: 'Environment',
        label: 'Environment',
        required: true,
        options: ['production', 'staging'],
        default: 'production',
      },
      {
        ...none,
        name: 'Region',
        label: 'Region',
        help: 'Where your data is kept.',
        options: ['eu', 'us', 'apac'],
        default: 'eu',
      },
      { ...none, name: 'SigningSecret', label: 'Signing secret', required: true, secret: true },
      { ...none, name: 'Workspace', label: 'Workspace' },
      { ...none, name: 'Notes', label: 'Notes for auditors', multiline: true },
    ]);
  });

  test('are set as they were given, and defaults are not set by themselves', async () => {
    const scene = await stage.scene('Kestrel');
    await scene.reaches('awaitingProperties');

    const SigningSecret = await stage.sealedProperty(scene.key, 'p-1', 'SigningSecret', 'sïgn "it"');
    await scene.sets({ Environment: 'a value of my own', SigningSecret, Notes: 'two\nlines', Region: '' }, 'p-1');
    const end = await scene.gives(key);

    expect(end.state).toBe('authenticated');
    expect(scene.cyclr().Properties.map(({ Name, Value }) => [Name, Value])).toEqual([
      ['Environment', 'a value of my own'],
      ['SigningSecret', 'sïgn "it"'],
      ['Notes', 'two\nlines'],
    ]);
  });

  test.each(['duplicate', 'replace', '400'] as const)(
    'one that is set already is overwritten where a second POST would %s',
    async (secondPost) => {
      stage.sandbox.switches.secondPost = secondPost;
      const on = stage.install('Fernhill', { patch: { Properties: [{ Name: 'Domain', Value: '' }] } });
      const scene = await stage.scene(on);
      await scene.reaches('awaitingProperties');

      await scene.sets({ Domain: 'acme' });

      await scene.reaches('awaitingCredentials');
      expect(scene.cyclr().Properties).toMatchObject([{ Name: 'Domain', Value: 'acme' }]);
    },
  );

  test('a wrong one is asked for again, what was taken is not', async () => {
    const scene = await stage.scene('Kestrel');
    await scene.reaches('awaitingProperties');

    const SigningSecret = await stage.sealedProperty(scene.key, 'p-1', 'SigningSecret', 'wrong-secret');
    const refused = await scene.sets({ Environment: 'staging', SigningSecret }, 'p-1');
    const stored = refused.fields?.filter(({ stored }) => stored).map(({ name }) => name);
    const right = await stage.sealedProperty(scene.key, 'p-2', 'SigningSecret', 'right');
    const taken = await scene.sets({ SigningSecret: right }, 'p-2');

    expect(refused).toMatchObject({
      state: 'awaitingProperties',
      problem: { code: 'refused', fields: [{ name: 'SigningSecret', code: 'refused' }] },
    });
    expect(JSON.stringify(refused)).not.toContain('wrong-secret');
    expect(stored).toEqual(['Environment']);
    expect(taken.state).toBe('awaitingCredentials');
    expect(taken.problem).toBeUndefined();
  });
});

describe.each(['400', 'unauthenticated'] as const)('a wrong key that Cyclr answers with %s', (wrongKey) => {
  test('is asked for again', async () => {
    stage.sandbox.switches.wrongKey = wrongKey;
    const scene = await stage.scene('Brightdesk');
    await scene.reaches('awaitingCredentials');

    const refused = await scene.gives({ kind: 'apiKey', key: 'wrong-key' });
    const again = await scene.gives({ kind: 'apiKey', key: 'wrong-key' });
    const end = await scene.gives({ kind: 'apiKey', key: 'right' });

    expect(refused).toMatchObject({ state: 'awaitingCredentials', problem: { code: 'refused' } });
    expect(JSON.stringify(refused)).not.toContain('wrong-key');
    expect(again).toMatchObject({ state: 'awaitingCredentials', problem: { code: 'refused' } });
    expect(again.revision).toBeGreaterThan(refused.revision);
    expect(end.state).toBe('authenticated');
    expect(end.problem).toBeUndefined();
    expect(scene.cyclr()).toMatchObject({ Authenticated: true, AuthValue: 'right' });
  });
});

test('wrong tokens lead back to the consent that they were to replace', async () => {
  const scene = await stage.scene('Ledgerly');
  await scene.reaches('awaitingAuthorization');

  const refused = await scene.gives({ kind: 'tokens', accessToken: 'wrong' });

  expect(refused).toMatchObject({ state: 'awaitingAuthorization', problem: { code: 'refused' } });
});

test('an icon of 120 KB is left out, a small one is not', async () => {
  const [heavy, light] = await Promise.all([stage.scene('Posterity'), stage.scene('Brightdesk')]);

  const views = await Promise.all([heavy.reaches('awaitingCredentials'), light.reaches('awaitingCredentials')]);

  expect(
    String(stage.sandbox.connectorOf(heavy.key.accountId, heavy.key.connectorId).Connector.Icon).length,
  ).toBeGreaterThan(100_000);
  expect(views[0].connector).not.toHaveProperty('icon');
  expect(views[1].connector?.icon).toMatch(/^data:image\//);
});

test('account ids of every allowed sort are each a flow of their own', async () => {
  const ids = ['a/b', 'a%2Fb', 'ä ö', "it's (me)!*", '100%', 'x'.repeat(200), '+', '..a'];

  const scenes = await Promise.all(ids.map((accountId) => stage.scene('Openrates', { accountId })));
  const ends = await Promise.all(scenes.map(({ key }) => stage.auth.result(key)));

  expect(ends.map(({ accountId, state }) => [accountId, state])).toEqual(ids.map((id) => [id, 'authenticated']));
  expect(new Set(scenes.map(({ key }) => workflowIdOf(key))).size).toBe(ids.length);
  expect(scenes.map(({ requests }) => requests().length)).toEqual(ids.map(() => 1));
});
