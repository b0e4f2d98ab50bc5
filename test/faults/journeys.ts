/** How flows go through the onboarding service: call by call, by a backend and by a browser. */
import { randomUUID } from 'node:crypto';
import { seal, sealCredentials } from '../../sealing/seal';
import type { ConnectorKey } from '../../workflows/connector';
import type { StateName, View } from '../../workflows/messages';
import { eventually } from '../support/eventually';
import { pathOf, type Answer, type Call } from '../support/http';
import type { ServiceProcess } from '../support/service-process';
import type { Scene } from './scene';
import { User } from './user';

const CALL_AGAIN_MS = 60_000;

/** One thing that is done with a flow. */
export interface Move {
  name: string;
  /** Makes the call, and repeats it as it was until it is answered. */
  makes: (of: Journey) => Promise<unknown>;
  /** What the flow asks for, where this gives it. */
  gives?: StateName;
  /** What Cyclr is asked while the caller waits. */
  cyclr?: (key: ConnectorKey) => { method: 'GET' | 'POST' | 'PUT'; path: string };
  /** Whether it has come to what the call is for, whoever has heard of it. */
  isDone?: (of: Journey) => Promise<boolean>;
}

export type JourneyName = 'a backend' | 'a browser' | 'a consent' | 'an invitation';

/** One flow, and what is done with it. */
export class Journey {
  /** What was asked for and given, in order. */
  readonly asked: StateName[] = [];
  readonly key: ConnectorKey;
  /** The same at every repetition. */
  readonly submissionIds = { properties: randomUUID(), credentials: randomUUID() };
  /** How often a call went unanswered. */
  unanswered = 0;
  runId?: string;
  session = '';
  invitation = '';
  link = '';
  /** What the third party has appended to the address that the user comes back to. */
  attempt = '';
  #made = 0;

  constructor(
    readonly reached: Scene,
    readonly service: ServiceProcess,
    readonly name: JourneyName,
  ) {
    this.key = reached.user(name === 'a consent' ? 'Ledgerly' : 'Fernhill').key;
  }

