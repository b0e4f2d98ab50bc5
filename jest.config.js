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

/** `browser` is `flows` in a real browser. `parts` runs without a Temporal server of its own; `flows` shares one dev server and one workflow bundle. */
module.exports = {
  projects: [
    {
      ...shared,
      displayName: 'parts',
      testMatch: [
        '<rootDir>/test/!(workflows|client|scripts|service|page)/**/*.test.ts',
        '<rootDir>/test/*.test.ts',
        '<rootDir>/test/*/parts/*.test.ts',
      ],
    },
    {
      ...shared,
      displayName: 'flows',
      testMatch: ['<rootDir>/test/{workflows,client,scripts,service}/*.test.ts'],
      globalSetup: '<rootDir>/test/support/global-setup.ts',
      globalTeardown: '<rootDir>/test/support/global-teardown.ts',
    },
    {
      ...shared,
      displayName: 'browser',
      testMatch: ['<rootDir>/test/page/*.test.ts'],
      globalSetup: '<rootDir>/test/support/global-setup.ts',
      globalTeardown: '<rootDir>/test/support/global-teardown.ts',
    },
  ],
  testSequencer: '<rootDir>/test/support/slow-first.mjs',
  testTimeout: 120_000, // ends a hang, never a test on a slow machine
  maxWorkers: 3, // on two cores: tests that go through days, faults and browsers wait for half of their time
};
