import Sequencer from '@jest/test-sequencer';

/** The test files that take more than 30 s, as paths below test/. The slowest file is first. */
const slow = [
  'workflows/onboarding-large',
  'page/accessibility',
  'scripts/demo',
  'faults/cyclr',
  'page/rehearsal',
  'faults/events-kill',
  'scripts/bench',
  'page/languages',
  'scripts/start',
  'page/consent',
  'page/page',
  'faults/service-kill',
  'page/tabs',
  'client/library',
  'faults/server-restart',
  'workflows/read-ahead',
  'workflows/legibility',
  'service/memory',
  'workflows/replay',
  'faults/connection-cut',
  'faults/health',
  'service/outages',
  'page/host-policies',
  'faults/worker-kill',
  'service/parts/raw-requests',
];

/**
 * Runs the slow test files first, so that no slow file runs alone at the end. Without this class, Jest runs the largest
 * files first, unless it knows the durations of the last tests.
 */
export default class extends Sequencer {
  sort(tests) {
    const place = ({ path }) => {
      const index = slow.findIndex((name) => path.endsWith(`/test/${name}.test.ts`));
      return index === -1 ? slow.length : index;
    };
    return super.sort(tests).sort((one, other) => place(one) - place(other));
  }
}
