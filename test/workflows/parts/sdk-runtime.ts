/**
 * Runs a workflow in this process by the SDK's own runtime, without a server and without a bundle. This file makes the
 * activations, and reads the commands. The clock moves only when a timer fires. Only one run at a time is possible.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type * as Common from '@temporalio/common';
import type * as WorkerInterface from '@temporalio/workflow/lib/worker-interface';

// The SDK's modules read `AsyncLocalStorage` when they are loaded, so this line must come before the `require` calls.
Object.assign(globalThis, { AsyncLocalStorage });
/* eslint-disable @typescript-eslint/no-require-imports */
const { Activator } = require('@temporalio/workflow/lib/internals') as { Activator: new (options: object) => Runtime };
const { setActivator } = require('@temporalio/workflow/lib/global-attributes') as { setActivator(to?: Runtime): void };
const worker = require('@temporalio/workflow/lib/worker-interface') as typeof WorkerInterface;
const { overrideGlobals } = require('@temporalio/workflow/lib/global-overrides') as { overrideGlobals(): void };
const { ActivityFailure, ApplicationFailure, CancelledFailure, defaultFailureConverter, defaultPayloadConverter } =
  require('@temporalio/common') as typeof Common;
/* eslint-enable @typescript-eslint/no-require-imports */

interface Runtime {
  now: number;
  workflow: unknown;
  info: object;
  mutateWorkflowInfo(change: (info: object) => object): void;
  getAndResetSinkCalls(): unknown;
}

type Commands = ReturnType<typeof worker.concludeActivation>['successful'];
type Command = NonNullable<NonNullable<Commands>['commands']>[number];
type Job = { [variant: string]: object };

const payloadOf = (value: unknown) => defaultPayloadConverter.toPayload(value);
const valueOf = (payload: unknown): unknown => (payload ? defaultPayloadConverter.fromPayload(payload) : undefined);

export const START = Date.UTC(2030, 0, 1);
const RealDate = Date;

/** Replaces the `Date` of this process by the `Date` of the SDK's runtime while `use` runs. */
export async function withRuntimeClock<T>(use: () => Promise<T>): Promise<T> {
  const { setTimeout, clearTimeout, WeakRef, FinalizationRegistry } = globalThis;
  const { random } = Math;
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0; // a run makes many errors, and a stack costs more than the rest of the run
  overrideGlobals();
  Object.assign(globalThis, { setTimeout, clearTimeout, WeakRef, FinalizationRegistry });
  Math.random = random;
  try {
    return await use();
  } finally {
    setActivator(undefined);
    Error.stackTraceLimit = stackTraceLimit;
    globalThis.Date = RealDate;
  }
}

export interface PendingActivity {
  type: string;
  args: unknown[];
  cancelRequested: boolean;
}

export interface PendingTimer {
  at: number;
}

/** The answer to an update. An accepted update without a value and without a failure still waits for its result. */
export interface UpdateAnswer {
  accepted: boolean;
  value?: unknown;
  /** The type of the failure. */
  failure?: string;
}

/** The command that ended the run, with the value or the failure in this command. */
export interface End {
  command: string;
  value?: unknown;
  failure?: string;
}

/** The answer to an activity: a value, or the type and the details of an ApplicationFailure, or a cancellation. */
export type ActivityAnswer = { value: unknown } | { failure: string; details?: unknown[] } | { cancelled: true };

