/**
 * The model of a flow's surroundings: users who send messages in any order, Cyclr which answers in several ways, and
 * the clock. The flow itself is the real workflow on the SDK's runtime.
 */
import { RuntimeRun, type ActivityAnswer, type End, type PendingActivity, type UpdateAnswer } from './sdk-runtime';
import { connector, withMissing } from '../../../scripts/faults/machine-samples';
import { authenticateConnector } from '../../../workflows/authenticate-connector/workflow';
import type { Connector, Intent } from '../../../workflows/connector';
import type { AuthorizationCheck, LinkRequest } from '../../../workflows/ports';
import type { Timeline, View } from '../../../workflows/view';

/** The values that the user sends. Only the arguments of activities may contain these values. */
export const secrets = ['sealedByTheUser', 'typed-by-the-user', 'sent-in-clear'];
const sealed = { sealed: 'a..sealedByTheUser.c.d' };

type Job = ReturnType<typeof RuntimeRun.signal>;
interface Message {
  job: () => Job;
  /** The id by which the timeline names this input. */
  id?: string;
}

const { signal, update } = RuntimeRun;
const attemptId = 'a1';
const replyKey = {
  kty: 'EC',
  crv: 'P-256',
  x: 'axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY',
  y: 'T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU',
};
const properties = (submissionId: string, name = 'Domain') => ({
  submissionId,
  values: { [name]: 'typed-by-the-user' },
});
const link = (id: string) => ({ attemptId: id, replyKey, returnTo: 'https://app.example/done' });

const messages = {
  'signal propertyInput': { id: 'p1', job: () => signal('propertyInput', properties('p1')) },
  'same propertyInput again': { id: 'p1', job: () => signal('propertyInput', properties('p1')) },
  'update submitProperties': { id: 'p2', job: () => update('p2', 'submitProperties', properties('p2')) },
  'update submitProperties of an unknown property': {
    job: () => update('p3', 'submitProperties', properties('p3', 'Other')),
  },
  'signal credentialInput': {
    id: 'c1',
    job: () => signal('credentialInput', { submissionId: 'c1', credentials: sealed }),
  },
  'update submitCredentials': {
    id: 'c2',
    job: () => update('c2', 'submitCredentials', { submissionId: 'c2', credentials: sealed }),
  },
  'signal credentialInput in clear': {
    id: 'c3',
    job: () => signal('credentialInput', { submissionId: 'c3', credentials: { key: 'sent-in-clear' } }),
  },
  'update requestAuthorization': { job: () => update('a1', 'requestAuthorization', link('a1')) },
  'second requestAuthorization': { job: () => update('a2', 'requestAuthorization', link('a2')) },
  'signal oauthCallback': { job: () => signal('oauthCallback', { attemptId }) },
  'update confirmAuthorization': { job: () => update('k1', 'confirmAuthorization', { attemptId }) },
  'second confirmAuthorization': { job: () => update('k2', 'confirmAuthorization', { attemptId }) },
  'update recheck': { job: () => update('r1', 'recheck', {}) },
  'signal cancel': { job: () => signal('cancel', { reason: 'test' }) },
  'cancellation by Temporal': { job: () => RuntimeRun.cancel() },
  'signal subscribe': { job: () => signal('subscribe', { workflowId: 'onboarding/acme/1' }) },
} satisfies { [label: string]: Message };
export type MessageLabel = keyof typeof messages;
const messageOf = (label: string): Message | undefined => (messages as { [label: string]: Message })[label];

export interface Scenario {
  name: string;
  intent: Intent;
  of: Connector;
  messages: readonly MessageLabel[];
  /** Sequences of steps. The exploration begins after each of these sequences, and also at the start of the flow. */
  starts: readonly (readonly string[])[];
}

const lacks = 'fetchConnector 1: a property missing';
const complete = 'fetchConnector 1: no property missing';
const withLink = [complete, 'update requestAuthorization', 'mintLink 2: minted'];

