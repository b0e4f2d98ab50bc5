/** Counts the calls that a client makes to Temporal. A retry that the connection itself makes is not counted. */
import type { Connection } from '@temporalio/client';

export interface Count {
  started: number;
  answered: number;
  /** The number of calls that have no answer yet. */
  open: number;
}

export interface Counted {
  connection: Connection;
  queries: Count;
  polls: Count;
  descriptions: Count;
}

type Call = (request: { waitNewEvent?: boolean }) => Promise<unknown>;

/** Returns a copy of the connection `real` that counts the calls through the copy. */
export function counted(real: Connection): Counted {
  const fresh = (): Count => ({ started: 0, answered: 0, open: 0 });
  const counts = { queries: fresh(), polls: fresh(), descriptions: fresh() };
  const countOf = (method: string | symbol, { waitNewEvent }: Parameters<Call>[0]): Count | undefined => {
    if (method === 'queryWorkflow') return counts.queries;
    if (method === 'describeWorkflowExecution') return counts.descriptions;
    return method === 'getWorkflowExecutionHistory' && waitNewEvent ? counts.polls : undefined;
  };
  const workflowService = new Proxy(real.workflowService, {
    get(service, method) {
      const call = Reflect.get(service, method) as unknown;
      if (typeof call !== 'function') return call;
      return (request: Parameters<Call>[0]) => {
        const answer = (call as Call).call(service, request);
        return watched(answer, countOf(method, request));
      };
    },
  });
  return { ...counts, connection: Object.create(real, { workflowService: { value: workflowService } }) as Connection };
}

async function watched(answer: Promise<unknown>, count?: Count): Promise<unknown> {
  if (!count) return answer;
  count.started++;
  count.open++;
  try {
    const value = await answer;
    count.answered++;
    return value;
  } finally {
    count.open--;
  }
}
