import tseslint from 'typescript-eslint';

/** What each folder may not import: imports go one way. */
const wall = (files, forbidden, message, ignores = []) => ({
  files,
  ignores,
  rules: { 'no-restricted-imports': ['error', { patterns: [{ regex: forbidden, message }] }] },
});
const out = String.raw`^(\.\./)+`;

export default tseslint.config(
  { ignores: ['dist/**', 'dist.*/**', 'node_modules/**', '.data/**', 'coverage/**'] },
  ...tseslint.configs.recommended,
  {
    languageOptions: {
      parserOptions: {
        projectService: {
          allowDefaultProject: ['*.mjs', '*.js', 'scripts/*.mjs', 'docker/*.mjs', '.ci/*.mjs', 'client/web/*.mjs'],
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
  wall(
    ['workflows/**'],
    `${out}|^node:|^(zod|axios|jose|pino|fastify)|^@temporalio/(client|worker|activity)`,
    'workflows/ imports no other folder, and nothing that is not deterministic.',
  ),
  wall(
    ['activities/**'],
    String.raw`/(worker|sandbox|test|scripts|bench)/|/client/(?!sealing/)|^@temporalio/(client|worker|workflow)`,
    'activities/ imports workflows/ and client/sealing/.',
  ),
  wall(
    ['client/**'],
    `${out}(activities|worker|sandbox|test|scripts|bench)/`,
    'client/ imports workflows/ and itself.',
  ),
  {
    files: ['client/web/**/*.ts'],
    rules: {
      'no-restricted-imports': 'off',
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: String.raw`^node:|^(\.\./)+(?!(panels|languages|sealing|workflows)/)[\w-]+/`,
              message: 'client/web/ runs in browsers: it imports itself, client/sealing/ and types of workflows/.',
            },
            {
              regex: String.raw`/workflows/`,
              allowTypeImports: true,
              message: 'Only types: Temporal is no part of a page.',
            },
          ],
        },
      ],
    },
  },
  wall(
    ['worker/**'],
    String.raw`/(sandbox|test|scripts|bench)/|/client/(?!temporal/|sealing/)`,
    'worker/ imports workflows/, activities/, client/temporal/ and client/sealing/.',
  ),
  wall(['sandbox/**'], out, 'sandbox/ imports nothing of ours.'),
  wall(['scripts/**'], `${out}(test|bench)/`, 'Nothing imports test/ or bench/.'),
  wall(['bench/**'], `${out}test/`, 'Nothing imports test/.'),
);
