/** Whoever sends something to a running authentication: signals, and updates that are waited for. */
import {
  ApplicationFailure,
  CancellationScope,
  condition,
  isCancellation,
  setDefaultSignalHandler,
  setHandler,
} from '@temporalio/workflow';
import { alarm } from './alarm';
import { isAuthorizationRequest } from '../input';
import type { Course } from './flow-state';
import type { Inbox } from './inbox';
import type { Links } from './links';
import { isFinal } from './machine';
import * as messages from '../messages';
import type { AuthorizationLink, AuthorizationRequest, Confirmation, Problem, View } from '../messages';
import { eventOfFailure } from './outages';
import { problemOf } from '../problems';
import { rejectionOf, type Message } from './inputs';

const ANSWER_WITHIN = '10s';
const CONFIRM_EVERY_MS = 5000;

interface Parts {
  course: Course;
  inbox: Inbox;
  links: Links;
  cancel: (request: unknown) => void;
}

export class Callers {
  readonly #course: Course;
  readonly #inbox: Inbox;
  readonly #links: Links;
  /** When somebody last asked for a verification. */
  #confirmedAt = -Infinity;

  /** Registers every handler: before the workflow's first `await`. None of them ever throws at what it is given. */
  constructor({ course, inbox, links, cancel }: Parts) {
    this.#course = course;
    this.#inbox = inbox;
    this.#links = links;
    setHandler(messages.view, () => course.view);
    setHandler(messages.timeline, () => course.timeline);
    for (const kind of ['propertyInput', 'credentialInput', 'oauthCallback'] as const)
      setHandler(messages[kind], (body: unknown) => inbox.put({ kind, body }));
    setHandler(messages.cancel, cancel);
    setDefaultSignalHandler((name) => course.unknownSignal(name));
    setHandler(messages.submitProperties, (body) => this.#submit({ kind: 'propertyInput', body }), {
      validator: (body) => reject(this.#wrongWith({ kind: 'propertyInput', body })),
    });
    setHandler(messages.submitCredentials, (body) => this.#submit({ kind: 'credentialInput', body }), {
      validator: (body) => reject(this.#wrongWith({ kind: 'credentialInput', body })),
    });
    setHandler(messages.confirmAuthorization, (body) => this.#confirm(body), {
      validator: (body) => reject(this.#wrongWithConfirmation(body)),
    });
    setHandler(messages.requestAuthorization, (body) => this.#authorize(body), {
      validator: (body) => reject(this.#wrongWithRequest(body)),
    });
  }

  /** An update beside a signal: the same inbox, and an answer. */
  #submit(message: Message): Promise<View> {
    this.#inbox.put(message);
    return this.#answer(message);
  }

  /** The view once it is known what became of the message, or as it stands after 10 s. */
  async #answer(message: Message): Promise<View> {
    const options = { summary: 'Answers a caller at the latest' };
    const isKnown = () => message.answer !== undefined || isFinal(this.#course.state);
    await CancellationScope.nonCancellable(() => condition(isKnown, ANSWER_WITHIN, options));
    return message.answer ?? this.#course.view;
  }

  /** Starts a verification, at most one in 5 s, or joins the one that runs. */
  async #confirm({ attemptId, by }: Confirmation): Promise<View> {
    const running = this.#inbox.aboutConsent;
    if (running) return this.#answer(running);
    const isTooSoon = Date.now() - this.#confirmedAt < CONFIRM_EVERY_MS;
    if (isTooSoon || !this.#links.attempts.has(attemptId)) return this.#course.view;
    this.#confirmedAt = Date.now();
    return this.#submit({ kind: 'confirmation', body: { attemptId, by } });
  }

  async #authorize(request: AuthorizationRequest): Promise<AuthorizationLink> {
    try {
      const { answer, attempt } = await this.#links.mint(request);
      if (attempt) this.#course.happen({ type: 'linkMinted', id: attempt.id, attempt, by: request.by });
      return answer;
    } catch (error) {
      const event = eventOfFailure(error, this.#course.state);
      // Whatever it is that does not go away by itself, no user can change it.
      if (event.type !== 'cyclrUnavailable' || event.operatorsTrouble) alarm();
      throw failureOf(problemOf(isCancellation(error) ? 'notNow' : 'cyclrUnavailable'));
    }
  }

  #wrongWith(message: Message): Problem | undefined {
    const { submissions } = this.#course;
    return rejectionOf(this.#course.state, message, { submissions, attempts: this.#links.attempts });
  }

  #wrongWithConfirmation(body: unknown): Problem | undefined {
    const { name } = this.#course.state;
    const isOpen = name === 'awaitingAuthorization' || name === 'verifyingAuthorization';
    return this.#wrongWith({ kind: 'confirmation', body }) ?? (isOpen ? undefined : problemOf('notNow'));
  }

  #wrongWithRequest(request: unknown): Problem | undefined {
    if (!isAuthorizationRequest(request) || this.#links.knows(request.attemptId)) return problemOf('malformed');
    return this.#course.state.name === 'awaitingAuthorization' ? undefined : problemOf('notNow');
  }
}

const failureOf = (problem: Problem): ApplicationFailure =>
  ApplicationFailure.nonRetryable(problem.message, problem.code, problem);

/** Rejects an update: nothing of it enters the history. */
function reject(problem: Problem | undefined): void {
  if (problem) throw failureOf(problem);
}
