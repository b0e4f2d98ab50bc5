import fc, { runs } from '../../support/fast-check';
import type { Field } from '../../../workflows/connector';
import {
  eventOf,
  Inbox,
  rejectionOf,
  type KnownIds,
  type Message,
} from '../../../workflows/authenticate-connector/inputs';
import type { Event, State } from '../../../workflows/authenticate-connector/machine';
import type { ProblemCode, View } from '../../../workflows/messages';
import { problemOf } from '../../../workflows/problems';
import { allStates, connector } from '../../../scripts/faults/machine-samples';

const sealed = { sealed: 'eyJhbGciOiJFQ0RILUVTIn0..iv-_09.text.tag' };
const field = (name: string, more: Partial<Field> = {}): Field => ({
  name,
  label: name,
  required: false,
  secret: false,
  stored: false,
  ...more,
});
const fields = [
  field('Domain', { required: true }),
  field('Secret', { required: true, secret: true }),
  field('Stored', { required: true, stored: true }),
  field('Notes'),
];
const of = connector('ApiKey', { fields });
const attempt = { id: 'attempt-1', requestedAt: '2030-01-01T00:00:00Z', expiresAt: '2030-01-01T00:05:00Z' };
const awaitingProperties: State = { name: 'awaitingProperties', connector: of };
const awaitingCredentials: State = { name: 'awaitingCredentials', connector: of };
const awaitingAuthorization: State = { name: 'awaitingAuthorization', connector: of, attempt };
const everyState: State[] = [...allStates, awaitingProperties, awaitingCredentials, awaitingAuthorization];

const knowing = (submissions: string[], more: Partial<KnownIds> = {}): KnownIds => ({
  submissions: new Set(submissions),
  attempts: new Map([
    ['attempt-0', { returned: false, superseded: true }],
    ['attempt-1', { returned: false, superseded: false }],
    ['attempt-back', { returned: true, superseded: false }],
  ]),
  ...more,
});
const read = (state: State, kind: Message['kind'], body: unknown, known = knowing([])) =>
  eventOf(state, { kind, body }, known);
const properties = (values: unknown, more: object = {}) =>
  read(awaitingProperties, 'propertyInput', { submissionId: 'sub-1', values, ...more });
const credentials = (given: unknown, state: State = awaitingCredentials) =>
  read(state, 'credentialInput', { submissionId: 'sub-1', credentials: given });
const refused = (code: ProblemCode, names: string[] = [], sender: object = { id: 'sub-1' }): Event => ({
  type: 'inputRefused',
  problem: problemOf(code, names),
  ...sender,
});
const good = { Domain: 'acme', Secret: sealed };

test.each<[string, State, Message['kind'], object]>([
  ['a property in awaitingProperties', awaitingProperties, 'propertyInput', { values: { ...good, Secret: 'hunter2' } }],
  ['a property in awaitingCredentials', awaitingCredentials, 'propertyInput', { values: { Secret: 'hunter2' } }],
  ['credentials in awaitingCredentials', awaitingCredentials, 'credentialInput', { credentials: 'hunter2' }],
])(
  'a validator rejects a secret in clear, even if its submission id was seen before: %s',
  (_what, state, kind, input) => {
    const body = { submissionId: 'sub-1', ...input };

    expect(rejectionOf(state, { kind, body }, knowing(['sub-1']))?.code).toBe('notSealed');
  },
);

test('a validator rejects a secret in clear with a text that does not say that the secret is in the history', () => {
  const body = { submissionId: 'sub-1', credentials: 'hunter2' };

  expect(rejectionOf(awaitingCredentials, { kind: 'credentialInput', body }, knowing([]))).toEqual({
    ...problemOf('notSealed'),
    message: 'Seal a secret before you send it.',
  });
});

const applying = allStates.find(({ name }) => name === 'applyingCredentials')!;

