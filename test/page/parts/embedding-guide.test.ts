/** docs/embedding.md lists exactly the attributes, events, CSS custom properties and CSS parts of the element. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(__dirname, '..', '..', '..');
const web = join(root, 'page');
const guide = readFileSync(join(root, 'docs', 'embedding.md'), 'utf8');
const code = readdirSync(web, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => readFileSync(join(web, name), 'utf8'))
  .join('\n');

const all = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, found]) => found!);
const sorted = (names: string[]): string[] => [...new Set(names)].sort();
/** Returns the names in backquotes in the first column of the table whose header begins with `heading`. */
const column = (heading: string): string[] => {
  const [, rows = ''] = guide.split(new RegExp(`^\\| ${heading} .*\\n\\|.*\\n`, 'm'));
  return all(rows.split('\n\n')[0]!, /^\| (.*?) *\|/gm).flatMap((cell) => all(cell, /`([^`]+)`/g));
};

test('docs/embedding.md lists every attribute', () => {
  const [, properties = ''] = /static override properties = \{(.*?)\n {2}\};/s.exec(code) ?? [];

  expect(sorted(column('Attribute'))).toEqual(sorted(all(properties, /^ +(\w+): /gm)));
});

test('docs/embedding.md lists every event', () => {
  const emitted = all(code, /emit\('([a-z-]+)'/g);

  expect(emitted.length).toBeGreaterThan(3);
  expect(sorted(column('Event'))).toEqual(sorted(emitted));
});

test('docs/embedding.md lists every custom property', () => {
  const used = all(code, /--cyclr-connect-([a-z-]+)/g);

  expect(sorted(column('Custom property'))).toEqual(sorted(used));
});

test('docs/embedding.md lists every CSS part', () => {
  const used = [...all(code, /part="([^"$]+)"/g), ...all(code, /'(button[a-z -]*)'\}?$/gm)];
  const [, listed = ''] = /^Parts: (.*?)\n\n/ms.exec(guide) ?? [];

  const parts = used.flatMap((names) => names.split(' '));
  expect(sorted(all(listed.split('The slot')[0]!, /`([^`]+)`/g))).toEqual(sorted(parts));
});
