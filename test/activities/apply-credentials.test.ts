import { generateKey, publicKeyOf } from '../../sealing/keys';
import { seal } from '../../sealing/seal';
import type { EchoForm, FaultRule } from '../../sandbox/fault-rule';
import type { AuthMethod, Sealed } from '../../workflows/connector';
import type { Credentials } from '../../workflows/messages';
import { problemOf } from '../../workflows/problems';
import { everythingIn, leaks } from './leaks';
import { ACCOUNT, failure, scene, sealedCredentials, stopAll, SUBMISSION, type Scene } from './scene';

afterEach(stopAll);

const KEY: Credentials = { kind: 'apiKey', key: 'këy/w"ith+everything&4711=\\' };

/** A connector of the catalogue for each auth method that applyCredentials supports. */
const connectors: Partial<Record<AuthMethod, string>> = {
  apiKey: 'Brightdesk',
  basic: 'Insightful',
  tokens: 'Homeport',
  consent: 'Ledgerly',
  clientCredentials: 'Quartz',
};
const sceneOf = async (method: AuthMethod) => {
  const at = await scene(connectors[method]);
  if (method === 'clientCredentials') {
    const Properties = ['ClientId', 'ClientSecret'].map((Name) => ({ Name, Value: 'x' }));
    at.sandbox.update(ACCOUNT, at.key.connectorId, { Properties });
  }
  return at;
};

const apply = async ({ activities, key }: Scene, method: AuthMethod, given?: Credentials | string) =>
  activities.applyCredentials(key, {
    method,
    ...(given !== undefined && { submissionId: SUBMISSION, credentials: await sealedCredentials(key, given) }),
  });
/** Returns the method and the body of the only request to the connector. Fails if there are more requests. */
const sent = ({ sandbox, path }: Scene) => {
  const [request, ...more] = sandbox.requests.filter((candidate) => candidate.path === path);
  expect(more).toEqual([]);
  return [request?.method, request?.body];
};
const base64 = (text: string) => Buffer.from(text, 'utf8').toString('base64');

describe('AuthValue', () => {
  const basic = (username: string, password: string): Credentials => ({ kind: 'basic', username, password });
  const tokens = (more: object = {}): Credentials => ({ kind: 'tokens', accessToken: 'ac"cess', ...more });

  test.each<[string, AuthMethod, Credentials | undefined, string]>([
    ['an API key', 'apiKey', KEY, 'këy/w"ith+everything&4711=\\'],
    [
      'an API key without the white space and line breaks at both ends',
      'apiKey',
      { kind: 'apiKey', key: ' \r\n\ta \n b\u00a0\n' },
      'a \n b',
    ],
    ['an API key in Japanese characters and emoji', 'apiKey', { kind: 'apiKey', key: '鍵🔑' }, '鍵🔑'],
    [
      'a user name and a password in base64',
      'basic',
      basic('me@x.example/token', 'hunter2'),
      base64('me@x.example/token:hunter2'),
    ],
    [
      'a user name and a password with characters outside of ASCII, in base64',
      'basic',
      basic('müller', 'pässwörd🔑'),
      'bcO8bGxlcjpww6Rzc3fDtnJk8J+UkQ==',
    ],
    ['a user name and an empty password in base64', 'basic', basic('api-key', ''), base64('api-key:')],
    ['a user name and a password with a colon in base64', 'basic', basic('me', 'a:b:'), base64('me:a:b:')],
    [
      'a user name and a password in base64, with their white space unchanged',
      'basic',
      basic(' me ', ' a\tb \n'),
      base64(' me : a\tb \n'),
    ],
    [
      'tokens as JSON, without white space at both ends of each token, and with unchanged times',
      'tokens',
      { kind: 'tokens', accessToken: '\n a b\n', refreshToken: '\tr \n', expires: ' 2030 ' },
      '{"AccessToken":"a b","RefreshToken":"r","Expires":" 2030 "}',
    ],
    ['an access token as JSON without further members', 'tokens', tokens(), '{"AccessToken":"ac\\"cess"}'],
    [
      'all members of tokens as JSON',
      'consent',
      tokens({ refreshToken: 'r', expires: '2030-01-01T00:00:00Z', refreshExpires: '2031-01-01T00:00:00Z' }),
      '{"AccessToken":"ac\\"cess","RefreshToken":"r","Expires":"2030-01-01T00:00:00Z","RefreshExpires":"2031-01-01T00:00:00Z"}',
    ],
    [
      'an empty JSON object for client credentials, because Cyclr gets these as properties',
      'clientCredentials',
      undefined,
      '{}',
    ],
  ])('the AuthValue that applyCredentials sends to Cyclr is %s', async (_what, method, given, AuthValue) => {
    const at = await sceneOf(method);

    await apply(at, method, given);

    expect(sent(at)).toEqual(['PUT', { AuthValue }]);
    expect(at.stored().AuthValue).toBe(AuthValue);
  });
});

