/** A user of one account connector: reads the view of the flow, and gives the inputs that the view asks for. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { ConnectorAuthError } from '../../client/connector-auth-error';
import { consentInBrowser } from '../../sandbox/browser';
import type { Decision } from '../../sandbox/oauth';
import type { ConnectorKey } from '../../workflows/connector';
import type { Credentials } from '../../workflows/input';
import { finalStates, type StateName, type View, type WaitingStateName } from '../../workflows/view';
import { expectationOf, isWaiting } from './expectations';
import type { StartOptions, Transport } from './transports';

/** The user's answer to a view in a waiting state. The state decides which one of the first three members is set. */
export interface Answer {
  values?: { readonly [name: string]: string };
  credentials?: Credentials;
  decision?: Decision;
  /** The submission id of values or credentials. The default is a new id. */
  submissionId?: string;
  /** A transport for this answer in place of the user's transport. */
  transport?: Transport;
}

/** Returns the answer to this view. Undefined if the user gives no answer. */
export type AnswerSource = (view: View) => Answer | undefined | Promise<Answer | undefined>;

export interface UserOptions {
  key: ConnectorKey;
  start?: StartOptions;
  transport: Transport;
  answers: AnswerSource;
  /** The sandbox, whose consent pages the user visits. */
  sandboxUrl: string;
  /**
   * Some transports return no view for an answer. After such an answer, if the view stays unchanged for this time, the
   * user answers again. Default: never.
   */
  answerAgainMs?: number;
  /** When this signal is aborted, the user stops, and `play` fails with an AbortError. */
  signal?: AbortSignal;
}

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 2_000;

export class User {
  runId?: string;
  /** The waiting states in which the user gave an answer, in order. */
  readonly answered: WaitingStateName[] = [];
  /** Set if the transport returned no view for the last answer: the answered view, and the time of the answer. */
  #unconfirmed?: { view: View; at: number };

  constructor(readonly options: UserOptions) {}

  get key(): ConnectorKey {
    return this.options.key;
  }

  /**
   * At the first call, starts the flow. Then answers the views of the flow. Stops when the flow is in the state
   * `until`, when the flow has ended, or when the user has no answer to a view. Returns the last view. Fails with the
   * errors of the transport.
   */
  async play(until?: StateName): Promise<View> {
    if (this.runId === undefined) await this.start();
    for (;;) {
      const view = await this.settledView();
      if (view.state === until || !(await this.answer(view))) return view;
    }
  }

  async start(): Promise<void> {
    this.runId = (await this.options.transport.start(this.key, this.options.start)).runId;
  }

  /** Waits for a view which shows that the flow has ended or needs an answer. Returns this view. */
  async settledView(): Promise<View> {
    const { transport, signal } = this.options;
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(1.5 * pause, LONGEST_PAUSE_MS)) {
      const view = await transport.view(this.key);
      if (finalStates.includes(view.state) || (isWaiting(view.state) && this.#asksAgain(view))) return view;
      await delay(pause, undefined, { signal });
    }
  }

  /** Gives the answer to this view. Returns false if the user has no answer. */
  async answer(view: View): Promise<boolean> {
    const answer = isWaiting(view.state) && (await this.options.answers(view));
    if (!answer) return false;
    this.answered.push(view.state as WaitingStateName);
    const confirmed = await this.#give(view, answer).catch(unlessLate);
    this.#unconfirmed = confirmed ? undefined : { view, at: Date.now() };
    return true;
  }

  #give(
    { fields = [] }: View,
    { values, credentials, decision, submissionId = randomUUID(), transport = this.options.transport }: Answer,
  ): Promise<View | void> {
    const secrets = fields.filter(({ secret }) => secret).map(({ name }) => name);
    if (values) return transport.submitProperties(this.key, { submissionId, values, secrets });
    if (credentials) return transport.submitCredentials(this.key, { submissionId, credentials });
    return this.#consent(transport, decision!);
  }

  async #consent(transport: Transport, decision: Decision): Promise<View | void> {
    const link = await transport.requestLink(this.key);
    const { location } = await consentInBrowser(this.options.sandboxUrl, link.url, decision);
    return transport.returnFromConsent(this.key, link, location);
  }

  /**
   * True if the user must answer this view. If the transport returned no view for the last answer, this view must
   * differ from the answered view (a new run, a new wait or a new problem), or `answerAgainMs` must have passed. A new
   * deadline means a new wait, because a flow sets the deadline each time it enters a waiting state.
   */
  #asksAgain({ runId, deadline, problem }: View): boolean {
    if (!this.#unconfirmed) return true;
    const { view, at } = this.#unconfirmed;
    return (
      runId !== view.runId ||
      deadline !== view.deadline ||
      JSON.stringify(problem) !== JSON.stringify(view.problem) ||
      Date.now() - at > (this.options.answerAgainMs ?? Infinity)
    );
  }
}

/**
 * Ignores an error which says that the flow no longer waits for the input. The usual cause: an earlier call has
 * succeeded, but its answer was lost.
 */
function unlessLate(err: unknown): true {
  if (err instanceof ConnectorAuthError && (err.code === 'closed' || err.code === 'notNow')) return true;
  throw err;
}

/** Returns a source that gives the answers of each waiting state once, in their order. */
export function inOrder(answers: { readonly [S in WaitingStateName]?: readonly Answer[] }): AnswerSource {
  const left = new Map(Object.entries(answers).map(([state, list]) => [state, [...list]]));
  return ({ state }) => left.get(state)?.shift();
}

/**
 * Returns the good answers of this connector's user, by waiting state: one answer for each input that the flow asks
 * for.
 */
export function goodAnswers(connector: string): { [S in WaitingStateName]: Answer[] } {
  const { properties, credentials, consent } = expectationOf(connector);
  return {
    awaitingProperties: properties ? [{ values: properties }] : [],
    awaitingCredentials: credentials ? [{ credentials }] : [],
    awaitingAuthorization: consent ? [{ decision: 'approve' }] : [],
  };
}
