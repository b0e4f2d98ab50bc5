const shared = {
  testEnvironment: 'node',
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'commonjs' } },
    ],
  },
  modulePathIgnorePatterns: ['<rootDir>/dist'],
};

const withServer = {
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
};
/**
 * The tests of faults, of the bench, of the demo, of npm start, of the build, of a stopped `npm test`, of TLS to
 * Temporal, of memory, of slow requests and of large onboardings, and the long tests of the page, which visit every state
 * or every connector, in each language, theme or host page, or by keyboard alone. Jest runs them only if an argument
 * names them.
 */
const longTests = [
  'faults/*',
  'scripts/bench',
  'scripts/demo',
  'scripts/start',
  'scripts/parts/build',
  'scripts/parts/npm-test',
  'temporal/secure',
  'page/accessibility',
  'page/every-connector',
  'page/host-policies',
  'page/keyboard',
  'page/languages',
  'page/rehearsal',
  'page/speed',
  'page/tabs',
  'service/memory',
  'service/parts/raw-requests',
  'workflows/onboarding-large',
];
const long = {
  ...shared,
  ...withServer,
  displayName: 'long',
  testMatch: longTests.map((name) => `<rootDir>/test/${name}.test.ts`),
};
const withoutLong = {
  testPathIgnorePatterns: longTests.map((name) => `/test/${name.replace('*', '[^/]*')}\\.test\\.ts$`),
};
const isLongNamed = process.argv
  .slice(2)
  .some((arg) => arg === 'long' || longTests.some((name) => arg.includes(name.replace('/*', ''))));

/**
 * `parts`: tests without the shared Temporal server. `flows`: tests that share one dev server and one workflow bundle.
 * `browser`: tests in a real browser, with the same dev server and bundle.
 */
module.exports = {
  projects: [
    {
      ...shared,
      ...withoutLong,
      displayName: 'parts',
      testMatch: [
        '<rootDir>/test/!(workflows|client|scripts|service|page|faults)/**/*.test.ts',
        '<rootDir>/test/*.test.ts',
        '<rootDir>/test/*/parts/*.test.ts',
      ],
    },
    {
      ...shared,
      ...withServer,
      ...withoutLong,
      displayName: 'flows',
      testMatch: ['<rootDir>/test/{workflows,client,service,scripts}/*.test.ts'],
    },
    {
      ...shared,
      ...withServer,
      ...withoutLong,
      displayName: 'browser',
      testMatch: ['<rootDir>/test/page/*.test.ts'],
    },
    ...(isLongNamed ? [long] : []),
  ],
  testSequencer: '<rootDir>/test/support/slow-first.mjs',
  testTimeout: 120_000, // this limit only ends a test that hangs; even a slow machine needs less time
  maxWorkers: 3, // more than two cores, because tests with timers, faults and browsers wait half of the time
};
