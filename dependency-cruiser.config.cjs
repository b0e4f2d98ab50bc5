/**
 * The rules for imports: only from higher to lower folders, and never in a circle. `npm run lint` checks these rules.
 */

/** The folders that each folder may import, in addition to itself. */
const mayImport = {
  workflows: [],
  sealing: ['workflows'],
  temporal: ['workflows'],
  activities: ['workflows', 'sealing'],
  client: ['workflows', 'sealing', 'temporal'],
  page: ['sealing'], // page may also import the types of workflows and client/http
  worker: ['workflows', 'activities', 'sealing', 'temporal'],
  service: ['workflows', 'client', 'sealing', 'temporal'],
  cli: ['workflows', 'client', 'sealing', 'temporal', 'activities/cyclr', 'activities/policies'],
  sandbox: [],
  scripts: ['workflows', 'activities', 'client', 'page', 'worker', 'service', 'cli', 'sealing', 'temporal', 'sandbox'],
  bench: ['workflows', 'activities', 'client', 'worker', 'service', 'sealing', 'temporal', 'sandbox', 'scripts'],
};
const ours = `^(${[...Object.keys(mayImport), 'test'].join('|')})/`;

const onlyMayImport = ([folder, allowed]) => ({
  name: `${folder} may import: ${allowed.join(', ') || 'no other folder'}`,
  severity: 'error',
  from: { path: `^${folder}/` },
  to: {
    path: ours,
    pathNot: [folder, ...allowed].map((name) => `^${name}/`),
    ...(folder === 'page' && { dependencyTypesNot: ['type-only'] }),
  },
});

const mustNotImport = (folder, to, reason) => ({
  name: `${folder}: ${reason}`,
  severity: 'error',
  from: { path: `^${folder}/` },
  to,
});

module.exports = {
  forbidden: [
    { name: 'no circle', severity: 'error', from: {}, to: { circular: true } },
    ...Object.entries(mayImport).map(onlyMayImport),
    mustNotImport('workflows', { dependencyTypes: ['core'] }, 'workflow code must be deterministic'),
    mustNotImport(
      'workflows',
      { path: 'node_modules/(zod|axios|jose|pino|fastify|@temporalio/(client|worker|activity))/' },
      'workflow code must be deterministic and small',
    ),
    {
      name: 'workflows: HTTP clients and browsers use these shapes without Temporal',
      severity: 'error',
      from: { path: '^workflows/(connector|input|markdown|onboarding|problems|view)\\.ts$' },
      to: { path: 'node_modules/@temporalio/', reachable: true },
    },
    mustNotImport(
      'activities',
      { path: 'node_modules/@temporalio/(client|worker|workflow)/' },
      'an activity gets its client from the activity context',
    ),
    mustNotImport('page', { dependencyTypes: ['core'] }, 'the page runs in browsers'),
    mustNotImport(
      'page',
      { path: '^client/(?!http/)' },
      'the page may import only the types of client/http/ from client/',
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|\\.data)' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
  },
};
