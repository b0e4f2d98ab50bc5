/** Histories that grow too long: another run goes on. */
import { workflowIdOf } from '../../../workflows/messages';
import type { Flow } from '../flow';
import type { Paths } from '../path';
import { waiting } from './consent';
import { right, wrong } from './inputs';

/** After how many events the server suggests it, where these are recorded. */
export const SUGGESTED_AT = 40;

/** Bothers the flow with inputs that change nothing, until another run has taken over. */
async function growsTooLong(flow: Flow): Promise<void> {
  const { runId } = await flow.view();
  const anyRun = flow.stage.client.workflow.getHandle(workflowIdOf(flow.key));
  while ((await flow.view()).runId === runId) await anyRun.signal('propertyInput', { submissionId: 'p', values: {} });
}

export const long: Paths = {
  'goes-on-as-another-run': async ({ start }) => {
    const flow = await start('Brightdesk');
    await flow.reaches('awaitingCredentials');
    await flow.gives(wrong, 'wrong');
    await growsTooLong(flow);
    await flow.gives(wrong, 'wrong');
    await growsTooLong(flow);
    await flow.gives(right);
    return flow.ends('authenticated');
  },

  'goes-on-with-its-links': async (play) => {
    const flow = await waiting(play);
    const link = await flow.asks();
    await flow.asks();
    await flow.decides(link, 'approve');
    await growsTooLong(flow);
    await flow.confirms(link);
    return flow.ends('authenticated');
  },
};
