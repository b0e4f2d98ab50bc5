const { projects } = require('./jest.config.js');

/** The quick tests of the files in stryker.config.json. */
module.exports = {
  ...projects[0],
  testMatch: [
    '<rootDir>/test/workflows/parts/{machine,machine-data}.test.ts',
    '<rootDir>/test/sealing/sealing.test.ts',
  ],
};