test.each<[string, State, unknown, ProblemCode | undefined]>([
  ['accepts credentials in a state that waits for them', awaitingCredentials, { credentials: sealed }, undefined],
  ['rejects credentials in another waiting state', awaitingProperties, { credentials: sealed }, 'notNow'],
  [
    'rejects credentials after the end of the flow',
    { name: 'expired', connector: of },
    { credentials: sealed },
    'notNow',
  ],
  [
    'accepts credentials in a working state, which keeps them for the next state',
    applying,
    { credentials: sealed },
    undefined,
  ],
  ['rejects malformed credentials', awaitingCredentials, {}, 'malformed'],
  ['rejects a malformed sender in a working state', applying, { credentials: sealed, by: 7 }, 'malformed'],
  ['rejects a secret in clear in a working state', applying, { credentials: 'hunter2' }, 'notSealed'],
])(
  'the state of the flow and the shape of the credentials decide whether a validator accepts credentials: it %s',
  (_what, state, input, code) => {
    const body = { submissionId: 'sub-1', ...(input as object) };

    expect(rejectionOf(state, { kind: 'credentialInput', body }, knowing([]))?.code).toBe(code);
  },
);

test.each<[string, Message['kind'], object]>([
  ['properties that are no object', 'propertyInput', { values: 'nope' }],
  ['a property that is no text', 'propertyInput', { values: { Domain: 7 } }],
  ['a property of more than 64 KiB', 'propertyInput', { values: { Domain: 'x'.repeat(64 * 1024 + 1) } }],
  ['no credentials', 'credentialInput', {}],
  [
    'credentials of more than 32 KiB',
    'credentialInput',
    { credentials: { sealed: `${sealed.sealed}${'x'.repeat(32 * 1024)}` } },
  ],
])('a validator rejects an input with the wrong shape in a working state: %s', (_what, kind, input) => {
  const body = { submissionId: 'sub-1', ...input };

  expect(rejectionOf(applying, { kind, body }, knowing([]))?.code).toBe('malformed');
});

test('a validator accepts properties in a working state, although the next state can refuse them', () => {
  const body = { submissionId: 'sub-1', values: { Unknown: 'x' } };

  expect(rejectionOf(applying, { kind: 'propertyInput', body }, knowing([]))).toBeUndefined();
});

test('a validator accepts a secret property in clear before the first read, and the flow refuses the property after the read', () => {
  const message: Message = { kind: 'propertyInput', body: { submissionId: 'sub-1', values: { Secret: 'hunter2' } } };
  const known = knowing([]);

  expect(rejectionOf({ name: 'fetchingConnector', intent: 'authenticate' }, message, known)).toBeUndefined();
  expect(rejectionOf(awaitingProperties, message, known)?.code).toBe('notSealed');
  expect(eventOf(awaitingProperties, message, known)).toEqual(refused('notSealed', ['Secret']));
});

test('a validator accepts an input whose submission id was seen before, because the flow ignores the input', () => {
  const body = { submissionId: 'sub-1', credentials: sealed };

  expect(rejectionOf(awaitingCredentials, { kind: 'credentialInput', body }, knowing(['sub-1']))).toBeUndefined();
});

test.each([undefined, null, 'sub-1'])('a validator rejects a message whose body is no object: %j', (body) => {
  expect(rejectionOf(awaitingCredentials, { kind: 'credentialInput', body }, knowing([]))?.code).toBe('malformed');
});

