import { ConnectorAuthError } from '../../client/connector-auth-error';
import type { TimelineEntry } from '../../workflows/messages';
import { cli, viewOf } from './scene';

const started = {
  workflowId: 'connector-auth/acme/42',
  runId: 'run-1',
  started: true,
  intent: 'authenticate',
} as const;
const start = async () => started;
const entries: TimelineEntry[] = [
  { at: '2030-01-01T00:00:00.000Z', from: 'fetchingConnector', event: 'connectorFetched', to: 'awaitingCredentials' },
  {
    at: '2030-01-01T00:00:01.000Z',
    from: 'awaitingCredentials',
    event: 'credentialsSubmitted',
    to: 'awaitingCredentials',
    id: 'sub-1',
    by: 'cli:kim',
    note: 'notSealed',
  },
];
const entryLines = [
  '2030-01-01T00:00:00.000Z  fetchingConnector -> awaitingCredentials  connectorFetched',
  '2030-01-01T00:00:01.000Z  awaitingCredentials  credentialsSubmitted  sub-1  by cli:kim  notSealed',
];

describe('cyclr-connect start', () => {
  test('the command start prints the started flow and the next command', async () => {
    const { exitCode, stdout, stderr, calls, closed } = await cli(['start', 'acme', '42'], { answers: { start } });

    expect({ exitCode, stdout, stderr, closed }).toEqual({
      exitCode: 0,
      stdout: 'Started connector-auth/acme/42 (authenticate). Next: cyclr-connect view acme 42\n',
      stderr: '',
      closed: 1,
    });
    const by = expect.stringMatching(/^cli(:.{1,96})?$/);
    expect(calls).toEqual([
      {
        name: 'start',
        args: [
          { accountId: 'acme', connectorId: 42 },
          { intent: 'authenticate', by },
        ],
      },
    ]);
  });

  test('the command start with --json prints `workflowId`, `runId`, `started` and `intent`', async () => {
    const { stdout } = await cli(['start', 'acme', '42', '--json'], { answers: { start } });

    expect(stdout).toBe(`${JSON.stringify(started)}\n`);
  });

  test('the command start prints "Already open" for an open flow, with exit code 0', async () => {
    const { exitCode, stdout } = await cli(['start', 'acme', '42'], {
      answers: { start: async () => ({ ...started, started: false }) },
    });

    expect(exitCode).toBe(0);
    expect(stdout).toMatch('Already open: connector-auth/acme/42 (authenticate).');
  });

  test('the command start with --reauthenticate sends the intent, and prints the code of a refusal', async () => {
    const refusing = async () => {
      throw new ConnectorAuthError('alreadyRunning', 'One is open.');
    };

    const { exitCode, stdout, stderr, calls, closed } = await cli(['start', 'acme', '42', '--reauthenticate'], {
      answers: { start: refusing },
    });

    expect(calls[0]!.args[1]).toMatchObject({ intent: 'reauthenticate' });
    expect({ exitCode, stdout, stderr, closed }).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: 'alreadyRunning: One is open. To see the state: cyclr-connect view acme 42\n',
      closed: 1,
    });
  });

  test('the command start with --wait exits 0 when the flow ends authenticated', async () => {
    const result = async () => viewOf({ state: 'authenticated', verification: 'notChecked' });

    const { exitCode, stdout, stderr } = await cli(['start', 'acme', '42', '--wait', '--json'], {
      answers: { start, result },
    });

    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toEqual(started);
    expect(stderr).toBe('authenticated\n');
  });

  test.each([
    ['expired', viewOf({ state: 'expired' }), 'expired. Next: cyclr-connect start acme 42\n'],
    [
      'unsupported',
      viewOf({ state: 'unsupported' }),
      'unsupported. Next: an operator authenticates the connector in Cyclr\n',
    ],
    [
      'failed',
      viewOf({ state: 'failed', failure: { code: 'connectorNotFound', message: 'There is none.' } }),
      'failed: connectorNotFound: There is none. Next: cyclr-connect start acme 42\n',
    ],
  ])(
    'the command start with --wait exits 3 if the flow ends as %s, and prints the next step',
    async (_state, view, line) => {
      const { exitCode, stdout, stderr } = await cli(['start', 'acme', '42', '--wait', '--json'], {
        answers: { start, result: async () => view },
      });

      expect(exitCode).toBe(3);
      expect(JSON.parse(stdout)).toEqual(started);
      expect(stderr).toBe(line);
    },
  );
});