test('applyCredentials returns the connector without the stored value', async () => {
  const at = await sceneOf('apiKey');

  const connector = await apply(at, 'apiKey', KEY);

  expect(connector).toMatchObject({ name: 'Brightdesk', authenticated: true });
  expect(leaks(JSON.stringify(connector), 'këy/w"ith+everything&4711=\\')).toEqual([]);
});

test('applyCredentials stores the credentials only once, even if an answer of Cyclr is lost and the activity is repeated', async () => {
  const at = await sceneOf('apiKey');
  at.sandbox.fault({ match: { method: 'PUT' }, then: 'applied-then-reset' });

  const lost = await failure(apply(at, 'apiKey', KEY));
  const connector = await apply(at, 'apiKey', KEY);

  expect(lost).toMatchObject({ type: 'CyclrUnavailable', nonRetryable: false });
  expect(connector.authenticated).toBe(true);
});

describe.each(['applied-then-204', 'applied-then-empty', 'applied-then-html'] as const)(
  'after Cyclr answers a write with success, but without a readable connector (%s),',
  (then) => {
    const sceneAfter = async (method: AuthMethod) => {
      const at = await sceneOf(method);
      at.sandbox.fault({ match: { method: 'PUT' }, times: 'always', then });
      return at;
    };

    test.each<[AuthMethod, Credentials | undefined]>([
      ['apiKey', KEY],
      ['basic', { kind: 'basic', username: 'me', password: 'x' }],
      ['tokens', { kind: 'tokens', accessToken: 'x' }],
      ['clientCredentials', undefined],
    ])(
      'applyCredentials re-reads the connector once, and accepts Authenticated: true for the auth method %s',
      async (method, given) => {
        const at = await sceneAfter(method);

        const connector = await apply(at, method, given);

        expect(connector.authenticated).toBe(true);
        expect(at.calls()).toEqual(['PUT', 'GET']);
      },
    );

    test('applyCredentials refuses the credentials if the re-read connector has Authenticated: false', async () => {
      const at = await sceneAfter('apiKey');
      at.sandbox.switches.wrongKey = 'unauthenticated';

      const refused = await failure(apply(at, 'apiKey', { kind: 'apiKey', key: 'wrong-key-4711' }));

      expect(refused).toMatchObject({ type: 'CyclrRefused', details: [{ code: 'refused' }, { authenticated: false }] });
      expect(at.calls()).toEqual(['PUT', 'GET']);
    });

    test.each<[string, object]>([
      ['cannot be read', { AuthValue: null }],
      ['was replaced by newer tokens', { AuthValue: '{"AccessToken":"newer"}' }],
    ])(
      'applyCredentials accepts Authenticated: true after tokens were sent, even if the stored value %s',
      async (_what, changed) => {
        const at = await sceneAfter('consent');
        const body = { ...at.stored(), Authenticated: true, ...changed };
        at.sandbox.fault({ match: { method: 'GET', path: at.path }, then: { status: 200, body } });

        const connector = await apply(at, 'consent', { kind: 'tokens', accessToken: 'x' });

        expect(connector.authenticated).toBe(true);
      },
    );
  },
);

