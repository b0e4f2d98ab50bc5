import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Returns the first column of the table in docs/operating.md whose header begins with the text `header`. */
function firstCells(header: string): string[] {
  const [, table = ''] = readFileSync('docs/operating.md', 'utf8').split(`| ${header} `);
  const [, , ...rows] = table.split('\n\n')[0]!.split('\n');
  return rows.map((row) => row.split('|')[1]!.trim()).filter((cell) => cell !== '');
}

const code = readdirSync('workflows', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => readFileSync(join('workflows', name), 'utf8'))
  .join('\n');
const summariesBy = (pattern: RegExp): string[] =>
  [...new Set([...code.matchAll(pattern)].map(([, text]) => text!))].sort();

test('docs/operating.md lists the summary of each activity in the code', () => {
  const summaries = summariesBy(/(?: call\(\s*|^ {2}summary: )'([^']+)'/gm);

  expect(summaries.length).toBeGreaterThan(5);
  expect(firstCells('Summary of an activity').sort()).toEqual(summaries);
});

test('docs/operating.md lists the summary of each timer in the code', () => {
  const summaries = summariesBy(
    /(?:\{ summary: |awaiting\w+: |, )'((?:Deadline|Pause|Limit|The link|Reminder|Next)[^']+)'/g,
  );

  expect(summaries.length).toBeGreaterThan(5);
  expect(firstCells('Summary of a timer').sort()).toEqual(summaries);
});

test('every counter that docs/operating.md names exists in the code', () => {
  const sources = code + readdirSync('activities').filter((name) => name.endsWith('.ts')).map((name) => readFileSync(join('activities', name), 'utf8')).join('\n'); // prettier-ignore
  const counters = readFileSync('docs/operating.md', 'utf8').match(/connector_auth_\w+/g) ?? [];

  expect(counters.length).toBeGreaterThan(2);
  expect(counters.filter((name) => !sources.includes(`'${name}'`))).toEqual([]);
});
