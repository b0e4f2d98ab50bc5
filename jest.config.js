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
 * Tests of the page that visit every state or every connector, in each language, theme or host page, or by keyboard
 * alone.
 */
const longOfPage = [
  'accessibility',
  'every-connector',
  'host-policies',
  'keyboard',
  'languages',
  'rehearsal',
  'speed',
  'tabs',
];
/**
 * The tests of faults, of the bench, of the demo, of npm start, of the build, of a stopped `npm test`, of TLS to
 * Temporal, of memory, of slow requests and of large onboardings, and the long tests of the page. Jest runs them only if
 * an argument names them.
 */
const long = {
  ...shared,
  ...withServer,
  displayName: 'long',
  testMatch: [
    '<rootDir>/test/faults/*.test.ts',
    '<rootDir>/test/scripts/{bench,demo,start}.test.ts',
    '<rootDir>/test/temporal/secure.test.ts',
    `<rootDir>/test/page/{${longOfPage}}.test.ts`,
    '<rootDir>/test/workflows/onboarding-large.test.ts',
    '<rootDir>/test/service/memory.test.ts',
    '<rootDir>/test/service/parts/raw-requests.test.ts',
    '<rootDir>/test/scripts/parts/{build,npm-test}.test.ts',
  ],
};
const names = [
  '^long$',
  'faults',
  'bench',
  'demo',
  'scripts/start',
  'secure',
  'memory',
  'raw-requests',
  'onboarding-large',
  'parts/build',
  'npm-test',
  ...longOfPage,
];
const isLongNamed = process.argv.slice(2).some((arg) => new RegExp(names.join('|')).test(arg));

/**
 * `parts`: tests without the shared Temporal server. `flows`: tests that share one dev server and one workflow bundle.
 * `browser`: tests in a real browser, with the same dev server and bundle.
 */
module.exports = {
  projects: [
    {
      ...shared,
      displayName: 'parts',
      testMatch: [
        '<rootDir>/test/!(workflows|client|scripts|service|page|faults)/**/!(secure).test.ts',
        '<rootDir>/test/*.test.ts',
        '<rootDir>/test/*/parts/!(raw-requests|build|npm-test).test.ts',
      ],
    },
    {
      ...shared,
      displayName: 'flows',
      ...withServer,
      testMatch: [
        '<rootDir>/test/{workflows,client}/!(onboarding-large).test.ts',
        '<rootDir>/test/service/!(memory).test.ts',
        '<rootDir>/test/scripts/!(bench|demo|start).test.ts',
      ],
    },
    {
      ...shared,
      displayName: 'browser',
      testMatch: [`<rootDir>/test/page/!(${longOfPage.join('|')}).test.ts`],
      ...withServer,
    },
    ...(isLongNamed ? [long] : []),
  ],
  testSequencer: '<rootDir>/test/support/slow-first.mjs',
  testTimeout: 120_000, // this limit only ends a test that hangs; even a slow machine needs less time
  maxWorkers: 3, // more than two cores, because tests with timers, faults and browsers wait half of the time
};
