import fc from '../../support/fast-check';
import { authMethodOf, type Connector } from '../../../workflows/connector';
import {
  isFinal,
  isWaiting,
  transition,
  type Event,
  type State,
} from '../../../workflows/authenticate-connector/machine';
import { finalStates, type StateName } from '../../../workflows/messages';
import { problemOf } from '../../../workflows/problems';
import {
  allEvents,
  allStates,
  attempt,
  connector,
  events,
  kinds,
  states,
  withMissing,
} from '../../../scripts/faults/machine-samples';
import { testMatrix } from '../../support/matrix';

const start: State = { name: 'fetchingConnector', intent: 'authenticate' };
const after = (...sent: Event[]): State => sent.reduce<State>(transition, start);
const fetched = (of: ReturnType<typeof connector>): Event => ({ type: 'connectorFetched', connector: of });

const refusal = { code: 'refused', message: 'no' } as const;
const submitted: Event = { type: 'propertiesSubmitted', id: 's1', values: { Domain: 'x' } };
const keySubmitted: Event = { type: 'credentialsSubmitted', id: 's2', credentials: { sealed: 'a..b.c.d' } };

/** The next state for each state and event. An event without an entry changes nothing. */
const matrix: Record<StateName, { [event in Event['type']]?: StateName }> = {
  fetchingConnector: {
    connectorFetched: 'awaitingCredentials',
    cyclrUnavailable: 'fetchingConnector',
    outageOutlasted: 'expired',
    cancelled: 'cancelled',
    failed: 'failed',
  },
  awaitingProperties: {
    propertiesSubmitted: 'applyingProperties',
    refused: 'awaitingProperties',
    inputRefused: 'awaitingProperties',
    rechecked: 'awaitingCredentials',
    authorizationConfirmed: 'authenticated',
    cyclrUnavailable: 'awaitingProperties',
    outageOutlasted: 'expired',
    timedOut: 'expired',
    cancelled: 'cancelled',
    failed: 'failed',
  },
  applyingProperties: {
    propertiesApplied: 'awaitingCredentials',
    refused: 'awaitingProperties',
    inputRefused: 'awaitingProperties',
    cyclrUnavailable: 'applyingProperties',
    outageOutlasted: 'awaitingProperties',
    cancelled: 'cancelled',
    failed: 'failed',
  },
  awaitingCredentials: {
    credentialsSubmitted: 'applyingCredentials',
    refused: 'awaitingCredentials',
    inputRefused: 'awaitingCredentials',
    authorizationConfirmed: 'authenticated',
    cyclrUnavailable: 'awaitingCredentials',
    outageOutlasted: 'expired',
    timedOut: 'expired',
    cancelled: 'cancelled',
    failed: 'failed',
  },
  awaitingAuthorization: {
    credentialsSubmitted: 'applyingCredentials',
    linkMinted: 'awaitingAuthorization',
    authorizationReturned: 'verifyingAuthorization',
    authorizationConfirmed: 'authenticated',
    refused: 'awaitingAuthorization',
    inputRefused: 'awaitingAuthorization',
    rechecked: 'awaitingCredentials',
    cyclrUnavailable: 'awaitingAuthorization',
    outageOutlasted: 'expired',
    timedOut: 'expired',
    cancelled: 'cancelled',
    failed: 'failed',
  },
  applyingCredentials: {
    credentialsApplied: 'authenticated',
    authorizationConfirmed: 'authenticated',
    authorizationNotConfirmed: 'awaitingCredentials',
    refused: 'awaitingCredentials',
    inputRefused: 'awaitingCredentials',
    cyclrUnavailable: 'applyingCredentials',
    outageOutlasted: 'awaitingCredentials',
    cancelled: 'cancelled',
    failed: 'failed',
  },
  verifyingAuthorization: {
    authorizationConfirmed: 'authenticated',
    authorizationNotConfirmed: 'awaitingAuthorization',
    cyclrUnavailable: 'verifyingAuthorization',
    refused: 'awaitingAuthorization',
    outageOutlasted: 'expired',
    cancelled: 'cancelled',
    failed: 'failed',
  },
  authenticated: {},
  expired: {},
  cancelled: {},
  failed: {},
  unsupported: {},
};

testMatrix({ states, events, matrix, transition });

