/** The public status of an onboarding: the progress, the details in Temporal Web, the search attributes. */
import { setCurrentDetails } from '@temporalio/workflow';
import { isAccountId, isObject } from '../connector';
import { isFinal, type Item, type State } from './machine';
import { escapeMarkdown } from '../markdown';
import { searchAttributes } from '../messages';
import type { Lack, OnboardedConnector, OnboardedCycle, OnboardingProgress, OnboardingState } from '../onboarding';
import type { PublishedAttributes } from '../published-attributes';

export interface ProgressSource {
  /** A start input that is not checked yet. */
  input: unknown;
  state: State;
  revision: number;
}

const stateOf = (state: State): OnboardingState => (isFinal(state) ? (state.name as OnboardingState) : 'running');

/** Copies the members of the allow-list into the progress. The progress never contains the state object itself. */
export function progressOf({ input, state, revision }: ProgressSource): OnboardingProgress {
  const { accountId, onboardingId, metadata } = isObject(input) ? input : {};
  const problem = problemOf(state);
  const isValid = state.name !== 'failed' || state.failure.code !== 'invalidInput';
  return {
    accountId: isAccountId(accountId) ? accountId : '',
    onboardingId: isAccountId(onboardingId) ? onboardingId : '',
    state: stateOf(state),
    total: state.items.length,
    done: state.items.filter(isDone).length,
    connectors: state.items.map(connectorOf),
    ...(state.cycle && { cycle: cycleOf(state.cycle) }),
    ...(problem && { problem }),
    ...(state.name === 'failed' && { failure: { code: state.failure.code, message: state.failure.message } }),
    ...(isValid && isObject(metadata) && { metadata: metadata as { [name: string]: string } }),
    revision,
  };
}

const isDone = ({ state }: Item): boolean => state === 'authenticated';

const connectorOf = ({ connectorId, name, state, runId, since }: Item): OnboardedConnector => ({
  connectorId,
  name,
  state,
  ...(runId !== undefined && { runId }),
  ...(since !== undefined && { since }),
});

const cycleOf = ({ id, state, lacks }: OnboardedCycle): OnboardedCycle => ({ id, state, ...(lacks && { lacks }) });

const outageOf = (state: State): { operatorsTrouble?: string } | undefined =>
  'outage' in state ? state.outage : undefined;

function problemOf(state: State): OnboardingProgress['problem'] {
  const outage = outageOf(state);
  return outage && (outage.operatorsTrouble ? 'operatorsTrouble' : 'cyclrUnavailable');
}

export interface Status {
  state: State;
  progress: OnboardingProgress;
  /** The number of signals that were malformed, or that the onboarding could not accept. */
  ignored: number;
}

/** Publishes the status to Temporal Web, and to the search attributes if one of them has changed. */
export function publishStatus(status: Status, published: PublishedAttributes): void {
  setCurrentDetails(detailsOf(status));
  const { accountId, state } = status.progress;
  published.publish([
    { key: searchAttributes.state, value: state as string },
    // An onboarding with a malformed input gets no account id, because the id can be wrong.
    ...(status.progress.failure?.code === 'invalidInput'
      ? []
      : [{ key: searchAttributes.accountId, value: accountId }]),
  ]);
}

const descriptions: Record<State['name'], string> = {
  readingScope: 'Reading the connectors of the scope from Cyclr.',
  startingFlows: 'Starting the flows of the connectors, and subscribing to them.',
  awaitingFlows: '**Waiting for the flows** of the connectors to end.',
  activatingCycle: 'Activating the cycle in Cyclr.',
  cancellingFlows: 'Cancelling the flows that this onboarding started.',
  completed: '**Completed**: every connector is authenticated.',
  incomplete: '**Incomplete**: start a new onboarding when the cause is mended.',
  cancelled: '**Cancelled**.',
  failed: '**Failed**.',
};

/** The details of an onboarding on one screen, as markdown: a list of facts, and the connectors that are not done. */
export function detailsOf(status: Status): string {
  const { progress, state } = status;
  return [
    `### Onboarding ${escapeMarkdown(progress.onboardingId)}: \`${progress.state}\``,
    descriptions[state.name],
    factsOf(status)
      .map((fact) => `- ${fact}`)
      .join('\n'),
    ...tableOf(state.items.filter((item) => !isDone(item))),
  ].join('\n\n');
}

function factsOf({ state, progress, ignored }: Status): string[] {
  const { total, done, cycle, problem, failure } = progress;
  const trouble = outageOf(state)?.operatorsTrouble;
  const facts = [
    `Connectors: ${done} of ${total} authenticated`,
    ...countsOf(state.items),
    cycle && `Cycle ${escapeMarkdown(cycle.id)}: \`${cycle.state}\``,
    cycle?.lacks && `The cycle lacks: ${cycle.lacks.slice(0, MAX_ROWS).map(lackText).join(', ')}`,
    problem && `Problem: \`${problem}\`${trouble === undefined ? '' : `. ${escapeMarkdown(trouble)}`}`,
    failure && `Failure: \`${failure.code}\`. ${failure.message}`,
    ignored > 0 && `Ignored signals: ${ignored}`,
  ];
  return facts.filter((fact): fact is string => Boolean(fact));
}

/** The number of the connectors in each state except `authenticated`. */
function countsOf(items: readonly Item[]): string[] {
  const states = [...new Set(items.filter((item) => !isDone(item)).map(({ state }) => state))];
  return states.map((state) => `\`${state}\`: ${items.filter((item) => item.state === state).length}`);
}

const lackText = ({ reasonCode, objectType = '', objectId = '' }: Lack): string =>
  escapeMarkdown(`reason ${reasonCode} ${objectType} ${objectId}`.trim());

const MAX_ROWS = 20;

function tableOf(items: readonly Item[]): string[] {
  if (items.length === 0) return [];
  const rows = items.slice(0, MAX_ROWS).map(({ connectorId, name, state, since = '' }) => {
    return `| ${[String(connectorId), name, state, since].map(escapeMarkdown).join(' | ')} |`;
  });
  const more = items.length - rows.length;
  const head = ['| Connector | Name | State | Since |', '| --- | --- | --- | --- |'];
  return [[...head, ...rows, ...(more > 0 ? [`\n${more} more`] : [])].join('\n')];
}
