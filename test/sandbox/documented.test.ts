import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FaultRule } from '../../sandbox/fault-rule';
import { defaultSwitches } from '../../sandbox/switches';

const folder = join(__dirname, '..', '..');
const guide = readFileSync(join(folder, 'docs', 'sandbox.md'), 'utf8');

test('docs/sandbox.md names each control call', () => {
  const code = readFileSync(join(folder, 'sandbox', 'control-routes.ts'), 'utf8');
  const calls = [...code.matchAll(/app\.(get|post|put|patch|delete)(?:<\w+>)?\('([^']+)'/g)].map(([, method, path]) =>
    `${method} ${path}`.replace(':accountId', '{account}').replace(/:(id|cycleId)/, '{id}'),
  );
  const text = guide.replace(/\s+/g, ' '); // Markdown can break a line inside of code, too
  const isNamed = (call: string): boolean => {
    const [method = '', path = ''] = call.split(' ');
    const own = `${method.toUpperCase()} /_sandbox${path}\``;
    // For /switches, a sentence of the guide has the path after PUT, but not after GET.
    return text.includes(own) || (method === 'get' && text.includes(`PUT /_sandbox${path}\``));
  };

  expect(calls.length).toBeGreaterThan(15);
  expect(calls.filter((call) => !isNamed(call))).toEqual([]);
});

test('docs/sandbox.md names each switch with its default', () => {
  const rows = Object.entries(defaultSwitches()).map(([name, value]) => ({
    name,
    value: value === '' ? '(empty)' : `\`${typeof value === 'object' ? JSON.stringify(value) : value}\``,
  }));
  const missing = rows.filter(({ name, value }) => {
    const [, , stated] =
      guide
        .split('\n')
        .find((line) => line.startsWith(`| \`${name}\``))
        ?.split('|') ?? [];
    return stated?.trim() !== value;
  });

  expect(missing).toEqual([]);
});

test('docs/sandbox.md names each fault', () => {
  const [simple, ...others] = FaultRule.shape.then.options;
  const kinds = others.flatMap((option) => ('kind' in option.shape ? [option.shape.kind.value] : []));
  const missing = [...simple.options, ...kinds].filter((kind) => !guide.includes(`"${kind}"`));

  expect(kinds).toHaveLength(3);
  expect(missing).toEqual([]);
});
