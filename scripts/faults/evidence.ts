/** What Temporal says, when all is over, about each run: its history, how it ended, how it got there. */
import { setTimeout as delay } from 'node:timers/promises';
import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { timeline, view, type TimelineEntry, type View } from '../../workflows/messages';
import { translated } from '../../client/connector-auth-error';
import { persistently } from './calls';
import { histories, kindOf, type RunHistory } from './histories';
import type { World } from './world';

export interface RunEvidence extends RunHistory {
  /** Where it ended or waits; of one that Temporal cancelled its state alone is known. */
  view?: Pick<View, 'state' | 'failure'>;
  /** Why nobody answers for it. */
  silence?: string;
  /** The events that close a run, such as `workflowExecutionCompleted`. */
  closings: string[];
  timeline: TimelineEntry[];
}

const WITHIN_MS = 30_000;
const ANSWER_MS = 5000;
const closing = /^workflowExecution(Completed|Failed|TimedOut|Canceled|Terminated|ContinuedAsNew)$/;

/** Of every run there is; at least so many, since a list can be a little late. */
export async function evidenceOf(world: World, atLeast: number): Promise<RunEvidence[]> {
  const until = Date.now() + WITHIN_MS;
  let runs = await histories(world);
  for (; runs.length < atLeast && Date.now() < until; runs = await histories(world)) await delay(500);
  const evidence: RunEvidence[] = [];
  for (const run of runs) evidence.push(await read(world, run));
  return evidence;
}

async function read({ client }: World, run: RunHistory): Promise<RunEvidence> {
  const handle = client.workflow.getHandle(run.workflowId, run.runId);
  const ask = <T>(call: () => Promise<T>) =>
    persistently(() => translated(() => client.withDeadline(Date.now() + ANSWER_MS, call)), Date.now() + WITHIN_MS);
  const closings = (run.history.events ?? []).map(kindOf).filter((kind) => closing.test(kind));
  try {
    const end = await ask<Pick<View, 'state' | 'failure'>>(() =>
      closings.length === 0 ? handle.query(view) : endOf(handle),
    );
    return { ...run, closings, view: end, timeline: (await ask(() => handle.query(timeline))).entries };
  } catch (err) {
    return { ...run, closings, silence: (err as Error).message, timeline: [] };
  }
}

async function endOf(handle: WorkflowHandle): Promise<Pick<View, 'state' | 'failure'>> {
  try {
    return (await handle.result()) as View;
  } catch (err) {
    if (!(err instanceof WorkflowFailedError)) throw err;
    if (err.cause instanceof CancelledFailure) return { state: 'cancelled' };
    return (err.cause instanceof ApplicationFailure && (err.cause.details?.[0] as View)) || { state: 'failed' };
  }
}
