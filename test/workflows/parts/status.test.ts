import fc from '../../support/fast-check';
import type { Connector, Field } from '../../../workflows/connector';
import type { State } from '../../../workflows/authenticate-connector/machine';
import type { Input, TimelineEntry, View } from '../../../workflows/messages';
import { escapeMarkdown } from '../../../workflows/markdown';
import { problemOf } from '../../../workflows/problems';
import { detailsOf, viewOf, type Status, type ViewSource } from '../../../workflows/authenticate-connector/status';
import { allStates, connector } from '../../../scripts/faults/machine-samples';

const SINCE = '2030-01-01T00:00:00.000Z';
const input: Input = { accountId: 'acme', connectorId: 42 };
const source = (state: State, more: Partial<ViewSource> = {}): ViewSource => ({
  input,
  runId: 'run-1',
  state,
  revision: 3,
  since: Date.parse(SINCE),
  ...more,
});
const domain: Field = {
  name: 'Domain',
  label: 'Company domain',
  help: 'As in acme.example',
  required: true,
  secret: false,
  stored: false,
  options: ['a', 'b'],
  multiline: true,
  default: 'a',
};
const whole: Connector = {
  name: 'Brightdesk',
  description: 'Tickets',
  icon: 'data:image/png;base64,AA==',
  authType: 'OAuth2',
  oauth2Type: 'AuthorisationCode',
  authDescription: 'Sign in',
  partnerSupplied: false,
  authenticated: false,
  fields: [domain],
};
const identity = {
  ...{ accountId: 'acme', connectorId: 42, intent: 'authenticate', runId: 'run-1', revision: 3, since: SINCE },
} as const;
const { authenticated: _authenticated, fields: _fields, ...shown } = whole;
const problem = problemOf('refused', ['Domain'], '400');
const attempt = { id: 'a1', requestedAt: '2030-01-01T00:00:00Z', expiresAt: '2030-01-01T00:05:00Z' };
const sealed = { sealed: 'a..secret.c.d' };

describe('views', () => {
  const shownFields: [State, object][] = [
    [{ name: 'fetchingConnector', intent: 'authenticate' }, {}],
    [{ name: 'fetchingConnector', intent: 'authenticate', problem }, { problem }],
    [
      { name: 'awaitingProperties', connector: whole, problem },
      { connector: shown, fields: [domain], problem },
    ],
    [
      { name: 'applyingProperties', connector: whole, submissionId: 's1', values: { Domain: 'acme', Secret: sealed } },
      { connector: shown },
    ],
    [{ name: 'awaitingCredentials', connector: whole }, { connector: shown }],
    [
      { name: 'awaitingAuthorization', connector: whole, attempt },
      { connector: shown, attempt },
    ],
    [
      {
        name: 'applyingCredentials',
        connector: whole,
        from: 'awaitingCredentials',
        method: 'apiKey',
        submissionId: 's1',
        credentials: sealed,
        problem,
      },
      { connector: shown, problem },
    ],
    [
      { name: 'verifyingAuthorization', connector: whole, attemptId: 'a1', superseded: false, attempt },
      { connector: shown, attempt },
    ],
    [
      { name: 'authenticated', connector: whole, verification: 'notChecked' },
      { connector: shown, verification: 'notChecked' },
    ],
    [
      { name: 'expired', connector: whole, problem },
      { connector: shown, problem },
    ],
    [{ name: 'expired' }, {}],
    [{ name: 'cancelled' }, {}],
    [
      { name: 'failed', failure: { code: 'connectorNotFound', message: 'gone' } },
      { failure: { code: 'connectorNotFound', message: 'gone' } },
    ],
    [{ name: 'unsupported', connector: whole }, { connector: shown }],
  ];

  test.each(shownFields.map(([state, expected]) => [state.name, state, expected] as const))(
    'a view in the state %s shows exactly the fields that belong to this state',
    (name, state, expected) => {
      const connected = 'connector' in state && { connected: name === 'authenticated' };

      expect(viewOf(source(state))).toStrictEqual({ ...identity, state: name, ...connected, ...expected });
    },
  );

  test('a view shows as `connected` whether Cyclr reported Authenticated at the last read', () => {
    const connectedOf = (state: State) => viewOf(source(state)).connected;

    expect(connectedOf({ name: 'fetchingConnector', intent: 'authenticate' })).toBeUndefined();
    expect(connectedOf({ name: 'awaitingCredentials', connector: whole })).toBe(false);
    expect(connectedOf({ name: 'awaitingCredentials', connector: { ...whole, authenticated: true } })).toBe(true);
    expect(connectedOf({ name: 'authenticated', connector: whole, verification: 'notChecked' })).toBe(true);
  });

  test('a view shows the deadline of a waiting state', () => {
    const deadline = Date.parse('2030-01-08T00:00:00.000Z');

    const view = viewOf(source({ name: 'awaitingCredentials', connector: whole }, { deadline }));

    expect(view.deadline).toBe('2030-01-08T00:00:00.000Z');
  });

  test('a view shows the intent of the start input', () => {
    const view = viewOf(source({ name: 'cancelled' }, { input: { ...input, intent: 'reauthenticate' } }));

    expect(view.intent).toBe('reauthenticate');
  });
});

