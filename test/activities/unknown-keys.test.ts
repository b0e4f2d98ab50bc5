import { DefaultLogger } from '@temporalio/worker';
import { noopMetricMeter, type MetricTags } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { reportUnknownKey } from '../../activities/unknown-keys';

/** Calls reportUnknownKey once for each pair of kid and account. Returns the labels of the counter, and the log. */
async function reports(...values: [kid: string, accountId: string][]) {
  const labels: unknown[] = [];
  const log: object[] = [];
  const metricMeter = Object.assign(Object.create(noopMetricMeter), {
    createCounter: (name: string) => ({
      ...noopMetricMeter.createCounter(name),
      add: (_count: number, tags?: MetricTags) => void labels.push(tags?.accounts),
    }),
  });
  const logger = new DefaultLogger('ERROR', ({ level, meta }) => void log.push({ level, meta }));
  const environment = new MockActivityEnvironment({}, { logger, metricMeter });
  await environment.run(async () => {
    for (const [kid, accountId] of values)
      reportUnknownKey(kid, { accountId, connectorId: 1, submissionId: 's', purpose: 'credentials' });
  });
  return { labels, log };
}

test('the label tells whether values of one account or of several accounts name an unknown kid', async () => {
  const { labels } = await reports(['random', 'acme'], ['random', 'acme'], ['missing', 'acme'], ['missing', 'umbrella'], ['missing', 'acme']); // prettier-ignore

  expect(labels).toEqual(['one', 'one', 'one', 'several', 'several']);
});

test('a kid that several accounts have sent keeps the label several, even after one account has sent a thousand other kids', async () => {
  const madeUp = Array.from({ length: 1000 }, (_, n): [string, string] => [`made-up-${n}`, 'acme']);

  const { labels } = await reports(...madeUp, ['needed', 'acme'], ['needed', 'umbrella']);

  expect(labels.slice(-2)).toEqual(['one', 'several']);
});

test('the log names the unknown kid', async () => {
  const { log } = await reports(['a-kid', 'acme']);

  expect(log).toEqual([
    { level: 'ERROR', meta: expect.objectContaining({ kid: 'a-kid', purpose: 'credentials', accounts: 'one' }) },
  ]);
});
