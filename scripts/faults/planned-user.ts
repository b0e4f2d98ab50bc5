/** Plays the user of one flow by its plan, which can have several runs, mistakes, harmless inputs, and a stop. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { authValueOf } from '../../activities/credentials';
import { ConnectorAuthError, translated } from '../../client/connector-auth-error';
import { workflowIdOf, type ConnectorKey } from '../../workflows/connector';
import { taskQueue } from '../../workflows/messages';
import { finalStates, type StateName, type View } from '../../workflows/view';
import type { CredentialSubmission } from '../user/transports';
import { User, type Answer } from '../user/user';
import { newRecord, recordStart, type FlowRecord } from './flow-record';
import { sendHarmless, startKinds, type Target } from './harmless-inputs';
import { credentialsFor, isMistakeFor, valuesFor, type CredentialMistake, type PropertyMistake } from './mistakes';
import { persistently } from '../user/persistent';
import type { ConsentRound, FlowPlan, Round, RunPlan, Stop } from './plan';
import { PlannedTransports } from './planned-transports';
import type { TestSecrets } from './secret-search';
import type { FaultStack } from './stack';

const CALL_MS = 5_000;
/** If a signal has no visible effect within this time, the user sends the next input. */
const ANSWER_AGAIN_MS = 12_000;
const READ_EVERY_MS = 1_000;
/** After this time, the user gives up a flow that is still open. Only a flow that hangs reaches this limit. */
const PATIENCE_MS = 15 * 60_000;
/** The id of a connector that does not exist. This id is greater than all ids of the sandbox. */
const UNKNOWN_CONNECTOR = 9_000_000;

export interface Shared {
  stack: FaultStack;
  secrets: TestSecrets;
  /** The ids of the OAuth attempts of all flows. */
  attempts: string[];
}

/**
 * Installs the flow's connector and one other connector, and runs the plan. Never fails: puts each error into
 * `problems` of the record.
 */
export async function playFlow(shared: Shared, plan: FlowPlan): Promise<FlowRecord> {
  const key = install(shared.stack, plan);
  const name = `flow ${plan.number} (${[plan.connector, plan.badStart].filter(Boolean).join(', ')})`;
  const expected = plan.runs.map((run) => run.expected);
  const record = newRecord(name, key, expected);
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), PATIENCE_MS);
  try {
    const user = new PlannedUser(shared, plan, record, patience.signal);
    await (plan.badStart === 'otherId' || plan.badStart === 'noInput' ? user.startBadly() : user.play());
  } catch (err) {
    const code = err instanceof ConnectorAuthError ? `${err.code}, ` : '';
    record.problems.push(`the user's last view was ${record.lastView?.state}, then: ${code}${String(err)}`);
  } finally {
    clearTimeout(timer);
  }
  return record;
}

function install(stack: FaultStack, { accountId, connector, number, badStart, cyclrFaults }: FlowPlan): ConnectorKey {
  if (badStart === 'noAccount') return { accountId, connectorId: UNKNOWN_CONNECTOR };
  const key = stack.install(accountId, connector);
  stack.install(accountId, 'Brightdesk'); // no flow may change this connector
  if (badStart) return { accountId, connectorId: UNKNOWN_CONNECTOR + number };
  const path = `^/v1\\.0/account/connectors/${key.connectorId}(/|$)`;
  for (const { method, ...rule } of cyclrFaults)
    stack.sandbox.fault({ ...rule, match: { account: accountId, path, ...(method && { method }) } });
  return key;
}

class PlannedUser {
  readonly #transports: PlannedTransports;
  #run!: RunPlan;
  /** The number of answers that the user has given so far, over all runs. */
  #answers = 0;
  /** The number of submissions in the present run. */
  #submissions = 0;
  /** The submission ids of the credentials that the user sent in the present run. */
  readonly #usedIds: string[] = [];

  constructor(
    readonly shared: Shared,
    readonly plan: FlowPlan,
    readonly record: FlowRecord,
    readonly signal: AbortSignal,
  ) {
    this.#transports = new PlannedTransports(shared.stack, record, shared.attempts, signal);
  }

  /** Plays all runs of the plan, one after the other. */
  async play(): Promise<void> {
    for (const run of this.plan.runs) {
      if (this.record.runs.length > 0) await this.#untilClosed();
      await this.#play(run);
    }
    if (finalStates.includes(this.record.lastView!.state))
      for (const input of this.plan.late) await sendHarmless(this.#target(), input);
  }

  /**
   * Waits until the latest run has closed. A run whose state is final closes only after a worker has sent the run's
   * last event.
   */
  async #untilClosed(): Promise<void> {
    const { client, auth } = this.shared.stack;
    await this.#persistently(() => inTime(client, () => auth.result(this.record.key)));
  }

  /** Starts a workflow with the input of another flow, or without an input, and waits for its end. */
  async startBadly(): Promise<void> {
    const { record } = this;
    const other = { ...record.key, accountId: `${record.key.accountId}-other` };
    const args = this.plan.badStart === 'noInput' ? [] : [other];
    const options = { taskQueue, workflowId: workflowIdOf(record.key), args };
    const { client, auth } = this.shared.stack;
    const start = () => inTime(client, () => client.workflow.start('authenticateConnector', options));
    const { firstExecutionRunId } = await this.#persistently(start, () => void (record.startRepeated = true));
    recordStart(record, firstExecutionRunId);
    do {
      await this.#delay(READ_EVERY_MS);
      record.lastView = await this.#persistently(() => auth.view(record.key));
    } while (!finalStates.includes(record.lastView.state));
  }

