import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { project, repository, worker } from './project';
import { eventually } from '../../support/eventually';
import { launch, write } from './scene';

jest.setTimeout(300_000); // this limit only ends a test that hangs

const building = /^building dist/gm;

const run = (root: string, args: string[], env?: NodeJS.ProcessEnv) =>
  launch(process.execPath, [join(root, 'scripts', 'run.mjs'), ...args], { cwd: root, env });

test('run.mjs builds dist/, then starts a program with its arguments, and the next call of run.mjs starts the program without a build', async () => {
  const root = project();
  const dist = join(root, 'dist');

  const first = await run(root, ['worker', 'one', '--two']).ended;
  const second = await run(root, ['worker']).ended;

  expect(JSON.parse(first.stdout)).toEqual([join(dist, 'worker', 'main.js'), 'one', '--two']);
  expect(first.stderr).toMatch(building);
  expect(second).toMatchObject({ code: 0, stderr: '' });
  const [code = ''] = readFileSync(join(dist, 'workflow-bundle.js'), 'utf8').split('//# sourceMappingURL=');
  expect({ size: code.length > 100_000, absolutePaths: code.includes(root) }).toEqual({
    size: true,
    absolutePaths: false,
  });

  writeFileSync(join(dist, 'workflow-bundle.js'), 'the earlier bundle');
  worker(root, 'console.log("changed");');
  const third = await run(root, ['worker']).ended;

  expect(third).toMatchObject({ code: 0, stdout: 'changed\n' });
  expect(readFileSync(join(dist, 'workflow-bundle.js'), 'utf8')).toBe('the earlier bundle');
  expect(readdirSync(root).filter((name) => name.startsWith('dist'))).toEqual(['dist']);
});

test('a changed translation causes a build', async () => {
  const root = project();
  const german = ['page', 'static', 'languages', 'de.json'];
  write(join(root, ...german), '{"title":"Verbinden"}');
  await run(root, ['worker']).ended;

  write(join(root, ...german), '{"title":"Anschließen"}');
  const { stderr } = await run(root, ['worker']).ended;

  expect(stderr).toMatch(building);
  expect(readFileSync(join(root, 'dist', 'page', 'languages', 'de.json'), 'utf8')).toContain('Anschließen');
});

test('if a source changes during a build, the build fails, and leaves the earlier dist/ unchanged', async () => {
  const root = project();
  await run(root, ['worker']).ended;
  const stamp = readFileSync(join(root, 'dist', 'built-from.json'), 'utf8');
  worker(root, 'console.log("one");');

  const { output, ended } = run(root, ['worker']);
  await eventually(() => output.stderr.includes('building dist'));
  worker(root, 'console.log("two");');
  const failed = await ended;

  expect(failed).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('the sources have changed during the build'),
  });
  expect(readFileSync(join(root, 'dist', 'built-from.json'), 'utf8')).toBe(stamp);
  expect(await run(root, ['worker']).ended).toMatchObject({ code: 0, stdout: 'two\n' });
});

test('two simultaneous calls of run.mjs make one build, even if an ended process has left its lock file', async () => {
  const root = project();
  const dead = launch(process.execPath, ['--version']);
  await dead.ended;
  write(join(root, 'dist.lock'), String(dead.child.pid));
  mkdirSync(join(root, 'dist.left'));

  const both = await Promise.all([run(root, ['worker']).ended, run(root, ['worker']).ended]);

  expect(both.map(({ code }) => code)).toEqual([0, 0]);
  expect(
    both
      .map(({ stderr }) => stderr)
      .join('')
      .match(building),
  ).toHaveLength(1);
  expect(readdirSync(root).filter((name) => name.startsWith('dist'))).toEqual(['dist']);
});

test('a warning of the bundler fails the build, and leaves the earlier dist/ unchanged', async () => {
  const root = project();
  write(join(root, 'dist', 'worker', 'main.js'), '// an earlier build');
  write(join(root, 'workflows', 'other.ts'), 'export const something = 1;\n');
  write(
    join(root, 'workflows', 'index.ts'),
    'import { missing } from "./other";\nexport const flow = () => missing;\n',
  );

  const { code, stdout, stderr } = await run(root, ['worker']).ended;

  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(
    /^ERROR in \.\/workflows\/index\.ts 2:[0-9-]+\nexport 'missing' .* was not found in '\.\/other'/m,
  );
  expect(readFileSync(join(root, 'dist', 'worker', 'main.js'), 'utf8')).toBe('// an earlier build');
  expect(readdirSync(root).filter((name) => name.startsWith('dist'))).toEqual(['dist']);
});

