/** The inbox that holds the messages, and the functions that turn a message into an event for the present state. */
import { isObject, isSealed, isSubmissionId, type Field, type Sealed } from '../connector';
import { isBy, MAX_CREDENTIALS, MAX_INPUT, MAX_VALUE, MAX_VALUES } from '../input';
import { isFinal, isWaiting, type Event, type State } from './machine';
import { problemOf } from '../problems';
import type { Problem, ProblemCode, StateName, View } from '../view';

/** A message as it arrived, with a body that is not checked yet. */
export interface Message {
  kind: 'propertyInput' | 'credentialInput' | 'oauthCallback' | 'confirmation' | 'recheck';
  body: unknown;
  /**
   * True if the message arrived in a reset run before the first read of the connector. Temporal has delivered such a
   * message before, in the run before the reset.
   */
  isReapplied?: boolean;
  /** The answer to an update: the view after the flow handled the message. */
  answer?: View;
}

/** The ids that the flow has seen. */
export interface KnownIds {
  /** The submissions that the flow accepted. */
  submissions: ReadonlySet<string>;
  /**
   * The attempts whose links the flow has handed out, by id. `returned`: the browser came back. `superseded`: a newer
   * attempt exists.
   */
  attempts: ReadonlyMap<string, { returned: boolean; superseded: boolean }>;
}

/** The limits of the inbox. In an outage, unread messages can stay in memory for a day, so the inbox needs limits. */
const MAX_UNREAD = 20;
const MAX_UNREAD_CHARACTERS = 512 * 1024;

/**
 * Holds the unread messages, and the messages in progress. A message in progress gets its answer after an activity has
 * ended.
 */
export class Inbox {
  /**
   * The unread request for a re-read. The limits of the inbox do not count this request, because the inbox holds at
   * most one request for a re-read.
   */
  recheck?: Message;
  readonly #unread: Message[] = [];
  readonly #inProgress: Message[] = [];
  /**
   * The total length of the bodies of the unread messages. Each added or removed message changes this field. If
   * thousands of messages arrive, it would be slow to count all characters again for each message.
   */
  #unreadCharacters = 0;

  get isEmpty(): boolean {
    return this.#unread.length === 0;
  }

  /** True if the inbox has room for this message beside the unread messages. */
  hasRoomFor(message: Message): boolean {
    if (this.#unread.length >= MAX_UNREAD) return false;
    return this.#unreadCharacters + charactersOf(message) <= MAX_UNREAD_CHARACTERS;
  }

  /**
   * The message that started the running verification. If no verification is running, the unread confirmation that will
   * start the next verification.
   */
  get verification(): Message | undefined {
    return this.#inProgress.find(asksForVerification) ?? this.#unread.find(isConfirmation);
  }

  add(message: Message): void {
    this.#unread.push(message);
    this.#unreadCharacters += charactersOf(message);
  }

  /** Removes the oldest unread message. */
  next(): Message | undefined {
    return this.#removeUnread(0);
  }

  #removeUnread(index: number): Message | undefined {
    const [message] = this.#unread.splice(index, 1);
    if (message) this.#unreadCharacters -= charactersOf(message);
    return message;
  }

  /** Marks the request for a re-read as in progress. */
  startRecheck(): Message {
    const request = this.recheck!;
    this.recheck = undefined;
    this.#inProgress.push(request);
    return request;
  }

  markInProgress(message: Message): void {
    this.#inProgress.push(message);
  }

  /**
   * Marks an unread confirmation as in progress, so that its sender gets the answer of the verification that begins
   * now.
   */
  joinConfirmation(): void {
    const index = this.#unread.findIndex(isConfirmation);
    if (index >= 0) this.#inProgress.push(this.#removeUnread(index)!);
  }

