import { chromiumPath } from '../../scripts/screenshots/chromium';

export { launchBrowser } from '../../scripts/screenshots/chromium';

/**
 * `describe` for tests in Chromium. Without Chromium, the tests fail in CI. Outside of CI, the tests are skipped
 * without Chromium, and a line on standard error reports this.
 */
export const describeInBrowser: (name: string, tests: () => void) => void = (name, tests) => {
  if (chromiumPath !== undefined || process.env.CI) return describe(name, tests);
  process.stderr.write(`\nSKIPPED: "${name}" needs Chromium. Install it, or set CHROMIUM_PATH.\n\n`);
  describe.skip(name, tests);
};