export const scenarios: Scenario[] = [
  {
    name: 'an API key and a property',
    intent: 'authenticate',
    of: connector('ApiKey'),
    messages: [
      'signal propertyInput',
      'same propertyInput again',
      'update submitProperties',
      'update submitProperties of an unknown property',
      'signal credentialInput',
      'update submitCredentials',
      'signal credentialInput in clear',
      'signal cancel',
    ],
    starts: [[lacks], [complete]],
  },
  {
    name: 'a consent',
    intent: 'authenticate',
    of: connector('OAuth2', { oauth2Type: 'AuthorisationCode' }),
    messages: [
      'update requestAuthorization',
      'second requestAuthorization',
      'signal oauthCallback',
      'update confirmAuthorization',
      'second confirmAuthorization',
      'update submitCredentials',
      'signal cancel',
    ],
    starts: [[complete], withLink],
  },
  {
    name: 'a re-authentication by API key',
    intent: 'reauthenticate',
    of: connector('ApiKey', { authenticated: true }),
    messages: [
      'signal credentialInput',
      'update submitCredentials',
      'update recheck',
      'signal subscribe',
      'cancellation by Temporal',
    ],
    starts: [[complete]],
  },
  {
    name: 'a re-authentication by consent',
    intent: 'reauthenticate',
    of: connector('OAuth1', { authenticated: true }),
    messages: ['update requestAuthorization', 'signal oauthCallback', 'update confirmAuthorization', 'update recheck'],
    starts: [withLink],
  },
  {
    name: 'client credentials and a property',
    intent: 'authenticate',
    of: connector('OAuth2', { oauth2Type: 'ClientCredentials' }),
    messages: ['signal propertyInput', 'update submitProperties', 'update recheck', 'cancellation by Temporal'],
    starts: [[lacks]],
  },
];

const unavailable = { failure: 'CyclrUnavailable' };
const refused = { failure: 'CyclrRefused', details: [{ code: 'refused', message: 'no' }] };

/** A read proves a consent if the connector was not authenticated before, or if the stored value has changed. */
const proves = ({ consent }: AuthorizationCheck): boolean =>
  consent === undefined || !consent.wasAuthenticated || consent.fingerprint !== undefined;

/** The answers that Cyclr can give to an activity. If Cyclr is not down, `runToEnd` gives the first answer. */
function answersTo({ type, args }: PendingActivity, { of }: Scenario): { [label: string]: ActivityAnswer } {
  const granted = { ...of, authenticated: true };
  switch (type) {
    case 'fetchConnector':
      return {
        'a property missing': { value: withMissing(of) },
        'no property missing': { value: of },
        authenticated: { value: granted },
        'no answer': unavailable,
        'not found': { failure: 'CyclrNotFound' },
      };
    case 'applyProperties':
      return { refused, stored: { value: of }, 'no answer': unavailable };
    case 'applyCredentials':
      return { refused, authenticated: { value: granted }, 'no answer': unavailable };
    case 'verifyAuthorization':
      return {
        'not authenticated': { value: { connector: { ...of, authenticated: false }, isProven: false } },
        'authenticated, with the same value as before': { value: { connector: granted, isProven: false } },
        authenticated: { value: { connector: granted, isProven: proves(args[1] as AuthorizationCheck) } },
        'no answer': unavailable,
      };
    case 'mintLink': {
      const { fingerprint } = args[1] as LinkRequest;
      const minted = { link: sealed, expiresAt: '2030-01-01T00:05:00.000Z', ...(fingerprint && { fingerprint: 'f' }) };
      return { minted: { value: minted }, 'no answer': unavailable };
    }
    default:
      return { done: { value: undefined } };
  }
}

/**
 * The view, the timeline, the answers to updates, the timers and the activities of a flow after a sequence of steps.
 */
export interface Seen {
  path: readonly string[];
  now: number;
  view: View;
  timeline: Timeline;
  updates: { [id: string]: UpdateAnswer };
  ends: End[];
  afterEnd: string[];
  /** If the flow is open, the ids of all inputs that were sent to it up to its last workflow task. */
  sent: string[];
  timers: number[];
  activities: PendingActivity[];
  /** The steps that are possible next. */
  next: string[];
}

