/**
 * `node scripts/actions.mjs HISTORY…`: estimates the billable actions of Temporal Cloud for each history that `temporal
 * workflow show --output json` has written. Source of the rules: docs.temporal.io/evaluate/cloud/actions. Queries,
 * rejected updates and heartbeats are not in a history.
 */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

/** The types of history events that Temporal Cloud bills as one action each. */
const billable = {
  EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: 'starts',
  EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: 'upserts',
  EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: 'activities',
  EVENT_TYPE_TIMER_STARTED: 'timers',
  EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: 'signals',
  EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: 'signals',
  EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: 'updates',
  EVENT_TYPE_MARKER_RECORDED: 'markers',
};

function actionsOf(file) {
  const counts = { starts: 0, activities: 0, retries: 0, timers: 0, upserts: 0, signals: 0, updates: 0, markers: 0 };
  for (const { eventType, activityTaskStartedEventAttributes: started } of JSON.parse(readFileSync(file)).events) {
    if (billable[eventType]) counts[billable[eventType]]++;
    if (started) counts.retries += (started.attempt ?? 1) - 1;
  }
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return { history: basename(file, '.json'), ...counts, total };
}

const rows = process.argv.slice(2).map(actionsOf);
if (rows.length === 0) throw new Error('Give the paths of histories: node scripts/actions.mjs test/histories/*/*.json');
console.table(Object.fromEntries(rows.map(({ history, ...row }) => [history, row])));