test.each<[string, object]>([
  ['nothing', {}],
  ['an older key', { AuthValue: 'older-key', Authenticated: true }],
])(
  'applyCredentials is retried if Cyclr answers the PUT of an API key with an HTML page, and the re-read finds %s stored',
  async (_what, patch) => {
    const at = await sceneOf('apiKey');
    at.sandbox.update(ACCOUNT, at.key.connectorId, patch);
    at.sandbox.fault({ match: { method: 'PUT' }, then: 'html' });

    const lost = await failure(apply(at, 'apiKey', KEY));
    const connector = await apply(at, 'apiKey', KEY);

    expect(lost).toMatchObject({ type: 'CyclrUnavailable', nonRetryable: false });
    expect(lost.message).toMatch(`PUT ${at.path}: `);
    expect(connector.authenticated).toBe(true);
    expect(at.calls()).toEqual(['PUT', 'GET', 'PUT']);
  },
);

test('if Cyclr answers the PUT without a body, and the re-read fails, applyCredentials fails with the error of the re-read', async () => {
  const at = await sceneOf('apiKey');
  at.sandbox.fault({ match: { method: 'PUT' }, then: 'applied-then-204' });
  at.sandbox.fault({ match: { method: 'GET', path: at.path }, then: { status: 403 } });

  const failed = await failure(apply(at, 'apiKey', KEY));

  expect(failed).toMatchObject({ type: 'CyclrForbidden', nonRetryable: true });
});

describe('applyCredentials checks its input before it sends a request to Cyclr', () => {
  const given: { [kind: string]: Credentials } = {
    apiKey: KEY,
    basic: { kind: 'basic', username: 'me', password: 'x' },
    tokens: { kind: 'tokens', accessToken: 'x' },
  };
  const takes: [AuthMethod, string][] = [
    ['apiKey', 'apiKey'],
    ['basic', 'basic'],
    ['tokens', 'tokens'],
    ['consent', 'tokens'],
    ['clientCredentials', ''],
    ['none', ''],
    ['unsupported', ''],
  ];
  const wrong = takes.flatMap(([method, kind]) =>
    Object.keys(given).flatMap((other): [string, AuthMethod][] => (other === kind ? [] : [[other, method]])),
  );

  test.each(wrong)(
    'applyCredentials refuses credentials of the kind %s for the auth method %s as wrongKind',
    async (kind, method) => {
      const at = await scene(connectors[method]);

      const refused = await failure(apply(at, method, given[kind]));

      expect(refused).toMatchObject({ type: 'InputRefused', nonRetryable: true, details: [problemOf('wrongKind')] });
      expect(at.sandbox.requests).toEqual([]);
    },
  );

  test.each<AuthMethod>(['apiKey', 'basic', 'tokens', 'consent'])(
    'applyCredentials refuses absent credentials for the auth method %s as wrongKind',
    async (method) => {
      const at = await scene(connectors[method]);

      const refused = await failure(apply(at, method));

      expect(refused).toMatchObject({ type: 'InputRefused', details: [problemOf('wrongKind')] });
      expect(at.sandbox.requests).toEqual([]);
    },
  );

  const secret = 'hunter2/päss+4711';
  test.each([
    secret,
    `${secret}{`,
    JSON.stringify(secret),
    `{"kind":"apiKey","key":"${secret}"`,
    `{"kind":"apiKey","key":""}`,
    `{"kind":"apiKey","key":"${secret}","${secret}":1}`,
    `{"kind":"${secret}"}`,
    `{"kind":"basic","username":"a:b","password":"${secret}"}`,
    `{"kind":"basic","username":"","password":"${secret}"}`,
    `["${secret}"]`,
    'null',
    '',
    `{"kind":"apiKey","key":" \\n"}`,
    `{"kind":"tokens","accessToken":" ","refreshToken":"${secret}"}`,
    `{"kind":"tokens","accessToken":"${secret}","refreshToken":"\\n"}`,
  ])(
    'applyCredentials refuses as malformed an opened text that is not credentials, and does not quote the text: %j',
    async (plaintext) => {
      const at = await sceneOf('apiKey');

      const refused = await failure(apply(at, 'apiKey', plaintext));

      expect(refused).toMatchObject({ type: 'InputRefused', nonRetryable: true, details: [problemOf('malformed')] });
      expect(leaks(everythingIn([refused, at.log]), secret)).toEqual([]);
      expect(everythingIn(refused)).not.toMatch(/JSON at position|Unexpected token|SyntaxError|ZodError/);
      expect(at.sandbox.requests).toEqual([]);
    },
  );

  test.each<[string, (at: Scene) => Promise<Sealed>]>([
    ['sealed for another connector', ({ key }) => sealedCredentials({ ...key, connectorId: 1 }, KEY)],
    ['sealed for another account', ({ key }) => sealedCredentials({ ...key, accountId: 'acme' }, KEY)],
    ['damaged', async () => ({ sealed: 'a..b.c.d' })],
  ])('applyCredentials refuses as notOpenable a value that is %s', async (_what, sealed) => {
    const at = await sceneOf('apiKey');
    const input = { method: 'apiKey', submissionId: SUBMISSION, credentials: await sealed(at) } as const;

    const refused = await failure(at.activities.applyCredentials(at.key, input));

    expect(refused).toMatchObject({ type: 'InputRefused', nonRetryable: true, details: [problemOf('notOpenable')] });
    expect(at.sandbox.requests).toEqual([]);
  });

  test('applyCredentials is retried if the worker lacks the sealing key of a value, because another worker can hold this key', async () => {
    const at = await sceneOf('apiKey');
    const other = await publicKeyOf(JSON.stringify({ keys: [await generateKey()] }));
    const binding = { ...at.key, purpose: 'credentials', submissionId: SUBMISSION } as const;
    const credentials = await seal(JSON.stringify(KEY), binding, other);

    const unknown = await failure(
      at.activities.applyCredentials(at.key, { method: 'apiKey', submissionId: SUBMISSION, credentials }),
    );

    expect(unknown).toMatchObject({ type: 'UnknownSealingKey', nonRetryable: false });
    expect(at.counted).toEqual(['cyclr_connect_unknown_sealing_keys_total']);
    expect(at.sandbox.requests).toEqual([]);
  });
});

