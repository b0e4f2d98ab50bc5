import tseslint from 'typescript-eslint';

/** Imports go one way. One line for each folder: the folders that it may import, beside itself. */
const mayImport = {
  workflows: [],
  sealing: ['workflows'],
  temporal: ['workflows'],
  activities: ['workflows', 'sealing'],
  client: ['workflows', 'sealing', 'temporal', 'service'],
  page: ['sealing', 'workflows', 'client/http'], // of the last two only types: see below
  worker: ['workflows', 'activities', 'sealing', 'temporal'],
  service: ['workflows', 'client', 'sealing', 'temporal'],
  cli: ['workflows', 'client', 'sealing', 'temporal', 'activities/cyclr', 'service'],
  sandbox: [],
  scripts: ['workflows', 'activities', 'client', 'page', 'worker', 'service', 'cli', 'sealing', 'temporal', 'sandbox'],
  bench: ['workflows', 'activities', 'client', 'worker', 'service', 'sealing', 'temporal', 'sandbox', 'scripts'],
};
const folders = [...Object.keys(mayImport), 'test'];

/** Packages that code in this folder must not load, and the reason. */
const packages = {
  workflows: [
    '^node:|^(zod|axios|jose|pino|fastify)|^@temporalio/(client|worker|activity)',
    'Workflow code must be deterministic.',
  ],
  activities: ['^@temporalio/(client|worker|workflow)', 'Activities get a client from the activity context.'],
  page: ['^node:', 'The page runs in browsers.'],
};

/** Matches imports of these folders, such as `../../sealing/keys`, but not of `except`. */
const importing = (names, except = []) =>
  String.raw`^(\.\./)+(?!${except.map((path) => `${path}/|`).join('')}\.)(${names.join('|')})(/|$)`;

function importsOf([folder, allowed]) {
  const forbidden = folders.filter((name) => name !== folder && !allowed.includes(name));
  const message = `${folder}/ may import: ${allowed.join(', ') || 'no other folder'}.`;
  const [regex, reason] = packages[folder] ?? [];
  return {
    files: [`${folder}/**/*.ts`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [{ regex: importing(forbidden, allowed), message }, ...(regex ? [{ regex, message: reason }] : [])],
        },
      ],
    },
  };
}

export default tseslint.config(
  { ignores: ['dist/**', 'dist.*/**', 'node_modules/**', '.data/**', 'coverage/**'] },
  ...tseslint.configs.recommended,
  {
    languageOptions: {
      parserOptions: {
        projectService: {
          allowDefaultProject: ['*.mjs', '*.js', 'scripts/*.mjs', 'deploy/*.mjs', '.ci/*.mjs', 'page/*.mjs'],
        },
      },
    },
    rules: {
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/no-unnecessary-type-assertion': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-non-null-assertion': 'off',
      eqeqeq: 'error',
      'no-console': 'error',
    },
  },
  { files: ['**/main.ts'], rules: { 'no-console': 'off' } },
  {
    files: ['**/*.mjs', '*.js'],
    extends: [tseslint.configs.disableTypeChecked],
    rules: { 'no-console': 'off', '@typescript-eslint/no-require-imports': 'off' },
  },
  ...Object.entries(mayImport).map(importsOf),
  {
    files: ['page/**/*.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: importing(['workflows', 'client']),
              allowTypeImports: true,
              message: 'Only types: a page loads neither Temporal nor zod.',
            },
          ],
        },
      ],
    },
  },
);
