import Sequencer from '@jest/test-sequencer';

/** The test files that take more than 20 s, as paths below test/. */
const slow = [
  'page/accessibility',
  'scripts/start',
  'page/consent',
  'page/tabs',
  'scripts/parts/build',
  'page/every-connector',
  'service/memory',
  'page/host-policies',
  'page/languages',
  'scripts/bench',
];

/** Starts the slow files first. Without durations of an earlier run, Jest would start the largest files first. */
export default class extends Sequencer {
  sort(tests) {
    const isSlow = ({ path }) => slow.some((name) => path.endsWith(`/test/${name}.test.ts`));
    return super.sort(tests).sort((one, other) => isSlow(other) - isSlow(one));
  }
}
