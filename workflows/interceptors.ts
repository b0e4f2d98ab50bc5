import { workflowInfo, type ActivateInput, type WorkflowInterceptorsFactory } from '@temporalio/workflow';
import { maybeGetActivator } from '@temporalio/workflow/lib/global-attributes';
import { needsGuard, ReadAhead } from './read-ahead';
import { tracing } from './tracing';
import { workflowTypes } from './visibility';

type Job = NonNullable<ActivateInput['activation']['jobs']>[number];
type Payload = NonNullable<NonNullable<Job['signalWorkflow']>['input']>[number];

const RESERVED = '__temporal_';

/**
 * Three kinds of messages would make each later workflow task of a run fail, and these interceptors prevent this: (1)
 * signals with a reserved name; (2) messages with arguments that can't be decoded; (3) queries that apply the events of
 * a workflow task before the worker handles this task ({@link ReadAhead}). The interceptors also add the trace of a
 * message to the activities that follow it ({@link tracing}). The interceptors do nothing for workflow types of other
 * projects, because a worker that uses the plugin can also run such workflows.
 */
export const interceptors: WorkflowInterceptorsFactory = () => {
  if (!workflowTypes.includes(workflowInfo().workflowType)) return {};
  const readAhead = needsGuard() ? new ReadAhead() : undefined;
  return {
    ...tracing(),
    internals: [
      {
        activate(input, next) {
          const jobs = input.activation.jobs ?? [];
          for (const job of jobs) tolerate(job);
          if (!jobs.some(({ queryWorkflow }) => queryWorkflow)) readAhead?.beforeActivation(jobs, workflowInfo());
          return next(input);
        },
        concludeActivation(input, next) {
          readAhead?.afterActivation(input.commands);
          return next(input);
        },
      },
    ],
  };
};

/**
 * Changes each message that would make the SDK throw before any handler runs (SDK 1.24). For an update, the SDK would
 * only reject the update: without its arguments, the validator rejects it as `malformed`. The arguments of a run after
 * Continue-As-New stay unchanged: without its arguments, the run would start again in its first state, and no error
 * would show this.
 */
function tolerate({ initializeWorkflow: start, signalWorkflow: signal, doUpdate: update }: Job): void {
  // If a workflow has a default signal handler, the SDK throws an error when a signal with a reserved name arrives. A
  // name in quotes is not reserved, so the default handler gets the signal.
  if (signal?.signalName?.startsWith(RESERVED)) signal.signalName = `'${signal.signalName}'`;
  // The worker can't decode an argument that is broken JSON, or has the encoding of another SDK or of an encryption
  // codec. In this case, the handler gets no arguments.
  for (const message of [signal, update]) if (message?.input && !message.input.every(isDecodable)) message.input = [];
  const isFirstRun = start?.continuedFromExecutionRunId === '';
  if (isFirstRun && start.arguments && !start.arguments.every(isDecodable)) start.arguments = [];
}

/**
 * True if this worker's payload converter can decode the payload. The error of the converter is dropped, because this
 * error can quote the payload.
 */
function isDecodable(payload: Payload): boolean {
  try {
    maybeGetActivator()?.payloadConverter.fromPayload(payload);
    return true;
  } catch {
    return false;
  }
}