describe('property inputs', () => {
  test.each<[string, { [name: string]: unknown }]>([
    ['all required properties', good],
    ['an optional property', { ...good, Notes: 'two\nlines' }],
    ['a sealed value for a property that is not secret', { ...good, Domain: sealed }],
    ['an empty value for a stored property', { ...good, Stored: '' }],
    ['an empty value for an optional property', { ...good, Notes: '' }],
    ['a text of 65,536 characters', { ...good, Notes: 'x'.repeat(65_536) }],
  ])('a property input is accepted unchanged: %s', (_case, values) => {
    expect(properties(values, { by: 'kim' })).toEqual({ type: 'propertiesSubmitted', values, id: 'sub-1', by: 'kim' });
  });

  test.each<[string, unknown, ProblemCode, string[]?]>([
    ['no values', undefined, 'malformed'],
    ['null', null, 'malformed'],
    ['a list', [good], 'malformed'],
    ['a text', 'Domain=acme', 'malformed'],
    [
      'more than 1,000 properties',
      Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`P${i}`, 'x'])),
      'malformed',
    ],
    ['a secret in clear', { ...good, Secret: 'hunter2' }, 'notSealed', ['Secret']],
    ['a secret that only looks sealed', { ...good, Secret: { sealed: 'hunter2' } }, 'notSealed', ['Secret']],
    ['a secret number', { ...good, Secret: 4711 }, 'notSealed', ['Secret']],
    ['a secret as a list', { ...good, Secret: ['hunter', '2'] }, 'notSealed', ['Secret']],
    ['a sealed value as a bare string', { ...good, Secret: sealed.sealed }, 'notSealed', ['Secret']],
    [
      'a sealed value that is too long',
      { ...good, Secret: { sealed: `a..${'b'.repeat(65_531)}.c.d` } },
      'malformed',
      ['Secret'],
    ],
    [
      'values that are too long in total',
      { ...good, ...Object.fromEntries([1, 2, 3, 4, 5].map((i) => [`P${i}`, 'x'.repeat(60_000)])) },
      'malformed',
    ],
    ['null for a secret', { ...good, Secret: null }, 'malformed', ['Secret']],
    ['a number', { ...good, Domain: 7 }, 'malformed', ['Domain']],
    [
      'an object that JavaScript cannot convert to a text',
      { ...good, Domain: { toString: false } },
      'malformed',
      ['Domain'],
    ],
    ['null values', { ...good, Domain: null, Notes: null }, 'malformed', ['Domain', 'Notes']],
    ['a text that is too long', { ...good, Notes: 'x'.repeat(65_537) }, 'malformed', ['Notes']],
    ['a property that the connector does not have', { ...good, Other: 'x' }, 'unknownProperty', ['Other']],
    ['a property name in lower case', { ...good, domain: 'x' }, 'unknownProperty', ['domain']],
    ['a long property name', { ...good, ['x'.repeat(500)]: 'x' }, 'unknownProperty', ['x'.repeat(100)]],
    [
      'names of members of every JavaScript object',
      JSON.parse('{"__proto__":"x","toString":"x"}'),
      'unknownProperty',
      ['__proto__', 'toString'],
    ],
    ['no property', {}, 'missingProperty', ['Domain', 'Secret']],
    ['a missing required property', { Domain: 'acme' }, 'missingProperty', ['Secret']],
    ['an empty value for a required property', { ...good, Domain: '' }, 'missingProperty', ['Domain']],
    ['an empty value for a required secret', { ...good, Secret: '' }, 'missingProperty', ['Secret']],
  ])('a property input is refused as a whole: %s', (_case, values, code, names = []) => {
    expect(properties(values)).toEqual(refused(code, names));
  });

  test('a property input with several faults is refused with the code that comes first in this order: notSealed, unknown, malformed, missing', () => {
    const all = { Other: 'x', Secret: 'hunter2', Notes: 7 };

    expect(properties(all)).toEqual(refused('notSealed', ['Secret']));
    expect(properties({ ...all, Secret: sealed })).toEqual(refused('unknownProperty', ['Other']));
    expect(properties({ Notes: 7 })).toEqual(refused('malformed', ['Notes']));
    expect(properties({ Notes: 'x' })).toEqual(refused('missingProperty', ['Domain', 'Secret']));
  });

  test('the check of a property input includes properties called __proto__ and constructor', () => {
    const Parameters = ['__proto__', 'constructor'].map((name) => field(name, { required: true, secret: true }));
    const state: State = { name: 'awaitingProperties', connector: connector('ApiKey', { fields: Parameters }) };
    const give = (values: unknown) => read(state, 'propertyInput', { submissionId: 'sub-1', values });

    expect(give({})).toEqual(refused('missingProperty', ['__proto__', 'constructor']));
    expect(give(JSON.parse('{"__proto__":"hunter2"}'))).toEqual(refused('notSealed', ['__proto__']));
  });
});

