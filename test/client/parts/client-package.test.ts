/** What a backend gets that imports `cyclr-connect/client`. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(__dirname, '..', '..', '..');

test('it loads nothing but itself: no server, no schemas', () => {
  const script = 'require("cyclr-connect/client"); console.log(JSON.stringify(Object.keys(require.cache)))';

  const loaded = JSON.parse(
    execFileSync(process.execPath, ['-e', script], { cwd: root, encoding: 'utf8' }),
  ) as string[];

  expect(loaded).toContain(join(root, 'dist', 'client', 'http', 'onboarding-service.js'));
  expect(loaded.filter((file) => /node_modules|client\/(service|temporal)/.test(file.slice(root.length)))).toEqual([]);
});

test('its types are those of the schemas, in a project of its own', () => {
  const project = mkdtempSync(join(tmpdir(), 'cyclr-connect-backend-'));
  try {
    mkdirSync(join(project, 'node_modules'));
    symlinkSync(root, join(project, 'node_modules', 'cyclr-connect'));
    writeFileSync(
      join(project, 'backend.mts'),
      `import { OnboardingError, OnboardingService, type View } from 'cyclr-connect/client';
      const onboarding = new OnboardingService({ url: 'https://connect.acme.example', apiKey: 'k' });
      const key = { accountId: 'acme', connectorId: 1002 };
      export const view: View = await onboarding.submitCredentials(key, { credentials: { kind: 'apiKey', key: 'k' } });
      export const waits: boolean = view.state === 'awaitingCredentials';
      export const names: (string | undefined)[] = [];
      for await (const { name } of onboarding.list('acme', { state: 'expired' })) names.push(name);
      export const again = (err: unknown): number | undefined => err instanceof OnboardingError ? err.retryAfterS : 0;
      // @ts-expect-error: there is no such kind
      await onboarding.submitCredentials(key, { credentials: { kind: 'password', key: 'k' } });
      // @ts-expect-error: there is no such state
      export const never = view.state === 'asleep';
      // @ts-expect-error: nobody says for which account
      await onboarding.createSession({ connectorIds: [1002] });`,
    );
    const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    const settings = ['--strict', '--noEmit', '--skipLibCheck', '--module', 'node16', '--target', 'es2022'];
    const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules', '@types')];

    const { stdout } = spawnSync(process.execPath, [compiler, ...settings, ...types, 'backend.mts'], {
      cwd: project,
      encoding: 'utf8',
    });

    expect(stdout).toBe('');
  } finally {
    rmSync(project, { recursive: true });
  }
}, 60_000);