describe('the answer 200 with Authenticated: false to a PUT of credentials', () => {
  const given: { [method: string]: Credentials } = {
    apiKey: { kind: 'apiKey', key: 'wrong-key-4711' },
    basic: { kind: 'basic', username: 'me', password: 'wrong-password-4711' },
  };

  test.each<AuthMethod>(['apiKey', 'basic'])(
    'Authenticated: false after a PUT of credentials is a refusal for the auth method %s',
    async (method) => {
      const at = await sceneOf(method);
      at.sandbox.switches.wrongKey = 'unauthenticated';

      const refused = await failure(apply(at, method, given[method]));

      expect(refused).toMatchObject({
        type: 'CyclrRefused',
        nonRetryable: true,
        details: [{ code: 'refused' }, { authenticated: false }],
      });
      expect(leaks(everythingIn(refused), 'wrong-key-4711', 'wrong-password-4711')).toEqual([]);
    },
  );

  test.each<[AuthMethod, Credentials | undefined]>([
    ['clientCredentials', undefined],
    ['tokens', { kind: 'tokens', accessToken: 'x' }],
    ['consent', { kind: 'tokens', accessToken: 'x' }],
  ])(
    'Authenticated: false after a PUT of credentials is no refusal for the auth method %s, because Cyclr checks such credentials only at its next call to the third party',
    async (method, credentials) => {
      const at = await sceneOf(method);
      at.sandbox.fault({ match: { method: 'PUT' }, then: 'unauthenticated' });

      const connector = await apply(at, method, credentials);

      expect(connector.authenticated).toBe(false);
    },
  );
});

