import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { metricCatalogue } from '@mersal/telemetry';
import { expect, it } from 'vitest';
import { exposedName } from '../../docs/metrics-page.mjs';

const root = new URL('../../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const rules = read('infra/observability/alerts.yml');
const tests = read('infra/observability/alerts.test.yml');
const alerts = rules
  .split(/^ {6}- alert: /m)
  .slice(1)
  .map((text) => ({
    name: text.split('\n', 1)[0] as string,
    text,
    runbook: /runbook: (\S+)/.exec(text)?.[1] ?? '',
  }));

it('there are as many as the file seems to have', () => {
  expect(alerts).toHaveLength(rules.match(/- alert:/g)?.length ?? 0);
});

it.each(alerts)('$name has a page of its own that the index knows, and metrics that exist', (alert) => {
  expect(existsSync(new URL(alert.runbook, root))).toBe(true);
  const page = alert.runbook.split('/').at(-1) as string;
  const index = read('docs/runbooks/README.md');
  expect(index).toMatch(new RegExp(`\`${alert.name}\`.*\\(${page.replace('.', '\\.')}\\)`));
  const names = new Set(Object.entries(metricCatalogue).map(([name, metric]) => exposedName(name, metric)));
  for (const name of alert.text.match(/\bmersal_\w+/g) ?? []) expect(names).toContain(name);
});

it.each(alerts)('$name is seen to fire in the rules’ tests', ({ name }) => {
  const asked = tests.split(`alertname: ${name}\n`).slice(1);
  expect(asked.some((text) => /^\s+eval_time: \S+\n\s+exp_alerts:/.test(text))).toBe(true);
});

it('every page belongs to an alert', () => {
  const pages = readdirSync(new URL('docs/runbooks/', root)).filter((file) => file !== 'README.md');
  expect(new Set(pages)).toEqual(new Set(alerts.map(({ runbook }) => runbook.split('/').at(-1))));
  expect(pages).toHaveLength(alerts.length);
});