const optional = Array.from({ length: 1000 }, (_, i) => field(`P${i}`));
const awaitingMany: State = { name: 'awaitingProperties', connector: connector('ApiKey', { fields: optional }) };
const valuesOf = (count: number, value: unknown) =>
  Object.fromEntries(optional.slice(0, count).map(({ name }) => [name, value]));

test.each<[string, { [name: string]: unknown }]>([
  ['1,000 values', valuesOf(1000, 'x')],
  ['262,144 characters in all its values', valuesOf(4, 'x'.repeat(65_536))],
  ['262,144 characters in all its sealed values', valuesOf(4, { sealed: `a..${'b'.repeat(65_529)}.c.d` })],
])('a property input can have %s', (_what, values) => {
  const body = { submissionId: 'sub-1', values };

  expect(read(awaitingMany, 'propertyInput', body)).toMatchObject({ type: 'propertiesSubmitted' });
  expect(read(awaitingMany, 'propertyInput', { ...body, values: { ...values, P999: 'xx', Q: '' } })).toEqual(
    refused('malformed'),
  );
});

describe('credential inputs', () => {
  test.each([awaitingCredentials, awaitingAuthorization])('a credential input is accepted in $name', (state) => {
    expect(credentials(sealed, state)).toEqual({ type: 'credentialsSubmitted', credentials: sealed, id: 'sub-1' });
  });

  test('a credential input is accepted with 32,768 characters', () => {
    const largest = { sealed: `a..${'b'.repeat(32_761)}.c.d` };

    expect(credentials(largest)).toMatchObject({ type: 'credentialsSubmitted', credentials: largest });
  });

  test.each<[unknown, ProblemCode]>([
    [undefined, 'malformed'],
    [null, 'malformed'],
    ['', 'malformed'],
    ['hunter2', 'notSealed'],
    [4711, 'notSealed'],
    [true, 'notSealed'],
    [{}, 'notSealed'],
    [[], 'notSealed'],
    [{ kind: 'apiKey', key: 'hunter2' }, 'notSealed'],
    [{ sealed: null }, 'notSealed'],
    [{ sealed: 'a.b.c.d' }, 'notSealed'],
    [{ sealed: 'a.b.c.d.e.f' }, 'notSealed'],
    [{ sealed: 'a..b.c.d\n' }, 'notSealed'],
    [{ sealed: 'my password is...' }, 'notSealed'],
    [{ sealed: `a..${'b'.repeat(32_763)}.c.d` }, 'malformed'],
  ])('a credential input with %j is refused as %s', (given, code) => {
    expect(credentials(given)).toEqual(refused(code));
  });
});

describe('unexpected inputs', () => {
  const waits: { [name: string]: Message['kind'][] } = {
    awaitingProperties: ['propertyInput'],
    awaitingCredentials: ['credentialInput'],
    awaitingAuthorization: ['credentialInput'],
  };
  const bodies = { propertyInput: { values: {} }, credentialInput: { credentials: sealed } };
  const notNow = everyState.flatMap((state) =>
    (['propertyInput', 'credentialInput'] as const)
      .filter((kind) => !waits[state.name]?.includes(kind))
      .map((kind) => [kind, state.name, state] as const),
  );

  test.each(notNow)(
    'an input that the state does not wait for is refused as notNow: %s in %s',
    (kind, _name, state) => {
      expect(read(state, kind, { submissionId: 'sub-1', by: 'kim', ...bodies[kind] })).toEqual(
        refused('notNow', [], { id: 'sub-1', by: 'kim' }),
      );
    },
  );

  test('an input that the state does not wait for is refused as notNow, even if the values of the input are wrong', () => {
    const values = { Other: 'x', Domain: 7 };

    expect(read(awaitingCredentials, 'propertyInput', { submissionId: 'sub-1', values })).toEqual(refused('notNow'));
  });
});

