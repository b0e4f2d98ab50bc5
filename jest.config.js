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
/** The tests of faults, of the bench, of memory and of slow requests. Jest runs them only if an argument names them. */
const long = {
  ...shared,
  ...withServer,
  displayName: 'long',
  testMatch: [
    '<rootDir>/test/faults/*.test.ts',
    '<rootDir>/test/scripts/bench.test.ts',
    '<rootDir>/test/service/memory.test.ts',
    '<rootDir>/test/service/parts/raw-requests.test.ts',
  ],
};
const isLongNamed = process.argv.slice(2).some((arg) => /^long$|faults|bench|memory|raw-requests/.test(arg));

/**
 * `parts`: tests without the shared Temporal server. `flows`: tests that share one dev server and one workflow bundle.
 * `browser`: the same as `flows`, in a real browser.
 */
module.exports = {
  projects: [
    {
      ...shared,
      displayName: 'parts',
      testMatch: [
        '<rootDir>/test/!(workflows|client|scripts|service|page|faults)/**/*.test.ts',
        '<rootDir>/test/*.test.ts',
        '<rootDir>/test/*/parts/!(raw-requests).test.ts',
      ],
    },
    {
      ...shared,
      displayName: 'flows',
      ...withServer,
      testMatch: [
        '<rootDir>/test/{workflows,client}/*.test.ts',
        '<rootDir>/test/service/!(memory).test.ts',
        '<rootDir>/test/scripts/!(bench).test.ts',
      ],
    },
    {
      ...shared,
      displayName: 'browser',
      testMatch: ['<rootDir>/test/page/*.test.ts'],
      ...withServer,
    },
    ...(isLongNamed ? [long] : []),
  ],
  testSequencer: '<rootDir>/test/support/slow-first.mjs',
  testTimeout: 120_000, // only ends a test that hangs: a slow machine needs less
  maxWorkers: 3, // more than two cores, because tests with timers, faults and browsers wait half of the time
};
