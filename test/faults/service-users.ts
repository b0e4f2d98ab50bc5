/** Users that call the service over HTTP. Each call waits until the test lets the call continue. */
import { randomUUID } from 'node:crypto';
import {
  propertyInputOf,
  credentialInputOf,
  sealerOf,
  serviceTransport,
  type BackendCall,
  type Transport,
} from '../../scripts/user/transports';
import type { LocalService } from '../../scripts/local/parts';
import type { ConnectorKey } from '../../workflows/connector';
import type { StateName, View } from '../../workflows/view';
import { eventually } from '../support/eventually';
import { callerOf, type Answer, type Call } from '../support/http';
import type { Scene, TestUser } from './scene';

export type Journey = 'a backend' | 'a session' | 'a consent' | 'an invitation';

/**
 * The HTTP calls of one user. Each call waits until the test calls `pass` or `open`. Then the user sends the call, and
 * repeats the call until the service answers.
 */
export class GatedCalls {
  /** The name of the call that waits. */
  waiting?: string;
  /** The number of calls without an answer. */
  unanswered = 0;
  #pass = () => undefined as void;
  #isOpen = false;
  #last = '';
  readonly #caller;

  /** @param signal makes a waiting call fail, so that a test that fails between two calls does not hang */
  constructor(
    service: Pick<LocalService, 'url'>,
    readonly signal: AbortSignal,
  ) {
    this.#caller = callerOf(service.url);
  }

  /** Lets the waiting call continue. */
  pass(): void {
    this.waiting = undefined;
    this.#pass();
  }

  /** Lets the waiting call and all later calls continue. */
  open(): void {
    this.#isOpen = true;
    this.pass();
  }

  /**
   * Makes a call. If the call gets no answer or a 5xx, repeats the call. Fails after a 3xx or 4xx. A call with the same
   * name as the user's previous call does not wait for the test. `prepare` runs when the test lets the call continue,
   * before the user sends the call.
   */
  async call(method: string, path: string, call?: Call, prepare?: () => Promise<unknown>): Promise<Answer> {
    const name = `${method} ${path
      .split('?')[0]!
      .replace(/account-[^/]+/, ':account')
      .replace(/\/\d+/, '/:id')}`;
    if (!this.#isOpen && name !== this.#last) await this.#wait(name);
    this.#last = name;
    await prepare?.();
    const answer = await eventually(
      () => this.#caller(method, path, call).catch((err: unknown) => this.#countLost(err)),
      ({ status }) => status < 500,
    );
    if (answer.status >= 300) throw new Error(`${name}: ${answer.status} ${answer.text}`);
    return answer;
  }

  async #wait(name: string): Promise<void> {
    this.waiting = name;
    this.signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      this.#pass = resolve;
      this.signal.addEventListener('abort', () => reject(this.signal.reason as Error));
    });
  }

  #countLost(err: unknown): never {
    this.unanswered++;
    throw err;
  }
}

export interface ServiceUser {
  journey: Journey;
  user: TestUser;
  calls: GatedCalls;
  /** The token of the user's session. */
  session(): string;
  ended?: Promise<View>;
}

/** A new user, whose first call waits for the test. */
export function serviceUser(scene: Scene, service: LocalService, journey: Journey): ServiceUser {
  const connector = journey === 'a consent' ? 'Ledgerly' : 'Fernhill';
  const key = scene.install(`account-${randomUUID()}`, connector);
  const calls = new GatedCalls(service, scene.signal);
  const browser = new Browser(scene, service, calls, key);
  const asBackend: BackendCall = async (method, path, body, idempotencyKey) => {
    const headers = idempotencyKey ? { 'Idempotency-Key': idempotencyKey } : undefined;
    return (await calls.call(method, path, { token: service.apiKey, body, headers })).body;
  };
  const transports: { [name in Journey]: () => Transport } = {
    'a backend': () => serviceTransport(asBackend),
    'a session': () => browser.transport(() => browser.getSession()),
    'a consent': () => browser.transport(() => browser.getSession()),
    'an invitation': () => browser.transport(() => browser.redeemInvitation()),
  };
  const user = scene.userOver(key, connector, transports[journey]());
  return { journey, user, calls, session: () => browser.token };
}

/**
 * A browser with a session for one connector. The browser seals all inputs, and renews the session after it has sent
 * the properties.
 */
class Browser {
  token = '';

  constructor(
    readonly scene: Scene,
    readonly service: LocalService,
    readonly calls: GatedCalls,
    readonly key: ConnectorKey,
  ) {}

  async getSession(): Promise<void> {
    this.token = await this.#tokenFromBackend('session');
  }

  /**
   * The flow expires before the user opens the mailed link. When the user opens the link, the service starts the flow
   * again.
   */
  async redeemInvitation(): Promise<void> {
    const { auth } = this.scene;
    const startShort = () => auth.start(this.key, { patience: { properties: '3 seconds' } });
    const invitation = await this.#tokenFromBackend('invitation', startShort);
    await eventually(isIn(this.scene, this.key, 'expired'));
    this.token = (await this.calls.call('POST', '/v1/session/redeem', { token: invitation })).body.token;
  }