  async #play(run: RunPlan): Promise<void> {
    this.#run = structuredClone(run); // each answer removes a round from this copy
    this.#submissions = 0;
    this.#usedIds.length = 0;
    const { startedTwice, early, stop } = run;
    const user = this.#user((view) => this.#nextAnswer(view));
    await Promise.all(startedTwice ? [user.start(), user.start()] : [user.start()]);
    if (early) await this.#giveEarly();
    const view = await user.play();
    if (!stop || stop.how === 'leaves' || finalStates.includes(view.state)) return;
    await this.#stop(stop.how, view);
    while (!finalStates.includes((await user.settledView()).state)) await this.#delay(READ_EVERY_MS);
  }

  #user(answers: (view: View) => Promise<Answer | undefined>): User {
    const { record, signal } = this;
    const { intent, patience } = this.#run;
    return new User({
      ...{ key: record.key, start: { intent, patience }, transport: this.#transports.library(), answers },
      ...{ sandboxUrl: this.shared.stack.sandbox.url, answerAgainMs: ANSWER_AGAIN_MS, signal },
    });
  }

  async #nextAnswer(view: View): Promise<Answer | undefined> {
    await this.#delay(this.plan.pausesMs[this.#answers]);
    await this.#sendHarmless();
    if (view.state === this.#run.stop?.at) return undefined;
    const { awaitingProperties, awaitingCredentials, awaitingAuthorization } = this.#run.rounds;
    if (view.state === 'awaitingProperties') return this.#properties(view, awaitingProperties.shift());
    if (view.state === 'awaitingCredentials') return this.#credentials(view, awaitingCredentials.shift());
    return this.#consent(awaitingAuthorization.shift());
  }

  #properties(view: View, { mistake, way }: Round<PropertyMistake> = { way: 'update' }): Answer {
    const options = { label: this.#label, mistake, optional: this.#run.optional };
    const { values, good } = valuesFor(view, this.shared.secrets, options);
    for (const [name, value] of Object.entries(good)) this.record.runs.at(-1)!.properties.set(name, value);
    const transport = this.#transports.inputs({ mistake, way, isRejected: isMistakeFor(view, mistake) });
    return { values, transport, submissionId: `${this.#label}-properties-${this.#submissions++}` };
  }

  #credentials({ connector }: View, { mistake, way }: Round<CredentialMistake> = { way: 'update' }): Answer {
    const { credentials, submissionId } = this.#credentialSubmission(connector?.authType ?? '', mistake);
    return { credentials, submissionId, transport: this.#transports.inputs({ mistake, way }) };
  }

  #credentialSubmission(authType: string, mistake?: CredentialMistake): CredentialSubmission {
    const credentials = credentialsFor(authType, this.shared.secrets, { label: this.#label, mistake });
    if (!mistake) this.record.runs.at(-1)!.authValue = authValueOf(credentials);
    const submissionId = `${this.#label}-credentials-${this.#submissions++}`;
    this.#usedIds.push(submissionId);
    return { credentials, submissionId };
  }

  #consent({ decision, ...back }: ConsentRound = { decision: 'approve', back: 'confirm', superseded: false }): Answer {
    return { decision, transport: this.#transports.consents(back) };
  }

  /** Sends good credentials before the flow asks for them. */
  async #giveEarly(): Promise<void> {
    const authType = this.shared.stack.stored(this.record.key)?.Connector.AuthType;
    if (authType !== 'ApiKey' && authType !== 'Basic') return;
    await this.#transports.signals().submitCredentials(this.record.key, this.#credentialSubmission(authType));
  }

  /** Takes the planned action that ends the run, while the flow is in the waiting state of this view. */
  async #stop(how: Stop['how'], view: View): Promise<void> {
    const { client, auth } = this.shared.stack;
    const { key } = this.record;
    if (how === 'cancels during work') await this.#giveBySignal(view);
    if (how === 'cancels in Temporal')
      await this.#persistently(() => inTime(client, () => client.workflow.getHandle(workflowIdOf(key)).cancel()));
    else if (how !== 'lets it expire') await this.#persistently(() => auth.cancel(key, { by: 'user' }));
  }

  async #giveBySignal(view: View): Promise<void> {
    const round = { way: 'signal' } as const;
    const answers: Partial<Record<StateName, () => Answer>> = {
      awaitingProperties: () => this.#properties(view, round),
      awaitingCredentials: () => this.#credentials(view, round),
      awaitingAuthorization: () => ({ decision: 'approve', transport: this.#transports.callback() }),
    };
    await this.#user(async () => answers[view.state]!()).answer(view);
  }

  async #sendHarmless(): Promise<void> {
    const { early, stop } = this.#run;
    const canHaveEnded = early || stop?.how === 'lets it expire' || this.record.runs.length > 1;
    for (const input of this.plan.harmless[this.#answers++] ?? [])
      if (!canHaveEnded || !Object.hasOwn(startKinds, input.kind)) await sendHarmless(this.#target(), input);
  }

  #target(): Target {
    return {
      ...this.shared,
      record: this.record,
      label: this.#label,
      usedIds: this.#usedIds,
      patience: this.#run.patience,
    };
  }

  /** The text that every value of the present run contains. */
  get #label(): string {
    return `f${this.plan.number}-r${this.record.runs.length - 1}`;
  }

  #persistently<T>(call: () => Promise<T>, onRepeat?: () => void): Promise<T> {
    return persistently(call, { signal: this.signal, onRepeat });
  }

  #delay(ms: number | undefined): Promise<void> {
    return delay(ms, undefined, { signal: this.signal });
  }
}

/** Makes a call to Temporal with a time limit. Fails with an error of the library. */
const inTime = <T>(client: Client, call: () => Promise<T>): Promise<T> =>
  translated(() => client.withDeadline(Date.now() + CALL_MS, call));
