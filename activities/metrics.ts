/** The metrics of the activities. */
import { Context } from '@temporalio/activity';
import type { RequestRecorder } from './cyclr/recorded';

/** Counts a request to Cyclr, and records its duration. Call this function only inside an activity. */
export const recordRequest: RequestRecorder = ({ endpoint, result, seconds }) => {
  const { metricMeter } = Context.current();
  metricMeter
    .createCounter('cyclr_connect_cyclr_requests_total', '1', 'Requests to Cyclr')
    .add(1, { endpoint, result });
  metricMeter
    .createHistogram('cyclr_connect_cyclr_request_seconds', 'float', 's', 'Durations of requests to Cyclr')
    .record(seconds, { endpoint });
};
