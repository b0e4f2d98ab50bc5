/** The handlers of a flow's signals, updates and queries. */
import {
  ApplicationFailure,
  CancellationScope,
  condition,
  isCancellation,
  setDefaultSignalHandler,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { FlowState } from './flow-state';
import { isObject } from '../connector';
import { isAuthorizationRequest, isBy, type AuthorizationRequest, type Confirmation } from '../input';
import { rejectionOf, type Inbox, type Message } from './inputs';
import type { Links } from './links';
import type { Subscribers } from './subscribers';
import { isFinal, isWaiting, outageIn } from './machine';
import * as messages from '../messages';
import { countLink } from '../metrics';
import { reportOperatorsTrouble } from '../outage';
import { eventOfFailure } from './outages';
import { problemOf, retryHint } from '../problems';
import type { AuthorizationLink, Problem, View } from '../view';

const ANSWER_WITHIN = '10s';
const CONFIRM_EVERY_MS = 5_000;
const RECHECK_EVERY_MS = 10_000;

interface Parts {
  flow: FlowState;
  inbox: Inbox;
  links: Links;
  subscribers: Subscribers;
  cancel: (request: unknown) => void;
}

interface Context extends Parts {
  /** When the last confirmation started a verification, in milliseconds. */
  confirmedAt: number;
  /** When a caller last requested a re-read, in milliseconds. */
  recheckedAt: number;
}

/**
 * Registers all handlers. Call this function before the workflow's first `await`. No signal handler throws. A plain
 * error in a signal handler would fail every later workflow task, and an ApplicationFailure would end the workflow.
 */
export function registerHandlers(parts: Parts): void {
  const context: Context = { ...parts, confirmedAt: -Infinity, recheckedAt: -Infinity };
  setHandler(messages.view, () => context.flow.view);
  setHandler(messages.timeline, () => context.flow.timeline);
  for (const kind of ['propertyInput', 'credentialInput', 'oauthCallback'] as const)
    setHandler(messages[kind], (body: unknown) => addSignal(context, { kind, body }));
  setHandler(messages.cancel, context.cancel);
  setHandler(messages.recheck, (body: unknown) => void askForRecheck(context, body));
  setHandler(messages.subscribe, (body: unknown) => addSubscriber(context, body));
  setDefaultSignalHandler((name) => context.flow.recordUnknownSignal(name));
  setHandler(messages.submitProperties, (body) => submit(context, { kind: 'propertyInput', body }), {
    validator: (body) => check(context, problemOfMessage(context, { kind: 'propertyInput', body })),
  });
  setHandler(messages.submitCredentials, (body) => submit(context, { kind: 'credentialInput', body }), {
    validator: (body) => check(context, problemOfMessage(context, { kind: 'credentialInput', body })),
  });
  setHandler(messages.confirmAuthorization, (body) => confirm(context, body), {
    validator: (body) => check(context, problemOfConfirmation(context, body)),
  });
  setHandler(messages.recheckUpdate, (body) => recheck(context, body), {
    validator: (body) => check(context, problemOfRecheck(context, body)),
  });
  setHandler(messages.requestAuthorization, (body) => authorize(context, body), {
    validator: (body) => check(context, problemOfRequest(context, body)),
  });
}

function addSignal(context: Context, message: Message): void {
  if (context.inbox.hasRoomFor(message)) add(context, message);
  else context.flow.recordRefusedSignal('notNow');
}

function addSubscriber({ flow, subscribers }: Context, body: unknown): void {
  const refusal = subscribers.add(body);
  if (refusal) flow.recordRefusedSignal(refusal);
}

function add({ flow, inbox }: Context, message: Message): void {
  if (flow.state.name === 'fetchingConnector' && wasReset()) message.isReapplied = true;
  inbox.add(message);
}

/**
 * True if an operator has reset the first run of the flow. After a reset, Temporal delivers again each message that
 * came after the reset point. A replay by the SDK alone does not know the run id of the reset run, so
 * `temporal/replay.ts` sets this run id in the history.
 */
function wasReset(): boolean {
  const { runId, firstExecutionRunId, continuedFromExecutionRunId } = workflowInfo();
  return runId !== firstExecutionRunId && !continuedFromExecutionRunId;
}

/** Adds the message of an update to the inbox, as a signal handler does, and waits for the answer. */
function submit(context: Context, message: Message): Promise<View> {
  add(context, message);
  return answerTo(context, message);
}

/**
 * Returns the view after the flow has handled the message, or the current view if the flow has not handled the message
 * within 10 s.
 */
async function answerTo({ flow }: Context, message: Message): Promise<View> {
  const options = { summary: 'Limit of the wait for the answer to an update' };
  const isKnown = () => message.answer !== undefined || isFinal(flow.state);
  await CancellationScope.nonCancellable(() => condition(isKnown, ANSWER_WITHIN, options));
  return message.answer ?? flow.view;
}

/**
 * If a verification is running, or an unread confirmation in the inbox will start one, waits for the result of this
 * verification. Otherwise, returns the current view at once in two cases: the attempt is unknown, or a confirmation
 * started a verification less than 5 s ago. In all other cases, starts a verification and waits for its result.
 */
async function confirm(context: Context, { attemptId, by }: Confirmation): Promise<View> {
  const running = context.inbox.verification;
  if (running) return answerTo(context, running);
  const isTooSoon = Date.now() - context.confirmedAt < CONFIRM_EVERY_MS;
  if (isTooSoon || !context.links.attempts.has(attemptId)) return context.flow.view;
  context.confirmedAt = Date.now();
  return submit(context, { kind: 'confirmation', body: { attemptId, by } });
}

/**
 * Returns the request for a re-read that is already in the inbox, or adds a new request to the inbox. Returns
 * `undefined` in two cases: the last request is less than 10 s old, or the flow is neither in a waiting state nor in an
 * outage.
 */
function askForRecheck(context: Context, body: unknown): Message | undefined {
  const { flow, inbox } = context;
  if (inbox.recheck) return inbox.recheck;
  const isTooSoon = Date.now() - context.recheckedAt < RECHECK_EVERY_MS;
  if (isTooSoon || !(isWaiting(flow.state) || outageIn(flow.state))) return undefined;
  context.recheckedAt = Date.now();
  return (inbox.recheck = { kind: 'recheck', body });
}

async function recheck(context: Context, body: unknown): Promise<View> {
  const request = askForRecheck(context, body);
  return request ? answerTo(context, request) : context.flow.view;
}

async function authorize({ flow, links }: Context, request: AuthorizationRequest): Promise<AuthorizationLink> {
  try {
    const { answer, attempt } = await links.mint(request);
    countLink(attempt ? 'made' : 'superseded');
    if (attempt) flow.apply({ type: 'linkMinted', id: attempt.id, attempt, by: request.by });
    return answer;
  } catch (error) {
    // The flow has left the state, or was cancelled. After a cancel request, the SDK fails the call before it schedules
    // the activity.
    if (isCancellation(error)) throw failureOf(problemOf('notNow'));
    const event = eventOfFailure(error, flow.state);
    // A link needs no input of the user, so every failure is an operator's trouble, except an outage that ends without
    // an operator.
    const isTrouble = event.type !== 'cyclrUnavailable' || event.operatorsTrouble !== undefined;
    countLink(isTrouble ? 'operatorsTrouble' : 'unavailable');
    if (isTrouble) reportOperatorsTrouble(event.type === 'cyclrUnavailable' ? event : {});
    throw failureOf(problemOf('cyclrUnavailable'));
  }
}

function problemOfMessage({ flow, inbox, links }: Context, message: Message): Problem | undefined {
  const problem = rejectionOf(flow.state, message, { submissions: flow.submissions, attempts: links.attempts });
  // The inbox always has room for a confirmation, because it holds at most one unread confirmation.
  if (problem || message.kind === 'confirmation') return problem;
  return inbox.hasRoomFor(message) ? undefined : problemOf('notNow');
}

function problemOfConfirmation(context: Context, body: unknown): Problem | undefined {
  const { name } = context.flow.state;
  const isAccepted = name === 'awaitingAuthorization' || name === 'verifyingAuthorization';
  return problemOfMessage(context, { kind: 'confirmation', body }) ?? (isAccepted ? undefined : problemOf('notNow'));
}

function problemOfRequest({ flow, links }: Context, request: unknown): Problem | undefined {
  if (!isAuthorizationRequest(request) || links.has(request.attemptId)) return problemOf('malformed');
  return flow.state.name === 'awaitingAuthorization' ? undefined : problemOf('notNow');
}

function problemOfRecheck({ flow }: Context, body: unknown): Problem | undefined {
  if (body !== undefined && !(isObject(body) && isBy(body.by))) return problemOf('malformed');
  return isFinal(flow.state) ? problemOf('notNow') : undefined;
}

const failureOf = (problem: Problem, ...details: unknown[]): ApplicationFailure =>
  ApplicationFailure.nonRetryable(problem.message, problem.code, problem, ...details);

/**
 * Rejects an update that has a problem, without an event in the history. This function must be synchronous: if a
 * validator is async, the sender of the update never gets an answer.
 */
function check({ flow }: Context, problem: Problem | undefined): void {
  if (problem) throw failureOf(problem);
  // An accepted update would postpone Continue-As-New. So the flow rejects the update, with the hint to send the update
  // again. The next run can accept the update.
  if (isWaiting(flow.state) && workflowInfo().continueAsNewSuggested) throw failureOf(problemOf('notNow'), retryHint);
}
