/** What an input means in the state that it is read in: pure, for signals and whoever else brings them. */
import { isObject, isSealed, isSubmissionId, type Field, type Sealed } from '../connector';
import { isBy } from '../input';
import { isFinal, isWaiting, type Event, type State } from './machine';
import type { Problem, ProblemCode, StateName, View } from '../messages';
import { problemOf } from '../problems';

/** An input as it arrived: nothing about its body is known yet. */
export interface Message {
  kind: 'propertyInput' | 'credentialInput' | 'oauthCallback' | 'confirmation';
  body: unknown;
  /** What whoever sent it is told: the view when it was known what became of it. */
  answer?: View;
}

/** What came before it. */
export interface Known {
  /** The submissions that were taken. */
  submissions: ReadonlySet<string>;
  /** The attempts of this run, whether each has come back, and whether there is a newer one. */
  attempts: ReadonlyMap<string, { returned: boolean; superseded: boolean }>;
}

const MAX_VALUES = 200;
const MAX_TEXT = 65_536;
const MAX_NAME = 100;

const takes: { [N in StateName]?: readonly Message['kind'][] } = {
  awaitingProperties: ['propertyInput'],
  awaitingCredentials: ['credentialInput'],
  awaitingAuthorization: ['credentialInput'],
};

const isInClear = (value: unknown): boolean =>
  value !== undefined && value !== null && value !== '' && !isSealed(value);

const isText = (value: unknown): value is string => typeof value === 'string' && value.length <= MAX_TEXT;

/**
 * The event that an input is in this state: taken, or `inputRefused`. Nothing for one whose id was taken before.
 * A secret in clear is refused as such whatever else is wrong: it stands in the history, and must be replaced.
 */
export function eventOf(state: State, { kind, body }: Message, known: Known): Event | undefined {
  if (!isObject(body)) return refused(problemOf('malformed'));
  const isReturn = isAboutConsent({ kind });
  const sender = senderOf(isReturn ? body.attemptId : body.submissionId, body.by);
  if (sender && !isReturn && known.submissions.has(sender.id)) return undefined;
  if (kind === 'credentialInput' && isInClear(body.credentials)) return refused(problemOf('notSealed'), sender);
  const exposed = kind === 'propertyInput' ? secretsInClear(state, body.values) : [];
  if (exposed.length > 0) return refused(problemOf('notSealed', exposed), sender);
  if (!sender) return refused(problemOf('malformed'));
  if (isReturn) return returnEvent(state, kind, sender, known);
  if (!takes[state.name]?.includes(kind)) return refused(problemOf('notNow'), sender);
  return kind === 'credentialInput'
    ? credentialEvent(body.credentials, sender)
    : propertyEvent(state, body.values, sender);
}

type Sender = { id: string; by?: string };
const senderOf = (id: unknown, by: unknown): Sender | undefined =>
  isSubmissionId(id) && isBy(by) ? { id, ...(by !== undefined && { by }) } : undefined;
const refused = (problem: Problem, sender?: Sender): Event => ({ type: 'inputRefused', problem, ...sender });

/** Whether it is a reason to ask Cyclr, and nothing that was given. */
export const isAboutConsent = ({ kind }: Pick<Message, 'kind'>): boolean =>
  kind === 'oauthCallback' || kind === 'confirmation';

/** One verification for what a page says by itself; a person who asks again is answered again. */
function returnEvent(state: State, kind: Message['kind'], sender: Sender, { attempts }: Known): Event | undefined {
  const attempt = attempts.get(sender.id);
  if (state.name !== 'awaitingAuthorization' || !attempt) return undefined;
  if (kind === 'oauthCallback' && attempt.returned) return undefined;
  return { type: 'authorizationReturned', superseded: attempt.superseded, ...sender };
}

/**
 * Why an input can't be taken, where that is plain before it is: for a caller who waits for the answer. A working state
 * keeps what it can't judge yet.
 */
export function rejectionOf(state: State, message: Message, known: Known): Problem | undefined {
  const event = eventOf(state, message, known);
  if (event?.type !== 'inputRefused') return undefined;
  const { problem } = event;
  if (problem.code === 'notNow' && !isWaiting(state) && !isFinal(state)) return undefined;
  // What is rejected never enters the history.
  return problem.code === 'notSealed'
    ? { ...problem, message: 'A secret has to be sealed before it is sent.' }
    : problem;
}

const credentialEvent = (credentials: unknown, sender: Sender): Event =>
  isSealed(credentials)
    ? { type: 'credentialsSubmitted', credentials, ...sender }
    : refused(problemOf('malformed'), sender);

function propertyEvent(state: State, values: unknown, sender: Sender): Event {
  if (!isObject(values) || Object.keys(values).length > MAX_VALUES) return refused(problemOf('malformed'), sender);
  const problem = wrongWithValues(fieldsOf(state), values);
  return problem
    ? refused(problem, sender)
    : { type: 'propertiesSubmitted', values: values as { [name: string]: Sealed | string }, ...sender };
}

const fieldsOf = (state: State): readonly Field[] => ('connector' in state && state.connector?.fields) || [];

/** The secret properties that were given in clear; an empty value gives nothing away. */
const secretsInClear = (state: State, values: unknown): string[] =>
  fieldsOf(state)
    .filter(({ secret, name }) => secret && isObject(values) && Object.hasOwn(values, name) && isInClear(values[name]))
    .map(({ name }) => name);

/** The first kind of trouble that there is, with every property that has it. */
function wrongWithValues(fields: readonly Field[], values: { [name: string]: unknown }): Problem | undefined {
  const known = new Set(fields.map(({ name }) => name));
  const given = Object.entries(values);
  const found: [ProblemCode, string[]][] = [
    ['unknownProperty', given.filter(([name]) => !known.has(name)).map(([name]) => name.slice(0, MAX_NAME))],
    ['malformed', given.filter(([, value]) => !isSealed(value) && !isText(value)).map(([name]) => name)],
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

/** An empty text is not given; a sealed one may be, which only the activity finds out. */
const isGiven = (values: { [name: string]: unknown }, name: string): boolean =>
  Object.hasOwn(values, name) && values[name] !== '';
