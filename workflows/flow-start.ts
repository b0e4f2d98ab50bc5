/**
 * The options with which each flow starts, for the library and for an activity. This file does not import Temporal's
 * client.
 */
import { workflowIdOf } from './connector';
import { fairnessOf } from './fairness';
import type { Input } from './input';
import { escapeMarkdown } from './markdown';
import { searchAttributes } from './messages';

/** The facts about the start of a flow. Temporal keeps these facts in the memo of the run, in clear. */
export interface FlowMemo {
  /** A start with the same idempotency key returns this run, even after the end of the run. */
  idempotencyKey?: string;
  /** The id of the invitation with which the run was started. */
  invitation?: string;
  /** The id of the onboarding that started the run. */
  onboarding?: string;
  /** The id of the first run of the onboarding that started this run. */
  onboardingRun?: string;
}

/** The workflow type of a flow. */
export const FLOW_TYPE = 'authenticateConnector';

/** The options of Temporal's client for the start of a flow. */
export const flowStartOptions = (input: Input, taskQueue: string, memo: FlowMemo) => ({
  taskQueue,
  workflowId: workflowIdOf(input),
  // A workflow task with 10,000 signals takes longer than 10 s. With the default timeout of 10 s, such a task would
  // time out, and Temporal would have to repeat the task several times.
  workflowTaskTimeout: '30s' as const,
  priority: fairnessOf(input.accountId),
  args: [input] as [Input],
  memo: Object.fromEntries(Object.entries(memo).filter(([, value]) => value !== undefined)),
  staticSummary: `Authenticate connector ${input.connectorId} of ${input.accountId}`,
  staticDetails: detailsOf(input),
  typedSearchAttributes: [
    { key: searchAttributes.accountId, value: input.accountId },
    { key: searchAttributes.connectorId, value: String(input.connectorId) },
  ],
});

/** The static details of the run in Temporal Web, as Markdown. */
const detailsOf = ({ accountId, connectorId, intent = 'authenticate', by }: Input): string =>
  [
    `Takes the account connector **${connectorId}** of the account **${escapeMarkdown(accountId)}** through authentication.`,
    `- Intent: ${intent}`,
    by && `- Started by: ${escapeMarkdown(by)}`,
    '- The current details show the state and the awaited input. The query `timeline` lists all transitions.',
  ]
    .filter(Boolean)
    .join('\n');
