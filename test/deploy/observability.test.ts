/** The alert rules, and their entries in docs/runbook.md. promtool tests the rules themselves: see .ci/run. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

const { groups } = parse(readFileSync('deploy/observability/alerts.yml', 'utf8'));
const rules: { alert: string; annotations: { runbook_url: string } }[] = groups[0].rules;
const entries = readFileSync('docs/runbook.md', 'utf8').split(/^## /m).slice(1);

test('docs/runbook.md has one entry for each alert, and the annotation runbook_url of the alert names this entry', () => {
  const names = rules.map(({ alert }) => alert);

  expect(names.length).toBeGreaterThan(8);
  expect(entries.map((entry) => entry.split('\n')[0])).toEqual(names);
  expect(rules.map(({ annotations }) => annotations.runbook_url)).toEqual(
    names.map((name) => `docs/runbook.md#${name.toLowerCase()}`),
  );
});

test('each entry of docs/runbook.md has the sign, the cause and the repair with a command, and says when the alert clears', () => {
  for (const entry of entries)
    expect(entry).toMatch(/- \*\*Sign\*\*: [^]*- \*\*Cause\*\*: [^]*- \*\*Repair\*\*: [^]*`[^]*- \*\*Clears\*\*: /);
});

test('alerts.test.yml tests each alert', () => {
  const { tests } = parse(readFileSync('deploy/observability/alerts.test.yml', 'utf8'));
  const tested = tests.flatMap((one: { alert_rule_test: { alertname: string; exp_alerts?: unknown[] }[] }) =>
    one.alert_rule_test.flatMap(({ alertname, exp_alerts }) => (exp_alerts ? [alertname] : [])),
  );

  expect([...new Set(tested)].sort()).toEqual(rules.map(({ alert }) => alert).sort());
});