const flush = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export class RuntimeRun {
  readonly #runtime: Runtime;
  readonly activities = new Map<number, PendingActivity>();
  readonly timers = new Map<number, PendingTimer>();
  readonly updates = new Map<string, UpdateAnswer>();
  readonly ends: End[] = [];
  /** The types of all commands that the run made after its end. */
  readonly afterEnd: string[] = [];
  #queries = 0;
  #queryAnswer: unknown;

  constructor(workflow: (...args: never[]) => unknown, workflowId: string) {
    const info = {
      workflowId,
      runId: 'run',
      firstExecutionRunId: 'run',
      workflowType: workflow.name,
      namespace: 'default',
      taskQueue: 'any',
      attempt: 1,
      taskTimeoutMs: 10_000,
      startTime: new Date(START),
      runStartTime: new Date(START),
      historyLength: 3,
      historySize: 300,
      continueAsNewSuggested: false,
      memo: {},
      searchAttributes: {},
      unsafe: { isReplaying: false, isReplayingHistoryEvents: false, now: () => START },
    };
    const options = {
      info,
      now: START,
      getTimeOfDay: () => 0n,
      randomnessSeed: [1],
      registeredActivityNames: new Set(),
    };
    this.#runtime = new Activator(options);
    this.#runtime.workflow = workflow;
  }

  get now(): number {
    return this.#runtime.now;
  }

  get isOpen(): boolean {
    return this.ends.length === 0;
  }

  start(...args: unknown[]): Promise<void> {
    const job = { arguments: args.map(payloadOf), headers: {} };
    setActivator(this.#runtime);
    worker.initialize(job);
    return this.activate([{ initializeWorkflow: job }]);
  }

  static signal(signalName: string, ...args: unknown[]): Job {
    return { signalWorkflow: { signalName, input: args.map(payloadOf), headers: {} } };
  }

  static update(id: string, name: string, ...args: unknown[]): Job {
    return {
      doUpdate: { id, protocolInstanceId: id, name, input: args.map(payloadOf), headers: {}, runValidator: true },
    };
  }

  static cancel(): Job {
    return { cancelWorkflow: {} };
  }

  /** Returns the job that answers a pending activity, or a pending signal to another workflow. */
  answer(seq: number, answer: ActivityAnswer): Job {
    const { type } = this.activities.get(seq)!;
    this.activities.delete(seq);
    if (type === SIGNAL) return { resolveSignalExternalWorkflow: { seq } };
    return { resolveActivity: { seq, result: resultOf(type, answer) } };
  }

  /** Moves the clock to the timer that is due first. Returns the job of this timer. */
  fireNext(): Job {
    const [seq, { at }] = [...this.timers].reduce((one, other) => (other[1].at < one[1].at ? other : one));
    this.timers.delete(seq);
    this.#runtime.now = Math.max(this.#runtime.now, at);
    return { fireTimer: { seq } };
  }

  /** Runs one workflow task with these jobs. */
  async activate(jobs: Job[]): Promise<void> {
    setActivator(this.#runtime);
    const withVariants = jobs.map((job) => ({ variant: Object.keys(job)[0], ...job }));
    worker.activate({ jobs: withVariants } as never);
    do await flush();
    while (worker.tryUnblockConditions() > 0);
    const { successful } = worker.concludeActivation();
    this.#runtime.getAndResetSinkCalls();
    for (const command of successful?.commands ?? []) this.#record(command);
  }

  async query(queryType: string): Promise<unknown> {
    setActivator(this.#runtime);
    const queryWorkflow = { queryId: String(++this.#queries), queryType, arguments: [], headers: {} };
    worker.activate({ jobs: [{ variant: 'queryWorkflow', queryWorkflow }] } as never);
    await flush();
    for (const { respondToQuery } of worker.concludeActivation().successful?.commands ?? [])
      if (respondToQuery?.succeeded) this.#queryAnswer = valueOf(respondToQuery.succeeded.response);
    return this.#queryAnswer;
  }

  #record(command: Command): void {
    const [name = ''] = Object.keys(command).filter((key) => key !== 'userMetadata' && key !== 'eventGroupMarkers');
    if (!this.isOpen) this.afterEnd.push(name);
    const { startTimer, cancelTimer, scheduleActivity, requestCancelActivity, updateResponse } = command;
    if (startTimer) this.timers.set(startTimer.seq!, { at: this.now + msOf(startTimer.startToFireTimeout) });
    if (cancelTimer) this.timers.delete(cancelTimer.seq!);
    if (scheduleActivity) {
      const { seq, activityType, arguments: args } = scheduleActivity;
      this.activities.set(seq!, { type: activityType!, args: (args ?? []).map(valueOf), cancelRequested: false });
    }
    const cancelled = requestCancelActivity && this.activities.get(requestCancelActivity.seq!);
    if (cancelled) cancelled.cancelRequested = true;
    const signal = command.signalExternalWorkflowExecution;
    if (signal) this.activities.set(signal.seq!, { type: SIGNAL, args: [], cancelRequested: false });
    if (updateResponse) this.#recordAnswer(updateResponse);
    if (/^(complete|fail|cancel|continueAsNew)Workflow/.test(name)) this.ends.push(endOf(name, command));
  }

  #recordAnswer(response: NonNullable<Command['updateResponse']>): void {
    const id = response.protocolInstanceId!;
    const before = this.updates.get(id);
    if (response.accepted) this.updates.set(id, { accepted: true });
    if (response.completed) this.updates.set(id, { accepted: true, value: valueOf(response.completed) });
    const failure = response.rejected?.applicationFailureInfo?.type ?? response.rejected?.message;
    if (response.rejected) this.updates.set(id, { accepted: before?.accepted ?? false, failure: failure ?? '' });
  }
}

/** The type of a pending signal to another workflow. */
const SIGNAL = 'signalExternalWorkflow';

const msOf = (duration: { seconds?: unknown; nanos?: number | null } | null | undefined): number =>
  Number(duration?.seconds ?? 0) * 1000 + (duration?.nanos ?? 0) / 1e6;

function endOf(command: string, body: Command): End {
  const { completeWorkflowExecution: completed, failWorkflowExecution: failed } = body;
  if (completed) return { command, value: valueOf(completed.result) };
  const info = failed?.failure?.applicationFailureInfo;
  return { command, ...(info && { failure: info.type ?? '', value: valueOf(info.details?.payloads?.[0]) }) };
}

function resultOf(type: string, answer: ActivityAnswer): object {
  if ('value' in answer) return { completed: { result: payloadOf(answer.value) } };
  const cause =
    'failure' in answer
      ? ApplicationFailure.nonRetryable('failed', answer.failure, ...(answer.details ?? []))
      : new CancelledFailure('cancelled');
  const failure = new ActivityFailure('Activity task failed', type, '1', 'NON_RETRYABLE_FAILURE', undefined, cause);
  const proto = defaultFailureConverter.errorToFailure(failure, defaultPayloadConverter);
  return 'failure' in answer ? { failed: { failure: proto } } : { cancelled: { failure: proto } };
}