describe('a secret in clear is refused as notSealed despite any other fault, because the user must replace the secret', () => {
  test.each(everyState.map((state) => [state.name, state] as const))(
    'credentials in clear are refused as notSealed in %s',
    (_name, state) => {
      expect(credentials('hunter2', state)).toEqual(refused('notSealed'));
    },
  );

  test('a secret property in clear is refused as notSealed, even in awaitingCredentials', () => {
    const body = { submissionId: 'sub-1', values: { Secret: 'hunter2' } };

    expect(read(awaitingCredentials, 'propertyInput', body)).toEqual(refused('notSealed', ['Secret']));
  });

  test.each([{}, { submissionId: 'a b' }, { submissionId: 'sub-2', by: 7 }])(
    'a secret in clear in a malformed message is refused as notSealed: %j',
    (more) => {
      const withoutSender = (names: string[] = []) => refused('notSealed', names, {});

      expect(read(awaitingCredentials, 'credentialInput', { credentials: 'hunter2', ...more })).toEqual(
        withoutSender(),
      );
      expect(read(awaitingProperties, 'propertyInput', { values: { Secret: 'hunter2' }, ...more })).toEqual(
        withoutSender(['Secret']),
      );
    },
  );
});

describe('messages', () => {
  const kinds = ['propertyInput', 'credentialInput', 'oauthCallback'] as const;
  const bodies: unknown[] = [
    undefined,
    null,
    'sub-1',
    7,
    [],
    [{ submissionId: 'sub-1' }],
    {},
    ...[undefined, null, 7, '', 'a b', 'é', 'x'.repeat(129), ['sub-1'], { id: 'sub-1' }].map((id) => {
      return { submissionId: id, attemptId: id, values: good, credentials: sealed };
    }),
    ...[null, 7, 'x'.repeat(101), ['kim']].map((by) => {
      return { submissionId: 'sub-1', attemptId: 'attempt-1', values: good, credentials: sealed, by };
    }),
  ];

  test.each(kinds.flatMap((kind) => bodies.map((body) => [kind, body] as const)))(
    'a message of the kind %s is refused if it is malformed (%j), and the event has no id and no sender',
    (kind, body) => {
      for (const state of everyState) expect(read(state, kind, body)).toEqual(refused('malformed', [], {}));
    },
  );

  test.each(kinds)('a message of the kind %s with an id seen before is ignored, with any content', (kind) => {
    const id = 'x'.repeat(128);
    const bodies = [
      {},
      { values: { Secret: 'hunter2' } },
      { credentials: 'hunter2' },
      { values: good, credentials: sealed },
    ];

    for (const state of everyState)
      for (const body of bodies)
        expect(
          read(state, kind, { submissionId: id, attemptId: id, ...body }, knowing([id], { attempts: new Map() })),
        ).toBeUndefined();
  });

  test('a message without a `by` gives an event without a `by`', () => {
    expect(properties(good)).toStrictEqual({ type: 'propertiesSubmitted', values: good, id: 'sub-1' });
  });

  test('a message with a `by` of 100 characters gives an event with this `by`', () => {
    const by = 'x'.repeat(100);

    expect(properties(good, { by })).toMatchObject({ type: 'propertiesSubmitted', by });
  });
});

