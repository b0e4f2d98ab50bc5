/** What was done to a flow, and what was seen of it: what the books are checked against. */
import type { ConnectorKey } from '../../workflows/connector';
import type { View } from '../../workflows/messages';
import type { FlowPlan, RunPlan } from './plan';

/** What one run of a flow was given. */
export interface RunLedger {
  runId: string;
  plan: RunPlan;
  /** The good value of each property that was given. */
  properties: Map<string, string>;
  /** The `AuthValue` that Cyclr should have, if one was given. */
  authValue?: string;
  /** What the third party's consent gave Cyclr, oldest first. */
  granted: string[];
  /** How often each attempt was confirmed. */
  confirmations: Map<string, number>;
}

export interface Ledger {
  plan: FlowPlan;
  key: ConnectorKey;
  workflowId: string;
  runs: RunLedger[];
  /** Whether a start was sent twice because its answer was lost: then there may be one run more. */
  startedAgain: boolean;
  /** What the user was asked for although Cyclr had taken it. */
  askedAgain: string[];
  /** What the user saw that must not be. */
  troubles: string[];
  /** What was seen last. */
  lastView?: View;
}
