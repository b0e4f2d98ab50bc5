/**
 * Loads each entry of the package's `exports` by `require` and by `import`. Both ways must give the same named exports.
 */
const assert = require('node:assert');

const doors = {
  'cyclr-connect': ['ConnectorAuth', 'ConnectorAuthError', 'seal', 'view', 'workflowIdOf', 'registerSearchAttributes'],
  'cyclr-connect/http': ['OnboardingService', 'OnboardingError'],
  'cyclr-connect/worker': ['ConnectorAuthPlugin', 'createWorker', 'readConfig'],
  'cyclr-connect/workflows': ['authenticateConnector'],
  'cyclr-connect/activities': ['CyclrClient', 'createActivities'],
};

async function main() {
  const chosen = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(doors);
  for (const door of chosen) {
    const required = require(door);
    const imported = await import(door);
    for (const name of doors[door]) assert.strictEqual(imported[name], required[name], `${door}: ${name}`);
    for (const name of doors[door]) assert.ok(required[name], `${door} has no ${name}`);
  }
}

main().then(
  () => console.log('ok'),
  (err) => {
    console.error(err);
    process.exit(1);
  },
);