test('the matrix has every state and every event', () => {
  expect(new Set(states.map(({ name }) => name))).toEqual(new Set(Object.keys(matrix)));
  const decided = new Set(Object.values(matrix).flatMap(Object.keys));
  expect(new Set(events.map(({ type }) => type))).toEqual(decided);
});

describe('after the first read of the connector', () => {
  const nextStates: [string, string | undefined, boolean, StateName][] = [
    ['ApiKey', undefined, false, 'awaitingCredentials'],
    ['Basic', undefined, false, 'awaitingCredentials'],
    ['OAuth1', undefined, false, 'awaitingAuthorization'],
    ['OAuth1', undefined, true, 'awaitingCredentials'],
    ['OAuth2', 'AuthorisationCode', false, 'awaitingAuthorization'],
    ['OAuth2', 'AuthorisationCode', true, 'awaitingCredentials'],
    ['OAuth2', 'Unknown', false, 'awaitingAuthorization'],
    ['OAuth2', 'PasswordCredentials', false, 'awaitingAuthorization'],
    ['OAuth2', 'ClientCredentials', false, 'applyingCredentials'],
    ['OAuth2', undefined, false, 'awaitingAuthorization'],
    ['OAuth2', 'SomethingNew', false, 'unsupported'],
    ['OAuth2', 'constructor', false, 'unsupported'],
    ['None', undefined, false, 'authenticated'],
    ['AuthFields', undefined, false, 'unsupported'],
    ['ClientCertificate', undefined, false, 'unsupported'],
    ['', undefined, false, 'unsupported'],
  ];
  test.each(nextStates)(
    'auth type %s, OAuth2 type %s, partner supplied %s: the next state is %s',
    (authType, oauth2Type, partnerSupplied, expected) => {
      const of = connector(authType, { oauth2Type, partnerSupplied });

      expect(after(fetched(of)).name).toBe(expected);
      const asked: State = { name: 'awaitingProperties', connector: withMissing(of) };
      const applied: Event = { type: 'propertiesApplied', connector: of };
      expect(transition(transition(asked, submitted), applied).name).toBe(expected);
    },
  );

  test.each(kinds)(
    'the flow asks for a missing property first, unless the auth type is unsupported: $authType',
    (kind) => {
      const isSupported = authMethodOf(kind) !== 'unsupported';

      expect(after(fetched(withMissing(kind))).name).toBe(isSupported ? 'awaitingProperties' : 'unsupported');
    },
  );

  test.each(kinds)(
    'a connector that Cyclr reports as authenticated ends the flow, even with a missing property: $authType',
    (kind) => {
      const state = after(fetched({ ...withMissing(kind), authenticated: true }));

      expect(state).toMatchObject({ name: 'authenticated', verification: 'notChecked' });
    },
  );
});

describe('re-authentications', () => {
  const reauthenticated = (of: ReturnType<typeof connector>) =>
    transition({ name: 'fetchingConnector', intent: 'reauthenticate' }, fetched({ ...of, authenticated: true })).name;

  test('a re-authentication asks for new credentials or consent although the connector is authenticated', () => {
    expect(reauthenticated(connector('ApiKey'))).toBe('awaitingCredentials');
    expect(reauthenticated(connector('OAuth1'))).toBe('awaitingAuthorization');
  });

  test('a re-authentication with client credentials asks for the properties, and applies no credentials before an input', () => {
    expect(reauthenticated(connector('OAuth2', { oauth2Type: 'ClientCredentials' }))).toBe('awaitingProperties');
  });
});