  transport(begin: () => Promise<void>): Transport {
    const sealer = sealerOf(this.scene.publicKey);
    const path = `/connectors/${this.key.connectorId}`;
    const view = async () => (await this.#call('GET', '')).connectors[0] as View;
    return {
      view,
      start: async () => (await begin(), view()),
      submitProperties: async (key, submission) => {
        const secrets = Object.keys(submission.values);
        await this.#call('POST', `${path}/properties`, await propertyInputOf(sealer, key, { ...submission, secrets }));
        this.token = (await this.#call('POST', '/renew')).token;
      },
      submitCredentials: async (key, submission) =>
        this.#call('POST', `${path}/credentials`, await credentialInputOf(sealer, key, submission)),
      requestLink: () => this.#goToThirdParty(),
      returnFromConsent: async (_key, _link, location = '') => {
        await this.calls.call('GET', `/connect/return${new URL(location).search}`);
      },
    };
  }

  /** Posts the form that the connect page posts into a new window. */
  async #goToThirdParty(): Promise<{ url: string }> {
    const form = { session: this.token, connectorId: `${this.key.connectorId}` };
    const { text } = await this.calls.call('POST', '/connect/go', {
      body: new URLSearchParams(form).toString(),
      headers: { 'Content-Type': 'application/x-www-form-urlencoded', Origin: this.service.url },
    });
    return { url: /content="0;url=([^"]+)"/.exec(text)![1]!.replaceAll('&amp;', '&') };
  }

  async #call(method: string, path: string, body?: object) {
    return (await this.calls.call(method, `/v1/session${path}`, { token: this.token, body })).body;
  }

  async #tokenFromBackend(kind: 'session' | 'invitation', prepare?: () => Promise<unknown>): Promise<string> {
    const { accountId, connectorId } = this.key;
    const body = { accountId, connectorIds: [connectorId], kind };
    return (await this.calls.call('POST', '/v1/sessions', { token: this.service.apiKey, body }, prepare)).body.token;
  }
}

/** Reads the state through the library, without the service. */
export const isIn =
  ({ auth }: Scene, key: ConnectorKey, state: StateName) =>
  async (): Promise<boolean> =>
    (await auth.view(key)).state === state;

/** One HTTP call of a journey. A test can kill the service during this call. */
export interface JourneyCall {
  name: string;
  /** The request that the flow sends to Cyclr because of this call. The service answers the call after this request. */
  cyclr?: (key: ConnectorKey) => { method: 'GET' | 'POST' | 'PUT'; path: string };
  /** True if the flow has made the change that the user's call requests. */
  isDone?: (scene: Scene, key: ConnectorKey) => Promise<boolean>;
}

const isStarted = ({ auth }: Scene, key: ConnectorKey): Promise<boolean> =>
  auth.progress(key).then(
    () => true,
    () => false,
  );
const reaches = (state: StateName) => (scene: Scene, key: ConnectorKey) => isIn(scene, key, state)();

const inputsAt = (path: string): JourneyCall[] => [
  {
    name: `POST ${path}/properties`,
    cyclr: ({ connectorId }) => ({ method: 'POST', path: `/connectors/${connectorId}/properties$` }),
    isDone: reaches('awaitingCredentials'),
  },
  {
    name: `POST ${path}/credentials`,
    cyclr: ({ connectorId }) => ({ method: 'PUT', path: `/connectors/${connectorId}$` }),
    isDone: reaches('authenticated'),
  },
];
/**
 * The call that makes a session. The service begins with a read of the latest run from Temporal. While the proxy holds
 * the answer to this read, the service changes nothing that a test could check. Therefore the call has no `isDone`.
 */
const newSession: JourneyCall = { name: 'POST /v1/sessions' };

export const journeys: { readonly [journey in Journey]: readonly JourneyCall[] } = {
  'a backend': [
    { name: 'POST /v1/accounts/:account/connectors/:id', isDone: isStarted },
    ...inputsAt('/v1/accounts/:account/connectors/:id'),
  ],
  'a session': [newSession, ...inputsAt('/v1/session/connectors/:id')],
  'a consent': [
    newSession,
    {
      name: 'POST /connect/go',
      cyclr: ({ accountId }) => ({ method: 'POST', path: `/${accountId}/signintoken$` }),
      isDone: async ({ auth }, key) => (await auth.view(key)).attempt !== undefined,
    },
    {
      name: 'GET /connect/return',
      cyclr: ({ connectorId }) => ({ method: 'GET', path: `/connectors/${connectorId}$` }),
      isDone: reaches('authenticated'),
    },
  ],
  'an invitation': [{ name: 'POST /v1/session/redeem' }, ...inputsAt('/v1/session/connectors/:id')],
};
export const journeyNames = Object.keys(journeys) as Journey[];
