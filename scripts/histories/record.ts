/** What becomes of a session: the history of each of its paths, as the text of a file. */
import type { WorkflowHandle } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils';
import type { History } from '../../temporal/replay';
import { each } from '../each';
import type { Flow } from './flow';
import { playOf } from './path';
import type { Session } from './sessions';
import type { Stage } from './stage';

/** A history, and the name of the path that it is of. */
export interface Recorded {
  name: string;
  text: string;
}

/** Plays all paths of a session. Fails with every path that did not go where it should, and soon after an abort. */
export async function record(session: Session, folder: string, signal: AbortSignal): Promise<Recorded[]> {
  const stage = await session.open(folder);
  try {
    // No call may be under way when the stage closes: the client would try it again without a connection, and crash.
    return await stage.client.withAbortSignal(signal, () => recordAll(stage, session, signal));
  } finally {
    await stage.close();
  }
}

async function recordAll(stage: Stage, { paths, atOnce }: Session, signal: AbortSignal): Promise<Recorded[]> {
  const recorded: Recorded[] = [];
  const failed: string[] = [];
  await each(Object.entries(paths), atOnce, async ([name, path]) => {
    if (signal.aborted) return;
    await path(playOf(stage, name))
      .then((flow) => runsOf(name, flow))
      .then(
        (runs) => recorded.push(...runs),
        (err: Error) => failed.push(`${name}: ${err.message}`),
      );
  });
  if (failed.length > 0) throw new Error(failed.join('\n'));
  return recorded;
}

/** The run that was started, and those that it was continued as. */
async function runsOf(name: string, { stage, handle }: Flow): Promise<Recorded[]> {
  const runs: Recorded[] = [];
  for (let run: WorkflowHandle | undefined = handle; run;) {
    const history: History = await run.fetchHistory();
    // The time-skipping server leaves it out, and nothing replays without it.
    history.events![0]!.workflowExecutionStartedEventAttributes!.workflowId ||= run.workflowId;
    runs.push({ name: runs.length === 0 ? name : `${name}-${runs.length + 1}`, text: textOf(history) });
    const next = history.events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId;
    run = next ? stage.client.workflow.getHandle(run.workflowId, next) : undefined;
  }
  return runs;
}

/** As `temporal workflow show --output json` has it, an event a line: what has changed can be seen. */
function textOf(history: History): string {
  const { events } = JSON.parse(historyToJSON(history)) as { events: object[] };
  return `{"events":[\n${events.map((event) => JSON.stringify(event, withoutStacks)).join(',\n')}\n]}\n`;
}

/** Where a failure was thrown says where this machine keeps its files. */
const withoutStacks = (key: string, value: unknown): unknown => (key === 'stackTrace' ? undefined : value);
