/** The activities of a monitor with their timeouts, retries and summaries. */
import { ActivityFailure, ApplicationFailure, proxyActivities } from '@temporalio/workflow';
import { activityRetry, type ActivityFailureType, type MonitorActivities } from '../ports';

const call = (summary: string) =>
  proxyActivities<MonitorActivities>({ startToCloseTimeout: '15s', summary, retry: activityRetry });

export const { readConnection } = call('Read the connection');
export const { startReauthentication } = call('Start the re-authentication, and subscribe to it');

/**
 * The type of the failure with which a read ended, or `noAnswer` if the failure has no type. An error that is no
 * failure of an activity is a fault of the workflow's code. This function rethrows the error, so that the workflow task
 * fails until a worker with corrected code runs.
 */
export function codeOfFailure(error: unknown): ActivityFailureType | 'noAnswer' {
  if (!(error instanceof ActivityFailure)) throw error;
  const type = error.cause instanceof ApplicationFailure ? error.cause.type : undefined;
  return (type as ActivityFailureType | undefined | null) ?? 'noAnswer';
}
