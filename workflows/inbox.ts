/** What an input means in the state that it is read in: one pure function, for signals and whoever else brings them. */
import { isSubmissionId, type Field, type Sealed } from './connector';
import { isBy, isObject } from './input';
import type { State, Event } from './machine';
import type { Problem, ProblemCode, StateName } from './messages';
import { problemOf } from './problems';

/** An input as it arrived: nothing about its body is known yet. */
export interface Message {
  kind: 'propertyInput' | 'credentialInput' | 'oauthCallback';
  body: unknown;
}

const MAX_VALUES = 200;
const MAX_TEXT = 65_536;
const MAX_NAME = 100;

const takes: { [N in StateName]?: readonly Message['kind'][] } = {
  awaitingProperties: ['propertyInput'],
  awaitingCredentials: ['credentialInput'],
  awaitingAuthorization: ['credentialInput'],
};

/** A compact JWE, as far as its look tells; everything else may be a secret in clear. */
const isSealed = (value: unknown): value is Sealed =>
  isObject(value) &&
  typeof value.sealed === 'string' &&
  value.sealed.length <= 2 * MAX_TEXT &&
  /^[\w-]+\.[\w-]*\.[\w-]+\.[\w-]*\.[\w-]+$/.test(value.sealed);

const isInClear = (value: unknown): boolean =>
  value !== undefined && value !== null && value !== '' && !isSealed(value);

const isText = (value: unknown): value is string => typeof value === 'string' && value.length <= MAX_TEXT;

/**
 * The event that an input is in this state: taken, or `inputRefused`. Nothing for one whose id was taken before.
 * A secret in clear is refused as such whatever else is wrong: it stands in the history, and must be replaced.
 */
export function eventOf(state: State, { kind, body }: Message, seen: ReadonlySet<string>): Event | undefined {
  if (!isObject(body)) return refused(problemOf('malformed'));
  const sender = senderOf(kind === 'oauthCallback' ? body.attemptId : body.submissionId, body.by);
  if (sender && seen.has(sender.id)) return undefined;
  if (kind === 'credentialInput' && isInClear(body.credentials)) return refused(problemOf('notSealed'), sender);
  const exposed = kind === 'propertyInput' ? secretsInClear(state, body.values) : [];
  if (exposed.length > 0) return refused(problemOf('notSealed', exposed), sender);
  if (!sender) return refused(problemOf('malformed'));
  if (kind === 'oauthCallback') return callbackEvent(state, sender);
  if (!takes[state.name]?.includes(kind)) return refused(problemOf('notNow'), sender);
  return kind === 'credentialInput'
    ? credentialEvent(body.credentials, sender)
    : propertyEvent(state, body.values, sender);
}

type Sender = { id: string; by?: string };
const senderOf = (id: unknown, by: unknown): Sender | undefined =>
  isSubmissionId(id) && isBy(by) ? { id, ...(by !== undefined && { by }) } : undefined;
const refused = (problem: Problem, sender?: Sender): Event => ({ type: 'inputRefused', problem, ...sender });

/** An attempt that is not the present one changes nothing. */
const callbackEvent = (state: State, sender: Sender): Event | undefined =>
  state.name === 'awaitingAuthorization' && state.attempt?.id === sender.id
    ? { type: 'authorizationReturned', ...sender }
    : undefined;

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
