const { projects, testTimeout } = require('./jest.config.js');
const tests = require('./mutants.json');

/** The quick tests of one file. `scripts/mutants.mjs` sets the variable. */
module.exports = {
  ...projects[0],
  testTimeout,
  testMatch: tests[process.env.MUTATED_FILE].map((test) => `<rootDir>/test/${test}.test.ts`),
};