describe('required properties that are new after Cyclr accepted the credentials', () => {
  const of = connector('ApiKey', { authenticated: true });
  const incomplete: Event = { type: 'credentialsApplied', connector: withMissing(of) };
  const asked = after(fetched(connector('ApiKey')), keySubmitted, incomplete);

  test('a newly required property leads to awaitingProperties, then to authenticated without new credentials', () => {
    expect(asked).toEqual({ name: 'awaitingProperties', connector: withMissing(of), verification: 'notChecked' });
    const applied = transition(transition(asked, submitted), { type: 'propertiesApplied', connector: of });
    expect(applied).toEqual({ name: 'authenticated', connector: of, verification: 'notChecked' });
  });

  test('a newly required property leads to awaitingProperties after a consent, and the flow keeps the value of verification', () => {
    const consent = connector('OAuth1');
    const verifying: State = { name: 'verifyingAuthorization', connector: consent, attemptId: 'a', superseded: false };
    const confirmed: Event = {
      type: 'authorizationConfirmed',
      connector: withMissing({ ...consent, authenticated: true }),
      verification: 'unproven',
    };

    const state = transition(transition(transition(verifying, confirmed), submitted), {
      type: 'propertiesApplied',
      connector: { ...consent, authenticated: true },
    });

    expect(state).toMatchObject({ name: 'authenticated', verification: 'unproven' });
  });

  test.each<Event>([
    { type: 'refused', problem: refusal },
    { type: 'propertiesApplied', connector: withMissing(of) },
    { type: 'outageOutlasted' },
  ])(
    'a newly required property leads to awaitingProperties again after $type, and the flow needs no new credentials',
    (event) => {
      const again = transition(transition(asked, submitted), event);

      expect(again).toMatchObject({ name: 'awaitingProperties', verification: 'notChecked' });
    },
  );

  test('a newly required property keeps the flow in awaitingProperties after a re-read, except if the property was set outside of the flow', () => {
    const reread = (connector: Connector): Event => ({ type: 'rechecked', connector, intent: 'authenticate' });

    expect(transition(asked, reread(withMissing(of)))).toBe(asked);
    expect(transition(asked, reread(of))).toMatchObject({ name: 'authenticated', verification: 'notChecked' });
  });

  test('a newly required property leads to awaitingCredentials if Cyclr no longer has the old credentials', () => {
    const dropped: Event = { type: 'propertiesApplied', connector: connector('ApiKey') };

    expect(transition(transition(asked, submitted), dropped).name).toBe('awaitingCredentials');
  });

  test('a property that was stored before does not count as newly required, even if the answer to the credentials lacks its value', () => {
    const stored = (fields: Connector['fields']) => fields.map((field) => ({ ...field, stored: true }));
    const before = connector('ApiKey', { fields: stored(withMissing(of).fields) });

    expect(after(fetched(before), keySubmitted, incomplete).name).toBe('authenticated');
  });
});

describe('re-reads in waiting states', () => {
  const reread = (of: ReturnType<typeof connector>): Event => ({
    type: 'rechecked',
    connector: of,
    intent: 'authenticate',
  });

  test.each(kinds)(
    'a re-read in a waiting state leads to authenticated if the connector was authenticated outside of the flow: $authType',
    (kind) => {
      const waiting: State = { name: 'awaitingProperties', connector: withMissing(kind) };

      expect(transition(waiting, reread({ ...kind, authenticated: true })).name).toBe('authenticated');
    },
  );

  test('a re-read in a waiting state does not end a re-authentication, although the connector is authenticated', () => {
    const of = { ...connector('ApiKey'), authenticated: true };
    const waiting = transition({ name: 'fetchingConnector', intent: 'reauthenticate' }, fetched(of));

    expect(transition(waiting, { type: 'rechecked', connector: of, intent: 'reauthenticate' })).toBe(waiting);
  });

  test('a re-read in a waiting state leads to awaitingProperties if a required property is new', () => {
    const of = connector('ApiKey');

    expect(transition(after(fetched(of)), reread(withMissing(of))).name).toBe('awaitingProperties');
  });

  test('a re-read in a waiting state updates the connector, and keeps problem and attempt, if the state stays the same', () => {
    const of = connector('OAuth1');
    const renamed = { ...of, name: 'Renamed' };
    const waiting = { ...after(fetched(of)), attempt, problem: refusal } as State;

    expect(transition(waiting, reread(renamed))).toEqual({ ...waiting, connector: renamed });
    expect(transition(waiting, reread(of))).toBe(waiting);
  });

  test('a re-read in a waiting state does not leave awaitingProperties if Cyclr has refused a property', () => {
    const of = connector('ApiKey');
    const refused: State = { name: 'awaitingProperties', connector: of, problem: refusal };

    expect(transition(refused, reread({ ...of, name: 'Renamed' }))).toMatchObject({
      name: 'awaitingProperties',
      problem: refusal,
    });
  });
});