export const CLOCK = 'the next timer fires';
/** A step with this prefix is in the same workflow task as the step before. */
export const JOINED = 'and ';

/** Runs the flow through a sequence of steps, from its start. */
export async function replay(scenario: Scenario, path: readonly string[]): Promise<Seen> {
  const { run, sent } = await runThrough(scenario, path);
  return seenIn(scenario, path, run, sent);
}

async function runThrough(scenario: Scenario, path: readonly string[]) {
  const run = new RuntimeRun(authenticateConnector, 'connector-auth/acme/1');
  await run.start({ accountId: 'acme', connectorId: 1, intent: scenario.intent });
  const sent: string[] = [];
  let jobs: Job[] = [];
  for (const [index, label] of path.entries()) {
    const step = label.startsWith(JOINED) ? label.slice(JOINED.length) : label;
    const id = messageOf(step)?.id;
    if (id !== undefined) sent.push(id);
    jobs.push(jobOf(scenario, run, step));
    if (path[index + 1]?.startsWith(JOINED)) continue;
    await run.activate(jobs);
    jobs = [];
  }
  return { run, sent };
}

function jobOf(scenario: Scenario, run: RuntimeRun, step: string): Job {
  if (step === CLOCK) return run.fireNext();
  const message = messageOf(step);
  if (message) return message.job();
  const [, seq, label = ''] = /^\w+ (\d+): (.*)$/.exec(step) ?? [];
  const activity = run.activities.get(Number(seq))!;
  const answer = label === 'cancelled' ? { cancelled: true as const } : answersTo(activity, scenario)[label]!;
  return run.answer(Number(seq), answer);
}

async function seenIn(scenario: Scenario, path: readonly string[], run: RuntimeRun, sent: string[]): Promise<Seen> {
  const activities = [...run.activities.entries()];
  const answers = activities.flatMap(([seq, activity]) => {
    const labels = [...(activity.cancelRequested ? ['cancelled'] : []), ...Object.keys(answersTo(activity, scenario))];
    return labels.map((label) => `${activity.type} ${seq}: ${label}`);
  });
  const unsent = scenario.messages.filter((label) => !path.includes(label) && !path.includes(JOINED + label));
  return {
    path,
    now: run.now,
    view: (await run.query('view')) as View,
    timeline: (await run.query('timeline')) as Timeline,
    updates: Object.fromEntries(run.updates),
    ends: run.ends,
    afterEnd: run.afterEnd,
    sent,
    timers: [...run.timers.values()].map(({ at }) => at),
    activities: activities.map(([, activity]) => activity),
    next: run.isOpen ? [...answers, ...unsent, ...(run.timers.size > 0 ? [CLOCK] : [])] : [],
  };
}

/** Continues a flow without further messages until the flow ends. `isDown`: Cyclr gives no answer. */
export async function runToEnd(scenario: Scenario, from: Seen, isDown: boolean): Promise<Seen> {
  const { run, sent } = await runThrough(scenario, from.path);
  const path = [...from.path];
  for (let steps = 0; run.isOpen && steps < MAX_STEPS; steps++) {
    const [first] = run.activities;
    const step = first ? `${first[1].type} ${first[0]}: ${quietAnswer(first[1], scenario, isDown)}` : CLOCK;
    if (step === CLOCK && run.timers.size === 0) break;
    path.push(step);
    await run.activate([jobOf(scenario, run, step)]);
  }
  return seenIn(scenario, path, run, sent);
}

/**
 * An outage of 24 hours has about 150 pauses, and a flow can have two such outages: at a write, and at the last read.
 */
const MAX_STEPS = 1000;

function quietAnswer(activity: PendingActivity, scenario: Scenario, isDown: boolean): string {
  const labels = Object.keys(answersTo(activity, scenario));
  return isDown && labels.includes('no answer') ? 'no answer' : labels[0]!;
}