describe('cyclr-connect view', () => {
  test('the command view shows the state, the problem, the fields and the next step', async () => {
    const view = viewOf({
      state: 'awaitingProperties',
      deadline: '2030-01-08T00:00:00.000Z',
      problem: {
        code: 'missingProperty',
        message: 'Some are missing.',
        fields: [{ name: 'Key', code: 'missingProperty' }],
      },
      fields: [
        { name: 'Domain', label: 'Your domain', required: true, secret: false, stored: true, options: ['eu', 'us'] },
        { name: 'Key', label: 'Client key', required: true, secret: true, stored: false },
        { name: 'Note', label: 'Note', required: false, secret: false, stored: false },
      ],
    });

    const { exitCode, stdout } = await cli(['view', 'acme', '42'], { answers: { view: async () => view } });

    expect(exitCode).toBe(0);
    expect(stdout).toBe(`account    acme
connector  42  HubSpot (ApiKey)
state      awaitingProperties
deadline   2030-01-08T00:00:00.000Z
problem    missingProperty: Some are missing.
           Key: missingProperty
fields     Domain  Your domain  stored, eu | us
           Key     Client key   missing, secret
           Note    Note         optional
next       cyclr-connect properties acme 42
`);
  });

  test.each([
    [
      'the verification',
      viewOf({ state: 'authenticated', verification: 'unproven', intent: 'reauthenticate' }),
      /^state +authenticated, unproven$/m,
    ],
    [
      'the failure',
      viewOf({ state: 'failed', failure: { code: 'accessDenied', message: 'No.' } }),
      /^failure +accessDenied: No\.$/m,
    ],
    [
      'the next command, quoted for a shell',
      viewOf({ state: 'expired', accountId: "O'Neil & Co" }),
      /^next +cyclr-connect start 'O'\\''Neil & Co' 42$/m,
    ],
    ['the next step of an operator', viewOf({ state: 'unsupported' }), /^next +an operator/m],
    [
      'the connector id if the name is unknown',
      viewOf({ connector: undefined, state: 'fetchingConnector' }),
      /^connector +42$/m,
    ],
    [
      'the attempt',
      viewOf({
        state: 'awaitingAuthorization',
        attempt: { id: 'a-1', requestedAt: '…', expiresAt: '2030-01-01T00:05:00Z' },
      }),
      /^attempt +a-1, until 2030-01-01T00:05:00Z$/m,
    ],
  ])('the command view prints %s', async (_part, view, line) => {
    const { stdout } = await cli(['view', 'acme', '42'], { answers: { view: async () => view } });

    expect(stdout).toMatch(line);
  });

  test('the command view with --json prints the view on one line', async () => {
    const { stdout } = await cli(['view', '--json', 'acme', '42'], { answers: { view: async () => viewOf() } });

    expect(JSON.parse(stdout)).toEqual(viewOf());
    expect(stdout.match(/\n/g)).toHaveLength(1);
  });

  test('the command view does not print the control characters in a connector name', async () => {
    const view = viewOf({
      connector: { name: 'Evil\u001b[2J\u009b1m\u202e\nnext  x', authType: 'ApiKey', partnerSupplied: false },
    });

    const { stdout } = await cli(['view', 'acme', '42'], { answers: { view: async () => view } });

    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(stdout.match(/^next/gm)).toHaveLength(1);
  });
});