describe('policies', () => {
  const policy = { digest: 'd1' };
  const checks = { ...policy, checks: true } as const;

  test('a flow for a connector of the auth type None sets the fixed values of the policy before its end, if Cyclr lacks them', () => {
    const of = connector('None', { policy: { ...policy, lacksValues: true } });

    const state = after(fetched(of));

    expect(state).toMatchObject({ name: 'applyingProperties', values: {}, byPolicy: true });
    // Cyclr can store a fixed value in a changed form, so that lacksValues stays true. The flow must not set this value
    // again.
    expect(transition(state, { type: 'propertiesApplied', connector: of }).name).toBe('authenticated');
    expect(transition(state, { type: 'outageOutlasted' }).name).toBe('expired');
  });

  test('a flow that waits for AuthFields ends as unsupported at the next re-read if its policy was removed', () => {
    const authFields = [{ name: 'token', label: 'Token', required: true, secret: true, stored: false }];
    const waiting = after(fetched(connector('AuthFields', { policy: { ...policy, authFields } })));

    const state = transition(waiting, {
      type: 'rechecked',
      connector: connector('AuthFields'),
      intent: 'authenticate',
    });

    expect([waiting.name, state.name]).toEqual(['awaitingCredentials', 'unsupported']);
  });

  test.each<[string, State]>([
    ['credentials', { name: 'awaitingCredentials', connector: connector('ApiKey') }],
    ['a consent', { name: 'awaitingAuthorization', connector: connector('OAuth1') }],
    ['properties', { name: 'awaitingProperties', connector: connector('OAuth2', { oauth2Type: 'ClientCredentials' }) }],
  ])(
    'after the third party refused the check of a policy, a re-read does not end the wait for %s',
    (_input, waiting) => {
      const of = { ...(waiting as { connector: Connector }).connector, authenticated: true, policy: checks };
      const refused = { ...waiting, connector: { ...of, refusedByCheck: true }, problem: refusal } as State;

      const state = transition(refused, { type: 'rechecked', connector: of, intent: 'authenticate' });

      expect(state).toBe(refused);
    },
  );

  const typedKey = { type: 'credentialsSubmitted', id: 's3', credentials: { sealed: 'a..b.c.d' } } as const;
  const laterProblems: [string, ...Event[]][] = [
    ['an input that comes too early or too late', { type: 'inputRefused', problem: problemOf('notNow') }],
    ['an outage of the last read', { type: 'cyclrUnavailable' }],
    ['credentials of a wrong kind', typedKey, { type: 'inputRefused', problem: problemOf('wrongKind') }],
    ['credentials that Cyclr refuses', typedKey, { type: 'refused', problem: refusal }],
    ['an outage of 24 hours after new credentials', typedKey, { type: 'outageOutlasted' }],
  ];
  test.each(laterProblems)(
    'after the third party refused the check of a policy, a re-read does not end the wait even after %s',
    (_problem, ...later) => {
      const of = connector('ApiKey', { authenticated: true, policy: checks });
      const refused: Event = { type: 'refused', problem: refusal, connector: { ...of, refusedByCheck: true } };
      const waiting = after(fetched({ ...of, authenticated: false }), keySubmitted, refused, ...later);

      expect(waiting.name).toBe('awaitingCredentials');
      expect(transition(waiting, { type: 'rechecked', connector: of, intent: 'authenticate' })).toBe(waiting);
    },
  );
});

