import { condition, defineQuery, defineUpdate, proxyActivities, setHandler, sleep } from '@temporalio/workflow';

const { work } = proxyActivities({ startToCloseTimeout: '1 minute' });

/** Runs one activity, then one timer, then waits for the update. */
export async function example() {
  let finished = false;
  setHandler(defineQuery('finished'), () => finished);
  setHandler(defineUpdate('finish'), () => void (finished = true));
  await work();
  await sleep('1 second');
  await condition(() => finished);
}
