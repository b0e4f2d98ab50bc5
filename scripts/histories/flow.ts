/** One flow, and everything that a user, a page, an operator or Cyclr can do to it. */
import { setTimeout as delay } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import type { Link } from '../../client/answers';
import { seal } from '../../sealing/seal';
import type { ConnectorPatch } from '../../sandbox/control';
import type { FaultRule } from '../../sandbox/fault-rule';
import type { Decision } from '../../sandbox/oauth';
import type { ConnectorKey, Sealed } from '../../workflows/connector';
import {
  taskQueue,
  workflowIdOf,
  type Credentials,
  type Input,
  type StateName,
  type View,
} from '../../workflows/messages';
import type { Stage } from './stage';

const WITHIN_MS = 60_000;
const EVERY_MS = 100;
const by = 'recorder';
/** Nobody goes there. */
const RETURN_TO = 'http://127.0.0.1:9/done';

export interface Start extends Partial<Input> {
  /** What is otherwise than in the catalogue. */
  patch?: ConnectorPatch;
  /** What goes wrong from the start. */
  fault?: Fault;
}

/** What happens instead of Cyclr's answer; once, where nothing else is said. */
export interface Fault extends Omit<FaultRule, 'match'> {
  method?: FaultRule['match']['method'];
  path?: string;
}

/** So long away that no second attempt comes in its minute: the flow pauses until then. */
export const away = (seconds: number): FaultRule['then'] => ({ kind: 'throttled', retryAfter: seconds });

export class Flow {
  #submissions = 0;

  private constructor(
    readonly stage: Stage,
    readonly key: ConnectorKey,
    /** This very run. */
    readonly handle: WorkflowHandle,
  ) {}

  /** Starts one, of this connector of the catalogue, in an account of its own. */
  static async start(stage: Stage, accountId: string, connector: string, start: Start = {}): Promise<Flow> {
    const { patch, fault, ...input } = start;
    const [{ id: connectorId } = { id: 0 }] = stage.sandbox.createAccount(accountId, { connectors: [connector] });
    const key = { accountId, connectorId };
    if (patch) stage.sandbox.update(accountId, connectorId, patch);
    if (fault) fail(stage, key, fault);
    const { runId } = await stage.auth.start(key, { ...input, by });
    return new Flow(stage, key, stage.client.workflow.getHandle(workflowIdOf(key), runId));
  }

  /** Starts one with whatever input, under whatever id. */
  static async startAnyhow(stage: Stage, workflowId: string, input: unknown): Promise<Flow> {
    const options = { taskQueue, workflowId, args: [input] as [unknown] };
    const { firstExecutionRunId } = await stage.client.workflow.start('authenticateConnector', options);
    const nobodys = { accountId: '', connectorId: 0 };
    return new Flow(stage, nobodys, stage.client.workflow.getHandle(workflowId, firstExecutionRunId));
  }

  /** Waits for this state, with this problem where one is named. Fails after a minute. */
  async reaches(state: StateName, problem?: string): Promise<View> {
    let view = await this.view();
    for (const until = Date.now() + WITHIN_MS; Date.now() < until; view = await this.view()) {
      if (view.state === state && (problem === undefined || view.problem?.code === problem)) return view;
      await delay(EVERY_MS);
    }
    throw new Error(`is ${view.state} (${view.problem?.code}), not ${state} (${problem})`);
  }

  /** Waits for its end, which must be this one. */
  async ends(state: StateName): Promise<this> {
    const end = await this.stage.auth.result(this.key);
    if (end.state !== state) throw new Error(`ended as ${end.state}, not ${state}`);
    return this;
  }

  /** Waits for its end as a failure or a cancellation in Temporal's eyes. */
  async breaks(): Promise<this> {
    const broke = await this.handle.result().then(
      () => false,
      () => true,
    );
    if (!broke) throw new Error('did not fail');
    return this;
  }

  view(): Promise<View> {
    return this.stage.auth.view(this.key);
  }

  sleeps(duration: Parameters<Stage['sleep']>[0]): Promise<unknown> {
    return this.stage.sleep(duration);
  }

  /** Gives values of properties by an update; those that are secret are sealed. */
  async sets(values: { [name: string]: string }, submissionId = this.#nextId()): Promise<View> {
    const { fields = [] } = await this.view();
    const secrets = new Set(fields.filter(({ secret }) => secret).map(({ name }) => name));
    const given: { [name: string]: string | Sealed } = { ...values };
    for (const name of secrets)
      if (name in values) given[name] = await this.sealed(`property:${name}`, submissionId, values[name]!);
    return this.stage.auth.submitProperties(this.key, { submissionId, values: given, by });
  }

  /** Gives credentials by an update. */
  async gives(credentials: Credentials, submissionId = this.#nextId()): Promise<View> {
    return this.stage.auth.submitCredentials(this.key, await this.credentials(credentials, submissionId));
  }

  /** The body of a message that gives credentials. */
  async credentials(credentials: Credentials, submissionId = this.#nextId()) {
    const sealed = await this.sealed('credentials', submissionId, JSON.stringify(credentials));
    return { submissionId, credentials: sealed, by };
  }

  sealed(purpose: 'credentials' | `property:${string}`, submissionId: string, value: string): Promise<Sealed> {
    return seal(value, { ...this.key, purpose, submissionId }, this.stage.publicKey);
  }

  /** Sends a signal as anybody could. */
  async signals(name: string, ...args: unknown[]): Promise<this> {
    await this.handle.signal(name, ...args);
    return this;
  }

  /** A fresh link, good for five minutes of the server's time: the sandbox stays in the present. */
  async asks(): Promise<Link> {
    const { sandbox, now } = this.stage;
    sandbox.switches.signInTokenExpiresIn = Math.max(300, 300 + ((await now()) - Date.now()) / 1000);
    return this.stage.auth.requestAuthorization(this.key, { returnTo: RETURN_TO, by });
  }

  /** Opens a link and decides, as a user does. */
  async decides({ url }: Link, decision: Decision): Promise<void> {
    await this.stage.sandbox.consent(url, decision);
  }

  /** What the page sends that the browser comes back to. */
  returns({ attemptId }: Pick<Link, 'attemptId'>): Promise<this> {
    return this.signals('oauthCallback', { attemptId, by });
  }

  confirms({ attemptId }: Pick<Link, 'attemptId'>): Promise<View> {
    return this.stage.auth.confirmAuthorization(this.key, { attemptId, by });
  }

  /** From now on, for this account alone. */
  fails(fault: Fault): void {
    fail(this.stage, this.key, fault);
  }

  /** Changes what Cyclr holds, behind the flow's back. */
  changes(patch: ConnectorPatch): void {
    this.stage.sandbox.update(this.key.accountId, this.key.connectorId, patch);
  }

  #nextId(): string {
    return `submission-${++this.#submissions}`;
  }
}

/** A call of the partner's own has no account but in its path. */
function fail({ sandbox }: Stage, { accountId }: ConnectorKey, { method, path, ...rest }: Fault): void {
  const partners = path?.startsWith('/v1.0/accounts/');
  sandbox.fault({ ...rest, match: { method, path, ...(!partners && { account: accountId }) } });
}

/** Where sign-in tokens of a flow's account come from. */
export const signInPath = ({ key }: Pick<Flow, 'key'>): string => `/v1.0/accounts/${key.accountId}/signintoken`;
