/** A user and the page that they use: gives what is asked for, and sends again what got no answer. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Link } from '../../client/answers';
import type { ConnectorAuth } from '../../client/connector-auth';
import { ConnectorAuthError, translated, type ConnectorAuthErrorCode } from '../../client/connector-auth-error';
import { seal } from '../../sealing/seal';
import type { SealingKey } from '../../sealing/keys';
import type { Client } from '@temporalio/client';
import type { Sandbox } from '../../sandbox/server';
import type { Sealed } from '../../workflows/connector';
import {
  finalStates,
  workflowIdOf,
  type CredentialInput,
  type Input,
  type PropertyInput,
  type StateName,
  type View,
} from '../../workflows/messages';
import { RETURN_TO } from '../support/messages';

const AGAIN_MS = 1_000;
const PATIENCE_MS = 200_000;

/** What passes by itself. */
const passing: ConnectorAuthErrorCode[] = ['temporalUnavailable', 'noWorker', 'cyclrUnavailable'];

/** A confirmation has a new id each time: the one before may have done its work, unheard. */
function unlessOver(err: unknown): void {
  if (!(err instanceof ConnectorAuthError && ['closed', 'notNow'].includes(err.code))) throw err;
}

interface Reached {
  auth: ConnectorAuth;
  client: Client;
  sandbox: Sandbox;
  publicKey: SealingKey;
  /** Aborted when nobody looks any more: then every user stops. */
  closing: AbortSignal;
}

export class User {
  /** What they were asked for, in order. */
  readonly asked: StateName[] = [];
  /** What their calls failed with before they got through. */
  readonly troubles: ConnectorAuthErrorCode[] = [];
  /** Whether they send signals; else updates, and wait for the answers. */
  bySignal = false;
  runId?: string;
  /** Their last walk; it may have failed. */
  walk: Promise<unknown> = Promise.resolve();
  /** The wait that they have ended already, by its deadline. */
  #ended?: string;
  #link?: Link;

  constructor(
    readonly reached: Reached,
    readonly key: Input,
  ) {}

  /** The value that they give for a property. */
  static valueOf = (name: string): string => `${name}-of-mine`;

  /** Goes on until the flow is in this state or ended: starts it where nobody has. */
  walks(until?: StateName): Promise<View> {
    const walk = this.#walk(until);
    this.walk = walk.catch(() => undefined); // who awaits it hears of it, sooner or later
    return walk;
  }

  async #walk(until?: StateName): Promise<View> {
    await this.#starts();
    let view: View | void = undefined;
    for (;;) {
      view ??= await this.#looks();
      if (view.state === until || finalStates.includes(view.state)) return view;
      view = this.#isAsked(view) ? await this.gives(view) : await this.#waits();
    }
  }

  /** Gives what the flow waits for. The view afterwards, where somebody answers. */
  async gives({ state, deadline, fields = [] }: View): Promise<View | void> {
    this.asked.push(state);
    this.#ended = deadline;
    const submissionId = randomUUID();
    if (state === 'awaitingAuthorization') return this.#consents();
    return state === 'awaitingProperties'
      ? this.#sends('Properties', { submissionId, values: await this.#values(submissionId, fields) })
      : this.#sends('Credentials', { submissionId, credentials: await this.#apiKey(submissionId) });
  }

  /** Gets a link, and does not follow it yet. */
  async asksForLink(): Promise<void> {
    const { auth } = this.reached;
    this.#link ??= await this.#patiently(() => auth.requestAuthorization(this.key, { returnTo: RETURN_TO }));
  }

  signals(name: string, body: unknown): Promise<void> {
    const { client } = this.reached;
    const handle = client.workflow.getHandle(workflowIdOf(this.key));
    return this.#patiently(() => translated(() => handle.signal(name, body)));
  }

  async #starts(): Promise<void> {
    this.runId ??= (await this.#patiently(() => this.reached.auth.start(this.key))).runId;
  }

  #looks(): Promise<View> {
    return this.#patiently(() => this.reached.auth.view(this.key));
  }

  #isAsked({ state, deadline }: View): boolean {
    return state.startsWith('awaiting') && deadline !== this.#ended;
  }

  async #consents(): Promise<View | void> {
    await this.asksForLink();
    const { attemptId, url } = this.#link!;
    await this.reached.sandbox.consent(url, 'approve');
    if (this.bySignal) return this.signals('oauthCallback', { attemptId });
    return this.#patiently(() => this.reached.auth.confirmAuthorization(this.key, { attemptId }).catch(unlessOver));
  }

  async #sends(what: 'Properties' | 'Credentials', input: PropertyInput | CredentialInput): Promise<View | void> {
    const { auth } = this.reached;
    if (this.bySignal) return this.signals(what === 'Properties' ? 'propertyInput' : 'credentialInput', input);
    return this.#patiently(() => auth[`submit${what}`](this.key, input as PropertyInput & CredentialInput));
  }

  async #values(submissionId: string, fields: NonNullable<View['fields']>) {
    const values: { [name: string]: Sealed | string } = {};
    for (const { name, secret } of fields)
      values[name] = secret
        ? await this.#sealed(User.valueOf(name), `property:${name}`, submissionId)
        : User.valueOf(name);
    return values;
  }

  #apiKey(submissionId: string): Promise<Sealed> {
    return this.#sealed(JSON.stringify({ kind: 'apiKey', key: 'right' }), 'credentials', submissionId);
  }

  #sealed(value: string, purpose: 'credentials' | `property:${string}`, submissionId: string): Promise<Sealed> {
    const { accountId, connectorId } = this.key;
    return seal(value, { accountId, connectorId, purpose, submissionId }, this.reached.publicKey);
  }

  #waits(): Promise<void> {
    return delay(AGAIN_MS, undefined, { signal: this.reached.closing });
  }

  /** The very same call, until it gets through. */
  async #patiently<T>(call: () => Promise<T>): Promise<T> {
    for (const until = Date.now() + PATIENCE_MS; ; await this.#waits()) {
      try {
        return await call();
      } catch (err) {
        if (!(err instanceof ConnectorAuthError && passing.includes(err.code)) || Date.now() > until) throw err;
        this.troubles.push(err.code);
      }
    }
  }
}