  /** The move that comes next. */
  get next(): Move | undefined {
    return journeys[this.name][this.#made];
  }

  /** Makes all moves until that one comes next, or to the end. */
  async goes(until?: Move): Promise<void> {
    while (this.next && this.next !== until) await this.goesOn();
  }

  /** Makes the next one. */
  async goesOn(): Promise<void> {
    await this.next?.makes(this);
    if (this.next?.gives) this.asked.push(this.next.gives);
    this.#made++;
  }

  /** The very same call, until it is answered. Its body, once that is right. */
  async calls(method: string, path: string, call?: Call): Promise<Answer> {
    const answer = await eventually(
      () => this.service.call(method, path, call).catch((err: unknown) => this.#isLost(err)),
      ({ status }) => status < 500,
      CALL_AGAIN_MS,
    );
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer;
  }

  asBackend(method: string, path: string, body?: object, headers?: { [name: string]: string }): Promise<Answer> {
    return this.calls(method, path, { token: this.service.apiKey, body, headers });
  }

  /** In the browser of whoever has the session. */
  inSession(method: string, path: string, body?: object): Promise<Answer> {
    return this.calls(method, `/v1/session${path}`, { token: this.session, body });
  }

  #isLost(err: unknown): never {
    this.unanswered++;
    throw err;
  }
}

/** What the library sees, which does not go through the service. */
const isIn =
  (state: StateName) =>
  async ({ reached, key }: Journey): Promise<boolean> =>
    (await reached.auth.view(key)).state === state;
const isStarted = ({ reached, key }: Journey): Promise<boolean> =>
  reached.auth.progress(key).then(
    () => true,
    () => false,
  );

const theProperty = ({ connectorId }: ConnectorKey) =>
  ({ method: 'POST', path: `/connectors/${connectorId}/properties$` }) as const;
const theKey = ({ connectorId }: ConnectorKey) => ({ method: 'PUT', path: `/connectors/${connectorId}$` }) as const;
const theConsent = ({ connectorId }: ConnectorKey) => ({ method: 'GET', path: `/connectors/${connectorId}$` }) as const;
const theSignIn = ({ accountId }: ConnectorKey) => ({ method: 'POST', path: `/${accountId}/signintoken$` }) as const;

const comes = (look: (of: Journey) => Promise<View | undefined>, state: StateName) => (of: Journey) =>
  eventually(
    () => look(of),
    (view) => view?.state === state && (of.runId ??= view.runId) === view.runId,
  );
const asBackend = (state: StateName) => comes(async (of) => (await of.asBackend('GET', pathOf(of.key))).body, state);
const inSession = (state: StateName) => comes(async (of) => (await of.inSession('GET', '')).body.connectors[0], state);

/** A backend starts a flow, gives all that it asks for in clear, and reads it. */
const ofBackend: Move[] = [
  {
    name: 'the flow is started',
    makes: (of) => of.asBackend('POST', pathOf(of.key), {}),
    isDone: isStarted,
  },
  { name: 'the flow is read', makes: asBackend('awaitingProperties') },
  {
    name: 'a property is given',
    gives: 'awaitingProperties',
    makes: (of) => {
      const values = { Domain: User.valueOf('Domain') };
      const once = { 'Idempotency-Key': of.submissionIds.properties };
      return of.asBackend('POST', pathOf(of.key, '/properties'), { values }, once);
    },
    cyclr: theProperty,
    isDone: isIn('awaitingCredentials'),
  },
  { name: 'the flow is read again', makes: asBackend('awaitingCredentials') },
  {
    name: 'an API key is given',
    gives: 'awaitingCredentials',
    makes: (of) => {
      const credentials = { kind: 'apiKey', key: 'right' };
      const once = { 'Idempotency-Key': of.submissionIds.credentials };
      return of.asBackend('POST', pathOf(of.key, '/credentials'), { credentials }, once);
    },
    cyclr: theKey,
    isDone: isIn('authenticated'),
  },
  { name: 'its end is read', makes: asBackend('authenticated') },
];

const aSession: Move = {
  name: 'a session is made',
  makes: async (of) => void (of.session = await tokenOf(of, 'session')),
  isDone: isStarted,
};

/** Of a session or an invitation, which a backend gets. */
async function tokenOf(of: Journey, kind: 'session' | 'invitation'): Promise<string> {
  const { accountId, connectorId } = of.key;
  return (await of.asBackend('POST', '/v1/sessions', { accountId, connectorIds: [connectorId], kind })).body.token;
}

/** Whoever has a session seals what the flow asks for, and uses the session on after it was renewed. */
const sealing: Move[] = [
  { name: 'the session is read', makes: inSession('awaitingProperties') },
  {
    name: 'a sealed property is given',
    gives: 'awaitingProperties',
    makes: async (of) => {
      const submissionId = of.submissionIds.properties;
      const binding = { ...of.key, purpose: 'property:Domain', submissionId } as const;
      const values = { Domain: await seal(User.valueOf('Domain'), binding, of.reached.publicKey) };
      await of.inSession('POST', `/connectors/${of.key.connectorId}/properties`, { submissionId, values });
    },
    cyclr: theProperty,
    isDone: isIn('awaitingCredentials'),
  },
  {
    name: 'the session is renewed',
    makes: async (of) => void (of.session = (await of.inSession('POST', '/renew')).body.token),
  },
  {
    name: 'a sealed API key is given',
    gives: 'awaitingCredentials',
    makes: async (of) => {
      const submissionId = of.submissionIds.credentials;
      const binding = { ...of.key, submissionId };
      const credentials = await sealCredentials({ kind: 'apiKey', key: 'right' }, binding, of.reached.publicKey);
      await of.inSession('POST', `/connectors/${of.key.connectorId}/credentials`, { submissionId, credentials });
    },
    cyclr: theKey,
    isDone: isIn('authenticated'),
  },
  { name: 'the end is read', makes: inSession('authenticated') },
];

/** The user goes to a third party in a new window, and comes back. */
const consenting: Move[] = [
  { name: 'the session is read', makes: inSession('awaitingAuthorization') },
  {
    name: 'the user goes to the third party',
    gives: 'awaitingAuthorization',
    makes: async (of) => {
      const form = { session: of.session, connectorId: `${of.key.connectorId}` };
      const { text } = await of.calls('POST', '/connect/go', {
        body: new URLSearchParams(form).toString(),
        headers: { 'Content-Type': 'application/x-www-form-urlencoded', Origin: of.service.url },
      });
      of.link = /content="0;url=([^"]+)"/.exec(text)![1]!.replaceAll('&amp;', '&');
    },
    cyclr: theSignIn,
    isDone: async ({ reached, key }) => (await reached.auth.view(key)).attempt !== undefined,
  },
  {
    name: 'the user consents',
    makes: async (of) => {
      const { location = '' } = await of.reached.sandbox.consent(of.link, 'approve');
      of.attempt = new URL(location).search;
    },
  },
  {
    name: 'the user comes back',
    makes: (of) => of.calls('GET', `/connect/return${of.attempt}`),
    cyclr: theConsent,
    isDone: isIn('authenticated'),
  },
  { name: 'the end is read', makes: inSession('authenticated') },
];

/** Somebody was mailed a link, and uses it when the flow has expired. */
const invited: Move[] = [
  {
    name: 'the flow is started with little patience',
    makes: (of) => of.asBackend('POST', pathOf(of.key), { patience: { properties: '8 seconds' } }),
  },
  {
    name: 'an invitation is made',
    makes: async (of) => void (of.invitation = await tokenOf(of, 'invitation')),
  },
  {
    name: 'the flow expires',
    makes: (of) =>
      eventually(
        () => isIn('expired')(of),
        (expired) => expired,
      ),
  },
  {
    name: 'the invitation is redeemed',
    makes: async (of) =>
      void (of.session = (await of.calls('POST', '/v1/session/redeem', { token: of.invitation })).body.token),
  },
];

export const journeys: Record<JourneyName, readonly Move[]> = {
  'a backend': ofBackend,
  'a browser': [aSession, ...sealing],
  'a consent': [aSession, ...consenting],
  'an invitation': [...invited, ...sealing],
};
export const journeyNames = Object.keys(journeys) as JourneyName[];
