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
  const summaries = summariesBy(/(?: call\(\s*|^ {2,4}summary: )'([^']+)'/gm);

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

test('docs/operating.md lists the metrics in the code, and names no other metric', () => {
  const inFolders = ['workflows', 'activities', 'service'].map((folder) => `${folder}/metrics.ts`);
  const files = [...inFolders, 'activities/unknown-keys.ts', 'service/temporal-metrics.ts'];
  const metricsIn = (text: string) => [...new Set(text.match(/cyclr_connect_\w+/g))].sort();
  const inCode = metricsIn(files.map((name) => readFileSync(name, 'utf8')).join('\n'));

  expect(inCode.length).toBeGreaterThan(10);
  expect(
    firstCells('Metric ')
      .map((cell) => cell.replaceAll('`', ''))
      .sort(),
  ).toEqual(inCode);
  expect(metricsIn(readFileSync('docs/operating.md', 'utf8'))).toEqual(inCode);
});
