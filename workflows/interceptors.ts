import { workflowInfo, type ActivateInput, type WorkflowInterceptorsFactory } from '@temporalio/workflow';
import { maybeGetActivator } from '@temporalio/workflow/lib/global-attributes';
import { workflowTypes } from './connector';
import { ReadAhead } from './read-ahead';

type Job = NonNullable<ActivateInput['activation']['jobs']>[number];
type Payload = NonNullable<NonNullable<Job['signalWorkflow']>['input']>[number];

const RESERVED = '__temporal_';

/**
 * Guards each run against three kinds of messages from outside that would fail all of its workflow tasks. Does nothing
 * for other workflow types, because a worker that uses the plugin can also run other workflows.
 */
export const interceptors: WorkflowInterceptorsFactory = () => {
  if (!workflowTypes.includes(workflowInfo().workflowType)) return {};
  const readAhead = new ReadAhead();
  return {
    internals: [
      {
        activate(input, next) {
          const jobs = input.activation.jobs ?? [];
          for (const job of jobs) tolerate(job);
          if (!jobs.some(({ queryWorkflow }) => queryWorkflow)) readAhead.beforeActivation(jobs, workflowInfo());
          return next(input);
        },
        concludeActivation(input, next) {
          readAhead.afterActivation(input.commands);
          return next(input);
        },
      },
    ],
  };
};

/**
 * Changes a message for which the SDK would throw before any handler runs (SDK 1.24). The arguments of a run after
 * Continue-As-New stay unchanged, because without them the run would silently begin anew.
 */
function tolerate({ initializeWorkflow: start, signalWorkflow: signal, doUpdate: update }: Job): void {
  // If there is a default signal handler, the SDK throws at a signal with a reserved name. So put the name in quotes.
  if (signal?.signalName?.startsWith(RESERVED)) signal.signalName = `'${signal.signalName}'`;
  // An argument can be broken JSON, or have the encoding of another SDK or of an encryption codec. In these cases the
  // handler gets no arguments.
  for (const message of [signal, update]) if (message?.input && !message.input.every(isDecodable)) message.input = [];
  const isFirstRun = start?.continuedFromExecutionRunId === '';
  if (isFirstRun && start.arguments && !start.arguments.every(isDecodable)) start.arguments = [];
}

/** True if this worker's payload converter can decode the payload. Its error is dropped, because it can quote the payload. */
function isDecodable(payload: Payload): boolean {
  try {
    maybeGetActivator()?.payloadConverter.fromPayload(payload);
    return true;
  } catch {
    return false;
  }
}