describe('returns from the third party', () => {
  const returned = (state: State, attemptId: string, kind: Message['kind'] = 'oauthCallback') =>
    read(state, kind, { attemptId, by: 'page' });

  test('a return of the present attempt is accepted', () => {
    expect(returned(awaitingAuthorization, 'attempt-1')).toEqual({
      type: 'authorizationReturned',
      id: 'attempt-1',
      superseded: false,
      by: 'page',
    });
  });

  test('a return of a superseded attempt is accepted, and its event is marked as superseded', () => {
    expect(returned(awaitingAuthorization, 'attempt-0')).toMatchObject({ id: 'attempt-0', superseded: true });
  });

  test.each<[string, State, string]>([
    ['an unknown attempt', awaitingAuthorization, 'attempt-2'],
    ['an attempt in awaitingProperties', awaitingProperties, 'attempt-1'],
    [
      'the attempt that is being verified',
      { name: 'verifyingAuthorization', connector: of, attemptId: 'attempt-1', superseded: false, attempt },
      'attempt-1',
    ],
    ['an attempt after the end of the flow', { name: 'expired', connector: of }, 'attempt-1'],
  ])('a return of %s changes nothing', (_what, state, attemptId) => {
    expect(returned(state, attemptId)).toBeUndefined();
  });

  test('a second return of an attempt is ignored, and a later confirmation of this attempt is accepted', () => {
    expect(returned(awaitingAuthorization, 'attempt-back')).toBeUndefined();
    expect(returned(awaitingAuthorization, 'attempt-back', 'confirmation')).toMatchObject({ id: 'attempt-back' });
  });

  test('a return is accepted, even if its attempt id equals the id of a submission', () => {
    const known = knowing(['attempt-1']);

    expect(read(awaitingAuthorization, 'oauthCallback', { attemptId: 'attempt-1' }, known)).toBeDefined();
  });
});

describe('the inbox', () => {
  const message = (kind: Message['kind'] = 'credentialInput', body: unknown = {}): Message => ({ kind, body });
  const inboxOf = (...messages: Message[]): Inbox => {
    const inbox = new Inbox();
    for (const one of messages) inbox.add(one);
    return inbox;
  };
  const view = (state: string) => ({ state }) as View;

  test('the inbox returns each unread message once, in the order of arrival', () => {
    const [first, second] = [message(), message('propertyInput')];
    const inbox = inboxOf(first, second);

    expect([inbox.isEmpty, inbox.next(), inbox.next(), inbox.isEmpty]).toEqual([false, first, second, true]);
    expect(inbox.next()).toBeUndefined();
  });

  test('the inbox has room for 20 unread messages, and has room again after one message was read', () => {
    const inbox = inboxOf(...Array.from({ length: 19 }, () => message()));

    expect(inbox.hasRoomFor(message())).toBe(true);
    inbox.add(message());
    expect(inbox.hasRoomFor(message())).toBe(false);
    inbox.next();
    expect(inbox.hasRoomFor(message())).toBe(true);
  });

  test('the inbox has room for bodies of 524,288 characters in all, and has room again after one message was read', () => {
    // 262,144 characters together with the two quotes of JSON.
    const half = message('credentialInput', 'x'.repeat(262_142));
    const inbox = inboxOf(half);

    expect(inbox.hasRoomFor(half)).toBe(true);
    expect(inbox.hasRoomFor(message('credentialInput', 'x'.repeat(262_143)))).toBe(false);
    inbox.add(half);
    expect(inbox.hasRoomFor({ kind: 'credentialInput', body: undefined })).toBe(true);
    expect(inbox.hasRoomFor(message('credentialInput', 7))).toBe(false);
    inbox.next();
    expect(inbox.hasRoomFor(half)).toBe(true);
  });

  test('joinConfirmation gives the room of an unread confirmation back to the inbox', () => {
    const large = message('confirmation', 'x'.repeat(500_000));
    const inbox = inboxOf(large);

    inbox.joinConfirmation();

    expect(inbox.isEmpty).toBe(true);
    expect(inbox.hasRoomFor(large)).toBe(true);
  });

  test('answerAll answers each message in progress once, and no unread message', () => {
    const [unread, inProgress] = [message(), message()];
    const inbox = inboxOf(unread);
    inbox.markInProgress(inProgress);

    inbox.answerAll(view('awaitingCredentials'));
    inbox.answerAll(view('expired'));

    expect([unread.answer, inProgress.answer]).toEqual([undefined, view('awaitingCredentials')]);
  });

  test('startRecheck removes the request for a re-read from inbox.recheck, and answerAll answers the request', () => {
    const request = message('recheck');
    const inbox = inboxOf();
    inbox.recheck = request;

    expect(inbox.startRecheck()).toBe(request);
    expect(inbox.recheck).toBeUndefined();
    inbox.answerAll(view('expired'));
    expect(request.answer).toEqual(view('expired'));
  });

  test('joinConfirmation makes an unread confirmation a message in progress, and other messages stay unread', () => {
    const [input, confirmation, callback] = [message(), message('confirmation'), message('oauthCallback')];
    const inbox = inboxOf(input, confirmation, callback);

    inbox.joinConfirmation();
    inbox.joinConfirmation();
    inbox.answerAll(view('authenticated'));

    expect(confirmation.answer).toEqual(view('authenticated'));
    expect([inbox.next(), inbox.next(), inbox.next()]).toEqual([input, callback, undefined]);
  });

  test.each(['oauthCallback', 'confirmation'] as const)(
    'inbox.verification is the %s that started the running verification, even if a confirmation is unread',
    (kind) => {
      const started = message(kind);
      const inbox = inboxOf(message('confirmation'));
      inbox.markInProgress(message());
      inbox.markInProgress(started);

      expect(inbox.verification).toBe(started);
    },
  );

  test('if no verification is in progress, inbox.verification is an unread confirmation, and never an unread return', () => {
    const confirmation = message('confirmation');
    const inbox = inboxOf(message('oauthCallback'), confirmation);
    inbox.markInProgress(message());

    expect(inbox.verification).toBe(confirmation);
    expect(inboxOf(message('oauthCallback')).verification).toBeUndefined();
  });
});