describe('problems', () => {
  test('after a refused API key the state is awaitingCredentials, with the problem', () => {
    const state = after(fetched(connector('ApiKey')), keySubmitted, { type: 'refused', problem: refusal });

    expect(state).toMatchObject({ name: 'awaitingCredentials', problem: refusal });
  });

  test('a problem is removed by the next accepted input', () => {
    const state = after(fetched(connector('ApiKey')), { type: 'inputRefused', problem: refusal }, keySubmitted);

    expect(state).toMatchObject({ name: 'applyingCredentials' });
    expect(state).not.toHaveProperty('problem');
  });

  test('a property that is still missing after applyingProperties leads back to awaitingProperties', () => {
    const of = withMissing(connector('ApiKey'));

    const state = after(fetched(of), submitted, { type: 'propertiesApplied', connector: of });

    expect(state).toMatchObject({
      name: 'awaitingProperties',
      problem: { code: 'missingProperty', fields: [{ name: 'Domain', code: 'missingProperty' }] },
    });
  });

  test('a property that Cyclr accepted before it refused another property is marked as stored', () => {
    const taken = connector('ApiKey', { fields: [{ ...withMissing(connector('')).fields[0]!, stored: true }] });

    const state = after(fetched(withMissing(connector('ApiKey'))), submitted, {
      type: 'refused',
      problem: refusal,
      connector: taken,
    });

    expect(state).toMatchObject({ name: 'awaitingProperties', connector: taken });
  });

  test('a property that Cyclr accepted before an outage is marked as stored', () => {
    const applying = after(fetched(withMissing(connector('ApiKey'))), submitted, { type: 'cyclrUnavailable' });

    const known = transition(applying, { type: 'cyclrUnavailable', taken: ['Domain'] });
    const asked = transition(known, { type: 'outageOutlasted' });

    expect(asked).toMatchObject({ name: 'awaitingProperties', connector: { fields: [{ stored: true }] } });
    expect(transition(known, { type: 'cyclrUnavailable', taken: ['Domain', 'unknown'] })).toBe(known);
  });

  test('a second event cyclrUnavailable in a row changes nothing', () => {
    const down = after({ type: 'cyclrUnavailable' });

    expect(down).toMatchObject({ name: 'fetchingConnector', problem: { code: 'cyclrUnavailable' } });
    expect(transition(down, { type: 'cyclrUnavailable' })).toBe(down);
  });

  test.each(['awaitingProperties', 'awaitingAuthorization'] as const)(
    'refused credentials that were submitted in %s lead back to this state',
    (from) => {
      const state = allStates.find((candidate) => candidate.name === 'applyingCredentials' && candidate.from === from)!;

      expect(transition(state, { type: 'refused', problem: refusal }).name).toBe(from);
      expect(transition(state, { type: 'authorizationNotConfirmed', connector: connector('ApiKey') })).toMatchObject({
        name: from,
        problem: { code: 'notAuthorized' },
      });
    },
  );
});

describe('for random events', () => {
  const anyEvents = fc.array(fc.constantFrom(...allEvents), { maxLength: 40 });

  test('a final state never changes', () => {
    fc.assert(
      fc.property(fc.constantFrom(...allStates.filter(isFinal)), anyEvents, (state, sent) => {
        expect(sent.reduce(transition, state)).toBe(state);
      }),
    );
  });

  test('the final states equal finalStates of the contract', () => {
    expect(new Set(states.filter(isFinal).map(({ name }) => name))).toEqual(new Set(finalStates));
  });

  test('machine-samples has every transition that random events cause', () => {
    fc.assert(
      fc.property(anyEvents, (sent) => {
        let state: State = start;
        for (const event of sent) {
          const next = transition(state, event);
          if (next.name !== state.name) expect(legalArrows).toContain(`${state.name} ${event.type} ${next.name}`);
          state = next;
        }
      }),
    );
  });

  test('the machine reaches the same state if it gets only those events that changed the state', () => {
    fc.assert(
      fc.property(anyEvents, (sent) => {
        const recorded: Event[] = [];
        const state = sent.reduce<State>((before, event) => {
          const next = transition(before, event);
          if (next !== before) recorded.push(event);
          return next;
        }, start);

        expect(recorded.reduce<State>(transition, start)).toEqual(state);
      }),
    );
  });

  test('a state is plain JSON: it is equal after encoding and decoding', () => {
    fc.assert(
      fc.property(anyEvents, (sent) => {
        const state = sent.reduce<State>(transition, start);

        expect(JSON.parse(JSON.stringify(state))).toEqual(state);
      }),
    );
  });

  test('the waiting states equal waitingStates of the contract', () => {
    expect(states.filter(isWaiting).map(({ name }) => name)).toEqual([
      'awaitingProperties',
      'awaitingCredentials',
      'awaitingAuthorization',
    ]);
  });
});

/** All transitions that one sample event causes in one sample state, as `from event to`. */
const legalArrows = new Set(
  allStates.flatMap((state) =>
    allEvents
      .map((event) => [state.name, event.type, transition(state, event).name] as const)
      .filter(([from, , to]) => from !== to)
      .map((arrow) => arrow.join(' ')),
  ),
);