describe('secrets in error texts of Cyclr', () => {
  const forms: EchoForm[] = ['plain', 'json-escaped', 'base64', 'url-encoded', 'truncated', 'upper'];
  const secrets = ['hunter2/päss+4711', 'zweites "Wort" & mehr'];
  const given: [AuthMethod, Credentials][] = [
    ['apiKey', { kind: 'apiKey', key: secrets[0]! }],
    ['basic', { kind: 'basic', username: 'me', password: secrets[0]! }],
    ['tokens', { kind: 'tokens', accessToken: secrets[0]!, refreshToken: secrets[1]! }],
  ];

  test.each(given.flatMap(([method, credentials]) => forms.map((form) => [method, form, credentials] as const)))(
    'if Cyclr repeats a secret in an error text, the failure of the activity contains no credentials of the auth method %s in the form %s',
    async (method, form, credentials) => {
      const at = await sceneOf(method);
      at.sandbox.fault({ match: { method: 'PUT' }, then: { kind: 'echo400', form } });

      const refused = await failure(apply(at, method, credentials));

      expect(refused).toMatchObject({ type: 'CyclrRefused', nonRetryable: true, details: [{ code: 'refused' }] });
      expect(refused.details).toEqual([problemOf('refused', [], `PUT ${at.path}: 400`)]);
      expect(leaks(everythingIn([refused, at.log]), ...secrets)).toEqual([]);
    },
  );

  test.each(forms)(
    'if Cyclr repeats a secret in an error text, the failure of the activity contains no value of a property in the form %s',
    async (form) => {
      const at = await scene('Fernhill');
      at.sandbox.fault({ match: { method: 'POST', path: at.path }, then: { kind: 'echo400', form } });

      const refused = await failure(
        at.activities.applyProperties(at.key, {
          submissionId: SUBMISSION,
          values: { Domain: secrets[0]! },
          required: [],
        }),
      );

      expect(refused).toMatchObject({ type: 'CyclrRefused', nonRetryable: true });
      expect(leaks(everythingIn(refused), ...secrets)).toEqual([]);
    },
  );

  test.each(forms)(
    'if Cyclr repeats a secret in an error text, the failure of the activity contains no client secret in the form %s',
    async (form) => {
      const at = await sceneOf('apiKey');
      at.sandbox.fault({ match: { path: '/oauth/token' }, then: { kind: 'echo400', form } });

      const refused = await failure(apply(at, 'apiKey', KEY));

      expect(refused).toMatchObject({ type: 'CyclrForbidden', nonRetryable: true });
      expect(leaks(everythingIn(refused), at.sandbox.clientSecret)).toEqual([]);
    },
  );
});

test.each<[FaultRule['then'], object]>([
  [{ status: 403 }, { type: 'CyclrForbidden', nonRetryable: true }],
  [
    { kind: 'throttled', retryAfter: 3 },
    { type: 'CyclrThrottled', nonRetryable: false, nextRetryDelay: 3000 },
  ],
])(
  'if Cyclr answers the PUT of the credentials with %j, applyCredentials fails, but does not report the credentials as refused',
  async (then, expected) => {
    const at = await sceneOf('apiKey');
    at.sandbox.fault({ match: { method: 'PUT' }, then });

    const failed = await failure(apply(at, 'apiKey', KEY));

    expect(failed).toMatchObject(expected);
  },
);

describe('fetchConnector', () => {
  test('fetchConnector returns the name, auth type and fields of the connector', async () => {
    const { activities, key } = await scene('Openrates');

    const connector = await activities.fetchConnector(key);

    expect(connector).toMatchObject({ name: 'Openrates', authType: 'None', authenticated: false, fields: [] });
  });

  test('for an unknown account, fetchConnector fails with CyclrUnauthorized, and its retry fails with CyclrAccessDenied', async () => {
    const { activities, key } = await scene();
    const foreign = { ...key, accountId: 'nobody' };

    const failures = [
      await failure(activities.fetchConnector(foreign)),
      await failure(activities.fetchConnector(foreign)),
    ];

    expect(failures).toMatchObject([
      { type: 'CyclrUnauthorized', nonRetryable: false },
      { type: 'CyclrAccessDenied', nonRetryable: true },
    ]);
  });

  test('for an invalid account id, fetchConnector fails without a request', async () => {
    const { activities, key, sandbox } = await scene();

    const failed = await failure(activities.fetchConnector({ ...key, accountId: 'アカ1' }));

    expect(failed).toMatchObject({ type: 'InvalidInput', nonRetryable: true });
    expect(sandbox.requests).toEqual([]);
  });
});