describe('random messages', () => {
  const value = fc.oneof(fc.jsonValue(), fc.constantFrom<unknown>(sealed, '', 'x', null));
  const body = fc.oneof(
    fc.jsonValue(),
    fc.record(
      {
        submissionId: fc.oneof(fc.constantFrom<unknown>('sub-1', 'seen'), fc.jsonValue()),
        attemptId: fc.oneof(fc.constantFrom<unknown>('attempt-1', 'seen'), fc.jsonValue()),
        by: fc.oneof(fc.constant<unknown>('kim'), fc.jsonValue()),
        credentials: value,
        values: fc.oneof(
          fc.jsonValue(),
          fc.dictionary(fc.oneof(fc.constantFrom('Domain', 'Secret', 'Stored', 'Notes'), fc.string()), value),
        ),
      },
      { requiredKeys: [] },
    ),
  );
  const kind = fc.constantFrom<Message['kind']>('propertyInput', 'credentialInput', 'oauthCallback', 'confirmation');

  test('a random message is accepted, refused or ignored, without an error, and a refusal does not quote the message', () => {
    fc.assert(
      fc.property(fc.constantFrom(...everyState), kind, body, (state, kind, given) => {
        const body = JSON.parse(JSON.stringify(given));

        const event = read(state, kind, body, knowing(['seen']));

        const takes = {
          propertyInput: 'propertiesSubmitted',
          credentialInput: 'credentialsSubmitted',
          oauthCallback: 'authorizationReturned',
          confirmation: 'authorizationReturned',
          recheck: undefined,
        };
        expect([undefined, 'inputRefused', takes[kind]]).toContain(event?.type);
        if (event?.type === 'inputRefused')
          expect(Object.keys(event).filter((part) => !['type', 'problem', 'id', 'by'].includes(part))).toEqual([]);
        if (event?.type === 'propertiesSubmitted') expect(event.values).toEqual(body.values);
        if (event?.type === 'credentialsSubmitted') expect(event.credentials).toEqual(body.credentials);
      }),
      { numRuns: runs(2000) },
    );
  });

  test('a random message with a secret in clear is never accepted', () => {
    fc.assert(
      fc.property(body, (given) => {
        const body = JSON.parse(JSON.stringify(given));

        const event = read(awaitingProperties, 'propertyInput', body);

        if (event?.type !== 'propertiesSubmitted') return;
        expect([sealed, undefined]).toContainEqual(event.values['Secret']);
      }),
      { numRuns: runs(1000) },
    );
  });
});