  /**
   * Answers all messages in progress with `view`. Each message stores the view, because the flow can change before the
   * update handler returns.
   */
  answerAll(view: View): void {
    for (const message of this.#inProgress.splice(0)) message.answer = view;
  }
}

/**
 * The length of a body as JSON. Infinity for a body that is nested so deeply that `JSON.stringify` fails: a signal
 * handler must not throw.
 */
function charactersOf({ body }: Message): number {
  try {
    return JSON.stringify(body)?.length ?? 0;
  } catch {
    return Infinity;
  }
}

const isConfirmation = ({ kind }: Message): boolean => kind === 'confirmation';

/**
 * True if a message asks the flow to verify the user's consent. A message of this kind contains no properties and no
 * credentials.
 */
const asksForVerification = ({ kind }: Pick<Message, 'kind'>): boolean =>
  kind === 'oauthCallback' || kind === 'confirmation';

const MAX_NAME = 100;

const acceptedIn: { [N in StateName]?: readonly Message['kind'][] } = {
  awaitingProperties: ['propertyInput'],
  awaitingCredentials: ['credentialInput'],
  awaitingAuthorization: ['credentialInput'],
};

/**
 * Returns the event that a message causes in `state`. Returns `undefined` if the message changes nothing, for example
 * because the flow accepted its submission id before. An input that the state does not accept becomes the event
 * `inputRefused`. A message with a secret in clear is refused as `notSealed`, even if the message has other faults. The
 * history now contains this secret, so the user must replace it.
 */
export function eventOf(state: State, { kind, body }: Message, known: KnownIds): Event | undefined {
  if (!isObject(body)) return refused(problemOf('malformed'));
  const isReturn = asksForVerification({ kind });
  const sender = senderOf(isReturn ? body.attemptId : body.submissionId, body.by);
  if (sender && !isReturn && known.submissions.has(sender.id)) return undefined;
  const unsealed = unsealedProblem(state, { kind, body });
  if (unsealed) return refused(unsealed, sender);
  if (!sender) return refused(problemOf('malformed'));
  if (isReturn) return returnEvent(state, kind, sender, known);
  if (!acceptedIn[state.name]?.includes(kind)) return refused(problemOf('notNow'), sender);
  return kind === 'credentialInput'
    ? credentialEvent(body.credentials, sender)
    : propertyEvent(state, body.values, sender);
}

/**
 * The problem of a message that the validator of an update rejects. `undefined` if the validator accepts the message.
 * In a working state the validator accepts each input with the right shape, because only the next state can check the
 * rest. So before the first read, the validator also accepts a secret property in clear: see docs/messages.md.
 */
export function rejectionOf(state: State, message: Message, known: KnownIds): Problem | undefined {
  // The check for secrets in clear must come before the check of the submission id. In the other order, the validator
  // would accept an update with a known id, and Temporal would write the secret in clear to the history.
  const unsealed = unsealedProblem(state, message);
  // The usual text of `notSealed` says that the secret is in the history. But a rejected update is not in the history,
  // so the problem gets another text.
  if (unsealed) return { ...unsealed, message: 'Seal a secret before you send it.' };
  const event = eventOf(state, message, known);
  if (event?.type !== 'inputRefused') return undefined;
  const { problem } = event;
  if (problem.code !== 'notNow' || isWaiting(state) || isFinal(state)) return problem;
  return isWellFormed(message) ? undefined : problemOf('malformed');
}

/** True if the body of an input has the right shape and size in any state. */
function isWellFormed({ kind, body }: Message): boolean {
  if (!isObject(body)) return false;
  if (kind === 'credentialInput') return isCredentials(body.credentials);
  return isValues(body.values) && Object.values(body.values).every(isValue);
}

/** The problem of a message that has secrets in clear. */
function unsealedProblem(state: State, { kind, body }: Message): Problem | undefined {
  if (!isObject(body)) return undefined;
  if (kind === 'credentialInput') return isInClear(body.credentials) ? problemOf('notSealed') : undefined;
  const names = kind === 'propertyInput' ? secretsInClear(state, body.values) : [];
  return names.length > 0 ? problemOf('notSealed', names) : undefined;
}

type Sender = { id: string; by?: string };
const senderOf = (id: unknown, by: unknown): Sender | undefined =>
  isSubmissionId(id) && isBy(by) ? { id, ...(by !== undefined && { by }) } : undefined;
const refused = (problem: Problem, sender?: Sender): Event => ({ type: 'inputRefused', problem, ...sender });

/**
 * The event of a callback or a confirmation. Only the first callback of an attempt starts a verification, because a
 * page can repeat its callback. Each confirmation starts a verification.
 */
function returnEvent(state: State, kind: Message['kind'], sender: Sender, { attempts }: KnownIds): Event | undefined {
  const attempt = attempts.get(sender.id);
  if (state.name !== 'awaitingAuthorization' || !attempt) return undefined;
  if (kind === 'oauthCallback' && attempt.returned) return undefined;
  return { type: 'authorizationReturned', superseded: attempt.superseded, ...sender };
}

const isCredentials = (credentials: unknown): credentials is Sealed =>
  isSealed(credentials) && credentials.sealed.length <= MAX_CREDENTIALS;

const credentialEvent = (credentials: unknown, sender: Sender): Event =>
  isCredentials(credentials)
    ? { type: 'credentialsSubmitted', credentials, ...sender }
    : refused(problemOf('malformed'), sender);

const isValues = (values: unknown): values is { [name: string]: unknown } =>
  isObject(values) && Object.keys(values).length <= MAX_VALUES && charactersIn(values) <= MAX_INPUT;

function propertyEvent(state: State, values: unknown, sender: Sender): Event {
  if (!isValues(values)) return refused(problemOf('malformed'), sender);
  const problem = problemOfValues(fieldsOf(state), values);
  return problem
    ? refused(problem, sender)
    : { type: 'propertiesSubmitted', values: values as { [name: string]: Sealed | string }, ...sender };
}

const fieldsOf = (state: State): readonly Field[] => ('connector' in state && state.connector?.fields) || [];

/** True if a value is neither empty nor sealed. A value that is not sealed can be a secret in clear. */
const isInClear = (value: unknown): boolean =>
  value !== undefined && value !== null && value !== '' && !isSealed(value);

const textOf = (value: unknown): unknown => (isSealed(value) ? value.sealed : value);
const isValue = (value: unknown): boolean => {
  const text = textOf(value);
  return typeof text === 'string' && text.length <= MAX_VALUE;
};
/** The total length of the values that are texts. `problemOfValues` refuses each value that is no text. */
const charactersIn = (values: { [name: string]: unknown }): number =>
  Object.values(values)
    .map(textOf)
    .reduce<number>((sum, text) => sum + (typeof text === 'string' ? text.length : 0), 0);

/** The names of the secret properties whose values are in clear. */
const secretsInClear = (state: State, values: unknown): string[] =>
  fieldsOf(state)
    .filter(({ secret, name }) => secret && isObject(values) && Object.hasOwn(values, name) && isInClear(values[name]))
    .map(({ name }) => name);

/**
 * Checks the values for unknown, malformed and missing properties, in this order. Returns the first problem, with all
 * properties that have this problem.
 */
function problemOfValues(fields: readonly Field[], values: { [name: string]: unknown }): Problem | undefined {
  const known = new Set(fields.map(({ name }) => name));
  const given = Object.entries(values);
  const found: [ProblemCode, string[]][] = [
    ['unknownProperty', given.filter(([name]) => !known.has(name)).map(([name]) => name.slice(0, MAX_NAME))],
    ['malformed', given.filter(([, value]) => !isValue(value)).map(([name]) => name)],
    [
      'missingProperty',
      fields
        .filter(({ required, stored, name }) => required && !stored && !isGiven(values, name))
        .map(({ name }) => name),
    ],
  ];
  const first = found.find(([, names]) => names.length > 0);
  return first && problemOf(...first);
}

/**
 * True if `values` has a value for the property. An empty text counts as no value. A sealed value always counts as a
 * value, because only the activity can tell whether the sealed value is empty.
 */
const isGiven = (values: { [name: string]: unknown }, name: string): boolean =>
  Object.hasOwn(values, name) && values[name] !== '';