test('run.mjs forwards a stop signal to the process that it started', async () => {
  const root = project();
  worker(root, 'process.on("SIGTERM", () => process.exit(7)); setInterval(() => {}, 1000); console.log("here");');
  const { child, output, ended } = run(root, ['worker']);
  await eventually(() => output.stdout.includes('here'));

  child.kill('SIGTERM');

  expect(await ended).toMatchObject({ code: 7 });
});

test.each(['worker', 'service', 'sandbox'])(
  'npm run %s -- --help prints the usage and starts nothing',
  async (name) => {
    const { code, stdout } = await run(project(), [name, '--help']).ended;

    expect(code).toBe(0);
    expect(stdout).toContain(`Usage: npm run ${name}`);
  },
);

test('an unknown command prints the usage and exits with 2', async () => {
  const { code, stderr } = await run(project(), ['toString']).ended;

  expect(code).toBe(2);
  expect(stderr).toMatch(/^Usage: .*start, demo, .*worker/);
});

test('run.mjs fails for an old version of Node, with an error of one line that has the needed and the found version', async () => {
  const root = project();
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as object;
  write(join(root, 'package.json'), JSON.stringify({ ...manifest, engines: { node: '>=99.5' } }));

  const { code, stdout, stderr } = await run(root, ['worker']).ended;

  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/^cyclr-connect needs Node 99\.5 or later, and this is Node [\d.]+ \(.*\)\.\n$/);
});

test('Node 12 can parse run.mjs, and run.mjs imports no other file before it checks the version of Node', () => {
  const code = readFileSync(join(repository, 'scripts', 'run.mjs'), 'utf8');

  expect(code).not.toMatch(/\?\.[a-z[(]|\?\?|^await |\|\|=|&&=/m);
  expect(code).not.toMatch(/^import .*['"](\.|node:)/m);
});

describe('node_modules', () => {
  /**
   * A program that replaces npm. The program links the packages of the repository into the project, and records the
   * arguments of each call.
   */
  function npm(root: string) {
    const calls = join(root, 'npm-calls');
    const npm_execpath = write(
      join(root, 'npm-cli.js'),
      `const fs = require('fs');
      fs.appendFileSync(${JSON.stringify(calls)}, process.argv.slice(2).join(' ') + '\\n');
      console.log('output of npm');
      setTimeout(() => {
        try { fs.symlinkSync(${JSON.stringify(join(repository, 'node_modules'))}, 'node_modules'); } catch {}
      }, 300);`,
    );
    return { env: { npm_execpath }, calls: () => readFileSync(calls, 'utf8') };
  }

  test('without node_modules, npm run worker fails and prints the command that installs the packages', async () => {
    const root = project({ installed: false });

    expect(await run(root, ['worker'], npm(root).env).ended).toEqual({
      code: 1,
      stdout: '',
      stderr: 'node_modules is missing. Run: npm ci\n',
    });
  });

  test('without node_modules, two simultaneous npm run demo install the packages once, without output of npm on stdout', async () => {
    const root = project({ installed: false });
    write(join(root, 'scripts', 'demo', 'main.ts'), 'declare const console: any;\nconsole.log("the demo");\n');
    const { env, calls } = npm(root);

    const both = await Promise.all([run(root, ['demo'], env).ended, run(root, ['demo'], env).ended]);

    expect(both).toMatchObject([
      { code: 0, stdout: 'the demo\n' },
      { code: 0, stdout: 'the demo\n' },
    ]);
    expect(calls()).toBe('ci --include=dev\n');
  });

  test('with node_modules older than the lockfile, npm run demo installs the packages', async () => {
    const root = project();
    const lockfile = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
    lockfile.packages['node_modules/axios'].version = '99.0.0';
    write(join(root, 'package-lock.json'), JSON.stringify(lockfile));
    worker(root, 'nonsense('); // with this code, the build after the installation fails, so that the command ends
    const { env, calls } = npm(root);

    const { stderr } = await run(root, ['demo'], env).ended;

    expect(stderr).toMatch(/^node_modules is missing or older than package-lock\.json: running npm ci/);
    expect(calls()).toBe('ci --include=dev\n');
    expect(existsSync(join(root, 'dist'))).toBe(false);
  });
});