describe('content that a view never shows', () => {
  /** Copies a value, and adds unknown members to each object in the value. */
  const withMore = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(withMore);
    if (typeof value !== 'object' || value === null) return value;
    const parts = Object.entries(value).map(([name, part]) => [name, withMore(part)]);
    return { ...Object.fromEntries(parts), AuthValue: 'clear-4711', value: 'clear-4711', Value: { x: 'clear-4711' } };
  };
  const states = [...allStates, { name: 'awaitingProperties', connector: whole, problem } as const];

  test.each(states.map((state) => [state.name, state] as const))(
    'a view never shows a member of the state %s that is not on the allow-list',
    (_name, state) => {
      const added = withMore({ ...state, values: { Domain: 'clear-4711' }, credentials: sealed }) as State;

      const view = viewOf({ ...source(added), token: 'clear-4711' } as ViewSource);

      expect(JSON.stringify(view)).not.toMatch(/clear-4711|AuthValue|secret\.c\.d|"values"|"credentials"/);
    },
  );

  test('a view never shows a part of a malformed input', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (given) => {
        const failed: State = { name: 'failed', failure: { code: 'invalidInput', message: 'no' } };

        const view = viewOf(source(failed, { input: given as unknown as Input }));

        expect(view).toStrictEqual({
          ...identity,
          accountId: '',
          connectorId: 0,
          state: 'failed',
          failure: { code: 'invalidInput', message: 'no' },
        });
      }),
    );
  });

  test('a view never shows a member that is null or undefined', () => {
    const absent = { ...connector('ApiKey'), icon: undefined, description: undefined } as Connector;

    const view = viewOf(source({ name: 'awaitingCredentials', connector: absent, problem: undefined }));

    expect(Object.keys(view.connector!)).toEqual(['name', 'authType', 'partnerSupplied']);
    expect(view).not.toHaveProperty('problem');
  });
});

