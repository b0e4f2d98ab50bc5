import Sequencer from '@jest/test-sequencer';

/** The test files that take more than 35 s, as paths below test/. */
const slow = [
  'page/accessibility',
  'page/tabs',
  'page/consent',
  'scripts/start',
  'page/languages',
  'client/library',
  'page/page',
  'service/memory',
  'page/host-policies',
  'scripts/demo',
  'faults/service-kill',
  'workflows/read-ahead',
  'workflows/legibility',
  'scripts/parts/build',
];

/**
 * Runs the slow test files first. Jest itself would run the largest files first if it has no durations of an earlier
 * run.
 */
export default class extends Sequencer {
  sort(tests) {
    const isSlow = ({ path }) => slow.some((name) => path.endsWith(`/test/${name}.test.ts`));
    return super.sort(tests).sort((one, other) => isSlow(other) - isSlow(one));
  }
}