describe('timeline and watch', () => {
  test('the command timeline prints the entries, and the number of dropped entries', async () => {
    const timeline = async () => ({ entries, dropped: 7 });

    const text = await cli(['timeline', 'acme', '42'], { answers: { timeline } });
    const json = await cli(['timeline', 'acme', '42', '--json'], { answers: { timeline } });

    expect(text.stdout.trimEnd().split('\n')).toEqual(['(7 older entries are dropped)', ...entryLines]);
    expect(JSON.parse(json.stdout)).toEqual({ entries, dropped: 7 });
  });

  test('the command watch prints each entry on one line, and with --json as a JSON object', async () => {
    const timelineEntries = async function* () {
      yield* entries;
    };

    const text = await cli(['watch', 'acme', '42'], { answers: { timelineEntries } });
    const json = await cli(['watch', 'acme', '42', '--json'], { answers: { timelineEntries } });

    expect([text.exitCode, json.exitCode]).toEqual([0, 0]);
    expect(text.stdout.trimEnd().split('\n')).toEqual(entryLines);
    expect(
      json.stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(entries);
  });

  test.each([
    ['watch', { timelineEntries: () => (async function* (): AsyncGenerator<TimelineEntry> { await new Promise(() => {}); })() }], // prettier-ignore
    ['start --wait', { start, result: () => new Promise<never>(() => {}) }],
  ])('the command %s exits 130 without a message after an interruption', async (command, answers) => {
    const interruption = new AbortController();
    const [name, ...flags] = command.split(' ');

    const running = cli([name!, 'acme', '42', ...flags], { answers, signal: interruption.signal });
    setImmediate(() => interruption.abort());
    const { exitCode, stderr, closed } = await running;

    expect({ exitCode, stderr, closed }).toEqual({ exitCode: 130, stderr: '', closed: 1 });
  });
});

describe('cyclr-connect recheck', () => {
  test('the command recheck sends a `by` that begins with cli, and prints the view, with exit code 0 even if the view has a problem', async () => {
    const view = viewOf({ problem: { code: 'cyclrUnavailable', message: 'Cyclr does not answer.' } });
    const recheck = async () => view;

    const text = await cli(['recheck', 'acme', '42'], { answers: { recheck } });
    const json = await cli(['recheck', 'acme', '42', '--json'], { answers: { recheck } });

    expect(text).toMatchObject({
      exitCode: 0,
      stderr: '',
      stdout: expect.stringMatching(/^state +awaitingCredentials$/m),
    });
    expect(json).toMatchObject({ exitCode: 0, stderr: '', stdout: `${JSON.stringify(view)}\n` });
    expect(json.calls).toEqual([
      { name: 'recheck', args: [{ accountId: 'acme', connectorId: 42 }, { by: expect.stringMatching(/^cli/) }] },
    ]);
  });

  test.each([
    ['closed', 'closed: It has ended. To start: cyclr-connect start acme 42\n'],
    ['paused', 'paused: It has ended.\n'],
  ] as const)('the command recheck prints the code of the error %s, with exit code 1', async (code, line) => {
    const recheck = () => Promise.reject(new ConnectorAuthError(code, 'It has ended.'));

    const { exitCode, stdout, stderr } = await cli(['recheck', 'acme', '42'], { answers: { recheck } });

    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 1, stdout: '', stderr: line });
  });
});

describe('cyclr-connect cancel', () => {
  test('the command cancel sends the reason and prints the view', async () => {
    const cancelled = viewOf({ state: 'cancelled' });

    const { exitCode, stdout, calls } = await cli(['cancel', 'acme', '42', '--reason', 'wrong one', '--json'], {
      answers: { cancel: async () => cancelled },
    });

    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toEqual(cancelled);
    expect(calls[0]!.args).toEqual([
      { accountId: 'acme', connectorId: 42 },
      { reason: 'wrong one', by: expect.stringMatching(/^cli/) },
    ]);
  });

  test('the command cancel prints `notStarted` for a flow that was never started, with exit code 1', async () => {
    const cancel = async () => {
      throw new ConnectorAuthError('notStarted', 'There is none.');
    };

    const { exitCode, stdout, stderr } = await cli(['cancel', 'acme', '42'], { answers: { cancel } });

    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: 'notStarted: There is none. To start: cyclr-connect start acme 42\n',
    });
  });
});
