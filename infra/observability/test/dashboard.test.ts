import { readFileSync } from 'node:fs';
import { metricCatalogue } from '@mersal/telemetry';
import { describe, expect, it } from 'vitest';
import { exposedName } from '../../docs/metrics-page.mjs';

interface Dashboard {
  readonly panels: readonly {
    readonly title: string;
    readonly targets: readonly { readonly expr: string }[];
  }[];
}

const dashboard = JSON.parse(
  readFileSync(new URL('../grafana/dashboards/mersal.json', import.meta.url), 'utf8'),
) as Dashboard;
const exposed = new Map(
  Object.entries(metricCatalogue).flatMap(([name, metric]) => {
    const shown = exposedName(name, metric);
    const names =
      metric.kind === 'histogram' ? [`${shown}_bucket`, `${shown}_sum`, `${shown}_count`] : [shown];
    return names.map((each): [string, readonly string[]] => [each, metric.labels]);
  }),
);

describe('the dashboard', () => {
  const queries = dashboard.panels.flatMap(({ title, targets }) =>
    targets.map(({ expr }): [string, string] => [title, expr]),
  );
  it.each(queries)('%s asks for what is there: %s', (_title, expr) => {
    const names = expr.match(/\bmersal_\w+/g) ?? [];
    expect(names.length).toBeGreaterThan(0);
    expect(names.filter((name) => !exposed.has(name))).toEqual([]);
    const known = new Set(['le', ...names.flatMap((name) => exposed.get(name) ?? [])]);
    const by = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap((match) => (match[1] ?? '').split(/,\s*/));
    expect(by.filter((label) => !known.has(label))).toEqual([]);
  });
});