describe('details in Temporal Web', () => {
  const details = (state: State, more: Partial<ViewSource> = {}, status: Partial<Status> = {}) =>
    detailsOf({ view: viewOf(source(state, more)), timeline: { entries: [] }, ...status });
  const at = '2030-01-01T00:00:00.000Z';
  const table = ['| At | Event | State | By | Note |', '| --- | --- | --- | --- | --- |'];

  test('the details in Temporal Web have state, auth type, missing properties, deadline and problem', () => {
    const state: State = { name: 'awaitingProperties', connector: whole, problem };
    const entries: TimelineEntry[] = [
      { at, from: 'fetchingConnector', event: 'connectorFetched', to: 'awaitingProperties' },
      {
        at,
        from: 'awaitingProperties',
        event: 'inputRefused',
        to: 'awaitingProperties',
        by: 'user',
        note: 'notNow',
        count: 3,
      },
    ];
    const time = escapeMarkdown(at);

    expect(
      details(state, { deadline: Date.parse('2030-01-08T00:00:00Z') }, { timeline: { entries, dropped: 2 } }),
    ).toBe(
      [
        '### Brightdesk: `awaitingProperties`',
        '',
        '**Waiting for the user** to give the properties.',
        '',
        `- Since: ${SINCE}`,
        '- Auth type: OAuth2 / AuthorisationCode',
        '- Missing: Domain',
        '- Deadline: 2030-01-08T00:00:00.000Z, then it expires',
        `- Problem: \`refused\`. ${problem.message}`,
        '- Refused inputs: 3',
        '',
        ...table,
        `| ${time} | connectorFetched | fetchingConnector → awaitingProperties |  |  |`,
        `| ${time} | inputRefused × 3 | awaitingProperties | user | notNow |`,
        '',
        '2 older entries',
      ].join('\n'),
    );
  });

  test('the details in Temporal Web have the endpoint and status of a refused call, if only an operator can mend the cause', () => {
    const state: State = { name: 'fetchingConnector', intent: 'authenticate', problem: problemOf('cyclrUnavailable') };

    const text = details(state, {}, { outage: { operatorsTrouble: 'GET /v1.0/account/connectors/42: 403' } });

    expect(text).toContain(`\n- \`operatorsTrouble\`: ${escapeMarkdown('GET /v1.0/account/connectors/42: 403')}\n`);
  });

  test('the details in Temporal Web have the sender and the reason of a cancellation', () => {
    const entries: TimelineEntry[] = [
      { at, from: 'awaitingCredentials', event: 'cancelled', to: 'cancelled', by: 'backend', note: 'wrong app' },
    ];

    const text = details({ name: 'cancelled', connector: whole }, {}, { timeline: { entries } });

    expect(text).toContain('\n- Ended by backend, reason: wrong app\n');
  });

  test('the details in Temporal Web have the connector id before the first read of the connector, and have the failure of a run', () => {
    const state: State = { name: 'failed', failure: { code: 'connectorNotFound', message: 'GET /x: 404' } };

    expect(details(state)).toBe(
      [
        '### Connector 42: `failed`',
        '**Failed**.',
        `- Since: ${SINCE}\n- Failure: \`connectorNotFound\`. GET /x: 404`,
        table.join('\n'),
      ].join('\n\n'),
    );
  });

  test.each(allStates.map((state) => [state.name, state] as const))(
    'the details in Temporal Web have a text for %s',
    (name, state) => {
      expect(details(state)).toMatch(new RegExp(`^### .+: \`${name}\`\n\n.+`));
    },
  );

  const evil =
    '**bold** `code` [link](https://evil.example) ![x](y) <img src=x> # | ~a~ &lt; a_b\\\n- www.evil.example me@evil.example';

  test('the details in Temporal Web escape Markdown in a name, an auth type and a property', () => {
    const of = connector(evil, { name: evil, oauth2Type: evil, fields: [{ ...domain, name: evil }] });

    const text = details({ name: 'awaitingProperties', connector: of });

    const [head, , meaning, , ...lines] = text.split('\n');
    expect(head).toBe(`### ${escapeMarkdown(evil)}: \`awaitingProperties\``);
    expect(meaning).toBe('**Waiting for the user** to give the properties.');
    expect(lines.slice(0, 3)).toEqual([
      `- Since: ${SINCE}`,
      `- Auth type: ${escapeMarkdown(evil)} / ${escapeMarkdown(evil)}`,
      `- Missing: ${escapeMarkdown(evil)}`,
    ]);
  });

  test('escapeMarkdown returns one line without active Markdown, HTML tags or links', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.constant(evil), fc.string({ unit: fc.constantFrom(...'\\`*_[]<>#|~&:@\n w.') })),
        (text) => {
          const escaped = escapeMarkdown(text);

          expect(escaped).not.toMatch(/[\r\n\t]/);
          // A space replaces each escaped character, so that the characters beside it do not form a new word.
          expect(escaped.replace(/\\[!-/:-@[-`{-~]/g, ' ')).not.toMatch(/[\\`*_[\]<>#|~&:@]|www\./i);
          expect(escaped.replace(/\\([!-/:-@[-`{-~])/g, '$1')).toBe(text.replace(/\s+/g, ' '));
        },
      ),
    );
  });

  test('the details in Temporal Web have no value of an input, in clear or sealed', () => {
    const values = { Domain: 'clear-4711', Secret: sealed };
    const applying: State = { name: 'applyingProperties', connector: whole, submissionId: 's1', values };

    expect(details(applying)).not.toMatch(/clear-4711|secret\.c\.d/);
  });
});

test('a view is plain JSON: it is equal after encoding and decoding', () => {
  for (const state of allStates) {
    const view: View = viewOf(source(state, { deadline: 0 }));

    expect(JSON.parse(JSON.stringify(view))).toStrictEqual(view);
  }
});
